"""When the policy sells a call, and the sentence that says why not."""

from __future__ import annotations

import math

from callwright.analytics.cover import free_cover_coin
from callwright.domain.decision import OpenCoveredCall, OpenParams
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Candidate, Scan, VolState
from callwright.domain.snapshot import Snapshot


def find_open(
    underlying: str, snapshot: Snapshot, scan: Scan, settings: PolicySettings, limits: Limits
) -> OpenCoveredCall | str:
    """Return the call to sell on ``underlying``, or one sentence that says why none.

    All must hold: the IVRV of the volatility state clears ``ivrv_min``, free cover is at least the
    venue's minimum order, and a candidate passes its prechecks and has a known IVRV of its own.
    The floor is on the state's at-the-money IVRV only: a wing's bid IV also carries skew and half
    the spread, which the premium floors already judge. Nearest to the target delta wins, then the
    name.
    """
    refusal = vol_refusal(underlying, scan, settings)
    if refusal is not None:
        return refusal
    spec = snapshot.specs.get(underlying)
    if spec is None or underlying not in snapshot.account.coins:
        return f"{underlying}: no contract terms or no coin account."
    free_coin = free_cover_coin(snapshot, underlying, limits)
    if free_coin < spec.amount_min:
        return (
            f"{underlying}: free cover {free_coin:.4f} {underlying} under the minimum order "
            f"{spec.amount_min} {underlying}."
        )
    candidates = [c for c in scan.candidates if c.underlying == underlying]
    if not candidates:
        return f"{underlying}: no candidate{_last_filter(scan, underlying)}."
    passing = [c for c in candidates if c.passes]
    if not passing:
        codes = sorted({code for c in candidates for code in c.codes})
        return f"{underlying}: all {len(candidates)} candidates blocked: {', '.join(codes)}."
    known = [c for c in passing if knows_ivrv(c)]
    if not known:
        return f"{underlying}: no candidate that passes has a known IVRV."
    best = min(known, key=lambda c: preference(c, settings))
    vol = scan.vols[underlying]
    return OpenCoveredCall(
        params=OpenParams(underlying=underlying, symbol=best.symbol),
        reasoning=f"Sell {best.symbol}: delta {best.delta:.3f} nearest the target "
        f"{settings.target_delta:.3f}, {best.dte_days:.2f} days, bid {best.bid_coin} {underlying}, "
        f"{best.premium_net_coin:.5f} {underlying} a coin after the fee "
        f"({best.premium_yield_annual:.1%} a year). {_ivrv(vol)} >= {settings.ivrv_min:.3f}, the "
        f"bid's own {best.ivrv:.3f}; free cover {free_coin:.4f} {underlying}.",
    )


def preference(candidate: Candidate, settings: PolicySettings) -> tuple[float, str]:
    """Return the sort key of candidates: nearest to the target delta comes first."""
    return abs(candidate.delta - settings.target_delta), candidate.symbol


def vol_refusal(underlying: str, scan: Scan, settings: PolicySettings) -> str | None:
    """Return one sentence when volatility speaks against selling, else None; unknown does."""
    vol = scan.vols.get(underlying)
    if vol is None:
        return f"{underlying}: no volatility state."
    if vol.status != "OK":
        return (
            f"{underlying}: {vol.status} ({vol.rv_samples} returns in {vol.rv_window_days:g} days)."
        )
    if vol.ivrv is not None and settings.ivrv_min <= vol.ivrv < math.inf:
        return None
    return f"{underlying}: {_ivrv(vol)}, floor {settings.ivrv_min:.3f}."


def knows_ivrv(candidate: Candidate) -> bool:
    """Return whether IVRV and delta of a candidate are known; what is unknown is not sold."""
    return candidate.ivrv is not None and candidate.ivrv > 0 and 0 <= candidate.delta <= 1


def _ivrv(vol: VolState) -> str:
    def known(number: float | None, form: str) -> str:
        return "unknown" if number is None else format(number, form)

    return (
        f"IVRV {known(vol.ivrv, '.3f')} (IV {known(vol.iv_annual, '.1%')}, "
        f"RV {known(vol.rv_annual, '.1%')})"
    )


def _last_filter(scan: Scan, underlying: str) -> str:
    steps = scan.funnels.get(underlying, ())
    fatal = next((step for step in reversed(steps) if step.dropped > 0), None)
    if fatal is None:
        return ""
    return f", of {steps[0].left} listed the last {fatal.dropped} fell at {fatal.filter}"

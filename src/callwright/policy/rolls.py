"""When the policy rolls a short call, into which candidate, and the sentence that says why not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from callwright.domain.decision import Proposal, RollCoveredCall, RollParams
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Candidate, Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.policy.opens import knows_ivrv, vol_refusal
from callwright.policy.sizing import size


class Trigger(IntEnum):
    """What asks for a roll, most urgent first; DELTA and DTE defend, CAPTURED harvests."""

    DELTA = 0
    DTE = 1
    CAPTURED = 2


class RollNeed(NamedTuple):
    """A short call that the settings want rolled.

    Attributes:
        can_wait: It harvests, or it still dwells (``roll_dwell_s``) and would be denied: opens go
            first, so that a roll which is denied cycle after cycle starves nothing.
        why: The trigger with its numbers.
    """

    can_wait: bool
    trigger: Trigger
    short: ShortCall
    why: str


def roll_needs(
    snapshot: Snapshot, scan: Scan, settings: PolicySettings, limits: Limits
) -> list[RollNeed]:
    """Return the short calls to roll, most urgent first.

    By trigger, then the highest delta, the nearest expiry, the name; those that can wait last.
    """
    needs = []
    for book in scan.books.values():
        for short in book.short_calls:
            found = _trigger(short, settings)
            if found is not None:
                trigger, why = found
                can_wait = trigger is Trigger.CAPTURED or _dwells(short, snapshot, limits)
                needs.append(RollNeed(can_wait, trigger, short, why))
    return sorted(
        needs,
        key=lambda n: (n.can_wait, n.trigger, -n.short.delta, n.short.expiry, n.short.symbol),
    )


def find_roll(
    need: RollNeed,
    snapshot: Snapshot,
    scan: Scan,
    settings: PolicySettings,
    limits: Limits,
    *,
    would_pass: Callable[[Proposal], bool] = lambda proposal: True,
) -> RollCoveredCall | str:
    """Return the roll that answers ``need``, or one sentence that says why the short is held.

    A target is a candidate of the same underlying that expires later, or on the same day at a
    higher strike; a roll forced by delta must also lower the delta. Its net credit per coin, after
    both fees, is at least ``roll_credit_min_coin``; else it costs at most ``roll_debit_max_coin``
    and defends a short with a delta of ``roll_defend_delta_min`` or more. A harvest (captured
    profit) is a sale by choice: it has to meet the floor, and an IVRV that clears ``ivrv_min``;
    otherwise the short is left to expire, which costs nothing. A defence needs no IVRV.

    A credit comes before a debit, then fewest failed prechecks (so that a full expiry gives way to
    one with room), then nearest to the target delta, then the name. ``passes`` itself is not asked:
    prechecks are of an open, and a roll brings its own cover and margin. The risk engine judges.
    A roll that sizing cannot fill on both legs is no roll. Of the others the first that both gates
    would allow (``would_pass``) is returned; when none would pass, the first of all.
    """
    short = need.short
    held = f"Hold {short.symbol} ({need.why}): "
    spec = snapshot.specs.get(short.underlying)
    if spec is None or short.ask_coin is None:
        return held + "no offer to buy it back."
    if need.trigger is Trigger.CAPTURED:
        refusal = vol_refusal(short.underlying, scan, settings)
        if refusal is not None:
            return held + "no new sale, " + refusal
    cost_coin = short.ask_coin + spec.taker_fee_coin(short.ask_coin, Decimal(1))
    targets = [(c.premium_net_coin - cost_coin, c) for c in scan.candidates if _is_target(c, need)]
    if not targets:
        return held + "no candidate later or higher."
    least_coin = _least_credit_coin(need, limits)
    affordable = [target for target in targets if target[0] >= least_coin]
    if not affordable:
        best_coin = max(credit_coin for credit_coin, _ in targets)
        return held + (
            f"best roll nets {best_coin:+.5f} {short.underlying} a coin after both fees, "
            f"least allowed {least_coin:+.5f}."
        )
    affordable.sort(
        key=lambda t: (
            t[0] < limits.roll_credit_min_coin,
            len(t[1].codes),
            abs(t[1].delta - settings.target_delta),
            t[1].symbol,
        )
    )
    first: RollCoveredCall | None = None
    for credit_coin, target in affordable:
        roll = RollCoveredCall(
            params=RollParams(
                underlying=short.underlying, from_symbol=short.symbol, symbol=target.symbol
            ),
            reasoning=f"Roll {short.symbol}: {need.why}. Into {target.symbol}, delta "
            f"{target.delta:.3f} (target {settings.target_delta:.3f}), {target.dte_days:.2f} days: "
            f"buy at {short.ask_coin}, sell at {target.bid_coin}, net {credit_coin:+.5f} "
            f"{short.underlying} a coin after both fees (least allowed {least_coin:+.5f}).",
        )
        if not size(roll, snapshot, scan, settings, limits).sell_coin > 0:
            continue
        if would_pass(roll):
            return roll
        first = first or roll
    if first is not None:
        return first
    return held + "cover after the buy-back or displayed size is under the minimum order."


def _trigger(short: ShortCall, settings: PolicySettings) -> tuple[Trigger, str] | None:
    if not short.dte_days > 0:
        return None
    if short.delta >= settings.roll_delta:
        return Trigger.DELTA, f"delta {short.delta:.3f} >= {settings.roll_delta:.3f}"
    if short.dte_days <= settings.roll_dte_days and short.delta >= settings.roll_dte_delta_min:
        return Trigger.DTE, (
            f"{short.dte_days:.2f} days <= {settings.roll_dte_days:g} with delta "
            f"{short.delta:.3f} >= {settings.roll_dte_delta_min:.3f}"
        )
    if (
        short.captured_frac is not None
        and short.captured_frac >= settings.capture_frac
        and short.dte_days >= settings.capture_dte_min_days
    ):
        return Trigger.CAPTURED, (
            f"{short.captured_frac:.1%} of the premium earned >= {settings.capture_frac:.1%} with "
            f"{short.dte_days:.2f} days left"
        )
    return None


def _dwells(short: ShortCall, snapshot: Snapshot, limits: Limits) -> bool:
    if limits.roll_dwell_s == 0:
        return False
    # The risk engine too counts a short whose sale nobody remembers as new.
    return (
        short.opened_at is None
        or (snapshot.as_of - short.opened_at).total_seconds() < limits.roll_dwell_s
    )


def _is_target(candidate: Candidate, need: RollNeed) -> bool:
    short = need.short
    return (
        candidate.underlying == short.underlying
        and (
            candidate.expiry > short.expiry
            or (candidate.expiry == short.expiry and candidate.strike_usd > short.strike_usd)
        )
        and 0 <= candidate.delta <= 1
        and (need.trigger is not Trigger.DELTA or candidate.delta < short.delta)
        and (need.trigger is not Trigger.CAPTURED or knows_ivrv(candidate))
    )


def _least_credit_coin(need: RollNeed, limits: Limits) -> Decimal:
    defends = need.trigger is not Trigger.CAPTURED
    if defends and need.short.delta >= limits.roll_defend_delta_min:
        return min(limits.roll_credit_min_coin, -limits.roll_debit_max_coin)
    return limits.roll_credit_min_coin

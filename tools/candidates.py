"""``list_candidates``: what may be sold, closed or rolled now, each checked by code beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from callwright.domain.decision import (
    Action,
    CloseCoveredCall,
    CloseParams,
    Proposal,
    RollCoveredCall,
    RollParams,
)
from callwright.domain.scan import Candidate, Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.errors import DecisionInvalid
from callwright.tools.fences import fenced, number, outside_text
from callwright.tools.portfolio import most_urgent

SHORT_CALLS_SHOWN_MAX = 4
"""Short calls whose ways out are shown: those nearest to, or deepest in, the money."""
ROLLS_SHOWN_MAX = 2
"""Rolls of one short call: those that pass, the best credit first; else the one nearest to it."""

Check = Callable[[Proposal, Snapshot, Scan], tuple[str, ...]]
"""The codes that a proposal would be denied with now; none: it would be allowed."""


def list_candidates(snapshot: Snapshot, scan: Scan, check: Check | None) -> str:
    """Return candidates, and what could be done with each open short call, as fenced JSON.

    Prices are in coin per coin, ``size_coin`` is what code would sell. ``codes`` are the denials
    that sizing, guardrail and risk engine would answer with now; ``allowed_now`` names what has
    none, of all that is shown.

    Args:
        check: What a proposal would be denied with. None leaves every such verdict out, to measure
            what a model makes of the bare numbers.
    """
    shorts = most_urgent(
        (short for book in scan.books.values() for short in book.short_calls),
        SHORT_CALLS_SHOWN_MAX,
    )
    is_checked = check is not None
    view: dict[str, Any] = {"candidates": [_candidate(c, is_checked) for c in scan.candidates]}
    if shorts:
        view["open_shorts"] = [_options(short, snapshot, scan, check) for short in shorts]
    if is_checked:
        view["allowed_now"] = _allowed(view)
    return fenced(view)


def _allowed(view: Mapping[str, Any]) -> list[str]:
    """Return what passes, a line each: a small model reads a list more surely than flags."""
    lines = [f"{Action.OPEN_COVERED_CALL} {c['symbol']}" for c in view["candidates"] if c["passes"]]
    for short in view.get("open_shorts", ()):
        if short["close"]["passes"]:
            lines.append(f"{Action.CLOSE_COVERED_CALL} {short['symbol']}")
        lines += [
            f"{Action.ROLL_COVERED_CALL} {short['symbol']} into {roll['symbol']}"
            for roll in short["rolls"]
            if roll["passes"]
        ]
    return [*lines, Action.DO_NOTHING.value]


def _candidate(candidate: Candidate, is_checked: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "symbol": outside_text(candidate.symbol, length_max=40),
        "underlying": outside_text(candidate.underlying, length_max=10),
        "dte_days": number(candidate.dte_days, 3),
        "delta": number(candidate.delta, 3),
        "bid_coin": number(candidate.bid_coin),
        "ivrv": number(candidate.ivrv, 3),
        "premium_yield_annual": number(candidate.premium_yield_annual, 3),
        "spread_frac": number(candidate.spread_frac, 2),
        "size_coin": number(candidate.size_coin),
    }
    if is_checked:
        view["passes"] = candidate.passes
        if candidate.codes:
            view["codes"] = [outside_text(code) for code in candidate.codes]
    return view


def _options(
    short: ShortCall, snapshot: Snapshot, scan: Scan, check: Check | None
) -> dict[str, Any]:
    def codes_of(proposal: Proposal) -> tuple[str, ...] | None:
        return None if check is None else check(proposal, snapshot, scan)

    name = outside_text(short.symbol, length_max=40)
    try:
        params = CloseParams(underlying=short.underlying, symbol=short.symbol)
    except ValidationError:
        # A name that no proposal can carry: nothing can be asked for, and nothing is checked.
        return {"symbol": name, "close": _verdict((DecisionInvalid.code,)), "rolls": []}
    close = CloseCoveredCall(params=params)
    rolls = []
    for target in scan.candidates:
        if target.underlying != short.underlying or target.symbol == short.symbol:
            continue
        try:
            roll = RollParams(
                underlying=short.underlying, from_symbol=short.symbol, symbol=target.symbol
            )
        except ValidationError:
            continue
        codes = codes_of(RollCoveredCall(params=roll))
        rolls.append((target.symbol, roll_credit_coin(short, target, snapshot), codes))
    rolls.sort(key=lambda roll: (len(roll[2] or ()), -(roll[1] or 0), roll[0]))
    shown = [roll for roll in rolls if not roll[2]][:ROLLS_SHOWN_MAX] or rolls[:1]
    return {
        "symbol": name,
        "close": _verdict(codes_of(close)),
        "rolls": [
            {
                "symbol": outside_text(symbol, length_max=40),
                "net_credit_coin": number(credit_coin),
                **_verdict(codes),
            }
            for symbol, credit_coin, codes in shown
        ],
    }


def roll_credit_coin(short: ShortCall, target: Candidate, snapshot: Snapshot) -> Decimal | None:
    """Return what rolling into ``target`` brings per coin after both fees; None: nobody offers."""
    spec = snapshot.specs.get(short.underlying)
    if short.ask_coin is None or spec is None:
        return None
    fee_coin = spec.taker_fee_coin(short.ask_coin, spec.amount_min) / spec.amount_min
    return target.premium_net_coin - short.ask_coin - fee_coin


def _verdict(codes: tuple[str, ...] | None) -> dict[str, Any]:
    if codes is None:
        return {}
    return {"passes": False, "codes": list(codes)} if codes else {"passes": True}

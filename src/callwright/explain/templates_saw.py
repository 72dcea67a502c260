"""What a decision saw: volatility, open calls, candidates; said when a question is about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from callwright.domain.explain import Source
from callwright.explain.templates_words import cited, coins, listed, number, plain

CALLS_SHOWN = 20

Json = Mapping[str, Any]


def saw(found: Source, concepts: Collection[str], coin: str | None) -> list[str]:
    """Return what a decision saw of the things that a question names.

    Args:
        concepts: ``vol``, ``position``, ``scan``; others are none of this.
        coin: Only this one; None: each.
    """
    state = found.result["record"]["state"]
    blocks = []
    if "vol" in concepts:
        vols = state["vol"].items()
        blocks.append(listed([_vol(c, row, found) for c, row in vols if coin in (None, c)]))
    if "position" in concepts:
        books = (state["portfolio"] or {}).get("by_underlying", {}).items()
        rows = [row for c, row in books if coin in (None, c)]
        calls = [call for row in rows for call in row.get("short_calls", ())]
        lines = [_call(call, found) for call in calls[:CALLS_SHOWN]]
        blocks.append(listed(lines) or f"It tells of no open call {cited(found)}.")
    if "scan" in concepts:
        candidates = [each for each in state["candidates"] if coin in (None, each["underlying"])]
        lines = [_candidate(each, found) for each in candidates]
        blocks.append(listed(lines) or f"There was no such candidate {cited(found)}.")
    return blocks


def _vol(coin: str, row: Json, found: Source) -> str:
    if row["ivrv"] is None:
        return f"{plain(coin)}: volatility was not known, {plain(row['status'])} {cited(found)}."
    return (
        f"{plain(coin)}: IVRV {number(row['ivrv'], 4)}, IV {row['iv_annual']:.1%}, "
        f"RV {row['rv_annual']:.1%} {cited(found)}."
    )


def _call(call: Json, found: Source) -> str:
    return (
        f"{plain(call['symbol'])}: short {coins(call['amount_coin'])}, delta "
        f"{number(call['delta'], 3)}, {number(call['dte_days'], 3)} days to expiry {cited(found)}."
    )


def _candidate(each: Json, found: Source) -> str:
    codes = ", ".join(plain(code) for code in each["codes"])
    state = "would pass" if each["passes"] else f"would not pass, {codes}"
    return (
        f"Candidate {plain(each['symbol'])}: delta {number(each['delta'], 3)}, bid "
        f"{coins(each['bid_coin'])}, IVRV {number(each['ivrv'], 4)}, {state} {cited(found)}."
    )

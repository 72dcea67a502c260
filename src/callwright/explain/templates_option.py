"""One option from its sale to its end: each leg with the decision that sent it.

A roll has two legs, each of another option; only the option's own are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.explain.questions import Asked
from callwright.explain.questions_topics import is_sale
from callwright.explain.templates_counts import PREMIUM, cash_words
from callwright.explain.templates_look import Look, where_of
from callwright.explain.templates_record import BRIEF_LENGTH_MAX, idle, later_words, order_words
from callwright.explain.templates_words import (
    NOUN,
    cited,
    listed,
    minute,
    plain,
    quoted,
    span_words,
    stated,
)

LEGS_LOOKED_AT = 20

Json = Mapping[str, Any]


async def option(asked: Asked, look: Look) -> list[str]:
    """Say which decisions sold, bought back or would have traded an option, and how it ended."""
    symbol = str(asked.symbol)
    page = await look.search(
        where_of(asked, action=()), limit=LEGS_LOOKED_AT, is_each=True, is_oldest=True
    )
    span = span_words(asked.span)
    if not page.result["hits"]:
        return [f"No decision on record{span} names {plain(symbol)} as its own {cited(page)}."]
    side = _side(asked)
    legs: list[str] = []
    denied: list[str] = []
    ends: dict[str, None] = {}
    for hit in page.result["hits"]:
        found = await look.decision(hit["id"])
        record = found.result["record"]
        own = [each for each in record["execution"]["orders"] if each["symbol"] == symbol]
        if _is_asked(asked, record):
            legs += [
                _leg(found, order, with_reason="why" in asked.concepts)
                for order in own if side in (None, order["side"])
            ]  # fmt: skip
        if not own and record["final_action"] != record["proposed_action"]:
            denied.append(idle(found, about=(symbol,)))
        for each in found.result["later"]:
            if each["update"]["symbol"] == symbol and each["update"]["kind"] == "settlement":
                ends[later_words(each)] = None
    blocks = []
    if page.result["total"] > len(page.result["hits"]):
        blocks.append("Only the oldest decisions about it were looked at.")
    blocks.append(
        listed(legs)
        if legs
        else f"No {_what(asked, side)} of {plain(symbol)} is on record{span} {cited(page)}."
    )
    if denied:
        blocks.append(f"Proposed for it and not done:\n\n{listed(denied)}")
    if ends:
        blocks.append(listed(list(ends)))
    if asked.concepts & {"money", "make", "cost", "fee"} and legs:
        blocks += await _moved(asked, look)
    return blocks


async def _moved(asked: Asked, look: Look) -> list[str]:
    """Return what the option's own legs moved, as the memory added it up."""
    found = await look.stats("symbol", where=where_of(asked))
    rows = [row for row in found.result["rows"] if row["keys"]["symbol"] == asked.symbol]
    lines = [f"{asked.symbol} in {line}" for row in rows for line in cash_words(row, found)]
    notes = [f"Noted {cited(found)}: {quoted(note)}" for note in found.result["notes"]]
    return [listed(lines), PREMIUM, *notes] if lines else []


def _side(asked: Asked) -> str | None:
    if is_sale(asked) or asked.actions == (Action.OPEN_COVERED_CALL,):
        return "sell"
    return "buy" if asked.actions == (Action.CLOSE_COVERED_CALL,) else None


def _is_asked(asked: Asked, record: Json) -> bool:
    action = record["final_action"]["action"]
    # A roll buys back, too, and that is what "close" means for an option.
    may = {*asked.actions, Action.ROLL_COVERED_CALL} if asked.actions else ()
    if asked.actions == (Action.OPEN_COVERED_CALL,):
        may = {Action.OPEN_COVERED_CALL}
    return not may or action in may


def _what(asked: Asked, side: str | None) -> str:
    if side is None:
        return " or ".join(NOUN[action] for action in asked.actions) or "order"
    return "sale" if side == "sell" else "order that bought back a call"


def _leg(found: Source, order: Json, *, with_reason: bool) -> str:
    record = found.result["record"]
    in_ = NOUN.get(record["final_action"]["action"], "decision")
    when = minute(record["state"]["as_of"])
    dry = " It was a dry run: nothing was sent." if order["status"] == "simulated" else ""
    line = f"{when}, to {in_} {cited(found)}. {order_words(order)} {cited(found)}.{dry}"
    return line + (f" {stated(found, length_max=4 * BRIEF_LENGTH_MAX)}" if with_reason else "")

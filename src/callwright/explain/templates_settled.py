"""What records told of orders sent earlier: settlements and later fills, with who told them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.explain.questions import Asked
from callwright.explain.questions_topics import asked_words
from callwright.explain.templates_look import Look, when_asked
from callwright.explain.templates_record import later_words
from callwright.explain.templates_words import cited, listed, several, span_words

RECORDS_SHOWN, LINES_SHOWN, PAGES_MAX = 20, 20, 10

Json = Mapping[str, Any]
_EXERCISED = frozenset({"exercised", "assigned", "assignment", "money"})


async def settled(asked: Asked, look: Look) -> list[str]:
    """Say which calls were settled, what they paid, and which record told it."""
    where = when_asked(asked)
    page = first = await look.search(where, text="settlement", limit=RECORDS_SHOWN, is_each=True)
    span = span_words(asked.span)
    lines: list[str] = []
    for _ in range(PAGES_MAX):
        for hit in page.result["hits"]:
            lines += await _told(hit["id"], asked, look, kinds=("settlement",))
        cursor = page.result["next_cursor"]
        if cursor is None or len(lines) >= LINES_SHOWN:
            break
        page = await look.search(
            where, text="settlement", limit=RECORDS_SHOWN, is_each=True, cursor=cursor
        )
    is_all = page.result["next_cursor"] is None and len(lines) <= LINES_SHOWN
    if not lines:
        among = "" if is_all else " among the newest that were read"
        return [f"No such settlement is on record{span}{among} {cited(first)}."]
    told = f"{several(first.result['total'], 'decision')} told of settlements{span} {cited(first)}"
    return [
        f"{told}. {'All that fit:' if is_all else 'The newest that fit, not all:'}",
        listed(lines[:LINES_SHOWN]),
    ]


async def told_then(asked: Asked, look: Look) -> list[str]:
    """Return what the records of a time told of earlier orders; nothing when they told nothing."""
    found: dict[int, None] = {}
    is_more = False
    for text in ("settlement", "fill"):
        page = await look.search(when_asked(asked), text=text, limit=RECORDS_SHOWN, is_each=True)
        found |= dict.fromkeys(hit["id"] for hit in page.result["hits"])
        is_more = is_more or page.result["total"] > len(page.result["hits"])
    lines: list[str] = []
    for key in sorted(found, reverse=True)[:RECORDS_SHOWN]:
        lines += await _told(key, asked, look, kinds=("settlement", "fill"))
    if not lines:
        return []
    more = " (the newest records only)" if is_more else ""
    return [f"What became then of orders sent earlier{more}:\n\n{listed(lines)}"]


async def _told(key: int, asked: Asked, look: Look, *, kinds: tuple[str, ...]) -> list[str]:
    if not _updates(look.peek(key)["record"], asked, kinds):
        return []
    found = await look.decision(key)
    return [
        later_words({"update": update, "told_by_id": key})
        for update in _updates(found.result["record"], asked, kinds)
    ]


def _updates(record: Json, asked: Asked, kinds: tuple[str, ...]) -> list[Json]:
    words = asked_words(asked)
    found = []
    for update in record["order_updates"]:
        if update["kind"] not in kinds or update["cycle_id"] == record["cycle_id"]:
            continue
        if asked.coin and not update["symbol"].startswith(f"{asked.coin}-"):
            continue
        if asked.symbol and update["symbol"] != asked.symbol:
            continue
        payoff = update["facts"].get("payoff")
        if "worthless" in words and payoff != 0:
            continue
        if words & _EXERCISED and not payoff:
            continue
        found.append(update)
    return found

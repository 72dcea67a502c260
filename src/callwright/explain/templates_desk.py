"""How the desk stands, what it holds, and what bounds it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from callwright.domain.explain import Source
from callwright.domain.history import DecisionFilter
from callwright.errors import QueryInvalid
from callwright.explain.questions import Asked
from callwright.explain.questions_names import SALES
from callwright.explain.templates_look import Look, where_of
from callwright.explain.templates_record import (
    BRIEF_LENGTH_MAX,
    setting,
    setting_name,
    whole,
)
from callwright.explain.templates_words import (
    cited,
    coins,
    listed,
    minute,
    number,
    plain,
    quoted,
    stated,
)

POSITIONS_SHOWN = 12
CHANGES_SHOWN = 12
STRETCHES = 32
LOOKS_MAX = 200
"""How many decisions a search for changed settings may read."""

Json = Mapping[str, Any]


async def who_decides(asked: Asked, look: Look) -> list[str]:
    """Say whether a model or the rules decide, and which model."""
    try:
        status = await look.status()
    except QueryInvalid:
        return [await _decided_last(look)]
    found, cite = status.result, cited(status)
    if found["brain"] is None:
        return [f"No cycle is on record yet, so nobody has decided anything {cite}."]
    if found["brain"] == "llm":
        first = f"Yes: the desk is in LLM mode, model {plain(found['model'])} {cite}."
    else:
        first = f"No: the desk is not in LLM mode, the rules decide {cite}."
    return [first, await _decided_last(look), *(f"{cite} {_note(n)}" for n in found["notes"])]


async def _decided_last(look: Look) -> str:
    newest = await look.decision(look.newest["id"])
    record = newest.result["record"]
    who = {"llm": "the manager", "rule_based": "the rules", "care": "deterministic care"}
    enabled = "on" if record["config_snapshot"].get("llm_enabled") else "off"
    return (
        f"The newest decision, of {minute(record['state']['as_of'])} UTC, was made by "
        f"{who.get(record['decision_source'], 'nobody known')}, with models switched {enabled} in "
        f"its settings {cited(newest)}."
    )


async def state(asked: Asked, look: Look) -> list[str]:
    """Say whether the desk runs, trades, or is stopped, and why."""
    status = await look.status()
    notes = [f"{cited(status)} {_note(n)}" for n in status.result["notes"]]
    return [listed(standing(status)), *notes]


def standing(status: Source) -> list[str]:
    """Return whether the desk runs, trades, or is stopped, as cited sentences."""
    found, cite = status.result, cited(status)
    reason = quoted(found["trading_state_reason"], length_max=200)
    lines = [
        f"Trading state: {plain(found['trading_state'])}"
        + f" {cite}" + (f", reason {reason}." if reason else "."),
        f"{'A process runs it now' if found['running'] else 'No process runs it now'} {cite}.",
        f"{_sending(found)} {cite}.",
        f"Mode {plain(found['mode'])} on venue {plain(found['venue'])} {cite}.",
        f"Orders sent today: {number(found['orders_today'])} {cite}.",
        f"Failures in a row: {number(found['failures_in_a_row'])} {cite}.",
    ]  # fmt: skip
    lines += [f"Breaker tripped {cite}: {quoted(each)}" for each in found["breakers"]]
    unresolved = found["unresolved_orders"]
    lines += [f"Order in doubt {cite}: {quoted(each)}" for each in unresolved]
    if not found["breakers"]:
        lines.append(f"No breaker is tripped {cite}.")
    return lines


def _sending(status: Json) -> str:
    """Return whether an order would leave now: for that it must run, be live and ACTIVE."""
    if status["dry_run"]:
        return "Dry run: nothing is sent"
    if status["trading_state"] == "HALTED":
        return "HALTED: nothing is sent"
    if not status["running"]:
        return "Nothing is sent while no process runs it; dry run is off"
    if status["trading_state"] == "ACTIVE":
        return "It sends orders"
    return "It sends only orders that close calls"


async def positions(asked: Asked, look: Look) -> list[str]:
    """Say what is open, why each was sold, and how it stands."""
    status = await look.status()
    cite = cited(status)
    held = {
        name: amount for name, amount in status.result["positions"].items()
        if asked.coin is None or name.startswith(asked.coin)
    }  # fmt: skip
    if not held:
        return [f"No position is open {cite}."]
    newest = await look.decision(look.newest["id"])
    lines = [
        f"{plain(name)}: position {coins(held[name])} {cite}.{await _sold(name, look)}"
        f"{_stands(name, newest)}"
        for name in sorted(held)[:POSITIONS_SHOWN]
    ]
    blocks = [listed(lines)]
    if len(held) > POSITIONS_SHOWN:
        blocks.append("The other positions: `callwright status`.")
    return blocks


async def _sold(name: str, look: Look) -> str:
    where = DecisionFilter(symbol=name, action=SALES)
    page = await look.search(where, limit=5, is_each=True)
    hits = [
        hit for hit in page.result["hits"]
        if hit["symbol"] == name and hit["status"] in ("filled", "partially_filled")
    ]  # fmt: skip
    if not hits:
        return f" Which decision sold it is not on record {cited(page)}."
    found = await look.decision(hits[0]["id"])
    when = minute(found.result["record"]["state"]["as_of"])
    return f" Last sold on {when} {cited(found)}. {stated(found, length_max=BRIEF_LENGTH_MAX)}"


def _stands(name: str, newest: Source) -> str:
    portfolio = newest.result["record"]["state"]["portfolio"] or {"by_underlying": {}}
    for row in portfolio["by_underlying"].values():
        for short in row.get("short_calls", ()):
            if short["symbol"] == name:
                return (
                    f" When it was last looked at, {plain(name)} had delta "
                    f"{number(short['delta'], 3)} and {number(short['dte_days'], 3)} days to "
                    f"expiry {cited(newest)}."
                )
    return ""


async def last_cycle(asked: Asked, look: Look) -> list[str]:
    """Say what the newest decision was."""
    return [whole(await look.decision(look.newest["id"]))]


async def settings_in_force(asked: Asked, look: Look) -> list[str]:
    """Say what the named settings are, or all limits."""
    newest = await look.decision(look.newest["id"])
    known = newest.result["record"]["config_snapshot"]
    if asked.settings:
        lines = [
            f"{setting_name(name, known[name])} is {setting(known[name], name)} {cited(newest)}."
            for name in asked.settings
        ]
    else:
        status = await look.status()
        lines = [
            f"{setting_name(name, value)} is {setting(value, name)} {cited(status)}."
            for name, value in status.result["limits"].items()
        ]
    return [
        "What the newest decision was made under:",
        listed(lines),
        "Settings are changed in the configuration only; no question or prompt changes them.",
    ]


async def settings_changed(asked: Asked, look: Look) -> list[str]:
    """Say which settings changed and in which decision, by halving the distance between two."""
    where = where_of(asked)
    ends = []
    for is_oldest in (True, False):
        page = await look.search(where, limit=1, is_each=True, is_oldest=is_oldest)
        ends += [hit["id"] for hit in page.result["hits"]]
    if len(ends) < 2:
        return ["No decision is on record for that time."]
    found = await _changes(look, ends[0], ends[1])
    first, last = (await look.decision(ends[0])), (await look.decision(ends[1]))
    if not found:
        return [f"The settings of {cited(first)} and {cited(last)} are the same; what changed in "
                "between and back again would not be seen."]  # fmt: skip
    lines = []
    for key in found[:CHANGES_SHOWN]:
        source = await look.decision(key)
        when = minute(source.result["record"]["state"]["as_of"])
        changes = source.result["config_changes"]
        for name in [n for n in changes if n in asked.settings or not asked.settings]:
            before, after = changes[name]
            moved = f"{setting(before, name)} to {setting(after, name)} {cited(source)}"
            lines.append(f"{when}: {setting_name(name, after)} changed from {moved}.")
    if not lines:
        return [f"What was asked for is the same in {cited(first)} and {cited(last)}."]
    return [
        listed(lines),
        "Further changes are not shown." if len(found) > CHANGES_SHOWN else "",
        "What changed and changed back between decisions that were looked at would not be seen.",
    ]


async def _changes(look: Look, first: int, last: int) -> list[int]:
    """Return decisions whose settings differ from those before, oldest first."""
    known: dict[int, Json] = {}
    budget = LOOKS_MAX

    def settings(key: int) -> Json:
        nonlocal budget
        if key not in known:
            budget -= 1
            known[key] = look.peek(key)["record"]["config_snapshot"]
        return known[key]

    found: list[int] = []
    # Many stretches to begin with: what changed and changed back is seen between two of them.
    step = max(1, (last - first) // STRETCHES)
    marks = [*range(first, last, step), last]
    open_ = list(pairwise(marks))
    while open_ and budget > 0:
        low, high = open_.pop()
        if settings(low) == settings(high):
            continue
        if high - low <= 1:
            found.append(high)
            continue
        middle = (low + high) // 2
        open_ += [(low, middle), (middle, high)]
    return sorted(found)


async def advice(asked: Asked, look: Look) -> list[str]:
    """Say that no advice is given, and that no real money is involved."""
    return [
        "No advice and no forecast is given here. This desk trades on testnets and on its own "
        "paper exchange: no real money is involved. It can say what it did and why."
    ]


def _note(text: str) -> str:
    return f"notes {quoted(text)}"

"""What a source says in a few cited sentences: a small model quotes those, and misreads JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.explain.templates_codes import meaning
from callwright.explain.templates_counts import group_words, money_words
from callwright.explain.templates_desk import standing
from callwright.explain.templates_record import setting, whole
from callwright.explain.templates_what_if import outcome, whose
from callwright.explain.templates_words import (
    DONE,
    action_words,
    cited,
    coins,
    minute,
    plain,
    quoted,
    several,
    usd,
)

HITS_TOLD = 3
SAID_LENGTH_MAX = 200
GROUPS_TOLD = 12

Json = Mapping[str, Any]


def told(source: Source) -> list[str]:
    """Return a source's answer as sentences, the most telling first.

    Raises:
        KeyError: It is no tool's that can be told so.
    """
    return _TOLD[source.tool](source)


def _decision(source: Source) -> list[str]:
    return [line.removeprefix("- ") for line in whole(source).splitlines()]


def _search(source: Source) -> list[str]:
    found, cite = source.result, cited(source)
    if not found["hits"]:
        return [f"No decision matches {cite}."]
    hits = [_hit(hit) for hit in found["hits"][:HITS_TOLD]]
    # An uncounted total is a number that no check can hold an answer to.
    total = several(found["total"], "decision") if found["total_is_exact"] else "very many"
    which = source.arguments.get("order", "newest")
    return [f"Found: {total} {cite}. The {which}:", *hits]


def _hit(hit: Json) -> str:
    when, cite = minute(hit["as_of"]), cited(hit["id"])
    params = {"symbol": hit["symbol"], "from_symbol": hit["from_symbol"], "size": hit["size_coin"]}
    if hit["failure"]:
        failure = plain(hit["failure"])
        return f"{when}: failed to decide, {failure} {cite}.{meaning(failure)}"
    if hit["verdict"] == "denied":
        # What was stated spoke for it; why it was denied, the codes say.
        proposed = action_words({"action": hit["proposed_action"], "params": params})
        codes = [plain(code) for code in hit["codes"]]
        why = "".join(meaning(code) for code in codes)
        return f"{when}: {proposed} was denied, {', '.join(codes)} {cite}.{why}"
    if hit["action"] == Action.DO_NOTHING:
        did = DONE[hit["action"]]
    else:
        did = f"{action_words({'action': hit['action'], 'params': params})}, {plain(hit['status'])}"
    said = quoted(hit["reasoning"], length_max=SAID_LENGTH_MAX)
    return f"{when}: {did} {cite}." + (f" Stated {cite}: {said}" if said else "")


def _stats(source: Source) -> list[str]:
    found, cite = source.result, cited(source)
    by = source.arguments.get("group_by", ["action"])
    lines = [f"{several(found['total'], 'decision')} in all {cite}."]
    rows = [row for row in found["rows"] if any(row["keys"].values())]
    if not rows:
        lines.append(f"None of them has a {', '.join(map(plain, by))} {cite}.")
    shown = rows[:GROUPS_TOLD]
    lines += [group_words(row, source) for row in shown]
    if by == ["action"]:
        lines += [line for row in shown for line in money_words(row, source)]
    return lines


def _status(source: Source) -> list[str]:
    found, cite = source.result, cited(source)
    model = f"the model {plain(found['model'])}" if found["brain"] == "llm" else "the rules"
    lines = [*standing(source), f"It is decided by {model} {cite}."]
    if found["last_decision"] is not None:
        did = DONE.get(found["last_action"], "nothing")
        if found["last_failure"]:
            did = f"nobody decided, {plain(found['last_failure'])}"
        lines.append(f"The newest decision is number {found['last_decision']}: {did} {cite}.")
    if found["equity_usd"] is not None:
        lines.append(f"Equity is {usd(found['equity_usd'])} USD {cite}.")
    for what, amounts in (("Balances", found["balances"]), ("Positions", found["positions"])):
        told = ", ".join(f"{plain(name)} {coins(amount)}" for name, amount in amounts.items())
        lines.append(f"{what}: {told or 'none'} {cite}.")
    limits = (f"{plain(name)} {setting(value, name)}" for name, value in found["limits"].items())
    return [*lines, f"Limits: {'; '.join(limits)} {cite}."]


def _what_if(source: Source) -> list[str]:
    return [whose(source), *outcome(source)]


_TOLD: Mapping[str, Callable[[Source], list[str]]] = {
    "get_decision": _decision,
    "search_decisions": _search,
    "decision_stats": _stats,
    "get_status": _status,
    "what_if": _what_if,
}

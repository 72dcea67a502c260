"""How often, how much: answers out of sums that the memory added up, never out of counted hits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.domain.codes import DENIAL_CODES
from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.explain.questions import Asked
from callwright.explain.templates_held import TRADES, held_for, how_often_held, names_of
from callwright.explain.templates_look import Look, where_of
from callwright.explain.templates_record import idle
from callwright.explain.templates_words import (
    NOUN,
    cited,
    coins,
    listed,
    minute,
    number,
    plain,
    quoted,
    several,
    span_words,
    usd,
)

_RISK_BEGINS = DENIAL_CODES.index("TRADING_STATE_HALTED")
GATES = {
    "guardrail": frozenset(DENIAL_CODES[:_RISK_BEGINS]),
    "risk engine": frozenset(DENIAL_CODES[_RISK_BEGINS:]),
}
PREMIUM = "Premium is what was sold less what was bought back, before fees."
Json = Mapping[str, Any]


async def how_often(asked: Asked, look: Look) -> list[str]:
    """Say how many decisions did something, what that moved and cost, and what was denied."""
    if asked.actions == (Action.DO_NOTHING,) and names_of(asked):
        return await how_often_held(asked, look)
    only_trades = "trade" in asked.concepts or bool(names_of(asked))
    actions = asked.actions or (TRADES if only_trades else ())
    where = where_of(asked, action=actions)
    span = span_words(asked.span)
    found = await look.stats("action", where=where)
    rows = found.result["rows"]
    if not rows:
        blocks = [f"{_never(actions)}{span}: 0 decisions {cited(found)}."]
    else:
        counts = [_counted(row, span, found) for row in rows]
        blocks = counts if len(counts) == 1 else [listed(counts)]
        if asked.actions or asked.concepts & {"cost", "fee", "money"}:
            blocks += _money_lines(rows, found)
        else:
            total = several(found.result["total"], "decision")
            blocks.insert(0, f"{total}{span} {cited(found)}.")
    if not asked.actions and names_of(asked):
        blocks.append("Trades only: a hold has no coin, option or strike of its own.")
    by = _split_by(asked, len(rows))
    if by and rows:
        grouped = await look.stats(*by, where=where, limit=40)
        noun = NOUN[actions[0]] if len(actions) == 1 else ""
        lines = [group_words(row, grouped, noun) for row in grouped.result["rows"]]
        names = " and ".join(name.replace("_", " ") for name in by)
        blocks.append(f"By {names}:\n\n{listed(lines)}")
    trades = tuple(action for action in actions if action != Action.DO_NOTHING)
    if trades:
        if rows and "status" not in by:
            statuses = await look.stats("status", where=where)
            blocks = [*_simulated(statuses), *blocks, *_unfilled(statuses)]
        denied = await look.stats(
            "proposed_action",
            where=where_of(asked, verdict="denied", proposed_action=trades),
        )
        blocks += [
            f"{several(row['count'], 'further ' + NOUN[row['keys']['proposed_action']])} "
            f"{'was' if row['count'] == 1 else 'were'} proposed and denied{span} {cited(denied)}."
            for row in denied.result["rows"]
        ]
    return blocks


def _unfilled(found: Source) -> list[str]:
    """Return what became of the orders, unless all of them were filled."""
    rows = found.result["rows"]
    if [row["keys"]["status"] for row in rows] == ["filled"]:
        return []
    lines = [
        f"{_key(row['keys']['status'])}: {several(row['count'], 'decision')} {cited(found)}."
        for row in rows
    ]
    return [f"What became of their orders:\n\n{listed(lines)}"]


def _simulated(found: Source) -> list[str]:
    """Return that some were no trades, first of all that is said."""
    statuses = {row["keys"]["status"] for row in found.result["rows"]}
    if "simulated" not in statuses:
        return []
    every = "All of them" if statuses == {"simulated"} else "Some of them"
    return [f"{every} were only simulated: a dry run sends nothing, so those were no trades."]


def _never(actions: tuple[Action, ...]) -> str:
    names = " or ".join(NOUN[action] for action in actions)
    return f"No {names} is on record" if names else "No decision is on record"


def _counted(row: Json, span: str, source: Source) -> str:
    noun = NOUN.get(row["keys"]["action"], plain(row["keys"]["action"]))
    return f"{several(row['count'], noun)}{span} {cited(source)}."


def _split_by(asked: Asked, actions: int) -> tuple[str, ...]:
    """Return what to count by: what was asked for, and actions where there are several."""
    by: tuple[str, ...] = asked.by
    if not by and asked.concepts & {"model", "rules"}:
        by = ("source",)
    if not by:
        return ()
    return ("action", by[0]) if actions > 1 and asked.actions else by[:2]


def group_words(row: Json, source: Source, noun: str = "") -> str:
    """Return how many decisions a group has, as a cited sentence.

    Args:
        noun: What they all are; "": what the group's own action is.
    """
    keys = dict(row["keys"])
    action = keys.pop("action", None)
    of = ", ".join(_key(value) for value in keys.values())
    counted = several(row["count"], NOUN.get(action, "") or noun or "decision")
    return f"{of}: {counted} {cited(source)}." if of else f"{counted} {cited(source)}."


def _key(value: object) -> str:
    if isinstance(value, float):
        return f"strike {number(value)}"
    if not value:
        return "none"
    # A code is one word; the names of states are read without their underscores.
    return plain(value) if str(value).isupper() else plain(value).replace("_", " ")


def _money_lines(rows: list[Json], source: Source) -> list[str]:
    """Return what trades moved and what models cost, a line a row and coin."""
    lines = []
    for row in rows:
        lines += money_words(row, source)
        if row["model_decisions"]:
            lines.append(_model_cost(row, _nouns(row), source))
    asked = any(row["model_decisions"] for row in rows)
    if not asked:
        lines.append(f"No model was asked for them, so none cost anything {cited(source)}.")
    is_moving = any(row.get("cash") for row in rows)
    return [listed(lines), *([PREMIUM] if is_moving else []), *_notes(source)]


def money_words(row: Json, source: Source) -> list[str]:
    """Return what a group moved and whose doing it was, a cited sentence a coin."""
    return [f"{_nouns(row)} in {line}" for line in cash_words(row, source)]


def _nouns(row: Json) -> str:
    return f"{NOUN.get(row['keys'].get('action'), 'decision')}s".capitalize()


def cash_words(row: Json, source: Source) -> list[str]:
    """Return what a group moved, a line a coin."""
    lines = []
    for coin, cash in row.get("cash", {}).items():
        name = plain(coin)
        fees = cash["fees_coin"]
        parts = [f"premium {coins(cash['premium_coin'])} {name}"]
        parts.append("fees unknown" if fees is None else f"fees {coins(fees)} {name}")
        if cash["settlements"]:
            parts.append(f"settlements {coins(cash['settlement_coin'])} {name}")
        if cash["net_coin"] is not None:
            parts.append(f"net {coins(cash['net_coin'])} {name}")
        if cash["fees_unknown"]:
            parts.append(f"unknown fees {cash['fees_unknown']}")
        lines.append(f"{name}: {', '.join(parts)} {cited(source)}.")
    return lines


def _model_cost(row: Json, of: str, source: Source) -> str:
    cost = row["cost_usd"]
    told = "model cost unknown" if cost is None else f"model cost {_usd_exact(cost)} USD"
    return (
        f"{of}: model decisions {number(row['model_decisions'])}, input tokens "
        f"{number(row['input_tokens'])}, output tokens {number(row['output_tokens'])}, {told} "
        f"{cited(source)}."
    )


def _usd_exact(cost: float) -> str:
    return f"{cost:.6f}" if cost < 1 else usd(cost)


async def denials(asked: Asked, look: Look) -> list[str]:
    """Say how many decisions were denied, by code, and the newest of them."""
    proposed = tuple(action for action in asked.actions if action != Action.DO_NOTHING)
    where = where_of(asked, verdict="denied", proposed_action=proposed)
    span = span_words(asked.span)
    found = await look.stats("code", where=where, limit=40)
    total = found.result["total"]
    of = f" with {asked.code}" if asked.code else ""
    rows = found.result["rows"]
    gate = _gate(asked)
    if gate and total:
        # No tool counts by gate; codes are one gate's or the other's.
        rows = [row for row in rows if row["keys"]["code"] in GATES[gate]]
        if not rows:
            return [
                f"The {gate} denied nothing{of}{span} {cited(found)}: whatever was denied has a "
                "code of the other gate."
            ]
    if not total:
        blocks = [f"No decision was denied{of}{span}: 0 decisions {cited(found)}."]
        return blocks + (await held_for(asked.code, asked, look) if asked.code else [])
    blocks = [f"{several(total, 'decision')} {'was' if total == 1 else 'were'} denied{of}{span} "
              f"{cited(found)}."]  # fmt: skip
    if gate:
        blocks.append(f"Of them with codes of the {gate}:")
    blocks.append(listed([
        f"{plain(row['keys']['code'])}: {several(row['count'], 'decision')} {cited(found)}."
        for row in rows
    ]))  # fmt: skip
    hits = (await look.search(where, limit=20 if gate else 3, is_each=True)).result["hits"]
    own = [hit for hit in hits if not gate or set(hit["codes"]) & GATES[gate]][:3]
    newest = [idle(await look.decision(hit["id"])) for hit in own]
    if newest:
        blocks.append(f"The newest:\n\n{listed(newest)}")
    return blocks + (await held_for(asked.code, asked, look) if asked.code else [])


def _gate(asked: Asked) -> str | None:
    words = asked.text.lower()
    if ("risk" in words) == ("guardrail" in words):
        return None
    return "risk engine" if "risk" in words else "guardrail"


async def failures(asked: Asked, look: Look) -> list[str]:
    """Say how many decisions failed, by failure, and the newest of them."""
    where = where_of(asked, failure=asked.failure or "ANY", code=None)
    span = span_words(asked.span)
    found = await look.stats("failure", where=where, limit=40)
    total = found.result["total"]
    of = f" with {asked.failure}" if asked.failure else ""
    if not total:
        return [f"No decision failed{of}{span}: 0 decisions {cited(found)}."]
    lines = [
        f"{plain(row['keys']['failure'])}: {several(row['count'], 'decision')} {cited(found)}."
        for row in found.result["rows"]
    ]
    hits = (await look.search(where, limit=1)).result["hits"]
    newest = [idle(await look.decision(hit["id"])) for hit in hits]
    return [
        f"{several(total, 'decision')} failed{of}{span} {cited(found)}.",
        listed(lines),
        f"The newest:\n\n{listed(newest)}",
    ]


async def model_cost(asked: Asked, look: Look) -> list[str]:
    """Say what models cost, by model."""
    span = span_words(asked.span)
    found = await look.stats("model", where=where_of(asked, action=asked.actions), limit=40)
    rows = [row for row in found.result["rows"] if row["model_decisions"]]
    if not rows:
        total = several(found.result["total"], "decision")
        return [
            f"Nothing: no model was asked{span}; the {total} on record were made without any "
            f"{cited(found)}."
        ]
    lines = []
    for row in rows:
        name = plain(row["keys"]["model"] or "unknown model")
        lines.append(_model_cost(row, name, found))
    return [listed(lines), *_notes(found)]


async def money(asked: Asked, look: Look) -> list[str]:
    """Say what trades moved in coin, and the equity on record."""
    span = span_words(asked.span)
    found = await look.stats("underlying", where=where_of(asked, action=asked.actions))
    if not found.result["total"]:
        return [f"No such decision is on record{span} {cited(found)}."]
    lines = [line for row in found.result["rows"] for line in cash_words(row, found)]
    newest = await look.decision(look.newest["id"])
    record = newest.result["record"]
    portfolio = record["state"]["portfolio"]
    blocks = []
    if portfolio is not None and asked.span is None and not asked.actions:
        when, equity = minute(record["state"]["as_of"]), usd(portfolio["equity_usd"])
        blocks.append(f"Equity was {equity} USD at {when} UTC {cited(newest)}.")
    decisions = several(found.result["total"], "decision")
    if lines:
        blocks.append(f"What the trades of {decisions}{span} moved {cited(found)}:")
        blocks.append(listed(lines))
        blocks.append(PREMIUM)
        if asked.actions == ():
            blocks.append("What calls that are still open will cost or bring is not in it.")
    else:
        blocks.append(f"The {decisions}{span} moved no coin {cited(found)}.")
    blocks.append("This is testnet or paper coin; no real money is involved.")
    return blocks


def _notes(source: Source) -> list[str]:
    return [f"Noted {cited(source)}: {quoted(note)}" for note in source.result["notes"]]

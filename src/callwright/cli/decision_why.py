"""One decision in plain words: what, by whom, what the gates said, and why. No model is asked.

Causes are the recorded verdicts and rules. What a model wrote of its reasons is quoted as its
statement; what rules wrote are the numbers they compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.cli.tables import figure, printable
from callwright.domain.base import minute_of
from callwright.domain.history import DecisionDetail, LinkedDecision
from callwright.domain.record import ActionRecord, CycleRecord, OrderRecord, VerdictRecord
from callwright.domain.shadow import shadow_of

_DID = {
    "OPEN_COVERED_CALL": "sell {size} {symbol}",
    "ROLL_COVERED_CALL": "roll {size} {from_symbol} into {symbol}",
    "CLOSE_COVERED_CALL": "buy back {size} {symbol}",
    "DO_NOTHING": "do nothing",
}


def why_lines(found: DecisionDetail) -> list[str]:
    """Return the answer, a sentence or two a line; nothing in it can move a terminal's cursor."""
    record = found.record
    lines = [
        _what(found),
        *_failed(record),
        *_gates(record),
        *_reasons(record),
        *_baseline(record),
        *_shadow(record),
        *_orders(record),
    ]
    if found.opened_by is not None:
        lines.append(f"What it closes was sold by {_linked(found.opened_by)}")
    if found.closed_by is not None:
        lines.append(f"What it sold was bought back by {_linked(found.closed_by)}")
    lines += [
        f"Later, as #{later.told_by_id} tells: {later.update.kind} of {later.update.symbol}"
        f"{_facts(later.update.facts)}."
        for later in found.later
        if later.told_by_id != found.id
    ]
    if found.config_changes:
        changed = (f"{k} from {a} to {b}" for k, (a, b) in found.config_changes.items())
        lines.append(f"Settings had changed since the decision before: {', '.join(changed)}.")
    return [printable(line) for line in lines]


def _what(found: DecisionDetail) -> str:
    record = found.record
    at = minute_of(record.state.as_of)
    proposed, final = record.proposed_action, record.final_action
    denied = final.action == "DO_NOTHING" and proposed.action != "DO_NOTHING"
    said = f"#{found.id}, {at} UTC: {_who(record)} "
    if record.failure is not None and proposed.action == "DO_NOTHING":
        return f"{said}came to no decision; nothing was done."
    said += f"proposed to {_action(proposed)}"
    if denied:
        return f"{said}; it was not done."
    if proposed.action == "DO_NOTHING":
        return f"{said}."
    if record.execution.dry_run:
        return f"{said}; a dry run, so nothing was sent."
    return f"{said}; the orders are {record.execution.status.replace('_', ' ')}."


def _who(record: CycleRecord) -> str:
    model = (record.llm or {}).get("model")
    if record.decision_source == "llm":
        return f"the manager ({model})" if model else "the manager"
    return "deterministic care" if record.decision_source == "care" else "the rules"


def _action(action: ActionRecord) -> str:
    params = {"size": "", "symbol": "?", "from_symbol": "?"} | dict(action.params)
    said = _DID.get(action.action, action.action)
    for name, value in params.items():
        said = said.replace(f"{{{name}}}", figure(value))
    return " ".join(said.split())


def _failed(record: CycleRecord) -> list[str]:
    if record.failure is None:
        return []
    message = f": {record.failure_message}" if record.failure_message else ""
    return [f"The decision failed with {record.failure}{message}."]


def _gates(record: CycleRecord) -> list[str]:
    if record.proposed_action.action == "DO_NOTHING":
        return []
    return [
        _verdict("The guardrail", record.guardrail),
        _verdict("The risk engine", record.risk_check),
        *(
            f"Sizing: {c.get('name')}, {c.get('before')} to {c.get('after')}."
            for c in record.clamps
        ),
    ]


def _verdict(who: str, verdict: VerdictRecord) -> str:
    if verdict.allowed is None:
        return f"{who} was not asked."
    if verdict.allowed:
        return f"{who} allowed it."
    return f"{who} denied it: {'; '.join(str(reason) for reason in verdict.reasons)}."


def _reasons(record: CycleRecord) -> list[str]:
    text = record.proposed_action.reasoning
    if not text:
        return []
    if record.decision_source == "llm":
        return [f"The manager stated: “{text}”"]
    return [f"The rules' reason: {text}"]


def _baseline(record: CycleRecord) -> list[str]:
    rules, proposed = record.baseline_action, record.proposed_action
    if rules is None:
        return []

    def trade(action: ActionRecord) -> tuple[Any, ...]:
        return action.action, action.params.get("from_symbol"), action.params.get("symbol")

    if trade(rules) == trade(proposed):
        return ["The rules would have proposed the same."]
    return [f"The rules would have proposed to {_action(rules)}."]


def _shadow(record: CycleRecord) -> list[str]:
    shadow = shadow_of(record.llm)
    if shadow is None:
        return []
    model = (record.llm or {}).get("model") or "A model"
    lines = [f"The rules decided in the place of {model}: {shadow.why}."]
    if shadow.action is None:
        return [*lines, f"It came to no decision itself: {shadow.failure}."]
    action = ActionRecord(action=shadow.action, params=shadow.params, reasoning=shadow.reasoning)
    lines.append(f"As their shadow it would have proposed to {_action(action)}.")
    return [*lines, f"It stated: “{shadow.reasoning}”"] if shadow.reasoning else lines


def _orders(record: CycleRecord) -> list[str]:
    return [f"Order: {_order(order)}." for order in record.execution.orders]


def _order(order: OrderRecord) -> str:
    fee = "fee unknown" if order.fee is None else f"fee {figure(order.fee)}"
    filled = f", filled {figure(order.filled)}, {fee}" if order.filled else ""
    said = f": {order.message}" if order.message else ""
    what = f"{order.side} {figure(order.amount)} {order.symbol} at {figure(order.price)}"
    return f"{what}, {order.status}{filled}{said}"


def _linked(link: LinkedDecision) -> str:
    return f"#{link.id} at {minute_of(link.as_of)} UTC: {link.reasoning}"


def _facts(facts: Mapping[str, Any]) -> str:
    names = ("side", "amount", "price", "delivery_price_usd", "payoff", "fee", "cash", "status")
    told = ((name, facts[name]) for name in names if facts.get(name) is not None)
    said = ", ".join(f"{name} {figure(value)}" for name, value in told)
    return f", {said}" if said else ""

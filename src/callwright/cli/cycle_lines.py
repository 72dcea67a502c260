"""A cycle as lines: late fills and settlements first, then what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from callwright.cli.tables import printable
from callwright.domain.base import minute_of
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.domain.recorded import rules_instead

HOLD_WORD = "  HOLD "
"""What tells the line of a cycle that chose to do nothing."""

_STYLES = {
    "OPEN": "green",
    "ROLL": "yellow",
    "CLOSE": "cyan",
    "DENIED": "bold red",
    "FAILED": "magenta",
    "HOLD": "dim",
    "SETTLED": "blue",
}


def cycle_lines(record: CycleRecord) -> list[Text]:
    """Return a cycle as lines: late fills and settlements first, then the decision."""
    lines = [line for update in record.order_updates if (line := _update_line(record, update))]
    word, detail = _decision(record)
    lines.append(_line(record, word, detail))
    if (why := rules_instead(record.llm)) is not None:
        lines.append(Text(f"{' ' * 18}{printable(instead_text(why))}", style="yellow"))
    return lines


def _line(record: CycleRecord, word: str, detail: str) -> Text:
    spots = "  ".join(f"{coin} {price:>9,.0f}" for coin, price in record.state.spot.items())
    when = minute_of(record.state.as_of)
    return Text.assemble(
        (f"{when}  ", "dim"),
        f"{spots}  ",
        (f"{word:<8}", _STYLES.get(word, "")),
        printable(detail),
    )


def _update_line(record: CycleRecord, update: OrderUpdate) -> Text | None:
    facts = update.facts
    if update.cycle_id == record.cycle_id:
        # Its own orders; the decision's line tells them.
        return None
    if update.kind == "settlement":
        outcome = (
            f"in the money, paid {facts['payoff']:.5f}"
            if facts["payoff"] > 0
            else "expired worthless"
        )
        return _line(
            record,
            "SETTLED",
            f"{update.symbol} {facts['position']:+g} at {facts['delivery_price_usd']:,.2f}: "
            f"{outcome}",
        )
    if update.kind == "fill":
        return _line(
            record,
            "FILL",
            f"{facts['side']} {facts['amount']:g} {update.symbol} at {facts['price']:g} (late)",
        )
    return _line(record, update.kind.upper(), f"{update.symbol} {_facts_text(facts)}")


def _decision(record: CycleRecord) -> tuple[str, str]:
    final, proposed = record.final_action, record.proposed_action
    if final.action == "DO_NOTHING" and record.failure is not None:
        # First: a proposal that could not be planned was denied by nobody.
        return "FAILED", f"{record.failure} {record.failure_message}".rstrip()
    if final.action == "DO_NOTHING" and proposed.action != "DO_NOTHING":
        codes = [str(r) for v in (record.guardrail, record.risk_check) for r in v.reasons]
        asked = proposed.action.removesuffix("_COVERED_CALL")
        return "DENIED", f"{asked} {proposed.params['symbol']}: {'; '.join(codes)}"
    if final.action == "DO_NOTHING":
        return "HOLD", final.reasoning
    word = final.action.removesuffix("_COVERED_CALL")
    orders = ", ".join(
        f"{order.side} {order.filled or order.amount:g} {order.symbol} at "
        f"{order.average_price if order.average_price is not None else order.price:g} "
        f"{order.status}"
        for order in record.execution.orders
    )
    care = " (care)" if record.decision_source == "care" else ""
    return word, f"{orders}{care}"


def _facts_text(facts: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in facts.items())


def instead_text(why: str) -> str:
    """Return that the rules decided, where a reply was not recorded."""
    return f"the rules decided; {why}"

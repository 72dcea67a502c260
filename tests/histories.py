"""A small history of decisions with known answers, written through the real decision log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from builders import NOW
from callwright.domain.record import (
    ActionRecord,
    CycleRecord,
    ExecutionRecord,
    OrderUpdate,
    VerdictRecord,
)
from callwright.domain.verdict import Reason

CALL = "BTC-9JAN26-97000-C"
NEXT = "BTC-16JAN26-98000-C"

NothingElse = dict[str, Any]


def action(kind: str, reasoning: str, **params: Any) -> ActionRecord:
    name = "DO_NOTHING" if kind == "hold" else f"{kind.upper()}_COVERED_CALL"
    return ActionRecord(action=name, params=params, reasoning=reasoning)


def a_history(a_record: Callable[..., CycleRecord]) -> list[CycleRecord]:
    """Return: open, two alike holds, a denied roll, a roll, a failure, the next day's close."""
    opened = action("open", "rich premium, IV rank 0.25", underlying="BTC", symbol=CALL, size=0.1)
    rolled = action(
        "roll", "delta too high", underlying="BTC", from_symbol=CALL, symbol=NEXT, size=0.1
    )
    closed = action("close", "expiry day", underlying="BTC", symbol=NEXT, size=0.1)
    hold = action("hold", "free cover under the minimum")
    filled = ExecutionRecord(status="filled", dry_run=False)
    yes = {"guardrail": VerdictRecord(allowed=True), "risk_check": VerdictRecord(allowed=True)}
    no = VerdictRecord(
        allowed=False,
        reasons=(
            Reason(code="ROLL_DWELL", facts={"held_s": 64_800}),
            Reason(code="NET_DELTA_ABOVE_MAXIMUM", facts={"net_delta": -0.6}),
        ),
    )
    first = a_record(0)
    model = {"model": "gpt-4.1-mini", "input_tokens": 5_000, "output_tokens": 300,
             "cost_usd": 0.0021, "prompt_version": "v3"}  # fmt: skip
    traded = {"execution": filled, **yes}
    told = {"side": "sell", "amount": 0.1, "price": 0.0045, "fee": 1e-5}
    sold = OrderUpdate(kind="fill", cycle_id=first.cycle_id, symbol=CALL, facts=told)
    return [
        a_record(0, proposed_action=opened, final_action=opened, **traded),
        a_record(1, proposed_action=hold, final_action=hold, order_updates=(sold,)),
        a_record(2, proposed_action=hold, final_action=hold),
        a_record(
            3, proposed_action=rolled, risk_check=no, decision_source="llm", llm=model,
            final_action=action("hold", "delta too high | Risk engine blocked: ROLL_DWELL"),
        ),
        a_record(
            4, proposed_action=rolled, final_action=rolled, **traded, decision_source="llm",
            llm={**model, "cost_usd": None}, config_snapshot={"mode": "production"},
        ),
        a_record(5, failure="LLM_TIMEOUT", failure_message="no answer in 45 s"),
        a_record(at=NOW + timedelta(days=1), proposed_action=closed, final_action=closed, **traded),
    ]  # fmt: skip

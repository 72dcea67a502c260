"""What the explainer's tools answer on a desk that has everything, and what of it is shown."""

from __future__ import annotations

import ast
from typing import Any

from builders import NOW, an_intent, dec
from callwright.domain.base import iso_utc
from callwright.domain.decision import Clamp
from callwright.domain.explain import WhatIfAnswer
from callwright.domain.history import (
    CashSum,
    DecisionDetail,
    DecisionFilter,
    DecisionHit,
    LaterUpdate,
    LinkedDecision,
    SearchPage,
    StatsAnswer,
    StatsRow,
)
from callwright.domain.orders import IntentStatus
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.journal import Judged, Observed, build_record
from callwright.ports import BrainAnswer
from callwright.tools.memory_tools import MEMORY_TOOLS
from callwright.tools.memory_views import UPDATES_SHOWN_MAX
from one_truth.shown import a_full_desk
from one_truth.trees import EditedTree
from situations import rolling

USAGE = {
    "model": "m", "prompt_version": "0" * 12, "requests": 2, "input_tokens": 1,
    "output_tokens": 1, "cost_usd": 0.1, "latency_ms": 1.0, "recorded": {"date": "2026-11-21"},
    "shadow": {
        "proposal": {"action": "DO_NOTHING", "params": {}, "reasoning": "x"}, "failure": "x",
        "why": "x",
    },
}  # fmt: skip
UPDATE = OrderUpdate(
    kind="settlement",
    cycle_id="c",
    symbol="BTC-9JAN26-104000-C",
    facts={
        "side": "buy", "amount": 0.1, "position": -0.1, "price": 0.1, "fee": 0.0, "payoff": 0.0,
        "delivery_price_usd": 1.0, "cash": 0.1, "captured_premium": 0.1, "status": "x",
        "message": "x",
    },
)  # fmt: skip


def a_record() -> CycleRecord:
    """Return the record of a denied roll, written as a cycle writes it, with an order besides."""
    trade = rolling(sell="0.2")
    approval = trade.approve()
    snapshot, scan = a_full_desk()
    filled = an_intent(
        status=IntentStatus.FILLED, filled_coin=dec("0.1"), average_price_coin=dec("0.006"),
        fee_coin=dec("0.00003"), message="said by the venue",
    )  # fmt: skip
    proposal = trade.proposal.model_copy(update={"reasoning": "because"})
    clamp = Clamp(name="order size", before=dec(1), after=dec("0.2"))
    return build_record(
        cycle_id="c",
        log_time=NOW,
        observed=Observed(as_of=NOW, snapshot=snapshot, scan=scan, updates=(UPDATE,)),
        judged=Judged(
            answer=BrainAnswer(
                proposal=proposal, source="llm", failure="X", failure_message="why", llm=USAGE
            ),
            sizing=trade.sizing.model_copy(update={"clamps": (clamp,)}),
            guardrail=approval.guardrail,
            risk=approval.risk,
            approved=False,
        ),
        baseline=(proposal, trade.sizing),
        intents=(filled,),
        dry_run=False,
        message="sent",
        config_snapshot={"mode": "research"},
    )


def answers(tree: EditedTree) -> dict[str, Any]:
    """Return what each of the explainer's tools answers, as JSON values, by the tool's name."""
    record = a_record()
    now = iso_utc(NOW)
    hit = DecisionHit(
        id=1, cycle_id="c", as_of=now, action="DO_NOTHING", proposed_action="ROLL_COVERED_CALL",
        verdict="denied", codes=("X",), underlying="BTC", symbol=UPDATE.symbol,
        from_symbol=UPDATE.symbol, strike_usd=1.0, size_coin=0.1, status="skipped", source="llm",
        failure="X", model="m", reasoning="because", run_length=2, run_end_id=2,
        settled=(UPDATE.symbol,),
    )  # fmt: skip
    linked = LinkedDecision(
        id=1, cycle_id="c", as_of=now, action="x", symbol="x", status="x", reasoning="x"
    )
    cash = CashSum(
        premium_coin=0.1, fees_coin=0.1, settlement_coin=0.1, net_coin=0.1, fills=1, settlements=1,
        fees_unknown=1,
    )  # fmt: skip
    row = StatsRow(
        keys={"action": "x"}, count=1, share=1.0, model_decisions=1, input_tokens=1,
        output_tokens=1, cost_usd=0.1, cost_unknown=1, first_id=1, last_id=2, cash={"BTC": cash},
        calls_sold=1, mean_strike_usd=1.0, mean_delta=0.1, mean_premium_yield_annual=0.1,
    )  # fmt: skip
    recorded = record.model_dump(mode="json")
    what_if = WhatIfAnswer(
        answers_for="rules", decision_id=1, as_of=now, changes=("x",), assumptions=("x",),
        **{name: recorded[name] for name in (
            "proposed_action", "guardrail", "risk_check", "final_action", "state", "failure",
            "failure_message", "llm",
        )},
        actual_action=recorded["final_action"],
    )  # fmt: skip
    later = LaterUpdate(told_by_id=2, update=UPDATE)
    found = {
        "search_decisions": SearchPage(
            total=1, total_is_exact=True, hits=(hit,), next_cursor=1, notes=("x",)
        ),
        "get_decision": DecisionDetail(
            id=1, run_id="c", record=record, opened_by=linked, closed_by=linked,
            later=(later,) * (UPDATES_SHOWN_MAX + 1), config_changes={"min_ivrv": (1, 2)},
        ),
        "decision_stats": StatsAnswer(
            rows=(row, row.model_copy(update={"model_decisions": 0})), groups=2, total=1,
            where=DecisionFilter(), table="decisions", notes=("x",),
        ),
        "what_if": what_if,
        "what_would_the_model_do": what_if,
    }  # fmt: skip
    told = {name: answer.model_dump(mode="json") for name, answer in found.items()}
    return {**told, "get_status": status_names(tree)}


def status_names(tree: EditedTree) -> dict[str, Any]:
    """Return the keys of a status, nested ones too: what ``read_status`` writes down."""
    for node in ast.walk(ast.parse(tree.text("src/callwright/status.py"))):
        if isinstance(node, ast.FunctionDef) and node.name == "read_status":
            (answer,) = (n.value for n in ast.walk(node) if isinstance(n, ast.Return))
            assert isinstance(answer, ast.Dict)
            return _keys(answer)
    raise LookupError("status.py has no read_status")


def _keys(written: ast.Dict) -> dict[str, Any]:
    return {
        key.value: _value(value)
        for key, value in zip(written.keys, written.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _value(written: ast.expr) -> Any:
    if isinstance(written, ast.Dict):
        return _keys(written)
    # What is joined from elsewhere is known by what is written here.
    return _value(written.right) if isinstance(written, ast.BinOp) else "x"


def explainer_views(tree: EditedTree) -> dict[str, Any]:
    """Return what a model is shown of each tool's answer."""
    return {name: MEMORY_TOOLS[name].view(answer) for name, answer in answers(tree).items()}

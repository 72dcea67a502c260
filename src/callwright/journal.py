"""How a cycle is written down: from what it saw, decided and sent to one ``CycleRecord``.

Pure: it looks at frozen models and changes nothing. Percent appears here and only here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from callwright.domain.account import Account
from callwright.domain.base import iso_utc
from callwright.domain.decision import DoNothing, Proposal, Sizing
from callwright.domain.orders import Intent
from callwright.domain.record import (
    ActionRecord,
    CycleRecord,
    ExecutionRecord,
    ExecutionStatus,
    OrderRecord,
    OrderUpdate,
    StateRecord,
    VerdictRecord,
)
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.domain.verdict import Verdict
from callwright.execution.outcome import execution_status, order_record
from callwright.ports import BrainAnswer

NOT_ASKED = VerdictRecord(allowed=None)


@dataclass(frozen=True)
class Observed:
    """What a cycle saw; ``snapshot`` and ``scan`` are None when it could not observe."""

    as_of: datetime
    snapshot: Snapshot | None
    scan: Scan | None
    updates: tuple[OrderUpdate, ...] = ()


@dataclass(frozen=True)
class Judged:
    """What became of the answer: sizes, verdicts, and the proposal that was acted on."""

    answer: BrainAnswer
    sizing: Sizing
    guardrail: Verdict | None
    risk: Verdict | None
    approved: bool


def cycle_id_of(account_id: str, as_of: datetime) -> str:
    """Return the id of the cycle that this account runs at this market time."""
    return f"{account_id}-{as_of:%Y%m%dT%H%M%S}.{as_of.microsecond // 1000:03d}Z"


def build_record(
    *,
    cycle_id: str,
    log_time: datetime,
    observed: Observed,
    judged: Judged,
    baseline: tuple[Proposal, Sizing] | None,
    intents: Sequence[Intent],
    dry_run: bool,
    message: str,
    config_snapshot: Mapping[str, Any],
) -> CycleRecord:
    """Return the one record of a cycle."""
    answer = judged.answer
    return CycleRecord(
        schema=1,
        log_timestamp=iso_utc(log_time),
        cycle_id=cycle_id,
        state=state_record(observed),
        proposed_action=action_record(answer.proposal, judged.sizing),
        baseline_action=None if baseline is None else action_record(*baseline),
        guardrail=_verdict_record(judged.guardrail),
        risk_check=_verdict_record(judged.risk),
        clamps=tuple(
            {"name": c.name, "before": float(c.before), "after": float(c.after)}
            for c in judged.sizing.clamps
        ),
        final_action=_final_action(judged),
        execution=ExecutionRecord(
            status=_status(intents, dry_run=dry_run),
            dry_run=dry_run,
            orders=tuple(_order_record(intent, dry_run=dry_run) for intent in intents),
            message=message,
        ),
        order_updates=observed.updates,
        config_snapshot=config_snapshot,
        decision_source=answer.source,
        failure=answer.failure,
        failure_message=answer.failure_message,
        llm=answer.llm,
    )


def failed_record(
    *,
    cycle_id: str,
    log_time: datetime,
    as_of: datetime,
    failure: str,
    message: str,
    dry_run: bool,
    config_snapshot: Mapping[str, Any],
    intents: Sequence[Intent] = (),
    updates: tuple[OrderUpdate, ...] = (),
) -> CycleRecord:
    """Return the record of a cycle that could not decide: what failed, never a chosen hold."""
    answer = BrainAnswer(
        proposal=DoNothing(reasoning=""),
        source="rule_based",
        failure=failure,
        failure_message=message,
    )
    return build_record(
        cycle_id=cycle_id,
        log_time=log_time,
        observed=Observed(as_of=as_of, snapshot=None, scan=None, updates=updates),
        judged=Judged(answer, Sizing(), None, None, approved=bool(intents)),
        baseline=None,
        intents=intents,
        dry_run=dry_run,
        message="",
        config_snapshot=config_snapshot,
    )


def action_record(proposal: Proposal, sizing: Sizing) -> ActionRecord:
    """Return a proposal as it is logged, with its size among the params."""
    params: dict[str, Any] = proposal.params.model_dump()
    if not isinstance(proposal, DoNothing):
        params["size"] = float(sizing.size_coin)
    return ActionRecord(action=proposal.action, params=params, reasoning=proposal.reasoning)


def _final_action(judged: Judged) -> ActionRecord:
    proposal = judged.answer.proposal
    if judged.approved or isinstance(proposal, DoNothing):
        return action_record(proposal, judged.sizing)
    denials = [v for v in (judged.guardrail, judged.risk) if v is not None and not v.allowed]
    if not denials:
        return ActionRecord(action="DO_NOTHING", params={}, reasoning=proposal.reasoning)
    who = "Risk engine" if judged.guardrail is None or judged.guardrail.allowed else "Guardrail"
    codes = ", ".join(code for verdict in denials for code in verdict.codes)
    return ActionRecord(
        action="DO_NOTHING",
        params={},
        reasoning=f"{proposal.reasoning} | {who} blocked: {codes}",
    )


def _verdict_record(verdict: Verdict | None) -> VerdictRecord:
    if verdict is None:
        return NOT_ASKED
    return VerdictRecord(allowed=verdict.allowed, reasons=verdict.reasons)


def _status(intents: Sequence[Intent], *, dry_run: bool) -> ExecutionStatus:
    if not intents:
        return "skipped"
    return "simulated" if dry_run else execution_status(intents)


def _order_record(intent: Intent, *, dry_run: bool) -> OrderRecord:
    record = order_record(intent)
    return record.model_copy(update={"status": "simulated"}) if dry_run else record


def state_record(observed: Observed) -> StateRecord:
    """Return what the decision saw; what could not be observed is absent or None, never zero."""
    snapshot, scan = observed.snapshot, observed.scan
    if snapshot is None:
        return StateRecord(
            as_of=iso_utc(observed.as_of),
            spot={},
            portfolio=None,
            vol={},
            candidates_count=0,
            candidates=(),
            funnel={},
        )
    spot = {coin: m.index_usd for coin, m in snapshot.market.underlyings.items()}
    return StateRecord(
        as_of=iso_utc(snapshot.as_of),
        spot=spot,
        portfolio=_portfolio(snapshot.account, spot, scan),
        vol={} if scan is None else {c: v.model_dump(mode="json") for c, v in scan.vols.items()},
        candidates_count=0 if scan is None else len(scan.candidates),
        candidates=() if scan is None else tuple(_plain(c) for c in scan.candidates),
        funnel={}
        if scan is None
        else {
            coin: [{"filter": s.filter, "dropped": s.dropped, "left": s.left} for s in steps]
            for coin, steps in scan.funnels.items()
        },
        market={
            "source": snapshot.market.source,
            "depth_model": snapshot.market.depth_model,
            "trading_state": snapshot.desk.trading_state.value,
        },
    )


def _portfolio(account: Account, spot: Mapping[str, float], scan: Scan | None) -> dict[str, Any]:
    by_underlying: dict[str, Any] = {}
    equity_usd: float | None = 0.0
    margin_used_pct: float | None = 0.0
    for coin, state in account.coins.items():
        price = spot.get(coin)
        if price is None:
            if state.equity_coin:
                # Coin without a price: what all of it is worth is not known.
                equity_usd = None
            continue
        book = None if scan is None else scan.books.get(coin)
        equity = float(state.equity_coin)
        equity_usd = None if equity_usd is None else equity_usd + equity * price
        used = (
            float(state.initial_margin_coin / state.margin_balance_coin) * 100
            if state.margin_balance_coin > 0
            else None
        )
        margin_used_pct = (
            None if used is None or margin_used_pct is None else max(margin_used_pct, used)
        )
        by_underlying[coin] = {
            "equity_coin": equity,
            "margin_used_pct": used,
            "net_delta": None if book is None else book.net_delta,
            "total_delta": None if book is None else book.total_delta,
            "unvalued": [] if book is None else list(book.unvalued),
            "short_calls": [] if book is None else [_plain(short) for short in book.short_calls],
        }
    return {
        "equity_usd": equity_usd,
        "margin_used_pct": margin_used_pct,
        "net_delta": {coin: row["net_delta"] for coin, row in by_underlying.items()},
        "balances": {coin: float(state.balance_coin) for coin, state in account.coins.items()},
        "positions": [_plain(position) for position in account.positions],
        "by_underlying": by_underlying,
    }


def _plain(model: Any) -> dict[str, Any]:
    """Return a flat domain model as JSON values; Decimals become numbers with the same digits."""
    out = dict(model.__dict__)
    for name, value in out.items():
        if isinstance(value, Decimal):
            out[name] = float(value)
        elif isinstance(value, datetime):
            out[name] = iso_utc(value)
    return out

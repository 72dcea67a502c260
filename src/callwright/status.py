"""What a desk is doing, read from its home while it runs or not; changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from callwright.config import Settings
from callwright.costs import budgets_of
from callwright.domain.desk import DESK_FILE
from callwright.domain.record import CycleRecord
from callwright.domain.shadow import gated_shadow_of
from callwright.lock import is_held
from callwright.memory.database import DeskDatabase, read_desk_database
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.memory.intents import SqliteIntentStore
from callwright.memory.ledger import SqliteLedger
from callwright.memory.usage_report import usage_summary
from callwright.summary import RunSummary

HEARTBEAT_FILE = "heartbeat.json"
RECENT_CYCLES = 100
"""How many of the newest cycles are counted."""

LIMITS_SHOWN = (
    "max_margin_used_pct", "max_net_delta_abs", "max_expiry_exposure", "cover_reserve",
    "delta_open_min", "delta_open_max", "dte_open_min_days", "dte_open_max_days",
    "min_premium_coin", "max_orders_per_day", "max_daily_loss_pct", "open_cooldown_sec",
    "roll_dwell_sec", "roll_min_credit_coin", "roll_max_debit_coin", "default_order_size",
    "target_delta", "min_ivrv",
)  # fmt: skip
"""What bounds a trade, by its configuration name; amounts without a unit in the name are coin."""


def read_status(settings: Settings) -> dict[str, Any]:
    """Return what the desk's database says now, as JSON values.

    Mode, brain, model and limits are those of the newest cycle; where the settings that are read
    here say otherwise, ``notes`` name it.

    Raises:
        StorageError: There is no desk, or it cannot be read.
    """
    home = settings.callwright_home
    with read_desk_database(home / DESK_FILE) as database:
        newest = database.rows(
            "SELECT seq, record_line(record) FROM cycles ORDER BY seq DESC LIMIT 1"
        )
        last = CycleRecord.from_line(newest[0][1]) if newest else None
        at = datetime.now(UTC) if last is None else datetime.fromisoformat(last.log_timestamp)
        state = SqliteDeskStateStore(database).read(at)
        positions = SqliteLedger(database).positions()
        unresolved = SqliteIntentStore(database).unresolved()
        cycles = database.rows("SELECT coalesce(sum(count), 0) FROM month_stats")[0][0]
        recent = _recent(database)
        costs = usage_summary(database, budgets_of(settings), at=datetime.now(UTC))
    now = settings.config_snapshot()
    config = now if last is None else last.config_snapshot
    portfolio = None if last is None else last.state.portfolio
    shadow = None if last is None else gated_shadow_of(last.llm)
    return {
        "home": str(home),
        "running": is_held(home, settings.account_name),
        "mode": config.get("mode"),
        "venue": config.get("venue"),
        "dry_run": config.get("dry_run"),
        "trading_state": state.trading_state.value,
        "trading_state_reason": state.trading_state_reason,
        "cycles": cycles,
        "brain": None if last is None else "rules" if shadow else _brain(config),
        "model": config.get("llm_model_name")
        if last is not None and config.get("llm_enabled")
        else None,
        "last_decision": newest[0][0] if newest else None,
        "last_cycle": None if last is None else last.cycle_id,
        "last_action": None if last is None else last.final_action.action,
        "last_failure": None if last is None else last.failure,
        "spot": {} if last is None else dict(last.state.spot),
        "equity_usd": None if portfolio is None else portfolio["equity_usd"],
        "balances": {} if portfolio is None else dict(portfolio["balances"]),
        "positions": {name: float(amount) for name, amount in positions.items()},
        "orders_today": state.orders_today,
        "failures_in_a_row": state.failures_in_a_row,
        "breakers": [f"{b.name.value} {b.underlying} {b.facts}" for b in state.breakers],
        "unresolved_orders": [f"{i.label} {i.side} {i.instrument_name}" for i in unresolved],
        "heartbeat": _heartbeat(home / HEARTBEAT_FILE),
        "recent_cycles": {
            "cycles": recent.cycles,
            "opens": recent.opens,
            "rolls": recent.rolls,
            "closes": recent.closes,
            "holds": recent.holds,
            "denied": recent.denied,
            "simulated": recent.simulated,
            "failed": sum(recent.failures.values()),
        },
        "recent_denials": dict(recent.denied_codes.most_common()),
        "recent_failures": dict(recent.failures.most_common()),
        "recent_models": recent.models.to_jsonable() if recent.models.cycles else None,
        "model_costs": costs
        | {
            "day_budget_usd": settings.llm_budget_day_usd,
            "month_budget_usd": settings.llm_budget_month_usd,
        },
        "limits": {name: config[name] for name in LIMITS_SHOWN if name in config},
        "notes": ([] if last is None else _changed_since(config, now))
        + ([] if shadow is None else [f"The model only shadows the rules: {shadow.why}."]),
    }


def _brain(config: Mapping[str, Any]) -> str:
    return "llm" if config.get("llm_enabled") else "rules"


def _changed_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what the settings say now and those of the newest cycle did not."""
    names = ["brain"] if _brain(then) != _brain(now) else []
    names += [n for n in ("mode", "dry_run", *LIMITS_SHOWN) if n in then and then[n] != now.get(n)]
    if not names:
        return []
    return [
        "Settings read here differ from those of the newest cycle, which its command line may have "
        f"set: {', '.join(names)}."
    ]


def _recent(database: DeskDatabase) -> RunSummary:
    """Return the summary of the newest records."""
    rows = database.rows(
        "SELECT record_line(record) FROM cycles ORDER BY seq DESC LIMIT ?", (RECENT_CYCLES,)
    )
    summary = RunSummary()
    for (line,) in reversed(rows):
        summary.add(CycleRecord.from_line(line))
    return summary


def _heartbeat(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["at"])
    except (OSError, ValueError, KeyError):
        return None

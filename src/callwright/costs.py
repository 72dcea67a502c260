"""What models cost a desk, and the budgets that its settings give them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from callwright.config import Settings
from callwright.domain.hosts import is_loopback
from callwright.memory.budgets import Budgets
from callwright.memory.database import read_desk_database
from callwright.memory.usage_report import (
    budget_report,
    since_days,
    unpriced_models,
    usage_totals,
)


def budgets_of(settings: Settings) -> Budgets:
    """Return the budgets for models, exactly as they were written."""
    return Budgets(
        cycle_usd=Decimal(repr(settings.llm_budget_cycle_usd)),
        day_usd=Decimal(repr(settings.llm_budget_day_usd)),
        month_usd=Decimal(repr(settings.llm_budget_month_usd)),
    )


def models_are_local(settings: Settings) -> bool:
    """Return whether models are asked on this machine or at a private address, written as an IP.

    A name is not resolved here: what it stands for may change, and the unknown price of a hosted
    model must not pass for a local one's. Recorded replies are asked of nobody.
    """
    if settings.llm_recording is not None:
        return True
    try:
        host = urlsplit(settings.llm_base_url or "").hostname or ""
    except ValueError:
        return False
    if is_loopback(host):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def read_costs(
    database_file: Path, settings: Settings, *, days: int, at: datetime | None = None
) -> dict[str, Any]:
    """Return totals by day and model, budgets and stage, as JSON values; changes nothing.

    Args:
        database_file: Of a desk, running or not.
        days: How many UTC days back, today among them.
        at: The wall clock's time; None reads it.

    Raises:
        StorageError: There is no desk, or its database cannot be read.
    """
    at = at or datetime.now(UTC)
    since = since_days(at, days)
    with read_desk_database(database_file) as database:
        return {
            "days": days,
            "totals": [row.to_jsonable() for row in usage_totals(database, since=since)],
            "unpriced_models": list(unpriced_models(database, since=since)),
            **budget_report(database, budgets_of(settings), at=at),
        }

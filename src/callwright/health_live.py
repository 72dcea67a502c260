"""Doctor's checks of what a desk talks to: the trading host, its clock and key, the model.

They ask once and change nothing. Where a desk talks to nobody they say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from callwright.config import Settings
from callwright.connect import Connection, connect, testnet_key
from callwright.domain.hosts import TESTNET_HOSTS
from callwright.errors import VenueUnavailable
from callwright.playing import origin_of, with_recording

if TYPE_CHECKING:
    from callwright.venues.deribit.venue import DeribitVenue

T = TypeVar("T")
Finding = tuple[Literal["ok", "warn", "fail"], str, str]

ASK_TIMEOUT_S = 15.0
EMBEDDED = "the exchange is embedded"


def venue_host(settings: Settings) -> Finding:
    """Say where orders would go, and that nothing but testnets and this machine is possible."""
    where = {
        "paper": settings.paper_url or EMBEDDED,
        "deribit-testnet": settings.deribit_base_url,
    }[settings.venue]
    allowed = ", ".join(sorted(TESTNET_HOSTS))
    if settings.venue == "paper" and settings.paper_url is not None:
        with ExitStack() as stack:
            where += f" plays {connect(settings, stack, None).market_name}"
    return "ok", f"{where}; possible are {allowed} and this machine, no mainnet", ""


def venue_clock(settings: Settings) -> Finding:
    """Compare the venue's clock with this machine's."""
    if settings.venue == "paper":
        return "ok", "a paper market has its own time", ""
    with ExitStack() as stack:
        venue_time = _ask(_venue_time(connect(settings, stack, None)))
    drift_s = abs((venue_time - datetime.now(UTC)).total_seconds())
    found = f"{drift_s:.2f} s apart, {settings.max_clock_drift_sec:g} s are tolerated"
    if drift_s > settings.max_clock_drift_sec:
        return "fail", found, "synchronise this machine's clock (NTP); no order is sent before"
    return "ok", found, ""


async def _venue_time(connection: Connection) -> datetime:
    try:
        return await connection.venue.venue_time()
    finally:
        await connection.venue.aclose()


def venue_key(settings: Settings) -> Finding:
    """Log in, and look at what the key may do: trade, and never withdraw."""
    if settings.venue == "paper":
        return "ok", "paper money needs no key", ""
    from callwright.venues.deribit.client import scope_may_withdraw
    from callwright.venues.deribit.venue import DeribitVenue

    client_id, client_secret = testnet_key(settings)
    venue = DeribitVenue.connect(
        settings.deribit_base_url,
        account_id=settings.account_name,
        client_id=client_id,
        client_secret=client_secret,
    )
    scope = _ask(_scope(venue))
    words = scope.split()
    if scope_may_withdraw(scope):
        return "fail", f"the key may withdraw: {scope}", "make a key without the wallet right"
    missing = [right for right in ("account:read", "trade:read_write") if not _covers(words, right)]
    if missing:
        return "fail", f"the key lacks {', '.join(missing)}: {scope}", "make a key that may trade"
    return "ok", f"granted: {scope}", ""


def _covers(words: list[str], right: str) -> bool:
    return right in words or f"{right}_write" in words


async def _scope(venue: DeribitVenue) -> str:
    try:
        return await venue.granted_scope()
    finally:
        await venue.aclose()


def model(settings: Settings) -> Finding:
    """Ask the model's server for its models: endpoint, key and model name in one question."""
    # Also where the rules decide: a run reads it, since market and step are the recording's.
    origin = origin_of(with_recording(settings))
    if not settings.llm_enabled:
        return "ok", "the rules decide; no model is asked (LLM_ENABLED=false)", ""
    if origin is not None:
        return "ok", f"replies {origin.label} are played; nobody is asked (LLM_RECORDING)", ""
    from callwright.agents.probe import served_models
    from callwright.model_brain import manager_settings

    asked = manager_settings(settings)
    names = _ask(served_models(asked, timeout_s=ASK_TIMEOUT_S))
    where = asked.endpoint().base_url
    if names and settings.llm_model_name not in names:
        shown = ", ".join(names[:5])
        return (
            "warn",
            f"{where} does not list {settings.llm_model_name}; it lists {shown}",
            "set LLM_MODEL_NAME to one of them",
        )
    if not names:
        return "ok", f"{where} answers; it keeps no list of models", ""
    return "ok", f"{where} answers and knows {settings.llm_model_name}", ""


def model_price(settings: Settings) -> Finding:
    """Say whether budgets can be kept: the price of each model that may be asked is known."""
    if not settings.llm_enabled:
        return "ok", "the rules decide; nothing is paid", ""
    from callwright.agents.prices import load_prices
    from callwright.costs import models_are_local

    prices = load_prices(settings.llm_prices_file)
    names = [settings.llm_model_name, settings.llm_chat_model_name, settings.llm_cheaper_model_name]
    unknown = sorted({name for name in names if name and prices.of(name) is None})
    if not unknown:
        return "ok", "the prices of all models are known", ""
    if models_are_local(settings):
        return "ok", f"{', '.join(unknown)}: no price; a local model is booked without", ""
    return (
        "fail",
        f"no price of {', '.join(unknown)}: no budget could be kept, so it is not asked",
        "write its price into LLM_PRICES_FILE (docs/costs.md)",
    )


def _ask(question: Coroutine[Any, Any, T]) -> T:
    async def asked() -> T:
        try:
            return await asyncio.wait_for(question, ASK_TIMEOUT_S)
        except TimeoutError:
            raise VenueUnavailable(f"no answer within {ASK_TIMEOUT_S:g} s") from None

    return asyncio.run(asked())

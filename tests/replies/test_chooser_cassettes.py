"""``choose_action_with_llm`` against a real model's recorded replies: it answers in text.

A server that makes the manager call a tool lets no text through; here the model has none to call,
so its words are read. Recorded by ``make record``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import pytest

from callwright.agents.providers import ManagerSettings
from callwright.agents.simple import choose_action_with_llm
from recording import (
    RECORDED_AT,
    RECORDED_MODEL,
    Recording,
    played_by,
    require_whole,
)

FOLDER = "chooser"
CALM: Mapping[str, Any] = {
    "index_usd": {"BTC": 100_000},
    "free_cover_coin": {"BTC": 1},
    "ivrv": {"BTC": 1.25},
    "short_calls": [],
}
BLIND: Mapping[str, Any] = {
    "missing": ["index_usd", "equity_coin", "ivrv", "open orders"],
    "note": "Nothing is known of the account or of the market: every reading failed. "
    "No decision is possible.",
}
ENDANGERED: Mapping[str, Any] = {
    "trading_state": "REDUCING",
    "rule": "A short call with a delta above 0.5 is closed. Nothing is sold.",
    "short_calls": [{"symbol": "BTC-6JAN26-95000-C", "delta": 0.98, "dte_days": 0.12}],
}
AT_THE_MONEY: Mapping[str, Any] = {
    "trading_state": "ACTIVE",
    "rule": "A short call with a delta above 0.5 is rolled to a later and higher one.",
    "short_calls": [{"symbol": "BTC-9JAN26-101000-C", "delta": 0.55, "dte_days": 3.9}],
}
CANDIDATES: tuple[Mapping[str, Any], ...] = (
    {"symbol": "BTC-16JAN26-107000-C", "delta": 0.22, "bid_coin": 0.0095, "ivrv": 1.21},
    {"symbol": "BTC-9JAN26-104000-C", "delta": 0.205, "bid_coin": 0.005, "ivrv": 1.23},
)


class Asking(NamedTuple):
    """What is known of a book, and on which wire the model is asked about it."""

    kind: str
    wire: Literal["responses", "chat"]
    state: Mapping[str, Any]
    candidates: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The cassette's."""
        return f"{self.kind}.{self.wire}"


ASKINGS = (
    Asking("calm", "responses", CALM, CANDIDATES),
    Asking("calm", "chat", CALM, CANDIDATES),
    Asking("nothing-to-sell", "responses", CALM),
    Asking("roll", "responses", AT_THE_MONEY, CANDIDATES[:1]),
    Asking("roll", "chat", AT_THE_MONEY, CANDIDATES[:1]),
    Asking("close", "responses", ENDANGERED),
    Asking("close", "chat", ENDANGERED),
    Asking("nothing-known", "responses", BLIND),
    Asking("nothing-known", "chat", BLIND),
)


@pytest.mark.block_network
@pytest.mark.vcr
@played_by("asking", ASKINGS)
def test_what_was_recorded_is_asked_and_answered_the_same(
    asking: Asking, recording: Recording, vcr: Any, record_mode: str
) -> None:
    is_recorded = record_mode != "none"
    settings = ManagerSettings(
        model=os.environ.get("CALLWRIGHT_RECORD_MODEL", RECORDED_MODEL),
        wire=asking.wire,
        base_url=os.environ.get("CALLWRIGHT_RECORD_URL", RECORDED_AT),
        allow_private_network=True,
        timeout_s=300.0 if is_recorded else 45.0,
    )
    answer = choose_action_with_llm(asking.state, asking.candidates, settings=settings)
    if is_recorded:
        recording.answer = answer
    require_whole(recording, vcr, answer, is_recorded=is_recorded)

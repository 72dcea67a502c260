"""Manager agents of tests: an ``LlmBrain`` that asks a scripted server, with books in memory."""

from __future__ import annotations

import asyncio
import dataclasses
from decimal import Decimal
from typing import Any

import builders
from callwright import gates
from callwright.agents.manager import LlmBrain
from callwright.agents.providers import ManagerSettings
from callwright.domain.decision import Proposal
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import BudgetExhausted
from callwright.ports import BrainAnswer, BudgetStage, RequestUsage, UsageBook
from llm_servers import LlmServer, Script, llm_server


class MemoryUsageBook:
    """Implements ``ports.UsageBook`` in memory; refuses once ``reservations_left`` are used."""

    def __init__(
        self, stage: BudgetStage = BudgetStage.FULL, *, reservations_left: int = 1_000_000
    ) -> None:
        self.stage_now = stage
        self.reservations_left = reservations_left
        self.decisions = 0
        self.open: dict[str, dict[str, Any]] = {}
        self.settled: list[RequestUsage] = []

    def stage(self) -> BudgetStage:
        return self.stage_now

    def begin_decision(self) -> None:
        self.decisions += 1

    def reserve(
        self, *, purpose: str, model: str, input_tokens_max: int, output_tokens_max: int
    ) -> str:
        if self.reservations_left == 0:
            raise BudgetExhausted("the day's budget leaves nothing")
        self.reservations_left -= 1
        name = f"r{len(self.open) + len(self.settled)}"
        self.open[name] = {
            "purpose": purpose,
            "model": model,
            "input_tokens_max": input_tokens_max,
            "output_tokens_max": output_tokens_max,
        }
        return name

    def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
        del self.open[reservation_id]
        is_known = usage.input_tokens is not None and usage.output_tokens is not None
        booked = dataclasses.replace(usage, cost_usd=Decimal("0.001") if is_known else None)
        self.settled.append(booked)
        return booked


def manager_settings(url: str, **changes: Any) -> ManagerSettings:
    """Return settings for a scripted server: quick retries, a short deadline."""
    fields: dict[str, Any] = {
        "model": "scripted",
        "base_url": url,
        "allow_private_network": True,
        "timeout_s": 10.0,
        "retry_wait_s": 0.0,
    }
    return ManagerSettings(**(fields | changes))


def a_manager(
    settings: ManagerSettings,
    limits: Limits,
    policy: PolicySettings,
    *,
    book: UsageBook | None = None,
    redact: Any = str,
) -> LlmBrain:
    """Return a manager whose prechecks are those of the desk's gates."""

    def check(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
        return gates.codes(proposal, snapshot, scan, policy, limits)

    return LlmBrain(
        settings,
        limits=limits,
        policy=policy,
        check=check,
        menu=lambda snapshot, scan: gates.menu_now(snapshot, scan, policy, limits),
        book=book or MemoryUsageBook(),
        redact=redact,
    )


def ask(
    script: Script,
    *,
    scan: Scan | None = None,
    book: MemoryUsageBook | None = None,
    redact: Any = str,
    **changes: Any,
) -> tuple[BrainAnswer, LlmServer]:
    """Return what one decision over a scripted server came to."""
    with llm_server(script) as server:
        manager = a_manager(
            manager_settings(server.url, **changes),
            builders.limits(),
            builders.policy_settings(),
            book=book,
            redact=redact,
        )
        scan = scan or builders.a_scan(candidates=[builders.a_candidate()])
        return asyncio.run(manager.decide(builders.a_snapshot(), scan)), server

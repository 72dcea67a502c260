"""What a decision of the manager uses: told, booked, and bounded by tokens and budgets."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from builders import a_candidate, a_scan, a_snapshot, limits
from builders import policy_settings as policy
from callwright.domain.failure import ModelFailure
from callwright.errors import StorageError
from callwright.ports import BudgetStage, RequestUsage
from llm_servers import (
    MISBEHAVIOURS,
    READ_TOOLS,
    WIRES,
    Reply,
    Request,
    Turn,
    llm_server,
    well_behaved,
)
from managers import MemoryUsageBook, a_manager, ask, manager_settings


def test_the_usage_is_reported() -> None:
    answer, _ = ask(well_behaved())
    assert answer.llm is not None
    expected = {
        "model": "scripted",
        "served_model": "scripted-1",
        "requests": 2,
        "input_tokens": 2000,
        "cached_tokens": 1200,
        "output_tokens": 100,
        "reasoning_tokens": 0,
        "cost_usd": 0.002,
        "protocol": "two-call",
        "wire": "responses",
    }
    assert {key: answer.llm[key] for key in expected} == expected
    assert answer.llm["latency_ms"] > 0
    assert len(answer.llm["prompt_version"]) == 12
    assert [(step["turn"], step["tools"], step["outcome"]) for step in answer.llm["trace"]] == [
        (1, list(READ_TOOLS), "ok"),
        (2, ["propose_action"], "ok"),
    ]


@pytest.mark.parametrize("wire", WIRES)
def test_usage_that_a_provider_leaves_out_is_unknown_not_zero(wire: str) -> None:
    def silent(request: Request) -> Reply:
        reply = well_behaved()(request)
        assert isinstance(reply, Turn)
        return dataclasses.replace(reply, usage=None)

    answer, _ = ask(silent, wire=wire)
    assert answer.failure is None
    assert answer.llm is not None
    for key in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_usd"):
        assert answer.llm[key] is None


def test_a_decision_without_output_tokens_left_is_not_continued() -> None:
    answer, server = ask(well_behaved(), max_output_tokens=60)
    assert answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert len(server.requests) == 1
    assert server.requests[0].body["max_output_tokens"] == 60


def test_a_prompt_that_is_too_long_is_not_sent() -> None:
    answer, server = ask(well_behaved(), max_input_tokens=1000)
    assert answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert not server.requests


def test_a_budget_that_is_used_up_in_between_ends_the_decision() -> None:
    answer, server = ask(well_behaved(), book=MemoryUsageBook(reservations_left=1))
    assert answer.failure == ModelFailure.BUDGET_EXHAUSTED
    assert len(server.requests) == 1


@pytest.mark.parametrize("stage", [BudgetStage.CARE_ONLY, BudgetStage.NO_NEW_RISK])
def test_without_a_budget_nobody_is_asked(stage: BudgetStage) -> None:
    answer, server = ask(well_behaved(), book=MemoryUsageBook(stage))
    assert answer.failure == ModelFailure.BUDGET_EXHAUSTED
    assert bool(answer.stop_new_risk) == (stage is BudgetStage.NO_NEW_RISK)
    assert not server.requests


def test_a_cheaper_model_is_asked_while_the_budget_lasts() -> None:
    book = MemoryUsageBook(BudgetStage.CHEAPER_MODEL)
    answer, server = ask(well_behaved(), book=book, cheaper_model="small")
    assert {request.body["model"] for request in server.requests} == {"small"}
    assert answer.llm is not None
    assert answer.llm["model"] == "small"


def test_every_fourth_cycle_asks_while_the_budget_is_low() -> None:
    with llm_server(well_behaved()) as server:
        book = MemoryUsageBook(BudgetStage.FEWER_CYCLES)
        manager = a_manager(manager_settings(server.url), limits(), policy(), book=book)
        scan = a_scan(candidates=[a_candidate()])

        async def cycles() -> list[str | None]:
            return [(await manager.decide(a_snapshot(), scan)).failure for _ in range(6)]

        low = ModelFailure.BUDGET_LOW
        assert asyncio.run(cycles()) == [None, low, low, low, None, low]
        assert book.decisions == 2


class _BrokenBook(MemoryUsageBook):
    def reserve(self, **_: Any) -> str:
        raise StorageError("the disk is full")


class _BrokenAtTheEnd(MemoryUsageBook):
    def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
        raise StorageError("the disk is full")


@pytest.mark.parametrize("book", [_BrokenBook(), _BrokenAtTheEnd()])
def test_usage_that_cannot_be_booked_stops_the_desk(book: MemoryUsageBook) -> None:
    with pytest.raises(StorageError):
        ask(well_behaved(), book=book)


def test_usage_is_settled_when_the_process_is_told_to_stop() -> None:
    class Book(MemoryUsageBook):
        reserved = asyncio.Event()

        def reserve(self, **request: Any) -> str:
            self.reserved.set()
            return super().reserve(**request)

    book = Book()

    async def cancelled(url: str) -> None:
        manager = a_manager(manager_settings(url), limits(), policy(), book=book)
        task = asyncio.create_task(manager.decide(a_snapshot(), a_scan()))
        await book.reserved.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with llm_server(MISBEHAVIOURS["hang"]) as server:
        asyncio.run(cancelled(server.url))
    assert not book.open
    assert len(book.settled) == 1

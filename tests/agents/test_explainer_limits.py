"""Deadlines, budgets and tokens of a question, and what is left of one that is stopped."""

from __future__ import annotations

import asyncio

import pytest

from callwright.domain.explain import TextPiece
from callwright.domain.failure import ModelFailure
from callwright.errors import ConfigError, StorageError
from callwright.ports import BudgetStage, RequestUsage
from explainers import GOOD, STATUS_CALL, an_explainer, ask, explainer_settings, looked_up
from llm_servers import WIRES, BrokenStream, Raw, Reply, Request, always, in_turn, llm_server
from managers import MemoryUsageBook


def test_the_deadline_is_over_all_requests() -> None:
    # Each turn is quick enough; all of them are not.
    def slow(request: Request) -> Reply:
        import time

        time.sleep(0.2)
        return STATUS_CALL

    asked = ask(slow, timeout_s=0.5)
    assert asked.answer.failure == ModelFailure.TIMEOUT
    assert not asked.book.open


def test_waiting_to_retry_is_within_the_deadline() -> None:
    asked = ask(always(Raw(503)), timeout_s=0.5, retry_wait_s=30.0)
    assert asked.answer.failure == ModelFailure.TIMEOUT
    assert len(asked.server.requests) == 1


def test_what_passes_is_retried() -> None:
    asked = ask(in_turn(Raw(503), STATUS_CALL, GOOD))
    assert asked.answer.failure is None
    assert len(asked.server.requests) == 3


def test_without_a_budget_nobody_is_asked_and_it_is_said() -> None:
    asked = ask(looked_up(GOOD), book=MemoryUsageBook(reservations_left=0))
    assert asked.answer.failure == ModelFailure.BUDGET_EXHAUSTED
    assert "callwright costs" in asked.answer.text
    assert not asked.server.requests


def test_a_question_is_asked_after_the_managers_part_of_the_budget() -> None:
    # The last tenth of a budget is for questions.
    asked = ask(looked_up(GOOD), book=MemoryUsageBook(BudgetStage.NO_NEW_RISK))
    assert asked.answer.failure is None


def test_a_cheaper_model_answers_while_the_budget_is_low() -> None:
    book = MemoryUsageBook(BudgetStage.CHEAPER_MODEL)
    asked = ask(looked_up(GOOD), book=book, cheaper_model="small")
    assert {request.body["model"] for request in asked.server.requests} == {"small"}


def test_a_question_without_tokens_left_is_not_continued() -> None:
    asked = ask(looked_up(GOOD), max_output_tokens=60)
    assert asked.answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert len(asked.server.requests) == 1
    asked = ask(looked_up(GOOD), max_input_tokens=1_000)
    assert asked.answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert not asked.server.requests


def test_usage_that_cannot_be_booked_ends_the_question() -> None:
    class Broken(MemoryUsageBook):
        def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
            super().settle(reservation_id, usage)
            raise StorageError("the disk is full")

    asked = ask(looked_up(GOOD), book=Broken())
    assert asked.answer.failure == "STORAGE_FAILED"
    assert "the disk is full" in asked.answer.text
    assert len(asked.server.requests) == 1


def test_an_endpoint_that_is_refused_is_no_explainer() -> None:
    with pytest.raises(ConfigError):
        an_explainer(explainer_settings("http://127.0.0.1:1/v1", allow_private_network=False))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", ["close", "cancel"])
def test_whoever_stops_reading_stops_the_work(how: str, wire: str) -> None:
    book = MemoryUsageBook()

    async def stopped(url: str) -> int:
        explainer = an_explainer(explainer_settings(url, wire=wire), book=book)
        seen = asyncio.Event()
        before = asyncio.all_tasks()

        async def reading() -> None:
            events = explainer.ask("What is the mode?")
            try:
                async for event in events:
                    if isinstance(event, TextPiece):
                        seen.set()
                        if how == "close":
                            return
            finally:
                await events.aclose()

        task = asyncio.create_task(reading())
        await seen.wait()
        if how == "cancel":
            task.cancel()
        await asyncio.wait({task})
        # Nothing is left behind that still works.
        return len(asyncio.all_tasks() - before)

    with llm_server(looked_up(BrokenStream(GOOD, 6, "hang"))) as server:
        assert asyncio.run(asyncio.wait_for(stopped(server.url), 8)) == 0
    assert not book.open
    assert [usage.outcome == "ok" for usage in book.settled] == [True, False]
    assert book.settled[-1].output_tokens is None

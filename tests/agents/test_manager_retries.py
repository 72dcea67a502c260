"""What the manager asks again, how long it waits for that, and what it does not repeat."""

from __future__ import annotations

import asyncio

import pytest

from builders import a_scan, a_snapshot, limits
from builders import policy_settings as policy
from callwright.domain.failure import ModelFailure
from llm_servers import Raw, always, in_turn, llm_server, well_behaved
from managers import MemoryUsageBook, a_manager, ask, manager_settings


@pytest.mark.parametrize(
    ("first", "requests"),
    [
        pytest.param(Raw(503, b"busy", "text/plain"), 3, id="503"),
        pytest.param(Raw(429, b"{}", headers={"retry-after": "0.01"}), 3, id="429"),
    ],
)
def test_what_passes_is_retried(first: Raw, requests: int) -> None:
    answer, server = ask(in_turn(first, well_behaved()))
    assert answer.failure is None
    assert len(server.requests) == requests


def test_an_account_without_credit_is_not_asked_again() -> None:
    spent = Raw(429, b'{"error": {"code": "insufficient_quota", "message": "no credit"}}')
    answer, server = ask(always(spent))
    assert answer.failure == ModelFailure.RATE_LIMITED
    assert len(server.requests) == 1


def test_waiting_to_retry_is_within_the_deadline() -> None:
    answer, server = ask(always(Raw(503)), timeout_s=0.5, retry_wait_s=30.0)
    assert answer.failure == ModelFailure.TIMEOUT
    assert len(server.requests) == 1


def test_a_wait_that_the_deadline_does_not_leave_is_not_begun() -> None:
    busy = Raw(429, b"{}", headers={"retry-after": "40"})
    answer, server = ask(always(busy), timeout_s=60.0)
    assert answer.failure == ModelFailure.RATE_LIMITED
    assert len(server.requests) == 1


def test_nobody_there_is_unavailable() -> None:
    with llm_server(well_behaved()) as server:
        url = server.url
    book = MemoryUsageBook()
    manager = a_manager(manager_settings(url), limits(), policy(), book=book)
    answer = asyncio.run(manager.decide(a_snapshot(), a_scan()))
    assert answer.failure == ModelFailure.UNAVAILABLE
    # Nothing was sent, so nothing was used: this zero is known.
    assert {usage.input_tokens for usage in book.settled} == {0}

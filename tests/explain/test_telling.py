"""What a small model is told of a source: short, cited, and nothing that its own check flags."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from callwright.agents.explainer_tools import explainer_tools
from callwright.domain.decision import Action
from callwright.domain.history import DecisionFilter, DecisionSearch
from callwright.explain import evidence
from callwright.explain.telling import HITS_TOLD, told
from callwright.tools.fences import FENCE_OPEN, fenced_lines
from callwright.tools.memory_tools import MEMORY_TOOLS
from callwright.tools.sources import Sources
from explainers import ask
from llm_servers import Call, Turn, in_turn

CALLS = (
    ("get_status", {}),
    ("search_decisions", {}),
    ("search_decisions", {"action": ["OPEN_COVERED_CALL"], "order": "oldest"}),
    ("search_decisions", {"action": ["ROLL_COVERED_CALL"]}),
    ("search_decisions", {"action": ["DO_NOTHING"]}),
    ("search_decisions", {"verdict": "denied"}),
    ("search_decisions", {"failure": "ANY"}),
    ("search_decisions", {"text": "nowhere"}),
    *(("decision_stats", {"group_by": [by]}) for by in ("action", "failure", "strike", "month")),
    ("decision_stats", {"action": ["OPEN_COVERED_CALL"], "underlying": "ETH"}),
)
ROLLS = DecisionFilter(action=(Action.ROLL_COVERED_CALL,))
OF_A_SNAPSHOT = (("what_if", {"without": ["BTC"]}), ("what_if", {"spots": ["ETH=4000"]}))


def lines_of(asked: Any, name: str, arguments: object) -> tuple[Sources, list[str]]:
    sources = Sources(asked.desk)
    return sources, told(asyncio.run(sources.ask(name, json.dumps(arguments))))


def assert_holds(sources: Sources, lines: list[str]) -> None:
    text = "\n\n".join(lines)
    claims = evidence.check(text, sources.all, sources.record_of)
    assert [(claim.text, claim.problem) for claim in claims if claim.problem] == []
    assert all("[" in line for line in lines)


@pytest.mark.parametrize("world", ["traded", "long"])
@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=str)
def test_every_sentence_is_cited_and_holds(
    name: str, arguments: object, world: str, request: pytest.FixtureRequest
) -> None:
    assert_holds(*lines_of(request.getfixturevalue(world), name, arguments))


@pytest.mark.parametrize(("name", "arguments"), OF_A_SNAPSHOT, ids=str)
def test_a_what_if_holds(name: str, arguments: object, traded: Any) -> None:
    assert_holds(*lines_of(traded, name, arguments))


@pytest.mark.parametrize("world", ["traded", "long"])
def test_a_decision_holds_and_a_failed_one_is_no_hold(
    world: str, request: pytest.FixtureRequest
) -> None:
    asked: Any = request.getfixturevalue(world)
    for where in ({"failure": "ANY"}, {"verdict": "denied"}, {"action": ["OPEN_COVERED_CALL"]}):
        page = asyncio.run(Sources(asked.desk).ask("search_decisions", json.dumps(where))).result
        for hit in page["hits"][:HITS_TOLD]:
            sources, lines = lines_of(asked, "get_decision", {"id": str(hit["id"])})
            assert_holds(sources, lines)
            if "failure" in where:
                assert "held" not in lines[0]
    if world == "long":
        _, lines = lines_of(asked, "search_decisions", {"failure": "ANY"})
        assert len(lines) == 1 + HITS_TOLD
        assert all("failed to decide, " in line for line in lines[1:])


def test_it_is_shorter_than_what_other_models_are_told(long: Any) -> None:
    for name, arguments in CALLS:
        sources = Sources(long.desk)
        called = asyncio.run(sources.call(name, json.dumps(arguments)))
        assert called.source is not None
        assert len(fenced_lines(told(called.source))) <= 2_500
        if name == "search_decisions" and called.source.result["hits"]:
            assert len(fenced_lines(told(called.source))) < len(called.text)


def test_there_are_words_for_every_tool_of_a_small_model(traded: Any) -> None:
    ids = {"get_decision": {"id": "1"}}
    for tool in explainer_tools(stepwise=True):
        assert lines_of(traded, tool.name, ids.get(tool.name, {}))[1]
    assert {tool.name for tool in explainer_tools(stepwise=True)} < set(MEMORY_TOOLS)


def test_a_small_model_is_told_sentences_and_what_it_repeats_is_cited(traded: Any) -> None:
    call = Turn(calls=(Call("search_decisions", '{"action": ["ROLL_COVERED_CALL"]}'),))
    page = traded.desk.search_decisions(DecisionSearch(where=ROLLS, limit=1)).hits[0]
    said = f"It last rolled {page.from_symbol} into {page.symbol}"
    asked = ask(
        in_turn(call, Turn(text=f"{said}.")), desk=traded.desk, protocol="stepwise", wire="chat"
    )
    last = asked.server.requests[-1]
    (found,) = [text for text in last.texts if FENCE_OPEN in text and str(page.symbol) in text]
    assert f"roll {page.from_symbol} into {page.symbol}" in found
    assert asked.answer.text == f"{said} [#{page.id}]."
    assert asked.answer.unsupported == ()

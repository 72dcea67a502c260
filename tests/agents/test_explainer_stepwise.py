"""The explainer's profile for small models: it looks up until something is found, then answers."""

from __future__ import annotations

import json

import pytest

from callwright.agents.explainer_text import cited_throughout
from callwright.agents.explainer_tools import (
    ASK_MODEL,
    STEPWISE_ARGUMENTS,
    STEPWISE_CALLS_MAX,
    explainer_tools,
)
from callwright.tools.memory_tools import MEMORY_TOOLS
from explainers import STATUS_CALL, ask
from llm_servers import Call, Turn, in_turn

NOT_FOUND = Turn(calls=(Call("decision_stats", '{"group_by": ["mood"]}'),))
ANSWER = Turn(text="The mode is research [status-1].")
FALSE = Turn(text="The mode is research, on day 12 [status-1].")


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_the_tools_are_gone_once_something_was_found(wire: str) -> None:
    asked = ask(in_turn(STATUS_CALL, ANSWER), wire=wire, protocol="stepwise")
    assert asked.answer.failure is None
    assert asked.answer.text == ANSWER.text
    shown = [request.tools for request in asked.server.requests]
    assert [bool(tools) for tools in shown] == [True, False]
    first, last = (request.body for request in asked.server.requests)
    assert first["tool_choice"] == "required"
    assert first["parallel_tool_calls"] is False
    # A server refuses a choice of tools that it was not given.
    assert not last.get("tools")
    assert last.get("tool_choice") in (None, "auto", "none")


def test_a_call_that_found_nothing_may_be_made_again_but_not_for_long() -> None:
    asked = ask(in_turn(NOT_FOUND, STATUS_CALL, ANSWER), protocol="stepwise")
    assert [bool(request.tools) for request in asked.server.requests] == [True, True, False]
    assert asked.answer.text == ANSWER.text
    asked = ask(in_turn(*[NOT_FOUND] * STEPWISE_CALLS_MAX, ANSWER), protocol="stepwise")
    shown = [bool(request.tools) for request in asked.server.requests]
    assert shown[: STEPWISE_CALLS_MAX + 1] == [*[True] * STEPWISE_CALLS_MAX, False]


def test_a_correction_is_written_from_what_was_found() -> None:
    asked = ask(in_turn(STATUS_CALL, FALSE, ANSWER), protocol="stepwise")
    assert [bool(request.tools) for request in asked.server.requests] == [True, False, False]
    assert asked.answer.text == ANSWER.text
    assert asked.answer.unsupported == ()


def test_without_it_every_turn_has_the_tools() -> None:
    asked = ask(in_turn(STATUS_CALL, ANSWER))
    assert [bool(request.tools) for request in asked.server.requests] == [True, True]


def test_it_is_shown_few_arguments_each_of_which_may_be_left_out() -> None:
    whole = {tool.name: tool for tool in explainer_tools()}
    for tool in explainer_tools(stepwise=True):
        schema = tool.params_json_schema
        assert tool.strict_json_schema is False
        assert set(schema["properties"]) <= set(whole[tool.name].params_json_schema["properties"])
        assert schema["required"] == (["id"] if tool.name == "get_decision" else [])
        for argument in schema["properties"].values():
            assert isinstance(argument["type"], str)
            assert None not in argument.get("enum", ())
            assert "description" not in argument
            assert ("maxItems" in argument) is (argument["type"] == "array")
        given = {"id": "1"} if schema["required"] else {}
        assert MEMORY_TOOLS[tool.name].read(json.dumps(given))
    assert ASK_MODEL in whole
    assert ASK_MODEL not in STEPWISE_ARGUMENTS


def test_what_looked_at_one_thing_cites_it_in_every_sentence() -> None:
    text = "The delta was 0.22. It sold BTC-9JAN26-97000-C [#13]. Why? It was rich"
    assert cited_throughout(text, "#13") == (
        "The delta was 0.22 [#13]. It sold BTC-9JAN26-97000-C [#13]. Why [#13]? It was rich [#13]"
    )
    asked = ask(in_turn(STATUS_CALL, Turn(text="The mode is research.")), protocol="stepwise")
    assert asked.answer.text == "The mode is research [status-1]."


def test_a_sentence_is_cited_as_the_line_that_it_repeats() -> None:
    found = [
        "71 decisions in all [search-1]. The newest:",
        "2026-02-06 06:00: open BTC-9FEB26-101000-C, filled [#130].",
        "2026-02-05 18:00: open ETH-9FEB26-3500-C, filled [#128].",
    ]
    text = "It last sold ETH-9FEB26-3500-C on 2026-02-05. There are 71 in all."
    assert cited_throughout(text, "search-1", found) == (
        "It last sold ETH-9FEB26-3500-C on 2026-02-05 [#128]. There are 71 in all [search-1]."
    )

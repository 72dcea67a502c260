"""The question set: the right call finds the right rows, and no right answer is flagged."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from callwright.errors import QueryInvalid
from callwright.explain.evidence import check, problems_text
from callwright.ports import DeskReader
from callwright.tools.sources import Sources
from desk_questions import Call, Question


def called(desk: DeskReader, question: Question) -> Sources:
    """Return the sources of a conversation that made the question's calls."""
    sources = Sources(desk)
    for call in question.calls:
        if call.error is None:
            asyncio.run(sources.ask(call.tool, json.dumps(call.arguments)))
    return sources


def rows_of(call: Call, result: Any) -> None:
    if call.ids is not None:
        found = tuple(hit["id"] for hit in result["hits"]) if "hits" in result else (result["id"],)
        assert found == call.ids
    if call.total is not None:
        assert result["total"] == call.total
    if call.counts is not None:
        rows = {tuple(row["keys"].values()): row["count"] for row in result["rows"]}
        assert rows == dict(call.counts)


def test_there_are_forty_questions_of_every_kind(traded: Any, long: Any) -> None:
    questions = (*traded.questions, *long.questions)
    assert len(questions) >= 40
    assert set(Counter(q.kind for q in questions)) == {
        "structured", "keyword", "paraphrase", "aggregate", "unanswerable", "trick",
    }  # fmt: skip
    assert len({q.name for q in questions}) == len(questions)


@pytest.mark.parametrize("home", ["traded", "long"])
def test_the_right_call_finds_exactly_the_right_rows(
    home: str, request: pytest.FixtureRequest, subtests_of: Any
) -> None:
    asked = request.getfixturevalue(home)
    with subtests_of() as each:
        for question in asked.questions:
            for call in question.calls:
                with each(question.name, call.tool):
                    if call.error is not None:
                        with pytest.raises(QueryInvalid) as caught:
                            asyncio.run(
                                Sources(asked.desk).ask(call.tool, json.dumps(call.arguments))
                            )
                        assert caught.value.code == call.error
                        continue
                    source = asyncio.run(
                        Sources(asked.desk).ask(call.tool, json.dumps(call.arguments))
                    )
                    rows_of(call, source.result)


@pytest.mark.parametrize("home", ["traded", "long"])
def test_no_right_answer_is_flagged(
    home: str, request: pytest.FixtureRequest, subtests_of: Any
) -> None:
    asked = request.getfixturevalue(home)
    with subtests_of() as each:
        for question in asked.questions:
            sources = called(asked.desk, question)
            for number, answer in enumerate(question.answers):
                with each(question.name, f"answer {number}"):
                    claims = check(answer, sources.all, sources.record_of)
                    bad = [claim for claim in claims if claim.problem]
                    assert not bad, problems_text(bad, answer)

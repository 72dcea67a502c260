"""What the explainer is told: a fixed text, the conversation so far, then time and question.

The fixed part is the same for every question, so that providers can cache it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from callwright.agents.prompt import estimated_tokens, rendered
from callwright.domain.base import iso_utc
from callwright.domain.decision import Action
from callwright.domain.explain import ChatTurn, Claim
from callwright.domain.history import DecisionSearch
from callwright.errors import CallwrightError
from callwright.explain.evidence import problems_text
from callwright.explain.fields import field_words_text
from callwright.ports import DeskReader
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN, fenced, outside_text

PROBLEMS_LENGTH_MAX = 4_000

_CORRECT = (
    "A check compared your answer with the sources that it cites. These items are not in the "
    "source that their sentence names. Write the whole answer again: look up what you need, name "
    "the source in each sentence, and leave out what you cannot find. Do not mention this check."
)
_LOOK_UP = (
    "You have looked nothing up, so nothing that you say is on record. Call the tools that answer "
    "the question, then answer it. If it is not about this desk, say that you can only answer "
    "questions about this desk."
)


_LOOK_UP_NOW = "Call the one function that finds this. Reply with the call alone."
_ANSWER_NOW = (
    "These are the records. Answer my question in one to three plain sentences: take the numbers "
    "from the records, and keep the brackets behind them."
)
_NOTHING_FOUND = "Nothing was found. Answer in one plain sentence that the records do not say."


def explainer_instructions() -> str:
    """Return the fixed part of the prompt."""
    return _prompt("explainer", field_words=field_words_text(), actions=", ".join(Action))


def look_up_instructions() -> str:
    """Return all that a small model is told while it looks something up.

    Told at once how to answer as well, it answers, and looks nothing up.
    """
    return _prompt("explainer_look_up")


def answer_instructions() -> str:
    """Return what a small model is told once something was found, or nothing was."""
    return _prompt("explainer_answer")


def _prompt(name: str, **placeholders: str) -> str:
    return rendered(
        files("callwright.agents").joinpath(f"prompts/{name}.md").read_text("utf-8"),
        {"fence_open": FENCE_OPEN, "fence_close": FENCE_CLOSE, **placeholders},
    )


def look_up_now() -> dict[str, Any]:
    """Return what a small model is told before it looks something up."""
    return _user(_LOOK_UP_NOW)


def answer_now(*, has_found: bool) -> dict[str, Any]:
    """Return what a small model is told once something was looked up."""
    return _user(_ANSWER_NOW if has_found else _NOTHING_FOUND)


def asked(question: str, desk: DeskReader, now: datetime) -> dict[str, Any]:
    """Return the question as the model gets it, behind the time and the newest decision.

    Words as "yesterday" mean the desk's own time, which on a paper market is not the wall clock's.
    """
    try:
        hits = desk.search_decisions(DecisionSearch(limit=1, collapse=False)).hits
    except CallwrightError:
        hits = ()
    newest = {"id": hits[0].id, "as_of": outside_text(hits[0].as_of)} if hits else None
    facts = {"wall_clock": iso_utc(now), "newest_decision": newest}
    return _user(f"{fenced(facts)}\n{question}")


def asked_plainly(question: str) -> dict[str, Any]:
    """Return the question as a small model gets it, which takes every time it sees for a filter."""
    return _user(question)


def correction(claims: Sequence[Claim], text: str) -> dict[str, Any]:
    """Return what the model is told of a draft whose ``claims`` do not hold."""
    # The draft may quote a record, and a record anybody: what it says stays data.
    problems = problems_text(claims, text)[:PROBLEMS_LENGTH_MAX]
    return _user(f"{_CORRECT}\n{fenced({'problems': problems})}")


def look_up_first() -> dict[str, Any]:
    """Return what the model is told that answered without looking at anything."""
    return _user(_LOOK_UP)


def history(turns: Sequence[ChatTurn], *, tokens_max: int) -> list[dict[str, Any]]:
    """Return the conversation so far as input items, oldest first, whole questions only.

    Old questions are left out when they do not fit. The newest that does not fit with what was
    looked up is told as question and answer; one without an answer is not told at all.
    """
    left = tokens_max
    told: list[list[dict[str, Any]]] = []
    for number, turn in reversed([*enumerate(turns)]):
        if not turn.answer:
            continue
        for items in (list(_items(turn, number)), list(_items(turn, number, with_calls=False))):
            tokens = estimated_tokens(len(json.dumps(items)))
            if tokens <= left:
                told.append(items)
                left -= tokens
                break
        else:
            break
    return [item for items in reversed(told) for item in items]


def _items(turn: ChatTurn, number: int, *, with_calls: bool = True) -> Iterator[dict[str, Any]]:
    yield _user(turn.question)
    for i, call in enumerate(turn.calls if with_calls else ()):
        # Servers count their calls anew in each process; ours never meet theirs.
        call_id = f"earlier_{number}_{i}"
        yield {
            "type": "function_call",
            "call_id": call_id,
            "name": call.tool,
            "arguments": call.arguments,
        }
        yield {"type": "function_call_output", "call_id": call_id, "output": call.told}
    # The type may be left out, says OpenAI; llama.cpp refuses the item without it.
    yield {"type": "message", "role": "assistant", "content": turn.answer}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}

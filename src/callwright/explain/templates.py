"""Answers without a model: fixed templates over the tools that a model would use.

Deterministic: the same question to the same memory gives the same words. What is not understood is
not guessed at; then the answer lists what can be asked and shows what a word search finds.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from callwright.domain.explain import ChatAnswer, ChatEvent, Claim
from callwright.domain.history import DecisionSearch
from callwright.errors import CallwrightError, DataInvalid, QueryInvalid
from callwright.explain import evidence
from callwright.explain import templates_counts as counts
from callwright.explain import templates_desk as desk_now
from callwright.explain import templates_held as held
from callwright.explain import templates_market as market_then
from callwright.explain import templates_option as options
from callwright.explain import templates_settled as ends
from callwright.explain import templates_summary as recent
from callwright.explain import templates_what_if as supposed
from callwright.explain import templates_why as why
from callwright.explain.questions import Asked, read_question
from callwright.explain.questions_topics import Topic
from callwright.explain.templates_look import Look, newest_decision
from callwright.explain.templates_refusals import (
    command_of,
    examples,
    no_command,
    not_understood,
    spoken,
)
from callwright.explain.templates_words import cited, minute, quoted
from callwright.ports import DeskReader
from callwright.tools.sources import Sources

_ANSWERS: Mapping[Topic, Callable[[Asked, Look], Awaitable[list[str]]]] = {
    "who_decides": desk_now.who_decides,
    "what_if": supposed.what_if,
    "decision": why.decision,
    "baseline": why.baseline,
    "last_denial": why.last_denial,
    "denials": counts.denials,
    "failures": counts.failures,
    "model_cost": counts.model_cost,
    "how_often": counts.how_often,
    "strikes": why.strikes,
    "summary": recent.summary,
    "last_cycle": desk_now.last_cycle,
    "positions": desk_now.positions,
    "why_not": held.why_not,
    "option": options.option,
    "settled": ends.settled,
    "market": market_then.market,
    "why_trade": why.why_trade,
    "setting": desk_now.settings_in_force,
    "settings_changed": desk_now.settings_changed,
    "state": desk_now.state,
    "money": counts.money,
    "advice": desk_now.advice,
    "words": why.words,
}


async def answer(question: str, desk: DeskReader, sources: Sources) -> AsyncIterator[ChatEvent]:
    """Yield the tool calls that a question needs, then one answer; a failure is an answer, too.

    Args:
        sources: Of the conversation, over the same desk; numbers of citations go on in it.
    """
    look: Look | None = None
    claims: tuple[Claim, ...] = ()
    failure = None
    try:
        newest = newest_decision(desk)
        if newest is None:
            text = _nothing(desk)
        else:
            look = Look(newest, desk, sources)
            text = await _text(question, look)
            # Decisions are looked up by their numbers; read twice they would cost twice.
            shown = [source for source in sources.all if not source.cite.startswith("#")]
            claims = evidence.check(text, shown, sources.record_of)
    except CallwrightError as exc:
        text, failure = _failed(exc), exc.code
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        # A record may come from anybody's file; what it holds below the contract may be anything.
        other = DataInvalid("a record has another form than expected", remedy=_VERIFY)
        text, failure = _failed(other), other.code
    used = [] if look is None else look.used
    for event in used:
        yield event
    yield ChatAnswer(
        question=question,
        text=evidence.marked(text, claims),
        mode="templates",
        claims=claims,
        sources=tuple({each.source.cite: each.source for each in used}.values()),
        failure=failure,
    )


def _nothing(desk: DeskReader) -> str:
    notes = desk.search_decisions(DecisionSearch(limit=1)).notes
    bounds = [note for note in notes if _BOUND.search(note)]
    if bounds:
        return f"No decision is on record in the time that may be looked at. {' '.join(bounds)}"
    return "No decision is on record yet: run the desk once, then ask again."


def _bounds(look: Look, text: str) -> list[str]:
    """Return what the tools noted of decisions that they did not look at."""
    found: dict[str, str] = {}
    for used in look.used:
        for note in used.source.result.get("notes", ()):
            if _BOUND.search(note) and quoted(note) not in text:
                found.setdefault(note, f"Noted {cited(used.source)}: {quoted(note)}")
    return list(found.values())


_BOUND = re.compile(r"\bpruned\b|\blooked at\b")
_STOPPING = ("halt", "resume", "stop", "pause")
_VERIFY = "look at it with callwright decisions show"


def _failed(error: CallwrightError) -> str:
    remedy = f" What to do: {error.remedy}." if error.remedy else ""
    return f"This cannot be answered: {error.message}.{remedy}"


async def _text(question: str, look: Look) -> str:
    record = look.newest["record"]
    try:
        asked = read_question(
            question,
            now=look.now,
            settings=record["config_snapshot"],
        )
    except ValueError as exc:
        raise QueryInvalid(str(exc), remedy="name a day as 2026-01-13") from None
    if (verb := command_of(question)) and (asked.topic is None or verb in _STOPPING):
        return "\n\n".join(no_command())
    if asked.topic is None:
        text = "\n\n".join(await not_understood(asked, look))
        return "\n\n".join([*_bounds(look, text), text])
    if asked.topic == "help":
        return examples("What can be asked without a model:")
    blocks = await _ANSWERS[asked.topic](asked, look)
    if asked.unused and asked.topic != "words":
        blocks.insert(
            0,
            f"(Not used of your question: {', '.join(dict.fromkeys(map(spoken, asked.unused)))}.)",
        )
    if asked.span is not None and asked.span.is_relative:
        newest = await look.decision(look.newest["id"])
        when = minute(record["state"]["as_of"])
        blocks.append(f"Dates count from the newest record, of {when} UTC {cited(newest)}.")
    text = "\n\n".join(block for block in blocks if block)
    return "\n\n".join([*_bounds(look, text), text])

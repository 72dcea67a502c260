"""Answers without a model: fixed templates over the tools that a model would use.

Deterministic: the same question to the same memory gives the same words. What is not understood is
not guessed at; then the answer lists what can be asked and shows what a word search finds.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from callwright.domain.explain import ChatAnswer, ChatEvent, Claim
from callwright.domain.history import DecisionFilter
from callwright.errors import CallwrightError, DataInvalid, QueryInvalid
from callwright.explain import evidence
from callwright.explain import templates_counts as counts
from callwright.explain import templates_desk as desk_now
from callwright.explain import templates_why as why
from callwright.explain.questions import Asked, Topic, read_question
from callwright.explain.templates_look import Look, newest_decision
from callwright.explain.templates_record import brief
from callwright.explain.templates_words import cited, listed, minute, plain
from callwright.ports import DeskReader
from callwright.tools.sources import Sources

EXAMPLES = (
    "Why are you picking the 97k strike every time?",
    "Summarize your last 10 decisions",
    "When did the risk engine last block you, and why?",
    "How often did you roll in November, and what did it cost?",
    "How many denials by code since Monday?",
    "What failed, and how often?",
    "Why decision 33?",
    "Why did you roll on 13 January?",
    "Why did you not trade yesterday?",
    "What positions do you hold and why?",
    "What did the last cycle do?",
    "Are you using LLM mode now?",
    "What did the model cost this week?",
    "Would the rules have done the same?",
    "What is my net delta limit?",
    "What changed in settings?",
    "What would you do if I had no BTC?",
    "What would you do if BTC fell 10%?",
    "How much premium did you collect last month?",
    "Which decisions mention contango?",
)
"""What can be asked without a model."""

_ANSWERS: Mapping[Topic, Callable[[Asked, Look], Awaitable[list[str]]]] = {
    "who_decides": desk_now.who_decides,
    "what_if": desk_now.what_if,
    "decision": why.decision,
    "baseline": why.baseline,
    "last_denial": why.last_denial,
    "denials": counts.denials,
    "failures": counts.failures,
    "model_cost": counts.model_cost,
    "how_often": counts.how_often,
    "strikes": why.strikes,
    "summary": counts.summary,
    "last_cycle": desk_now.last_cycle,
    "positions": desk_now.positions,
    "why_not": why.why_not,
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
            text = "No decision is on record yet: run the desk once, then ask again."
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
    if asked.topic is None:
        return await _not_understood(asked, look)
    if asked.topic == "help":
        return _help("What can be asked without a model:")
    blocks = await _ANSWERS[asked.topic](asked, look)
    if asked.unused and asked.topic != "words":
        blocks.insert(0, f"(Not used of your question: {_unused(asked)}.)")
    if asked.span is not None and asked.span.is_relative:
        newest = await look.decision(look.newest["id"])
        when = minute(record["state"]["as_of"])
        blocks.append(f"Dates count from the newest record, of {when} UTC {cited(newest)}.")
    return "\n\n".join(block for block in blocks if block)


def _unused(asked: Asked) -> str:
    # A number that nobody read is no claim, and must not look like one.
    words = ("a number" if re.search(r"\d", word) else plain(word) for word in asked.unused)
    return ", ".join(dict.fromkeys(words))


async def _not_understood(asked: Asked, look: Look) -> str:
    page = await look.search(DecisionFilter(), text=asked.text[:400], limit=5)
    blocks = [_help("I have no template for this question, and I do not guess. I can answer:")]
    hits = page.result["hits"]
    if hits and page.result["total"]:
        lines = [brief(await look.decision(hit["id"])) for hit in hits[:3]]
        blocks.append(f"A search for its words finds {cited(page)}:\n\n{listed(lines)}")
        if page.result["notes"]:
            blocks.append("No decision has all of the words; these have some.")
    else:
        blocks.append(f"A search for its words finds no decision {cited(page)}.")
    return "\n\n".join(blocks)


def _help(first: str) -> str:
    # A command to type claims nothing: the evidence check leaves it out.
    commands = "\n".join(f'callwright chat "{each}"' for each in EXAMPLES)
    return f"{first}\n\n```\n{commands}\n```"

"""Questions about the desk and their answers: what is cited, what was claimed, what holds.

An answer cites decisions as ``[#18342]`` and the results of tools as ``[stats-1]``, ``[search-2]``,
``[status-1]``, ``[what-if-1]``, ``[model-1]``: the nth call of that tool in the conversation. Each
number, instrument and date of a sentence must stand in what that sentence cites.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from callwright.domain.base import Frozen

ClaimKind = Literal["number", "instrument", "date", "code", "citation"]
AnswerMode = Literal["llm", "templates"]


class Source(Frozen):
    """Something that an answer may cite.

    Attributes:
        cite: What stands in the brackets: ``#18342`` for a decision, else ``stats-1`` and so on.
        tool: The tool whose call showed it.
        arguments: Of that call, as JSON values.
        result: What the tool answered, as JSON values; for a decision its record.
        command: The command line that shows the same, for the reader to check.
    """

    cite: str
    tool: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]
    command: str


class Claim(Frozen):
    """One number, instrument, date, code or citation of an answer.

    Attributes:
        text: As it stands in the answer, at ``start`` to ``end`` (characters) before it was marked.
        found_in: Cite and path of the field that it matches: ``#12 state.spot.BTC``; "" when none.
        problem: Why it does not hold, in words; "" when it does.
    """

    kind: ClaimKind
    text: str
    start: int
    end: int
    found_in: str = ""
    problem: str = ""


class TextPiece(Frozen):
    """A piece of a draft, as the model writes it; nothing in it has been checked yet."""

    text: str


class ToolUsed(Frozen):
    """A tool has answered."""

    source: Source
    latency_ms: float


class DraftWithdrawn(Frozen):
    """The draft said what no source says; a corrected one follows."""

    unsupported: tuple[Claim, ...]


class ChatAnswer(Frozen):
    """The end of a question.

    Attributes:
        text: Markdown; what could not be verified is marked ``(unverified)`` behind it.
        mode: Whether a model wrote it, or fixed templates over the same tools.
        claims: All of them, in order.
        sources: What was looked at, in order.
        llm: Model, tokens, cost and latency as in a cycle record; None without a model.
        failure: Why there is no answer; then ``text`` says it in words.
    """

    question: str
    text: str
    mode: AnswerMode
    claims: tuple[Claim, ...] = ()
    sources: tuple[Source, ...] = ()
    llm: Mapping[str, Any] | None = None
    failure: str | None = None

    @property
    def unsupported(self) -> tuple[Claim, ...]:
        """Claims that no cited source holds."""
        return tuple(claim for claim in self.claims if claim.problem)


ChatEvent = TextPiece | ToolUsed | DraftWithdrawn | ChatAnswer


class ChatCall(Frozen):
    """A tool call of a conversation.

    Attributes:
        arguments: As JSON.
        told: What the model was told, in a fence.
    """

    tool: str
    arguments: str
    told: str


class ChatTurn(Frozen):
    """A question of a conversation and what came of it; what the next question builds on.

    Attributes:
        answer: As it was shown; empty when there was none.
        calls: The tool calls, in order.
        sources: What they showed; later answers may cite them.
    """

    question: str
    answer: str
    calls: tuple[ChatCall, ...] = ()
    sources: tuple[Source, ...] = ()


class WhatIf(Frozen):
    """Changes to the last snapshot; what is left out stays as it was.

    Attributes:
        without: Coins of which the account then has neither balance nor positions.
        balances_coin: Cash balance by coin.
        spot_usd: Index price by coin; options are priced anew at the volatilities they had.
        settings: Numbers of limits, scanner and policy by their configuration name, lower case:
            ``{"max_net_delta_abs": 0.3, "min_ivrv": 1.0}``.
    """

    without: tuple[str, ...] = ()
    balances_coin: Mapping[str, Decimal] = Field(default_factory=dict)
    spot_usd: Mapping[str, float] = Field(default_factory=dict)
    settings: Mapping[str, float] = Field(default_factory=dict)


class WhatIfAnswer(Frozen):
    """What the rules, or the model, would do on the last snapshot with those changes.

    Attributes:
        answers_for: Who decided: the rule-based policy, or the model that is named.
        decision_id: The recorded decision whose snapshot this is.
        as_of: Market time of it.
        changes: What was changed, in words with before and after.
        assumptions: What was taken as unchanged or simplified, in words.
        proposed_action, final_action: As in a cycle record, with size and reasoning.
        guardrail, risk_check: As in a cycle record.
        actual_action: What was really done then.
        state: Spot, portfolio, vol, candidates and funnel under the changes, as in a cycle record.
        failure: Why nobody could decide; then the actions are ``DO_NOTHING``.
    """

    answers_for: str
    decision_id: int
    as_of: str
    changes: tuple[str, ...]
    assumptions: tuple[str, ...]
    proposed_action: Mapping[str, Any]
    guardrail: Mapping[str, Any]
    risk_check: Mapping[str, Any]
    final_action: Mapping[str, Any]
    actual_action: Mapping[str, Any]
    state: Mapping[str, Any]
    failure: str | None = None
    failure_message: str = ""
    llm: Mapping[str, Any] | None = None

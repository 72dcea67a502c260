"""Why a model gave no decision: stable codes, one for each way that it can go wrong.

``DO_NOTHING`` with one of these is a decision that failed; without one it is a chosen hold.
"""

from __future__ import annotations

from enum import StrEnum


class ModelFailure(StrEnum):
    """The ``failure`` of a record whose model did not decide."""

    TIMEOUT = "LLM_TIMEOUT"
    """The deadline of the whole decision passed."""
    UNAVAILABLE = "LLM_UNAVAILABLE"
    """The provider could not be reached, or answered with an error of its own (5xx)."""
    RATE_LIMITED = "LLM_RATE_LIMITED"
    """The provider refuses for now (429); the account may be out of credit."""
    NOT_AUTHORISED = "LLM_NOT_AUTHORISED"
    """The key or the model is refused (401, 403, 404)."""
    BAD_REPLY = "LLM_BAD_REPLY"
    """The reply is no answer of the protocol: wrong content type, broken JSON, too large."""
    REFUSED = "LLM_REFUSED"
    """The model refused, or said that it cannot decide (``CANNOT_DECIDE``)."""
    EMPTY = "LLM_EMPTY"
    """The model answered with nothing."""
    TRUNCATED = "LLM_TRUNCATED"
    """The answer was cut off at the token limit; a cut answer is never read."""
    NO_PROPOSAL = "LLM_NO_PROPOSAL"
    """The run ended in text that states no proposal."""
    INVALID = "DECISION_INVALID"
    """The proposal broke the decision contract, also after the one correction."""
    AMBIGUOUS = "LLM_AMBIGUOUS"
    """Two different proposals in one answer: neither is taken."""
    UNKNOWN_TOOL = "LLM_UNKNOWN_TOOL"
    """The model called a tool that does not exist."""
    TOO_MANY_CALLS = "LLM_TOO_MANY_CALLS"
    """More turns, or more tool calls, than a decision may take."""
    TOO_MANY_TOKENS = "LLM_TOO_MANY_TOKENS"
    """More tokens than a decision may take."""
    NO_LOOKUP = "LLM_NO_LOOKUP"
    """Asked about the desk, the model answered without looking anything up."""
    NOT_RECORDED = "LLM_NOT_RECORDED"
    """Recorded replies are played, and this request is not among the recorded ones."""
    BUDGET_LOW = "LLM_BUDGET_LOW"
    """The model was not asked in this cycle, to make the budget last."""
    BUDGET_EXHAUSTED = "LLM_BUDGET_EXHAUSTED"
    """Asking would cost more than the budget of the cycle, day or month leaves."""


BUDGET_FAILURES = frozenset({ModelFailure.BUDGET_LOW, ModelFailure.BUDGET_EXHAUSTED})
"""Not asking is no malfunction: these neither lengthen nor end a run of failures."""

UNHEARD = BUDGET_FAILURES | {
    ModelFailure.TIMEOUT,
    ModelFailure.UNAVAILABLE,
    ModelFailure.RATE_LIMITED,
    ModelFailure.NOT_AUTHORISED,
    ModelFailure.BAD_REPLY,
    ModelFailure.NOT_RECORDED,
}
"""Failures that say nothing of the model: it was not asked, or not heard."""

"""What a person is told when there is no answer: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from callwright.domain.failure import ModelFailure

_WHAT_TO_DO: Mapping[str, str] = {
    ModelFailure.TIMEOUT: "Ask for less at once, or raise LLM_CHAT_TIMEOUT_SECONDS.",
    ModelFailure.UNAVAILABLE: "Check LLM_BASE_URL and the network with `callwright doctor`.",
    ModelFailure.RATE_LIMITED: "Ask again in a while; the account may be out of credit.",
    ModelFailure.NOT_AUTHORISED: "Check OPENAI_API_KEY and LLM_CHAT_MODEL_NAME.",
    ModelFailure.BAD_REPLY: "Check LLM_BASE_URL and LLM_WIRE with `callwright doctor`; the server "
    "must be able to stream.",
    ModelFailure.TRUNCATED: "Ask for less at once, or raise LLM_CHAT_MAX_TOKENS.",
    ModelFailure.TOO_MANY_CALLS: "Ask for less at once.",
    ModelFailure.TOO_MANY_TOKENS: "Ask for less at once, begin a new conversation, or raise "
    "LLM_CHAT_MAX_INPUT_TOKENS and LLM_CHAT_MAX_TOKENS.",
    ModelFailure.NO_LOOKUP: "It does not seem to use tools. Name another model in "
    "LLM_CHAT_MODEL_NAME.",
    ModelFailure.NOT_RECORDED: "Only recorded questions are answered so; any other needs a key "
    "(OPENAI_API_KEY) or a model on this machine (`callwright local serve`).",
    ModelFailure.BUDGET_EXHAUSTED: "`callwright costs` shows what is left and when it renews; "
    "LLM_BUDGET_DAY_USD and LLM_BUDGET_MONTH_USD set it.",
}


def no_answer(failure: str, message: str, remedy: str = "") -> str:
    """Return the text of an answer that is none.

    Args:
        failure: Code of a model's failure, or of an error.
        remedy: What to do, where the error itself says it.
    """
    what_to_do = remedy or _WHAT_TO_DO.get(failure, "Ask again, or in other words.")
    return f"There is no answer from the model: {message} ({failure}). {what_to_do}"

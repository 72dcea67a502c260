"""What a model's reply says of itself, before any SDK reads it: its end, its usage."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from callwright.agents.failures import ModelFailed
from callwright.domain.failure import ModelFailure
from callwright.tools.fences import outside_text


@dataclass
class ReplyFacts:
    """What the last reply said of itself; None is not known, never zero.

    Attributes:
        is_streamed: The reply was asked for in pieces.
    """

    is_streamed: bool = False
    served_model: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


FACTS: ContextVar[ReplyFacts | None] = ContextVar("facts", default=None)
"""Where the transport leaves the facts of the request that this task makes."""


def bad_reply(message: str) -> ModelFailed:
    """Return the failure of a reply that is none."""
    return ModelFailed(ModelFailure.BAD_REPLY, message)


def examine(body: bytes, path: str, facts: ReplyFacts) -> None:
    """Note what a reply says of itself, and raise ``ModelFailed`` unless it is a whole one."""
    reply = json_object(body)
    if path.endswith("/chat/completions"):
        note_usage(reply, facts, is_chat=True)
        _examine_chat(reply)
    elif path.endswith("/responses"):
        note_usage(reply, facts, is_chat=False)
        examine_response(reply)


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a reply, or of a piece of one.

    Raises:
        ModelFailed: It is none.
    """
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise bad_reply("the reply is not JSON") from exc
    if not isinstance(reply, dict):
        raise bad_reply("the reply is no object")
    return reply


def _examine_chat(reply: dict[str, Any]) -> None:
    choices = reply.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        raise bad_reply("the reply has no choices")
    if not isinstance(choices[0].get("message"), dict):
        raise bad_reply("the reply has no message")
    require_finished(choices[0].get("finish_reason"))


def examine_response(reply: dict[str, Any]) -> None:
    """Raise ``ModelFailed`` unless a reply of the Responses API is whole."""
    output = reply.get("output")
    if not (isinstance(output, list) and all(isinstance(item, dict) for item in output)):
        raise bad_reply("the reply has no output")
    status = reply.get("status", "completed")
    if status == "incomplete":
        details = reply.get("incomplete_details")
        require_finished(details.get("reason") if isinstance(details, dict) else "length")
        raise ModelFailed(ModelFailure.TRUNCATED, "the answer is incomplete")
    if status == "failed":
        error = reply.get("error")
        text = str(error.get("message", "")) if isinstance(error, dict) else ""
        raise ModelFailed(
            ModelFailure.UNAVAILABLE,
            f"the provider failed: {outside_text(text)}",
            is_transient=True,
        )
    if status != "completed":
        raise bad_reply(f"the reply's status is {outside_text(str(status), length_max=30)}")


def require_finished(reason: Any) -> None:
    """Raise ``ModelFailed`` when a reply stopped for this reason before its end."""
    if reason in ("length", "max_output_tokens", "max_tokens"):
        raise ModelFailed(ModelFailure.TRUNCATED, "the answer was cut off at the token limit")
    if reason == "content_filter":
        raise ModelFailed(ModelFailure.REFUSED, "the provider's content filter withheld the answer")


def note_usage(reply: dict[str, Any], facts: ReplyFacts, *, is_chat: bool) -> None:
    """Note model and tokens of a reply, or of the last piece of one; what it leaves out is kept."""
    model = reply.get("model")
    if isinstance(model, str):
        facts.served_model = outside_text(model, length_max=80)
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return
    prefix_in, prefix_out = ("prompt", "completion") if is_chat else ("input", "output")
    if usage.get(f"{prefix_in}_tokens") == 0:
        # No prompt has no tokens: this server counts nothing, and writes zeros.
        return
    facts.input_tokens = _count(usage, f"{prefix_in}_tokens")
    facts.output_tokens = _count(usage, f"{prefix_out}_tokens")
    details_in = usage.get(f"{prefix_in}_tokens_details")
    details_out = usage.get(f"{prefix_out}_tokens_details")
    facts.cached_tokens = _count(details_in, "cached_tokens")
    facts.cache_write_tokens = _count(details_in, "cache_write_tokens")
    facts.reasoning_tokens = _count(details_out, "reasoning_tokens")


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None

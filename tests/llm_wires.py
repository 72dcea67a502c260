"""How either wire writes a turn: whole, or in the pieces of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llm_replies import Request, Turn

WIRES = ("responses", "chat")
SERVED_MODEL = "scripted-1"


def reply_body(turn: Turn, wire: str, number: int) -> dict[str, Any]:
    """Return the JSON of a turn, as the ``number``-th reply on a wire."""
    return (_chat_body if wire == "chat" else _responses_body)(turn, number)


def _responses_body(turn: Turn, number: int) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    if turn.text is not None:
        content.append({"type": "output_text", "text": turn.text, "annotations": []})
    if turn.refusal is not None:
        content.append({"type": "refusal", "refusal": turn.refusal})
    status = "incomplete" if turn.truncated else "completed"
    if content:
        output.append(
            {
                "type": "message",
                "id": f"msg_{number}",
                "role": "assistant",
                "status": status,
                "content": content,
            }
        )
    output += [
        {
            "type": "function_call",
            "id": f"fc_{number}_{i}",
            "call_id": f"call_{number}_{i}",
            "name": call.name,
            "arguments": call.arguments,
            "status": status,
        }
        for i, call in enumerate(turn.calls)
    ]
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 0,
        "model": SERVED_MODEL,
        "status": status,
        "incomplete_details": {"reason": "max_output_tokens"} if turn.truncated else None,
        "error": None,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": _usage(turn, asked="input", answered="output"),
    }


def _chat_body(turn: Turn, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text, "refusal": turn.refusal}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{i}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for i, call in enumerate(turn.calls)
        ]
    reason = "length" if turn.truncated else "tool_calls" if turn.calls else "stop"
    return {
        "id": f"chatcmpl_{number}",
        "object": "chat.completion",
        "created": 0,
        "model": SERVED_MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": _usage(turn, asked="prompt", answered="completion"),
    }


def _usage(turn: Turn, *, asked: str, answered: str) -> dict[str, Any] | None:
    """Return the counts of a turn's tokens, with a wire's words for both directions."""
    usage = turn.usage
    if usage is None:
        return None
    return {
        f"{asked}_tokens": usage["input"],
        f"{asked}_tokens_details": {"cached_tokens": usage["cached"]},
        f"{answered}_tokens": usage["output"],
        f"{answered}_tokens_details": {"reasoning_tokens": usage["reasoning"]},
        "total_tokens": usage["input"] + usage["output"],
    }


PIECE_LENGTH = 7
"""Of a streamed text, in characters: words, numbers and citations are torn apart."""


def stream_pieces(turn: Turn, request: Request, number: int) -> list[bytes]:
    """Return the events of a turn, as the ``number``-th reply to a streaming request."""
    if request.wire == "chat":
        wants_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
        events = _chat_events(turn, number, wants_usage=wants_usage)
        return [*(_event(event) for event in events), b"data: [DONE]\n\n"]
    return [_event(event) for event in _responses_events(turn, number)]


def _event(data: Mapping[str, Any]) -> bytes:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def _cut(text: str) -> list[str]:
    return [text[i : i + PIECE_LENGTH] for i in range(0, len(text), PIECE_LENGTH)]


def _responses_events(turn: Turn, number: int) -> Iterator[dict[str, Any]]:
    body = _responses_body(turn, number)
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    for i, item in enumerate(body["output"]):
        place = {"output_index": i, "item_id": item["id"]}
        bare = {**item, "content": []} if item["type"] == "message" else {**item, "arguments": ""}
        yield {"type": "response.output_item.added", "output_index": i, "item": bare}
        if item["type"] == "function_call":
            kind = "response.function_call_arguments"
            for piece in _cut(item["arguments"]):
                yield {"type": f"{kind}.delta", **place, "delta": piece}
            yield {"type": f"{kind}.done", **place, "arguments": item["arguments"]}
        for j, part in enumerate(item.get("content", ())):
            field = "text" if part["type"] == "output_text" else "refusal"
            kind = f"response.{part['type']}"
            at = {**place, "content_index": j}
            yield {"type": "response.content_part.added", **at, "part": {**part, field: ""}}
            for piece in _cut(part[field]):
                yield {"type": f"{kind}.delta", **at, "delta": piece, "logprobs": []}
            yield {"type": f"{kind}.done", **at, field: part[field], "logprobs": []}
            yield {"type": "response.content_part.done", **at, "part": part}
        yield {"type": "response.output_item.done", "output_index": i, "item": item}
    yield {"type": f"response.{body['status']}", "response": body}


def _chat_events(turn: Turn, number: int, *, wants_usage: bool) -> Iterator[dict[str, Any]]:
    body = _chat_body(turn, number)
    choice = body["choices"][0]
    message = choice["message"]

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return {**body, "object": "chat.completion.chunk", "choices": choices, "usage": None}

    yield chunk({"role": "assistant"})
    for part in ("content", "refusal"):
        for piece in _cut(message[part] or ""):
            yield chunk({part: piece})
    for i, call in enumerate(message.get("tool_calls") or ()):
        name = {"name": call["function"]["name"], "arguments": ""}
        begin = {"index": i, "id": call["id"], "type": "function", "function": name}
        yield chunk({"tool_calls": [begin]})
        for piece in _cut(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
    yield chunk({}, choice["finish_reason"])
    if wants_usage:
        yield {**chunk({}), "choices": [], "usage": body["usage"]}

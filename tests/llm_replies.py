"""What a scripted model server is asked, and everything that it can answer.

A request is read the same way on both wires; how a turn is written on either is ``llm_wires``'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Call:
    """One tool call; arguments are sent as they are, valid JSON or not."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True)
class Turn:
    """A reply of the protocol: tool calls, text, a refusal, or nothing at all.

    Attributes:
        truncated: It stopped at the token limit.
        usage: Token counts; None leaves the provider's usage out.
    """

    calls: tuple[Call, ...] = ()
    text: str | None = None
    refusal: str | None = None
    truncated: bool = False
    usage: Mapping[str, int] | None = field(
        default_factory=lambda: {"input": 1000, "cached": 600, "output": 50, "reasoning": 0}
    )


@dataclass(frozen=True)
class Raw:
    """Any HTTP reply."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hang:
    """Nothing is answered for so long."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Endless:
    """A body that never ends: a chunk, then another one."""

    chunk: bytes = b" " * 65_536
    pause_s: float = 0.0


@dataclass(frozen=True)
class Disconnect:
    """The connection is closed, after so many bytes of a reply."""

    after: bytes = b""


@dataclass(frozen=True)
class BrokenStream:
    """A streamed turn that goes wrong after so many of its pieces.

    Attributes:
        then: The connection is closed, or nothing more comes, or the last piece comes for ever.
    """

    turn: Turn
    after: int
    then: Literal["close", "hang", "repeat"] = "close"


Reply = Turn | Raw | Hang | Endless | Disconnect | BrokenStream


@dataclass(frozen=True)
class Request:
    """What the client sent, read the same way on both wires."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def wire(self) -> str:
        return "chat" if self.path.endswith("/chat/completions") else "responses"

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(
            tool["function"]["name"] if self.wire == "chat" else tool["name"]
            for tool in self.body.get("tools") or ()
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """Every message text and tool result, in order; the instructions first."""
        if self.wire == "chat":
            return tuple(str(message.get("content") or "") for message in self.body["messages"])
        items = self.body["input"]
        if isinstance(items, str):
            items = [{"content": items}]
        return (
            str(self.body.get("instructions") or ""),
            *(str(item.get("content") or item.get("output") or "") for item in items),
        )

    def results(self) -> dict[str, Any]:
        """Return what the tools answered, by name; the last answer of each."""
        names: dict[str, str] = {}
        found: dict[str, Any] = {}
        if self.wire == "chat":
            for message in self.body["messages"]:
                for call in message.get("tool_calls") or ():
                    names[call["id"]] = call["function"]["name"]
                if message.get("role") == "tool":
                    found[names[message["tool_call_id"]]] = unfenced(message["content"])
            return found
        items = self.body["input"]
        for item in [] if isinstance(items, str) else items:
            if item.get("type") == "function_call":
                names[item["call_id"]] = item["name"]
            elif item.get("type") == "function_call_output":
                found[names[item["call_id"]]] = unfenced(item["output"])
        return found


Script = Callable[[Request], Reply]


def unfenced(text: Any) -> Any:
    """Return the JSON of a tool result, without the fence around it."""
    text = text if isinstance(text, str) else "".join(part.get("text", "") for part in text)
    start, end = text.find("{"), text.rfind("}")
    try:
        return json.loads(text[start : end + 1])
    except ValueError:
        return text

"""By what a request to a language model is recognised, and how it differs from another one.

Two requests are the same when their wire and the canonical JSON of their bodies are. What depends
on when and where a question is asked, and not on the desk that it is about, is left out of account:
the wall clock's time, the last sign of life, and what models cost today.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from callwright.domain.base import Frozen

NOT_COMPARED = ("wall_clock", "heartbeat", "today_usd", "month_usd", "unpriced_this_month")
"""Values that are never compared, by their names in what a model is told."""

_NOT_COMPARED = re.compile(rf'("(?:{"|".join(NOT_COMPARED)})": ?)("[^"]*"|[^\s,}}"\]]+)')
_MESSAGES = {"chat": "messages", "responses": "input"}
_HASH_LENGTH = 16
_SHOWN_LENGTH_MAX = 60


class Parts(Frozen):
    """What a request consists of, each part as a hash but for the model and its settings.

    Attributes:
        instructions: The fixed prompt.
        tools: By their names.
        messages: Whose each one is, and its hash.
        settings: Everything else, as JSON.
    """

    model: str
    instructions: str
    tools: Mapping[str, str]
    messages: tuple[tuple[str, str], ...]
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """A request as it is compared.

    Attributes:
        wire: ``chat`` or ``responses``.
        sha256: Of the canonical JSON of its body.
    """

    wire: str
    sha256: str
    parts: Parts


def asked_of(path: str, body: bytes) -> Asked:
    """Return a request as it is compared.

    Args:
        path: Of its URL; it tells the wire.

    Raises:
        ValueError: The body is no JSON object, or no request of either wire.
    """
    wire = "chat" if path.endswith("/chat/completions") else "responses"
    whole = _plain(json.loads(body))
    if not isinstance(whole, dict):
        raise ValueError("the request is no object")
    rest = dict(whole)
    messages = rest.pop(_MESSAGES[wire], ())
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    instructions = rest.pop("instructions", None)
    if wire == "chat" and messages and messages[0].get("role") in ("system", "developer"):
        instructions, *messages = messages
    return Asked(
        wire,
        _hash(whole, length=64),
        Parts(
            model=str(rest.pop("model", "")),
            instructions=_hash(instructions),
            tools={_name(tool): _hash(tool) for tool in rest.pop("tools", None) or ()},
            messages=tuple((_whose(message), _hash(message)) for message in messages),
            settings={name: json.dumps(value) for name, value in sorted(rest.items())},
        ),
    )


def difference(asked: Parts, recorded: Sequence[Parts]) -> str:
    """Return in words how a request differs from the recorded one that is most like it."""
    if not recorded:
        return "nothing was recorded on this wire"
    nearest = max(recorded, key=lambda parts: _likeness(asked, parts))
    if asked.model != nearest.model:
        return f"the model is {asked.model}, recorded was {nearest.model}"
    if asked.instructions != nearest.instructions:
        return "the prompt is another one"
    if asked.tools != nearest.tools:
        names = [n for n in asked.tools if asked.tools[n] != nearest.tools.get(n)]
        names += [n for n in nearest.tools if n not in asked.tools]
        return f"another tool or description: {', '.join(names)}"
    if asked.messages != nearest.messages:
        at = _same_messages(asked, nearest)
        whose = asked.messages[at][0] if at < len(asked.messages) else "the end"
        return f"what it is told differs at message {at + 1} ({whose})"
    for name in {**asked.settings, **nearest.settings}:
        now, then = (parts.settings.get(name, "nothing") for parts in (asked, nearest))
        if now != then:
            return f"{name} is {now[:_SHOWN_LENGTH_MAX]}, recorded was {then[:_SHOWN_LENGTH_MAX]}"
    return "the parts are the same in another order"


def _likeness(asked: Parts, recorded: Parts) -> tuple[Any, ...]:
    return (
        asked.model == recorded.model,
        asked.instructions == recorded.instructions,
        _same_messages(asked, recorded),
        len(asked.messages) == len(recorded.messages),
        asked.tools == recorded.tools,
        asked.tools.keys() == recorded.tools.keys(),
    )


def _same_messages(asked: Parts, recorded: Parts) -> int:
    pairs = zip(asked.messages, recorded.messages, strict=False)
    return next(
        (n for n, (a, b) in enumerate(pairs) if a != b),
        min(len(asked.messages), len(recorded.messages)),
    )


def _plain(value: Any) -> Any:
    """Return a JSON value without what is never compared."""
    if isinstance(value, str):
        return _NOT_COMPARED.sub(r'\1"any"', value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _hash(value: Any, *, length: int = _HASH_LENGTH) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:length]


def _name(tool: Any) -> str:
    return str((tool.get("function") or tool).get("name", ""))


def _whose(message: Any) -> str:
    return str(message.get("role") or message.get("type") or "")

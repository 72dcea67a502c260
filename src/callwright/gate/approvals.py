"""``gate.toml``: the combinations that may trade, with the scores that they were approved on.

A file that cannot be read, or that was half edited, is an error and never an approval. Without a
file nothing is approved.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from callwright.domain.base import Frozen, UtcTime
from callwright.errors import ConfigError, StorageError

Part = Literal["prompt", "tools", "settings", "model", "server"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a version is a hash over, each with a hash of its own."""

Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[int, Field(ge=0)]
Frac = Annotated[float, Field(ge=0, le=1)]


def hash_of(value: object) -> str:
    """Return 12 hex digits over a JSON value."""
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def version_of_parts(parts: Mapping[Part, str]) -> str:
    """Return the version of a combination: a hash over those of its parts."""
    return hash_of([[name, parts[name]] for name in PARTS])


class Interval(Frozen):
    """A share of situations with Wilson's 95% interval."""

    share: Frac
    low: Frac
    high: Frac


class Scores(Frozen):
    """What the suite said of a combination; None is not known.

    Attributes:
        forbidden, forbidden_rules: Situations that it, and the rules, answered with something
            forbidden.
        failed: Askings without an answer.
        cost_usd: Of all askings.
        latency_ms_median: Of one asking.
    """

    valid: Interval | None = None
    legal: Interval | None = None
    sensible: Interval | None = None
    right: Interval | None = None
    acts: Interval | None = None
    waits: Interval | None = None
    forbidden: Count
    forbidden_rules: Count
    failed: Count
    cost_usd: Annotated[float, Field(ge=0)] | None = None
    latency_ms_median: Annotated[float, Field(ge=0)] | None = None


class Approval(Frozen):
    """One combination that may trade.

    Attributes:
        server: The address that was asked.
        served_models: What the provider called the model in its replies; empty when it said
            nothing.
        suite: Version of the situations. situations, askings: How many were asked, how often.
        despite: Why it was approved although it missed the bar; empty when it did not.
        canary: Situations that are asked again at every start.
        parts: A hash for each part.
        answers: What it answered to each situation, a failure by its code, each once.
    """

    version: Hex
    model: Line
    wire: Line
    protocol: Line
    server: Line
    approved_at: UtcTime
    callwright: Line
    suite: Hex
    situations: Count
    askings: Count
    served_models: tuple[Line, ...]
    despite: Line = ""
    canary: Annotated[tuple[Line, ...], Field(min_length=1)]
    parts: Mapping[Part, Hex]
    scores: Scores
    answers: Mapping[Line, tuple[Line, ...]]

    @model_validator(mode="after")
    def _is_whole(self) -> Approval:
        missing = [name for name in PARTS if name not in self.parts]
        if missing:
            raise ValueError(f"parts lacks {', '.join(missing)}")
        if self.version != version_of_parts(self.parts):
            raise ValueError(f"version {self.version} is not that of its parts")
        # What the file calls them is what a person reads; what is compared are the parts.
        named: dict[Part, str] = {"model": self.model, "server": self.server}
        for name, text in named.items():
            if self.parts[name] != hash_of(text):
                raise ValueError(f"{name} is not that of its parts")
        unanswered = [name for name in self.canary if name not in self.answers]
        if unanswered:
            raise ValueError(f"answers lacks {', '.join(unanswered)} of the canary")
        return self


class Approvals(Frozen):
    """Everything that is approved, in the order of approval."""

    approved: tuple[Approval, ...] = ()

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Approvals:
        versions = [one.version for one in self.approved]
        twice = sorted({version for version in versions if versions.count(version) > 1})
        if twice:
            raise ValueError(f"version {', '.join(twice)} stands twice")
        return self

    def of(self, version: str) -> Approval | None:
        """Return the approval of this version, or None."""
        return next((one for one in self.approved if one.version == version), None)

    def nearest(self, parts: Mapping[Part, str]) -> Approval | None:
        """Return what this combination is most likely a change of; None when nothing is approved.

        One of the same model first, then the one that differs in the fewest parts, then the newest.
        """

        def distance(one: Approval) -> tuple[bool, int, datetime]:
            same = len(PARTS) - len(differing(parts, one.parts))
            return one.parts["model"] == parts["model"], same, one.approved_at

        return max(self.approved, key=distance, default=None)

    def with_(self, approval: Approval) -> Approvals:
        """Return the approvals with one more, in the place of an earlier one of its version."""
        others = tuple(one for one in self.approved if one.version != approval.version)
        return Approvals(approved=(*others, approval))


def differing(one: Mapping[Part, str], other: Mapping[Part, str]) -> tuple[Part, ...]:
    """Return the parts in which two combinations differ."""
    return tuple(name for name in PARTS if one[name] != other[name])


_REMEDY = "take it back from version control, or move it away and run callwright gate approve"


def read_approvals(path: Path) -> Approvals:
    """Return what a file approves; nothing when there is none.

    Raises:
        ConfigError: It cannot be read, or is not as ``Approvals`` says.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Approvals()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", remedy=_REMEDY) from exc
    return parse_approvals(text, str(path))


def parse_approvals(text: str, name: str) -> Approvals:
    """Return what a text approves.

    Raises:
        ConfigError: It is not as ``Approvals`` says; the message has ``name`` and the place.
    """
    try:
        return Approvals.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{name} is no TOML: {exc}", remedy=_REMEDY) from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name}: {where}: {message}", remedy=_REMEDY) from exc


def write_approvals(path: Path, approvals: Approvals) -> None:
    """Replace the file, whole or not at all.

    Raises:
        StorageError: It cannot be written; what was there is still there.
    """
    text = to_toml(approvals)
    if parse_approvals(text, str(path)) != approvals:
        raise StorageError(f"{path}: the approvals cannot be written as TOML")
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {exc.strerror}", remedy=_remedy_of(path.parent)
        ) from exc


def require_writable(path: Path) -> None:
    """Make sure that approvals can be written there, before anything is paid for one.

    Raises:
        StorageError: They cannot; the remedy names the folder.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as exc:
        raise StorageError(
            f"cannot write {path}: {exc.strerror}", remedy=_remedy_of(path.parent)
        ) from exc


def _remedy_of(folder: Path) -> str:
    where = folder.absolute()
    if not folder.exists():
        return f"make the folder {where}, or name another file in LLM_GATE_FILE"
    return f"make {where} a folder that can be written, or name another file in LLM_GATE_FILE"


_HEAD = """\
# Combinations of prompt, tools, settings and model that may trade in MODE=production.
# Written by `callwright gate approve`; to take an approval back, delete its table (docs/gate.md).
"""


def to_toml(approvals: Approvals) -> str:
    """Return the approvals as the text of a file, in a fixed order."""
    lines = [_HEAD]
    for one in approvals.approved:
        data = one.model_dump(exclude_none=True)
        tables = {name: data.pop(name) for name in ("parts", "scores", "answers")}
        lines += ["[[approved]]", *_pairs(data), ""]
        for name, table in tables.items():
            lines += [f"[approved.{name}]", *_pairs(table), ""]
    return "\n".join(lines)


_BARE = re.compile(r"[A-Za-z0-9_-]+")


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_toml(value)}" for name, value in values.items()]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    match value:
        case str():
            # JSON's escapes are TOML's, but for characters beyond the basic plane.
            return json.dumps(value, ensure_ascii=False)
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case Mapping():
            return f"{{ {', '.join(_pairs(value))} }}"
        case tuple() | list():
            return f"[{', '.join(_toml(item) for item in value)}]"
    return json.dumps(value)

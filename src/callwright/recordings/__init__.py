"""A recording: replies of a language model, each beside what tells the request that it answers.

One file of JSON lines: first the origin, then an exchange a line. Of a request its hash is kept and
the hashes of its parts, so that a request that nobody recorded can be told from the recorded ones
by name; of a reply its body. No header is kept, and nothing else of either.

The recording ``demo`` comes with callwright: the desk of ``make run``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from callwright.domain.base import Frozen
from callwright.errors import ConfigError, StorageError
from callwright.recordings.requests import Asked, Parts, difference

T = TypeVar("T", bound=Frozen)

DEMO = "demo"
"""The name of the recording that comes with callwright."""

SCHEMA = 1
SAYS = (
    "Shows the protocol and what the prompt does to this model, a small one that ran on a "
    "processor; not the quality of a hosted model."
)


class Origin(Frozen):
    """Where a recording is from, and of which desk it is.

    Attributes:
        model, sha256, server, threads: Who answered: name, hash of its file, what served it, on how
            many threads.
        date: UTC day of the recording.
        says: What it shows, and what not.
        prompt_versions: Of manager and explainer, by their names.
        settings: The model settings that requests depend on, and the desk's market and step.
        cycles: How many cycles were recorded, from the first of a new home on.
        questions: What was asked afterwards.
        exchanges: How many follow; a file with others is damaged.
    """

    schema_version: int = Field(SCHEMA, ge=SCHEMA, le=SCHEMA)
    model: str = Field(min_length=1)
    date: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    sha256: str | None = None
    server: str | None = None
    threads: int | None = None
    says: str = SAYS
    prompt_versions: Mapping[str, str] = {}
    settings: Mapping[str, str | None] = {}
    cycles: int = Field(0, ge=0)
    questions: tuple[str, ...] = ()
    exchanges: int = Field(0, ge=0)

    @property
    def label(self) -> str:
        """Return model and day, as every screen tells them."""
        return f"recorded from {self.model} on {self.date}"

    @property
    def facts(self) -> Mapping[str, str]:
        """Return what a record says of it."""
        return {"model": self.model, "date": self.date}


class Exchange(Frozen):
    """A request and its reply.

    Attributes:
        wire: ``chat`` or ``responses``.
        sha256: Of the request's canonical form (``requests.Asked``).
        status, content_type, body: Of the reply.
        seconds: What the reply took when it was recorded.
    """

    wire: str
    sha256: str
    parts: Parts
    status: int = Field(200, ge=100, le=599)
    content_type: str
    body: str
    seconds: float = Field(ge=0)


class Recording:
    """Exchanges by their requests.

    Attributes:
        origin: Where they are from.
        exchanges: In the order in which they were recorded.
    """

    def __init__(self, origin: Origin, exchanges: Iterable[Exchange]) -> None:
        self.origin = origin
        self.exchanges = tuple(exchanges)
        # The first reply is the one that counts, should a request be there twice.
        self._exchanges = {(e.wire, e.sha256): e for e in reversed(self.exchanges)}

    def __len__(self) -> int:
        return len(self._exchanges)

    def find(self, asked: Asked) -> Exchange | None:
        """Return the exchange of this request; None when it was not recorded."""
        return self._exchanges.get((asked.wire, asked.sha256))

    def difference(self, asked: Asked) -> str:
        """Return in words how a request differs from the recorded one that is most like it."""
        recorded = [e.parts for e in self._exchanges.values() if e.wire == asked.wire]
        return difference(asked.parts, recorded)


def read_recording(name: str) -> Recording:
    """Return a recording.

    Args:
        name: A file, or ``demo`` for the one that comes with callwright.

    Raises:
        ConfigError: There is none, or it is damaged; the message names the line.
    """
    first, *lines = _lines(name)
    origin = _read(Origin, first, f"{name}, line 1")
    if len(lines) != origin.exchanges:
        raise ConfigError(
            f"the recording {name} is damaged: {len(lines)} exchanges instead of "
            f"{origin.exchanges}",
            remedy=_REMEDY,
        )
    return Recording(
        origin, [_read(Exchange, line, f"{name}, line {n}") for n, line in enumerate(lines, 2)]
    )


def read_origin(name: str) -> Origin:
    """Return where a recording is from.

    Raises:
        ConfigError: As ``read_recording``; its exchanges are not looked at.
    """
    return _read(Origin, _lines(name)[0], f"{name}, line 1")


def write_recording(path: Path, origin: Origin, exchanges: Sequence[Exchange]) -> None:
    """Write a recording: all of it, or the file stays as it was.

    Raises:
        StorageError: The file cannot be written.
    """
    origin = origin.model_copy(update={"exchanges": len(exchanges)})
    lines = [origin.model_dump_json(), *(exchange.model_dump_json() for exchange in exchanges)]
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as exc:
        raise StorageError(f"{path} cannot be written: {exc.strerror}") from exc


def _file(name: str) -> Traversable | Path:
    if name == DEMO:
        return files("callwright.recordings") / f"{DEMO}.jsonl"
    return Path(name)


def _lines(name: str) -> list[str]:
    try:
        text = _file(name).read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise ConfigError(f"there is no recording {name}", remedy=_REMEDY) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the recording {name} cannot be read", remedy=_REMEDY) from exc
    return text.removesuffix("\n").split("\n")


def _read(kind: type[T], line: str, where: str) -> T:
    try:
        value: Any = json.loads(line)
        return kind.model_validate(value)
    except (ValueError, RecursionError, ValidationError) as exc:
        raise ConfigError(f"the recording {where} is damaged", remedy=_REMEDY) from exc


_REMEDY = (
    "name another in LLM_RECORDING, or make it anew: python scripts/record_demo.py "
    "(make record makes all of them)"
)

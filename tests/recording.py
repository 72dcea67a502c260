"""Cassettes of language models: what is kept of a request, how one is recognised, where it is from.

A cassette is vcrpy's YAML with two more keys: ``origin`` (which model answered, on what, when, to
which prompt) and ``answer`` (what the desk made of it). Headers are kept by an allow-list, ids that
a server draws at random become numbers, and a secret makes recording fail.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
import yaml

from callwright.config import Settings, load_settings

CASSETTES = Path(__file__).parent / "cassettes"
ORIGIN = "CALLWRIGHT_RECORD_ORIGIN"
"""Environment: facts of the model that is recorded, as JSON; ``scripts/record.py`` sets it."""

RECORDED_AT = "http://127.0.0.1:8812/v1"
"""Where requests go while nothing is recorded: nowhere, since the network is blocked."""

RECORDED_MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"

WORDS = (
    "Shows the protocol and what the prompt does to this model, a small one that ran on a "
    "processor; not the quality of a hosted model."
)

_KEPT_HEADERS = frozenset({"content-type"})
SECRET = re.compile(r"sk-[A-Za-z0-9_-]{6,}|Bearer |planted-secret", re.ASCII)
_RANDOM_ID = re.compile(r'"(?:id|call_id|tool_call_id|response_id|item_id)": ?"([^"]{6,})"')
_MADE_ID = re.compile(r"id_\d+|earlier_\d+_\d+")
"""Ours: of an earlier recording of the same, or of the explainer's history."""


_current: list[Recording] = []


def current() -> Recording:
    """Return the recording that was begun last: that of the test that runs."""
    return _current[-1]


class SecretInCassette(AssertionError):
    """What was to be recorded holds a secret."""


class Recording:
    """One cassette being recorded or played, and what went wrong with it.

    Attributes:
        answer: What the desk made of the replies; set by the test before the cassette is closed.
        unknown: For each request that nobody recorded, how it differs from the recorded ones.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.answer: Any = None
        self.unknown: dict[bytes, list[str]] = {}
        self._known: set[bytes] = set()
        self.secrets: list[str] = []
        self._ids: dict[str, str] = {}
        _current[:] = [self]

    # Hooks of vcrpy.

    def request(self, request: Any) -> Any:
        """Keep of a request what a provider needs to see."""
        headers = {k: v for k, v in request.headers.items() if k.lower() in _KEPT_HEADERS}
        body = self._plain(request.body)
        self._refuse_secrets(f"{request.uri} {body}")
        request.headers, request.body = headers, body.encode()
        request.uri = f"http://model{urlsplit(request.uri).path}"
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Keep of a response its status, its kind and its body."""
        headers = response["headers"]
        kept = {k: v for k, v in headers.items() if k.lower() in _KEPT_HEADERS}
        body = self._plain(response["body"]["string"])
        self._refuse_secrets(body)
        return {**response, "headers": kept, "body": {"string": body.encode()}}

    def same_body(self, asked: Any, recorded: Any) -> None:
        """Match two requests by the JSON of their bodies; name the first place that differs."""
        place = first_difference(json.loads(asked.body), json.loads(recorded.body))
        if place is None:
            # One of the recorded requests is enough; the others are other turns.
            self._known.add(asked.body)
            self.unknown.pop(asked.body, None)
            return
        if asked.body not in self._known:
            self.unknown.setdefault(asked.body, []).append(place)
        raise AssertionError(place)

    @property
    def difference(self) -> str | None:
        """How the first unknown request differs from the recorded one that is most like it."""
        for places in self.unknown.values():
            # Another turn has another number of messages; that is no difference of the prompt.
            return min(places, key=lambda place: " items " in place)
        return None

    def serialize(self, cassette: dict[str, Any]) -> str:
        """Return the YAML of a cassette with its origin and its answer."""
        origin = json.loads(os.environ.get(ORIGIN, "{}"))
        if not origin:
            raise AssertionError("nobody says which model this is: record with make record")
        cassette = {"origin": {**origin, "says": WORDS}, "answer": self.answer, **cassette}
        return yaml.dump(cassette, sort_keys=False, allow_unicode=True, width=100)

    def deserialize(self, text: str) -> dict[str, Any]:
        """Return a cassette as vcrpy knows it."""
        read = yaml.safe_load(text)
        self.answer = read.pop("answer")
        del read["origin"]
        cassette: dict[str, Any] = read
        return cassette

    def _plain(self, body: bytes | str | None) -> str:
        text = body.decode() if isinstance(body, bytes) else body or ""
        for found in _RANDOM_ID.findall(text):
            if not _MADE_ID.fullmatch(found):
                self._ids.setdefault(found, f"id_{len(self._ids) + 1}")
        # The longest first: one may be the beginning of another.
        for drawn in sorted(self._ids, key=len, reverse=True):
            text = text.replace(drawn, self._ids[drawn])
        return text

    def _refuse_secrets(self, text: str) -> None:
        key = os.environ.get("OPENAI_API_KEY", "")
        if SECRET.search(text) or (len(key) >= 8 and key in text):
            self.secrets.append("a secret would be recorded")
            raise SecretInCassette(self.secrets[-1])


class Named(Protocol):
    """What a cassette holds the replies to."""

    @property
    def name(self) -> str:
        """The cassette's."""


def played_by(argument: str, all_named: Iterable[Named]) -> pytest.MarkDecorator:
    """Mark a test that is given each of these as ``argument``, and the cassette of its name."""
    return pytest.mark.parametrize(
        (argument, "default_cassette_name"),
        [pytest.param(each, each.name, id=each.name) for each in all_named],
    )


def model_settings(home: Path, *, wire: str, **changes: Any) -> Settings:
    """Return the settings with which the model of the cassettes is asked, or its replies played."""
    return load_settings(
        config_file=None,
        callwright_home=home,
        llm_model_name=os.environ.get("CALLWRIGHT_RECORD_MODEL", RECORDED_MODEL),
        llm_base_url=os.environ.get("CALLWRIGHT_RECORD_URL", RECORDED_AT),
        llm_allow_private_network=True,
        llm_wire=wire,
        **changes,
    )


def require_whole(recording: Recording, vcr: Any, answer: Any, *, is_recorded: bool) -> None:
    """Fail unless the same was asked as was recorded, all of it, and the same came of it."""
    assert not recording.secrets
    if is_recorded:
        assert vcr.requests, f"{recording.name}: nothing was asked; {answer}"
        return
    if recording.difference is not None:
        pytest.fail(changed(recording), pytrace=False)
    assert answer == recording.answer
    assert vcr.all_played


def changed(recording: Recording) -> str:
    """Return what a person needs to know of a request that was not recorded."""
    return (
        f"{recording.name}.yaml in tests/cassettes was recorded with another request.\n"
        f"  what differs: {recording.difference}\n"
        "  if you meant to change that: make record (a local model, half an hour), then see\n"
        "  what became of the answers with: git diff --stat tests/cassettes"
    )


def first_difference(asked: Any, recorded: Any, place: str = "") -> str | None:
    """Return where two JSON values differ first, and how; None where they do not."""
    if isinstance(asked, dict) and isinstance(recorded, dict):
        for key in [*recorded, *(k for k in asked if k not in recorded)]:
            if key not in asked or key not in recorded:
                return f"{place}.{key} is {'new' if key in asked else 'gone'}".lstrip(".")
            found = first_difference(asked[key], recorded[key], f"{place}.{key}")
            if found is not None:
                return found.lstrip(".")
        return None
    if isinstance(asked, list) and isinstance(recorded, list):
        if len(asked) != len(recorded):
            return f"{place}: {len(asked)} items instead of {len(recorded)}"
        for number, pair in enumerate(zip(asked, recorded, strict=True)):
            found = first_difference(*pair, f"{place}[{number}]")
            if found is not None:
                return found
        return None
    if asked == recorded and type(asked) is type(recorded):
        return None
    return f"{place or 'the body'}: {_around(asked, recorded)}"


def _around(asked: Any, recorded: Any) -> str:
    if not (isinstance(asked, str) and isinstance(recorded, str)):
        return f"{str(asked)[:80]!r} instead of {str(recorded)[:80]!r}"
    pairs = zip(asked, recorded, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(asked), len(recorded)))
    start = max(at - 30, 0)
    return f"…{asked[start : at + 50]!r} instead of …{recorded[start : at + 50]!r}"


def cassettes(folder: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every cassette of a folder, whole."""
    for path in sorted((CASSETTES / folder).glob("*.yaml")):
        yield path, yaml.safe_load(path.read_text(encoding="utf-8"))

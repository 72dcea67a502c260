"""The manager against a real model's recorded replies, in situations of the suite.

Recorded by ``make record``. A prompt, a tool or a setting that changed asks something else than was
recorded; the failure says what, in which part of the request, and how to record it anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from callwright.config import load_settings
from callwright.evaluation.cases import case_of, suite_settings
from callwright.evaluation.running import model, usage_database
from callwright.evaluation.scoring import Trial, scored
from callwright.evaluation.situations import all_situations
from recording import (
    CASSETTES,
    RECORDED_AT,
    SECRET,
    Recording,
    SecretInCassette,
    cassettes,
)

RECORDED_MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m"

ON_RESPONSES = ("open/calm",)
ON_CHAT: tuple[str, ...] = ()


def situations() -> list[Any]:
    return [
        pytest.param(name, wire, id=f"{name.replace('/', '-')}.{wire}")
        for wire, names in (("responses", ON_RESPONSES), ("chat", ON_CHAT))
        for name in names
    ]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.id)


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    return str(CASSETTES / "manager")


@pytest.fixture
def default_cassette_name(name: str) -> str:
    return name


@pytest.fixture
def recording(name: str) -> Recording:
    return Recording(name)


@pytest.fixture
def vcr_config(recording: Recording) -> dict[str, Any]:
    return {
        "match_on": ["method", "path", "same_body"],
        "before_record_request": recording.request,
        "before_record_response": recording.response,
        "decode_compressed_response": True,
        "serializer": "yaml",
    }


@pytest.mark.block_network
@pytest.mark.vcr
@pytest.mark.parametrize(("situation", "wire"), situations())
def test_what_was_recorded_is_asked_and_answered_the_same(
    situation: str, wire: str, recording: Recording, vcr: Any, record_mode: str, tmp_path: Path
) -> None:
    trial = asyncio.run(_asked(situation, wire, is_recorded=record_mode != "none", home=tmp_path))
    answer = {
        "answer": trial.answer,
        "failure": trial.failure,
        "codes": list(trial.codes),
        "reasoning": trial.reasoning,
        "prompt_version": trial.prompt_version,
    }
    assert not recording.secrets
    if record_mode != "none":
        recording.answer = answer
        assert vcr.requests, f"{recording.name}: nothing was asked ({trial.failure_message})"
        return
    if recording.difference is not None:
        pytest.fail(changed(recording), pytrace=False)
    assert answer == recording.answer
    assert vcr.all_played


def changed(recording: Recording) -> str:
    """Return what a person needs to know of a request that was not recorded."""
    return (
        f"tests/cassettes/manager/{recording.name}.yaml was recorded with another request.\n"
        f"  what differs: {recording.difference}\n"
        "  if you meant to change that: make record (a local model, about half an hour), then see\n"
        "  what became of the answers with: git diff --stat tests/cassettes"
    )


async def _asked(situation: str, wire: str, *, is_recorded: bool, home: Path) -> Trial:
    settings = suite_settings(
        load_settings(
            config_file=None,
            callwright_home=home,
            llm_model_name=os.environ.get("CALLWRIGHT_RECORD_MODEL", RECORDED_MODEL),
            llm_base_url=os.environ.get("CALLWRIGHT_RECORD_URL", RECORDED_AT),
            llm_allow_private_network=True,
            llm_wire=wire,
            llm_protocol="stepwise",
            llm_timeout_seconds=900.0 if is_recorded else 45.0,
        )
    )
    case = case_of(next(s for s in all_situations() if s.name == situation), settings)
    with usage_database(None) as database:
        return scored(case, await model(database)(case), repeat=0)


def test_a_changed_word_is_named_with_its_part_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "open-calm.responses"
    played = Recording(name)
    text = (CASSETTES / "manager" / f"{name}.yaml").read_text(encoding="utf-8")
    body = played.deserialize(text)["interactions"][0]["request"]["body"]
    for part, was, becomes in (
        ("instructions", "covered-call manager", "covered-call master"),
        ("tools", "Balances, free cover", "Balance, free cover"),
    ):
        edited = body.replace(was, becomes)
        assert edited != body
        recording = Recording(name)
        asked, recorded = (SimpleNamespace(body=text.encode()) for text in (edited, body))
        with pytest.raises(AssertionError):
            recording.same_body(asked, recorded)
        message = changed(recording)
        assert f"what differs: {part}" in message
        assert "make record" in message
        assert f"{name}.yaml" in message


@pytest.mark.parametrize("place", ["body", "header", "reply"])
def test_a_secret_makes_recording_fail(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "a-key-of-this-machine"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    recording = Recording("secret")
    request = SimpleNamespace(
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        body=json.dumps({"input": key if place == "body" else "nothing"}).encode(),
        uri="http://127.0.0.1:8812/v1/responses",
    )
    if place == "body":
        with pytest.raises(SecretInCassette):
            recording.request(request)
        return
    kept = recording.request(request)
    assert key not in f"{kept.headers} {kept.body!r} {kept.uri}"
    reply = {"headers": {"X-Key": [key]}, "body": {"string": key if place == "reply" else ""}}
    if place == "reply":
        with pytest.raises(SecretInCassette):
            recording.response(reply)
        return
    assert key not in str(recording.response(reply))


def test_every_cassette_says_where_it_is_from_and_holds_no_secret() -> None:
    found = list(cassettes("manager"))
    assert {path.stem for path, _ in found} == {str(each.id) for each in situations()}
    for path, cassette in found:
        origin = cassette["origin"]
        assert origin.keys() >= {"model", "recorded", "server"}, path
        assert "not the quality" in origin["says"]
        assert not SECRET.search(path.read_text(encoding="utf-8")), path

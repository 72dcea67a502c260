"""What is true of every cassette in the tree, and what can never become one."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from recording import SECRET, Recording, SecretInCassette, cassettes

FOLDERS = ("manager", "chooser", "explainer")


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


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_cassette_says_where_it_is_from_and_holds_no_secret(folder: str) -> None:
    found = list(cassettes(folder))
    assert found
    for path, cassette in found:
        origin = cassette["origin"]
        assert origin.keys() >= {"model", "recorded", "server"}, path
        assert "not the quality" in origin["says"]
        assert not SECRET.search(path.read_text(encoding="utf-8")), path
        for each in cassette["interactions"]:
            for part in (each["request"], each["response"]):
                assert {name.lower() for name in part["headers"]} <= {"content-type"}, path


def test_the_managers_show_the_ends_that_the_documentation_names() -> None:
    outcomes: set[str] = set()
    for path, cassette in cassettes("manager"):
        answer, asked = cassette["answer"], cassette["interactions"]
        action = answer["failure"] or answer["answer"].partition(" ")[0]
        outcomes |= {action, f"{action} denied"} if answer["codes"] else {action}
        if '"accepted":false' in asked[-1]["request"]["body"].translate({92: None, 32: None}):
            outcomes.add("corrected")
        outcomes.add(path.suffixes[-2])
    # Should a newly recorded model never do one of these, docs/cassettes.md has to say so.
    assert outcomes >= {
        *("OPEN", "ROLL", "CLOSE", "HOLD", "LLM_REFUSED", "OPEN denied", "ROLL denied"),
        *("corrected", ".responses", ".chat"),
    }

"""A recording's file, by what a request is recognised, and what keeps one from being made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from callwright.agents.prompt import situation
from callwright.agents.recorder import Recorder
from callwright.demo import record, unfinished
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError
from callwright.recordings import read_origin, read_recording
from callwright.recordings.requests import asked_of, difference
from llm_servers import Reply, Request, Turn, llm_server
from recorded_demos import CYCLES, DATE, changed, origin, scripted_model

CHAT = "/v1/chat/completions"
KEY = "planted-secret-key-1"


def a_body(wire: str = "chat", **changes: Any) -> dict[str, Any]:
    told = [{"role": "user", "content": 'Decide. {"time": "2026-01-05"}'}]
    tool = {"name": "get_portfolio", "description": "Balances."}
    if wire == "chat":
        messages = [{"role": "system", "content": "Be careful."}, *told]
        tools = [{"type": "function", "function": tool}]
        return {"model": "m", "messages": messages, "tools": tools, "max_tokens": 9} | changes
    return {"model": "m", "instructions": "Be careful.", "input": told, "tools": [tool]} | changes


def asked(body: dict[str, Any], wire: str = "chat") -> Any:
    path = CHAT if wire == "chat" else "/v1/responses"
    return asked_of(path, json.dumps(body).encode())


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_the_order_of_keys_makes_no_other_request(wire: str) -> None:
    body = a_body(wire)
    turned = dict(reversed(body.items()))
    assert asked(body, wire) == asked(turned, wire)
    assert asked(body, wire) != asked(body | {"model": "other"}, wire)


@pytest.mark.parametrize(
    "name", ["wall_clock", "heartbeat", "today_usd", "month_usd", "unpriced_this_month"]
)
def test_when_it_is_asked_makes_no_other_request(name: str) -> None:
    def at(value: str) -> Any:
        text = f'<data>{{"{name}": {value}, "cycles": 4}}</data>\nWhy?'
        return asked(a_body(messages=[{"role": "user", "content": text}]))

    assert at('"2026-11-21T10:00:00Z"').sha256 == at('"2026-11-22T11:11:11Z"').sha256
    assert at("null").sha256 == at("0.25").sha256


def test_any_other_number_makes_another_request() -> None:
    def told(text: str) -> Any:
        return asked(a_body(messages=[{"role": "user", "content": text}])).sha256

    assert told('{"cycles": 4}') != told('{"cycles": 5}')
    assert told('{"wall_clock": "1", "cycles": 4}') != told('{"wall_clock": "1", "cycles": 5}')


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"model": "n"}, "the model is n, recorded was m", id="model"),
        pytest.param(
            {"messages": [{"role": "system", "content": "Be bold."}, a_body()["messages"][1]]},
            "the prompt is another one",
            id="prompt",
        ),
        pytest.param(
            {"tools": [{"function": {"name": "get_portfolio", "description": "All."}}]},
            "another tool or description: get_portfolio",
            id="tool",
        ),
        pytest.param({"tools": []}, "another tool or description: get_portfolio", id="no-tool"),
        pytest.param(
            {"messages": [a_body()["messages"][0], {"role": "user", "content": "Why?"}]},
            "what it is told differs at message 1 (user)",
            id="message",
        ),
        pytest.param(
            {"messages": a_body()["messages"][:1]},
            "what it is told differs at message 1 (the end)",
            id="fewer-messages",
        ),
        pytest.param({"max_tokens": 8}, "max_tokens is 8, recorded was 9", id="setting"),
        pytest.param(
            {"temperature": 0.5}, "temperature is 0.5, recorded was nothing", id="new-setting"
        ),
    ],
)
def test_a_difference_is_named(changes: dict[str, Any], named: str) -> None:
    assert difference(asked(a_body(**changes)).parts, [asked(a_body()).parts]) == named


def test_the_recorded_request_that_is_most_like_it_is_compared() -> None:
    recorded = [asked(a_body(model="other")).parts, asked(a_body()).parts]
    found = difference(asked(a_body(max_tokens=8)).parts, recorded)
    assert found == "max_tokens is 8, recorded was 9"


def test_a_recording_says_where_it_is_from(recording: Path) -> None:
    found = read_origin(str(recording))
    assert (found.model, found.date, found.cycles) == ("scripted-1", DATE, CYCLES)
    assert "not the quality of a hosted model" in found.says
    assert found.settings["market"] == "synthetic:7"
    assert len(found.prompt_versions["manager"]) == 12
    assert len(read_recording(str(recording))) == found.exchanges


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        pytest.param(lambda text: "", "line 1 is damaged", id="empty"),
        pytest.param(lambda text: "nonsense\n" + text, "line 1 is damaged", id="no-origin"),
        pytest.param(lambda text: text[: len(text) // 2], "exchanges instead of", id="half"),
        pytest.param(lambda text: text[:-9], "is damaged", id="cut-at-the-end"),
        pytest.param(lambda text: text + text.splitlines()[-1], "instead of", id="one-more"),
        pytest.param(lambda text: text.replace('"body":', '"bod":'), "line 2", id="other-fields"),
        pytest.param(
            lambda text: text.replace('"schema_version":1', '"schema_version":2'),
            "line 1",
            id="later-schema",
        ),
    ],
)
def test_a_damaged_file_is_refused_and_says_where(
    recording: Path, tmp_path: Path, damage: Any, named: str
) -> None:
    target = tmp_path / "damaged.jsonl"
    target.write_text(damage(recording.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ConfigError, match=named) as caught:
        read_recording(str(target))
    assert str(target) in caught.value.message
    assert "record_demo.py" in caught.value.remedy


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "binary.jsonl"
    target.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recording(str(target))


def test_a_recording_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no recording nowhere"):
        read_recording("nowhere.jsonl")


def test_a_recording_holds_no_header_and_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    seen: list[Request] = []

    def model(request: Request) -> Reply:
        seen.append(request)
        return scripted_model(request)

    out = tmp_path / "small.jsonl"
    with llm_server(model) as server:
        recorder = Recorder(server.url, origin(), keys=(KEY,))
        record(recorder, tmp_path, cycles=1, out=out)
    # It was sent, as a server wants it; and it is nowhere in what was kept.
    assert KEY in seen[0].headers["authorization"]
    text = out.read_text(encoding="utf-8")
    for word in (KEY, "authorization", "Bearer", "user-agent", str(tmp_path), server.url):
        assert word.lower() not in text.lower()


@pytest.mark.parametrize("where", ["prompt", "reply", "looks-like-one"])
def test_a_secret_keeps_a_recording_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    planted = "sk" + "-" + "x" * 24 if where == "looks-like-one" else KEY
    if where == "prompt":
        monkeypatch.setattr(
            "callwright.agents.manager.situation", lambda *shown: f"{planted} {situation(*shown)}"
        )

    def model(request: Request) -> Reply:
        reply = scripted_model(request)
        if where == "prompt" or not isinstance(reply, Turn) or reply.text is None:
            return reply
        return Turn(text=f"{reply.text} {planted}")

    out = tmp_path / "small.jsonl"
    with llm_server(model) as server:
        recorder = Recorder(server.url, origin(), keys=(KEY,))
        with pytest.raises(ConfigError, match="hold a secret"):
            record(recorder, tmp_path, cycles=1, out=out)
    assert not out.exists()
    assert all(planted not in path.read_text() for path in tmp_path.glob("small*"))


def test_a_recording_that_was_stopped_goes_on_without_asking_again(tmp_path: Path) -> None:
    out = tmp_path / "small.jsonl"
    asked_for: list[Request] = []

    def model(request: Request) -> Reply:
        asked_for.append(request)
        return scripted_model(request)

    def stop(record: CycleRecord) -> None:
        if record.state.as_of.startswith("2026-01-05T12"):
            raise KeyboardInterrupt

    with llm_server(model) as server:
        with pytest.raises(KeyboardInterrupt):
            record(
                Recorder(server.url, origin()),
                tmp_path / "stopped",
                cycles=3,
                out=out,
                on_record=stop,
            )
        assert (len(asked_for), out.exists()) == (2, False)
        earlier = read_recording(str(unfinished(out)))
        record(
            Recorder(server.url, origin(), earlier=earlier),
            tmp_path / "again",
            cycles=3,
            out=out,
        )
    # The third cycle and two questions of two requests each.
    assert len(asked_for) == 2 + 1 + 2 * 2
    assert not unfinished(out).exists()


def test_a_recording_that_does_not_play_the_same_is_not_kept(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "small.jsonl"
    before = recording.read_text(encoding="utf-8")
    out.write_text(before, encoding="utf-8")
    shortened = lambda name: read_recording(  # noqa: E731
        str(changed(Path(name), tmp_path / "shortened", 1, sha256="0" * 64))
    )
    monkeypatch.setattr("callwright.model_brain.read_recording", shortened)
    with (
        llm_server(scripted_model) as server,
        pytest.raises(ConfigError, match="cycle 1 does not play as it was recorded"),
    ):
        record(Recorder(server.url, origin()), tmp_path, cycles=1, out=out)
    assert out.read_text(encoding="utf-8") == before

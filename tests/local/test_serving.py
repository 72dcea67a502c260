from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from callwright.errors import ConfigError, StorageError
from callwright.local.serving import Serving, start, template_text
from commands import callwright, complains


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    path.write_bytes(b"GGUF\x03\x00")
    return path


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The library's two classes, as far as they are used; ``seen`` is what a server was given."""
    found = SimpleNamespace(seen=None, error=None)

    class Params(SimpleNamespace):
        def __init__(self) -> None:
            super().__init__(
                model=SimpleNamespace(), cpuparams=SimpleNamespace(),
                cpuparams_batch=SimpleNamespace(),
            )  # fmt: skip

    class Server:
        listening_address = "http://127.0.0.1:8812"

        def __init__(self, params: Any) -> None:
            if found.error is not None:
                raise found.error
            found.seen = params

    module = ModuleType("xllamacpp")
    module.CommonParams, module.Server = Params, Server  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xllamacpp", module)
    return found


def test_the_model_is_served_to_this_machine_with_our_template(
    library: SimpleNamespace, gguf: Path
) -> None:
    start(Serving(gguf, name="small", threads=1, cache_prompt=False))
    seen = library.seen
    assert seen.model.path == str(gguf)
    assert seen.hostnames == ["127.0.0.1"]
    assert seen.cpuparams.n_threads == seen.cpuparams_batch.n_threads == 1
    assert "reply with only one JSON object" in seen.chat_template
    assert seen.cache_prompt is False
    assert seen.cors_origins != "*"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org"])
def test_no_other_address_is_listened_on(library: SimpleNamespace, gguf: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="does not listen"):
        start(Serving(gguf, name="small", host=host))
    assert library.seen is None


def test_what_is_no_model_is_refused_before_it_is_loaded(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    text = tmp_path / "model.txt"
    text.write_text("hello")
    with pytest.raises(ConfigError, match="no GGUF model"):
        start(Serving(text, name="small"))
    with pytest.raises(ConfigError, match=r"cannot be read"):
        start(Serving(tmp_path / "missing.gguf", name="small"))


def test_a_server_that_does_not_start_says_why(library: SimpleNamespace, gguf: Path) -> None:
    library.error = RuntimeError("failed to bind")
    with pytest.raises(StorageError, match="failed to bind"):
        start(Serving(gguf, name="small"))


def test_without_the_package_the_extra_is_named_before_a_model_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        start(Serving(tmp_path / "missing.gguf", name="small"))
    assert "callwright[local]" in str(caught.value.remedy)


def test_templates(tmp_path: Path) -> None:
    own = tmp_path / "own.jinja"
    own.write_text("{{ messages }}")
    assert template_text(own) == "{{ messages }}"
    assert template_text(Path("builtin")) == ""
    with pytest.raises(ConfigError, match="chat template"):
        template_text(tmp_path / "missing.jinja")


def test_serving_without_package_or_model_tells_how_to_get_it(tmp_path: Path) -> None:
    ended = callwright("local", "serve", cwd=tmp_path)
    complains(ended, code=2, about="what to do: ")

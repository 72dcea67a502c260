"""Serving a GGUF file on this machine with llama.cpp's own server, inside this process.

The chat template is ours. A small model prints a tool call as bare JSON, while the template that
comes with it expects a marker first, so nothing would be parsed. With the brace as the marker the
grammar takes over from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from callwright.domain.hosts import is_loopback
from callwright.errors import ConfigError, StorageError

INSTALL = "pip install 'callwright[local]'"
_GGUF_MAGIC = b"GGUF"
_CACHE_MIB = 512
"""Of memory for prompts that were read before."""


class RunningServer(Protocol):
    """A server that answers for as long as it is referred to."""

    @property
    def listening_address(self) -> str:
        """Return its address, without a path."""
        ...


@dataclass(frozen=True)
class Serving:
    """How a model is served.

    Attributes:
        gguf: The model's file.
        name: What it is called in requests and answers.
        threads: Of the processor; more than there are free ones make it slower.
        context_tokens: Most tokens of a prompt and its answer together.
        template: A chat template in place of ours; ``builtin`` in its place takes the model's.
        cache_prompt: Reuse what stayed the same since the last prompt: faster, and the answer may
            then differ from one to a prompt that was read whole.
    """

    gguf: Path
    name: str
    host: str = "127.0.0.1"
    port: int = 8812
    threads: int = 2
    context_tokens: int = 16_384
    template: Path | None = None
    cache_prompt: bool = True


def start(serving: Serving) -> RunningServer:
    """Load the model and begin to serve; returns once requests are answered.

    Raises:
        ConfigError: The package is missing, the host is not this machine, or a file is no GGUF.
        StorageError: The server cannot load the model or listen.
    """
    if not is_loopback(serving.host):
        raise ConfigError(
            f"a local model does not listen on {serving.host}",
            remedy="use 127.0.0.1: it answers whoever can reach it",
        )
    # First what takes a second to install, then what takes a gigabyte to fetch.
    library = _library()
    require_gguf(serving.gguf)
    params = library.CommonParams()
    for name, value in _params(serving).items():
        holder, _, last = name.rpartition(".")
        setattr(getattr(params, holder) if holder else params, last, value)
    try:
        server: RunningServer = library.Server(params)
    except Exception as exc:  # The library raises RuntimeError and others, without saying which.
        raise StorageError(
            f"the model server did not start: {exc}",
            remedy=f"is port {serving.port} free, and is there memory for the model?",
        ) from exc
    return server


def _params(serving: Serving) -> Mapping[str, Any]:
    return {
        "model.path": str(serving.gguf),
        "model_alias": {serving.name},
        "hostnames": [serving.host],
        "port": serving.port,
        "n_ctx": serving.context_tokens,
        # One request at a time: a desk asks one question after the other, and a second slot would
        # halve the context of both.
        "n_parallel": 1,
        "cpuparams.n_threads": serving.threads,
        "cpuparams_batch.n_threads": serving.threads,
        "chat_template": template_text(serving.template),
        "cache_prompt": serving.cache_prompt,
        "cache_ram_mib": _CACHE_MIB,
        # No web page has business here, whatever a browser on this machine is shown.
        "cors_origins": f"http://{serving.host}",
        "endpoint_slots": False,
        "ui": False,
        "verbosity": 0,
    }


def template_text(template: Path | None) -> str:
    """Return the chat template: ours, that of a file, or nothing for the model's own.

    Raises:
        ConfigError: The file cannot be read.
    """
    if template is None:
        return (files("callwright.local") / "chatml_json.jinja").read_text(encoding="utf-8")
    if str(template) == "builtin":
        return ""
    try:
        return template.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the chat template {template} cannot be read") from exc


def require_gguf(path: Path) -> None:
    """Return if the file begins as a GGUF model does.

    Raises:
        ConfigError: There is no such file, or it is something else.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(_GGUF_MAGIC))
    except OSError as exc:
        raise ConfigError(
            f"{path} cannot be read: {exc.strerror}",
            remedy="callwright local fetch gets a model, or name one with --gguf FILE",
        ) from exc
    if begins != _GGUF_MAGIC:
        raise ConfigError(f"{path} is no GGUF model", remedy="name another file with --gguf")


def library_version() -> str:
    """Return package and version that serve, for whoever records answers.

    Raises:
        ConfigError: The package is missing.
    """
    from importlib.metadata import version

    _library()
    return f"xllamacpp {version('xllamacpp')}"


def _library() -> ModuleType:
    try:
        import xllamacpp
    except ImportError as exc:
        raise ConfigError(
            "the package that runs local models is not installed", remedy=INSTALL
        ) from exc
    module: ModuleType = xllamacpp
    return module

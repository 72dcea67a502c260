"""Small recordings of the demo's desk, made from a scripted model, and what plays them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from callwright.agents.recorder import Recorder
from callwright.demo import QUESTIONS, Played, demo_settings, play, record
from callwright.recordings import Origin
from fences import inside_fences
from llm_servers import Call, Reply, Request, Turn, llm_server, propose

CYCLES = 4
DATE = "2026-11-21"
QUESTION = QUESTIONS[0]
ANSWER = "The rules of this desk decided nothing; a script did [status-1]."


def scripted_model(request: Request) -> Reply:
    """Decide, or look at the status and answer in pieces."""
    if not request.body.get("stream"):
        return _choose(request)
    if "get_status" in request.tools and not request.results():
        return Turn(calls=(Call("get_status"),))
    return Turn(text=ANSWER)


def _choose(request: Request) -> Reply:
    """Sell the first call of the menu; hold in the third cycle."""
    shown = json.loads(inside_fences(request.texts[-1]))
    if shown["time"].startswith("2026-01-06T00:00") or "open" not in shown:
        return propose({"option": shown["hold"], "reasoning": "Waiting."})
    return propose({"option": next(iter(shown["open"])), "reasoning": "It passes."})


def origin(**changes: Any) -> Origin:
    return Origin(**({"model": "scripted-1", "date": DATE} | changes))


def make(folder: Path, *, cycles: int = CYCLES) -> Path:
    """Return the file of a recording of ``cycles`` cycles and the demo's questions."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "small.jsonl"
    with llm_server(scripted_model) as server:
        record(Recorder(server.url, origin()), folder, cycles=cycles, out=out)
    return out


def played(home: Path, recording: Path, *, cycles: int = CYCLES, **changes: Any) -> Played:
    """Return what a desk in a new home does with a recording."""
    return play(demo_settings(home, recording=str(recording), **changes), cycles=cycles)


def log_of(home: Path) -> bytes:
    """Return the flight recorder's files, whole, in their order."""
    return b"".join(path.read_bytes() for path in sorted((home / "logs").glob("*.jsonl")))


def changed(recording: Path, target: Path, line: int, **changes: Any) -> Path:
    """Return a copy of a recording whose ``line`` (0: the origin) has other values."""
    lines = recording.read_text(encoding="utf-8").splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | changes)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target

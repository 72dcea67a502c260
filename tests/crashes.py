"""Three processes - a desk, a paper server, a model - and a desk that dies at a named place.

The desk is killed there by SIGKILL and started again until it has run its cycles; then the books
of desk and exchange are compared. Children are forked from a clean process that has imported
everything, so a case costs little and still ends as a real process does.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from callwright.crashpoints import POINTS
from callwright.memory.database import read_desk_database

Brain = Literal["rules", "llm"]

CYCLES = 10
_WAIT_S = 120.0

_MODEL_ONLY = frozenset({"before_model_call", "during_model_call", "after_model_reply"})
_OFTEN = {
    "before_observe": 6, "after_observe": 6, "before_model_call": 6, "during_model_call": 6,
    "after_model_reply": 6, "after_decision": 6, "in_guard": 6, "before_record_row": 6,
    "before_record_line": 6, "mid_record_line": 6, "stop_requested": 6, "in_reconcile": 4,
    "before_intent": 3, "after_intent": 3, "before_post": 3, "after_post_bytes": 3,
    "after_accept": 3, "after_reply": 3,
}  # fmt: skip
"""Places that a run of ``CYCLES`` reaches again and again: a seed chooses which time is fatal."""


@dataclass(frozen=True)
class Case:
    """One crash: where, with which brain, on which market; ``without_lookup`` breaks recovery."""

    point: str
    brain: Brain
    seed: int
    without_lookup: bool = False


@dataclass
class Outcome:
    """What a case came to; ``problems`` is empty when all is well."""

    case: Case
    struck: bool = False
    cycles: int = 0
    interrupted: int = 0
    orders: int = 0
    problems: list[str] = field(default_factory=list)


def cases(brains: Sequence[Brain], seeds: Sequence[int]) -> Iterator[Case]:
    """Return every place with every brain that can reach it, on every seed."""
    for brain in brains:
        for point in POINTS:
            if brain == "rules" and point in _MODEL_ONLY:
                continue
            for seed in seeds:
                yield Case(point, brain, seed)


def context() -> multiprocessing.context.ForkServerContext:
    """Return what makes the children: clean forks of a process that has imported everything."""
    # The process that children are forked from is told its import path by the environment alone.
    path = os.environ.get("PYTHONPATH", "")
    here = str(Path(__file__).parent)
    if here not in path.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, path)))
    chosen = multiprocessing.get_context("forkserver")
    chosen.set_forkserver_preload(["crashes_children"])
    return chosen


def run_case(case: Case, folder: Path) -> Outcome:
    """Run one case in ``folder`` and compare the books."""
    from callwright.audit import audit

    outcome = Outcome(case)
    desk_home, exchange_home = folder / "desk", folder / "exchange"
    with _child("serve_exchange", exchange_home, case.seed) as exchange_url:
        if case.brain == "llm":
            with _child("serve_model") as model_url:
                _run_desks(case, outcome, desk_home, exchange_url, model_url)
        else:
            _run_desks(case, outcome, desk_home, exchange_url, None)
    outcome.problems += audit(desk_home / "desk.db", exchange_home / "paper.db", desk_home / "logs")
    with read_desk_database(desk_home / "desk.db") as database:
        recorded = database.rows("SELECT cycle_id, failure FROM cycles ORDER BY seq")
        unresolved = database.rows(
            "SELECT label, status FROM intents WHERE status IN ('pending', 'unknown')"
        )
        state, reason = database.rows(
            "SELECT state, reason FROM trading_state ORDER BY rowid DESC LIMIT 1"
        )[0]
        outcome.orders = database.rows("SELECT count(*) FROM intents")[0][0]
    outcome.cycles = len(recorded)
    outcome.interrupted = sum(failure == "INTERRUPTED" for _, failure in recorded)
    if len({cycle_id for cycle_id, _ in recorded}) != CYCLES:
        outcome.problems.append(f"RECORDS {len(recorded)} records of {CYCLES} cycles")
    if outcome.interrupted > 1:
        outcome.problems.append(f"INTERRUPTED {outcome.interrupted} cycles after one crash")
    if state != "ACTIVE":
        # A crash is everyday: after it the desk trades on without a person.
        outcome.problems.append(f"STOPPED trading state is {state}: {reason}")
    failed = [f"{c} {f}" for c, f in recorded if f not in (None, "INTERRUPTED")]
    outcome.problems += [f"FAILED {line}" for line in failed]
    outcome.problems += [f"LOST {label} is still {status}" for label, status in unresolved]
    return outcome


def _run_desks(
    case: Case, outcome: Outcome, home: Path, exchange_url: str, model_url: str | None
) -> None:
    """Let the desk die once, then run it until all cycles are recorded."""
    times = random.Random(case.seed).randint(1, _OFTEN.get(case.point, 1))
    if case.point == "in_recovery":
        # There is something to recover only after another crash, with an order in doubt.
        _run_desk(case, home, exchange_url, model_url, "after_post_bytes", CYCLES)
    code = _run_desk(case, home, exchange_url, model_url, f"{case.point}:{times}", _left(home))
    outcome.struck = code == -signal.SIGKILL or (case.point == "stop_requested" and code == 0)
    # A last start even when all cycles have run: it closes what the crash left open.
    code = _run_desk(case, home, exchange_url, model_url, "", _left(home))
    if code != 0:
        outcome.problems.append(f"RESTART ended with {code}")


def _left(home: Path) -> int:
    """Return how many cycles have neither a record nor begun."""
    path = home / "desk.db"
    if not path.is_file() or not path.stat().st_size:
        return CYCLES
    with read_desk_database(path) as database:
        rows = database.rows(
            "SELECT (SELECT count(*) FROM cycles) + (SELECT count(*) FROM cycles_begun)"
        )
    return max(CYCLES - int(rows[0][0]), 0)


def _run_desk(
    case: Case, home: Path, exchange_url: str, model_url: str | None, point: str, cycles: int
) -> int:
    import crashes_children

    process = context().Process(
        target=crashes_children.run_desk,
        args=(home, case.seed, exchange_url, model_url, point, cycles, case.without_lookup),
    )
    process.start()
    process.join(_WAIT_S)
    if process.exitcode is None:
        process.kill()
        process.join()
        return 99
    return process.exitcode


@contextmanager
def _child(name: str, *arguments: Any) -> Iterator[str]:
    """Run a server in a process of its own; yield its address."""
    import crashes_children

    ours, theirs = context().Pipe()
    target = getattr(crashes_children, name)
    process: BaseProcess = context().Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        yield _address(ours, process)
    finally:
        process.terminate()
        process.join(_WAIT_S)
        ours.close()


def _address(pipe: Connection, process: BaseProcess) -> str:
    if not pipe.poll(_WAIT_S):
        process.kill()
        raise TimeoutError(f"{process.name} did not say where it listens")
    return str(pipe.recv())

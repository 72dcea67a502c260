"""Record the desk of ``make run`` anew, from a model on this machine; ``make record`` does it too.

It serves the model that ``callwright local fetch`` got, runs the demo's desk in a folder of its own
with exactly the settings of ``make run``, asks its questions, and writes what was answered. Then it
plays the recording in another folder, without the model: every request must be found, and every
record and answer must be the same. A recording that does not play so is not kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from callwright.agents.recorder import Recorder
from callwright.cli.cycle_lines import cycle_lines
from callwright.config import Settings
from callwright.demo import CYCLES, record, unfinished
from callwright.domain.explain import ChatAnswer
from callwright.domain.record import CycleRecord
from callwright.errors import CallwrightError
from callwright.local.fetching import sha256_of
from callwright.local.model import QWEN_CODER_1_5B
from callwright.local.serving import Serving, library_version, start
from callwright.recordings import DEMO, Origin, read_recording

SHIPPED = Path(__file__).parents[1] / "src" / "callwright" / "recordings" / f"{DEMO}.jsonl"


def main() -> int:
    """Record, play, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--home", type=Path, default=Path("var"), help="where the model was fetched"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--port", type=int, default=8814)
    parser.add_argument("--cycles", type=int, default=CYCLES)
    parser.add_argument("--out", type=Path, default=SHIPPED, help="the file that is written")
    parser.add_argument(
        "--resume", action="store_true", help="go on with a recording that was not finished"
    )
    parser.add_argument(
        "--url", help="a server that runs already, as http://127.0.0.1:8812/v1, for the same model"
    )
    arguments = parser.parse_args()
    _forget_settings()
    try:
        with ExitStack() as stack:
            url, served = arguments.url, None
            path = QWEN_CODER_1_5B.path_in(arguments.home)
            if url is None:
                served = start(
                    Serving(
                        path,
                        QWEN_CODER_1_5B.name,
                        threads=arguments.threads,
                        port=arguments.port,
                    )
                )
                # It answers for as long as something refers to it.
                stack.callback(lambda: served)
                url = f"{served.listening_address}/v1"
            origin = Origin(
                model=QWEN_CODER_1_5B.name,
                sha256=sha256_of(path),
                server=library_version(),
                threads=arguments.threads,
                date=f"{datetime.now(UTC):%Y-%m-%d}",
            )
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callwright-")))
            began = time.monotonic()
            before = unfinished(arguments.out)
            earlier = read_recording(str(before)) if arguments.resume else None
            record(
                Recorder(url, origin, earlier=earlier),
                folder,
                cycles=arguments.cycles,
                out=arguments.out,
                on_record=_show,
                on_answer=_tell,
            )
    except CallwrightError as exc:
        print(f"{exc.message}\n  what to do: {exc.remedy}", file=sys.stderr)
        return 1
    size_kb = arguments.out.stat().st_size / 1000
    print(f"{arguments.out}: {size_kb:,.0f} kB in {time.monotonic() - began:.0f} s; plays the same")
    return 0


def _forget_settings() -> None:
    """Take every setting out of this process's environment: only the demo's own hold."""
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)


def _show(record: CycleRecord) -> None:
    for line in cycle_lines(record):
        print(line.plain, flush=True)


def _tell(answer: ChatAnswer) -> None:
    print(f"\n> {answer.question}\n\n{answer.text}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())

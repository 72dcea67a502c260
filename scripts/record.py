"""``make record``: record an agent's cassettes anew, from a model on this machine or another.

Without ``MODEL`` a server is started afresh with the model that ``callwright local fetch`` got, one
request at a time and always in the same order: then it answers the same each time. ``MODEL=name``
records from whatever ``LLM_BASE_URL`` and ``OPENAI_API_KEY`` name instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from callwright.config import load_settings
from callwright.errors import CallwrightError
from callwright.local.fetching import sha256_of
from callwright.local.model import QWEN_CODER_1_5B
from callwright.local.serving import Serving, library_version, start

TESTS = {
    "manager": "tests/replies/test_manager_cassettes.py",
    "chooser": "tests/replies/test_chooser_cassettes.py",
    "explainer": "tests/replies/test_explainer_cassettes.py",
}


def main() -> int:
    """Record and return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent", choices=TESTS, help="whose cassettes")
    parser.add_argument(
        "--home", type=Path, default=Path("var"), help="where the model was fetched"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default=os.environ.get("MODEL", ""), help="a hosted model")
    parser.add_argument("-k", dest="only", default="", help="only these, as pytest's -k")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        origin = {"recorded": f"{datetime.now(UTC):%Y-%m-%d}"}
        environment = dict(os.environ)
        if arguments.model:
            try:
                # Its key and its address may stand in .env; the tests see neither file nor others.
                settings = load_settings()
            except CallwrightError as exc:
                print(f"{exc.message}\n  what to do: {exc.remedy}", file=sys.stderr)
                return 2
            url = settings.llm_base_url or ""
            origin |= {"model": arguments.model, "server": url or "OpenAI"}
            environment["CALLWRIGHT_RECORD_MODEL"] = arguments.model
            environment["CALLWRIGHT_RECORD_URL"] = url
            if settings.openai_api_key is not None:
                environment["OPENAI_API_KEY"] = settings.openai_api_key.get_secret_value()
        else:
            path = QWEN_CODER_1_5B.path_in(arguments.home)
            serving = Serving(path, QWEN_CODER_1_5B.name, threads=arguments.threads, port=8813)
            try:
                server = start(serving)
            except CallwrightError as exc:
                print(f"{exc.message}\n  what to do: {exc.remedy}", file=sys.stderr)
                return 2
            # It answers for as long as something refers to it.
            stack.callback(lambda: server)
            origin |= {
                "model": QWEN_CODER_1_5B.name,
                "sha256": sha256_of(path),
                "server": library_version(),
                "threads": str(arguments.threads),
                "temperature": "0",
            }
            environment["CALLWRIGHT_RECORD_URL"] = f"{server.listening_address}/v1"
        environment["CALLWRIGHT_RECORD_ORIGIN"] = json.dumps(origin)
        command = [
            *(
                sys.executable,
                "-m",
                "pytest",
                TESTS[arguments.agent],
                "-v",
                "-p",
                "no:xdist",
                "-p",
                "no:randomly",
            ),
            *("--record-mode", "rewrite"),
        ]
        if arguments.only:
            command += ["-k", arguments.only]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

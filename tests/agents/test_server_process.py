"""The scripted server as a process of its own, as the kill tests run it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from builders import a_candidate, a_scan, a_snapshot, limits, policy_settings
from managers import a_manager, manager_settings

SERVER = Path(__file__).parents[1] / "llm_servers.py"


def test_a_server_in_another_process_is_asked() -> None:
    command = [sys.executable, str(SERVER), "--script", "well-behaved"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            manager = a_manager(manager_settings(url), limits(), policy_settings())
            scan = a_scan(candidates=[a_candidate()])
            answer = asyncio.run(manager.decide(a_snapshot(), scan))
        finally:
            process.terminate()
    assert answer.failure is None, answer.failure_message

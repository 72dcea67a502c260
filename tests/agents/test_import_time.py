"""Nothing imports the SDK before a model is really asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = "{'agents', 'openai', 'mcp', 'httpx2'}"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--cycles", "1", "--brain", "rules", "--interval", "0"]],
    ids=["help", "a-cycle-of-rules"],
)
def test_no_sdk_without_a_model(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from callwright.cli import main\n"
        f"sys.argv = ['callwright', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code, exc.code\n"
        f"assert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pure_parts_of_the_manager_need_no_sdk() -> None:
    code = (
        "import sys\n"
        "import callwright.agents.answers, callwright.agents.asking, callwright.agents.endpoint\n"
        "import callwright.agents.failures, callwright.agents.prompt\n"
        "import callwright.tools.candidates, callwright.tools.proposal, callwright.tools.vol\n"
        f"assert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

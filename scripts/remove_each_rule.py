"""Take every rule of both gates away in turn and see whether the tests notice.

Works on a copy in a temporary folder; the tree itself is not touched. The two tests that merely
list the rules are left out, so that a removal has to be noticed by what it lets through.

    python scripts/remove_each_rule.py            # a table; exit code 1 if a removal goes unnoticed
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("agents", "docs", "guardrails", "memory", "src", "tests", "tools", "pyproject.toml")
RULESET = Path("guardrails/ruleset.py")
LISTING_TESTS = ("the_order_of_the_rules_is_fixed", "the_tables_name_every_rule")
RULES = re.compile(r"(?m)^(GUARDRAIL|RISK)_RULES: .+ = \(\n((?:    \w+,\n)+)\)")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="callwright-rules-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, symlinks=True, ignore=_caches)
            else:
                shutil.copy(source, copy / name)
        if failed := failing_tests(copy):
            print(f"the tests fail before anything is removed: {', '.join(failed)}")
            return 1
        ruleset = (ROOT / RULESET).read_text("utf-8")
        unnoticed = 0
        print("| gate | rule | failing tests | first of them |\n| --- | --- | --- | --- |")
        for match in RULES.finditer(ruleset):
            for line in match[2].splitlines(keepends=True):
                start = ruleset.index(line, match.start(2))
                without = ruleset[:start] + ruleset[start + len(line) :]
                (copy / RULESET).write_text(without, "utf-8")
                failed = failing_tests(copy)
                unnoticed += not failed
                first = failed[0] if failed else "**none**"
                rule = line.strip().rstrip(",")
                print(f"| {match[1].lower()} | `{rule}` | {len(failed)} | {first} |", flush=True)
        print(f"\n{unnoticed} removals went unnoticed")
        return int(unnoticed > 0)


def failing_tests(copy: Path) -> list[str]:
    """Return the names of the tests of the gates that fail in this copy of the tree."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/guardrails", "-q", "--tb=no", "-rfE"),
            *("-p", "no:cacheprovider", "-k", " and ".join(f"not {t}" for t in LISTING_TESTS)),
        ],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    failed = re.findall(r"(?m)^(?:FAILED|ERROR) \S*/(\S+)", result.stdout)
    if result.returncode not in (0, 1) or (result.returncode == 1) != bool(failed):
        raise SystemExit(f"pytest did not run:\n{result.stdout}{result.stderr}")
    return failed


def _caches(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.endswith(".egg-info")}


if __name__ == "__main__":
    sys.exit(main())

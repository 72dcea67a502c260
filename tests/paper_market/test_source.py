"""Market specs: what opens what, and how everything else is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import a_market
from callwright.errors import ConfigError
from callwright.paper.markets import open_source
from callwright.paper.recording import write_snapshot

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("synthetic", "synthetic:1"),
        ("synthetic:0", "synthetic:0"),
        ("synthetic:7", "synthetic:7"),
        ("synthetic:crash", "synthetic:crash-1"),
        ("synthetic:crash-3", "synthetic:crash-3"),
        ("synthetic:negative-premium", "synthetic:negative-premium-1"),
        ("synthetic:negative-premium-12", "synthetic:negative-premium-12"),
    ],
)
def test_synthetic_specs(spec: Any, name: Any) -> None:
    source = open_source(spec, step=HOUR)
    assert source.name == name
    assert source.depth_model == "seeded:v1"
    assert source.underlyings == ("BTC", "ETH")
    assert source.next_after(source.start()) == datetime(2026, 1, 5, 1, tzinfo=UTC)
    view = source.view(source.start())
    assert (view.source, view.depth_model) == (name, "seeded:v1")


def test_a_recorded_spec_names_a_directory_that_no_record_shows(tmp_path: Path) -> None:
    write_snapshot(a_market(), tmp_path)
    source = open_source(f"recorded:{tmp_path}", step=HOUR)
    assert source.name == source.view(source.start()).source
    assert re.fullmatch(r"recorded:[0-9a-f]{8}", source.name)
    again = open_source(f"recorded:{tmp_path}", step=HOUR)
    assert again.name == source.name


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "real",
        "recorded",
        "recorded:",
        "synthetic:",
        "synthetic:seven",
        "synthetic:-1",
        "synthetic:1.5",
        "synthetic:٣",
        "synthetic:crash-",
        "synthetic:boom-1",
        "synthetic:1 ",
        "synthetic:1234567890123456789",
        "SYNTHETIC",
        "synthetic:crash:1",
    ],
)
def test_anything_else_is_refused_with_the_forms_that_are_known(spec: Any) -> None:
    with pytest.raises(ConfigError, match="not a market") as refusal:
        open_source(spec, step=HOUR)
    assert "synthetic:SEED" in refusal.value.remedy
    assert "recorded:DIRECTORY" in refusal.value.remedy


@pytest.mark.parametrize("step", [timedelta(0), -HOUR, timedelta(milliseconds=999)])
def test_a_synthetic_market_needs_a_step(step: Any) -> None:
    with pytest.raises(ConfigError, match="cannot move"):
        open_source("synthetic", step=step)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        open_source(f"recorded:{tmp_path / 'nowhere'}", step=HOUR)


def test_the_seam_is_light_to_import() -> None:
    code = "import sys, callwright.paper.source; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

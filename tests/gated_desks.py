"""Desks behind the gate: a scripted server as the model, an approval by its own answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from callwright.agents import prompt
from callwright.bootstrap import open_desk
from callwright.config import Settings
from callwright.domain.record import CycleRecord
from callwright.domain.shadow import Shadow, shadow_of
from callwright.evaluation.situations import matching
from callwright.gate.approvals import Approval, read_approvals, write_approvals
from callwright.gate.approving import approval_of, trialled
from callwright.loop import run_loop
from desks import desk_settings, violations

PROMPT = Path(prompt.__file__).parent / "prompts" / "manager.md"


def gated_settings(home: Path, url: str, **changes: Any) -> Settings:
    """Return settings of a desk in production whose model answers at ``url``."""
    base: dict[str, Any] = {
        "mode": "production",
        "llm_enabled": True,
        "llm_model_name": "scripted",
        "llm_base_url": url,
        "llm_allow_private_network": True,
        "llm_timeout_seconds": 20.0,
        "llm_gate_file": home / "gate.toml",
    }
    return desk_settings(home, **(base | changes))


def approve(settings: Settings) -> Approval:
    """Approve the combination of these settings by a small part of the suite."""
    approval = approval_of(trialled(settings, matching(["open/calm"])), despite="a test")
    path = settings.llm_gate_file
    write_approvals(path, read_approvals(path).with_(approval))
    return approval


@dataclass(frozen=True)
class Ran:
    """What a run of a desk recorded and told."""

    records: tuple[CycleRecord, ...]
    notices: tuple[str, ...]

    @property
    def sources(self) -> set[str]:
        return {record.decision_source for record in self.records}

    @property
    def shadows(self) -> list[Shadow | None]:
        return [shadow_of(record.llm) for record in self.records]

    @property
    def told(self) -> str:
        return "\n".join(self.notices)


def run_gated(settings: Settings, cycles: int = 1) -> Ran:
    """Run the desk as ``callwright run`` does, and return what came of it."""
    records: list[CycleRecord] = []
    notices: list[str] = []
    with open_desk(settings, durable=False) as home_desk:
        asyncio.run(
            run_loop(
                home_desk.desk,
                cycles=cycles,
                interval_s=0.0,
                on_record=records.append,
                on_notice=notices.append,
            )
        )
    assert violations(settings) == ()
    return Ran(tuple(records), tuple(notices))


def edit_prompt(monkeypatch: pytest.MonkeyPatch, folder: Path, old: str, new: str) -> None:
    """Let every manager that is made from now on read an edited prompt."""
    text = PROMPT.read_text(encoding="utf-8")
    assert old in text
    edited = folder / "edited" / "prompts" / "manager.md"
    edited.parent.mkdir(parents=True, exist_ok=True)
    edited.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(prompt, "files", lambda package: folder / "edited")

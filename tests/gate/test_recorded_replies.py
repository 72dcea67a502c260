"""Recorded replies behind the gate: out of its way in research, never let decide in production."""

from __future__ import annotations

from pathlib import Path

from callwright.domain.shadow import GATE, SHADOW
from recorded_demos import make, played


def test_replies_that_are_played_decide_in_research_only(tmp_path: Path) -> None:
    # Making one compares what was recorded with what is played, record by record.
    recording = make(tmp_path / "made", cycles=1)
    (research,) = played(tmp_path / "research", recording, cycles=1).records
    assert research.decision_source == "llm"
    assert research.llm is not None
    assert GATE not in research.llm

    (production,) = played(tmp_path / "production", recording, cycles=1, mode="production").records
    assert (production.decision_source, production.failure) == ("rule_based", None)
    assert production.llm is not None
    assert "is not approved" in production.llm[SHADOW]["why"]
    assert production.llm[GATE]["approved"] is False

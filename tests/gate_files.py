"""Approvals as they stand in ``gate.toml``, for tests that ask no model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from callwright.gate.approvals import (
    PARTS,
    Approval,
    Interval,
    Part,
    Scores,
    hash_of,
    version_of_parts,
)


def some_parts(**changes: str) -> dict[Part, str]:
    return {name: changes.get(name, "0" * 12) for name in PARTS}


def an_approval(day: int = 1, parts: dict[Part, str] | None = None, **changes: Any) -> Approval:
    model, server = changes.get("model", "m-1"), "https://api.openai.com/v1"
    parts = (parts or some_parts()) | {"model": hash_of(model), "server": hash_of(server)}
    share = Interval(share=0.9, low=0.83, high=0.94)
    fields: dict[str, Any] = {
        "version": version_of_parts(parts),
        "model": model,
        "wire": "responses",
        "protocol": "two-call",
        "server": server,
        "approved_at": datetime(2026, 11, day, 12, tzinfo=UTC),
        "callwright": "0.1.0",
        "suite": "a" * 12,
        "situations": 105,
        "askings": 113,
        "served_models": ("m-1-2026-01-01",),
        "canary": ("open/calm",),
        "parts": parts,
        "scores": Scores(
            valid=share,
            legal=share,
            sensible=share,
            right=share,
            forbidden=3,
            forbidden_rules=4,
            failed=0,
            cost_usd=0.0312,
        ),
        "answers": {"open/calm": ("OPEN BTC-16JAN26-107000-C", "HOLD"), "desk/halted": ("HOLD",)},
    }
    return Approval(**(fields | changes))

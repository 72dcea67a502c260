"""What every record says of the configuration: limits and modes, no secret, no path."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

NOT_RECORDED = frozenset(
    {
        "openai_api_key",
        "deribit_client_id",
        "deribit_client_secret",
        "callwright_home",
        "log_dir",
        "loop_interval_sec",
        "snapshots_kept",
        "market",
        "llm_base_url",
        "llm_recording",
        "llm_prices_file",
        # Of the gate, each answer of a model tells what came.
        "llm_gate_file",
        "llm_canary",
        # They bound answers to questions; no decision depends on them.
        "llm_chat_max_tokens",
        "llm_chat_max_input_tokens",
        "llm_chat_timeout_seconds",
        "deribit_base_url",
        "paper_url",
    }
)
"""Keys that no record holds: secrets, folders, hosts, and what no decision depends on."""


def recorded_values(settings: BaseModel) -> dict[str, Any]:
    """Return the settings that a record holds, by their own names, as JSON values."""
    return {
        name: _jsonable(getattr(settings, name))
        for name in type(settings).model_fields
        if name not in NOT_RECORDED
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    return value

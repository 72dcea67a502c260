"""The cycle record: one JSON object a cycle, in the database and in the flight recorder.

The keys are a contract (users' files and checks rely on them); more may be added, none renamed.
Numbers are JSON numbers, unknown is null, times are ISO-8601 UTC. Percentages are 0-100 here and
only here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field
from pydantic_core import to_json

from callwright.domain.base import Frozen
from callwright.domain.verdict import Reason

RECORD_SCHEMA = 1

DecisionSource = Literal["llm", "rule_based", "care"]
ExecutionStatus = Literal[
    "skipped", "simulated", "submitted", "filled", "partially_filled", "rejected", "unknown"
]


class ActionRecord(Frozen):
    """A proposed or final action; ``params`` includes the ``size`` that sizing gave it."""

    action: str
    params: Mapping[str, Any]
    reasoning: str


class VerdictRecord(Frozen):
    """What a gate said; ``allowed`` is None when the gate was not asked."""

    allowed: bool | None
    reasons: tuple[Reason, ...] = ()


class OrderRecord(Frozen):
    """One order of this cycle."""

    label: str
    leg: int
    purpose: str
    symbol: str
    side: Literal["buy", "sell"]
    amount: float
    price: float
    status: str
    order_id: str | None = None
    filled: float = 0.0
    average_price: float | None = None
    fee: float | None = None
    message: str = ""


class ExecutionRecord(Frozen):
    """What reached the venue."""

    status: ExecutionStatus
    dry_run: bool
    orders: tuple[OrderRecord, ...] = ()
    message: str = ""


class OrderUpdate(Frozen):
    """A later fill, settlement, adoption or resolution, with the cycle that sent the order."""

    kind: Literal["fill", "settlement", "resolved", "adopted", "foreign"]
    cycle_id: str | None
    symbol: str
    facts: Mapping[str, Any]


class StateRecord(Frozen):
    """What the decision saw; ``portfolio`` is None when the venue could not be observed."""

    as_of: str
    spot: Mapping[str, float]
    portfolio: Mapping[str, Any] | None
    vol: Mapping[str, Any]
    candidates_count: int
    candidates: tuple[Mapping[str, Any], ...]
    funnel: Mapping[str, Any]
    market: Mapping[str, Any] = {}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


class CycleRecord(Frozen):
    """One cycle, whatever became of it.

    Attributes:
        failure: Why no decision could be made; None when one was made. ``DO_NOTHING`` without a
            failure was chosen.
    """

    schema_version: int = Field(default=RECORD_SCHEMA, alias="schema")
    log_timestamp: str
    cycle_id: str
    state: StateRecord
    proposed_action: ActionRecord
    baseline_action: ActionRecord | None
    guardrail: VerdictRecord
    risk_check: VerdictRecord
    clamps: tuple[Mapping[str, Any], ...]
    final_action: ActionRecord
    execution: ExecutionRecord
    order_updates: tuple[OrderUpdate, ...]
    config_snapshot: Mapping[str, Any]
    decision_source: DecisionSource
    failure: str | None
    failure_message: str = ""
    llm: Mapping[str, Any] | None = None

    def to_line(self) -> str:
        """Return the record as one line of JSON, keys in the order of the contract.

        Raises:
            ValueError: A number is not finite.
        """
        fields = dict(self.__dict__)
        line = to_json({"schema": fields.pop("schema_version"), **fields}, inf_nan_mode="constants")
        if b"NaN" in line or b"Infinity" in line:
            # A sentence may say so; a number may not.
            json.loads(line, parse_constant=_refuse)
        return line.decode()

    @classmethod
    def from_line(cls, line: str | bytes) -> CycleRecord:
        """Return the record of one line of the flight recorder."""
        return cls.model_validate_json(line)

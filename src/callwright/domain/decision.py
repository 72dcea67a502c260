"""The decision contract: what a brain may propose, and what sizing makes of it.

One definition. The LLM tool's schema, the parser, the guardrail's input and the prompt's list of
actions come from these models. A proposal carries no size: sizing adds it, and a size from a model
is refused as an unknown field.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from callwright.domain.base import Frozen, NonNegative
from callwright.errors import DecisionInvalid

REASONING_LENGTH_MAX = 4_000


class Action(StrEnum):
    """Everything a brain can ask for."""

    DO_NOTHING = "DO_NOTHING"
    OPEN_COVERED_CALL = "OPEN_COVERED_CALL"
    ROLL_COVERED_CALL = "ROLL_COVERED_CALL"
    CLOSE_COVERED_CALL = "CLOSE_COVERED_CALL"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Reasoning = Annotated[str, Field(max_length=REASONING_LENGTH_MAX)]


class NoParams(_Strict):
    """Doing nothing takes no parameters."""


class OpenParams(_Strict):
    """Sell ``symbol``, one of the candidates shown."""

    underlying: _Name
    symbol: _Name


class RollParams(_Strict):
    """Buy back ``from_symbol``, an open short call, then sell ``symbol``, a candidate."""

    underlying: _Name
    from_symbol: _Name
    symbol: _Name


class CloseParams(_Strict):
    """Buy back ``symbol``, an open short call."""

    underlying: _Name
    symbol: _Name


class DoNothing(_Strict):
    """Hold: nothing is sent this cycle."""

    action: Literal["DO_NOTHING"] = "DO_NOTHING"
    params: NoParams = NoParams()
    reasoning: _Reasoning = ""


class OpenCoveredCall(_Strict):
    """Write a covered call."""

    action: Literal["OPEN_COVERED_CALL"] = "OPEN_COVERED_CALL"
    params: OpenParams
    reasoning: _Reasoning = ""


class RollCoveredCall(_Strict):
    """Replace an open short call by a later or higher one."""

    action: Literal["ROLL_COVERED_CALL"] = "ROLL_COVERED_CALL"
    params: RollParams
    reasoning: _Reasoning = ""


class CloseCoveredCall(_Strict):
    """Buy an open short call back."""

    action: Literal["CLOSE_COVERED_CALL"] = "CLOSE_COVERED_CALL"
    params: CloseParams
    reasoning: _Reasoning = ""


Proposal = Annotated[
    DoNothing | OpenCoveredCall | RollCoveredCall | CloseCoveredCall,
    Field(discriminator="action"),
]
"""What a brain proposes; discriminated by ``action``."""

TradeProposal = OpenCoveredCall | RollCoveredCall | CloseCoveredCall

PROPOSAL_ADAPTER: TypeAdapter[Proposal] = TypeAdapter(Proposal)


def parse_proposal(data: Any) -> Proposal:
    """Return the proposal that ``data`` (a dict, or JSON text or bytes) states.

    Raises:
        DecisionInvalid: It does not fit the contract; the message names each field.
    """
    try:
        if isinstance(data, str | bytes):
            return PROPOSAL_ADAPTER.validate_json(data)
        return PROPOSAL_ADAPTER.validate_python(data)
    except ValidationError as exc:
        facts = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']) or 'proposal'}: {error['msg']}"
            for error in exc.errors(include_url=False, include_input=False)[:8]
        )
        raise DecisionInvalid(f"not a valid proposal: {facts}") from exc


class Clamp(Frozen):
    """One limit that made a size smaller: ``before`` and ``after`` in coin."""

    name: str
    before: NonNegative
    after: NonNegative


class Sizing(Frozen):
    """The amounts that code gives a proposal.

    Attributes:
        sell_coin: What is sold; zero for a close and for holding.
        buy_coin: What is bought back; zero for an open and for holding.
        clamps: Every limit that made it smaller, in order.
    """

    sell_coin: NonNegative = Decimal(0)
    buy_coin: NonNegative = Decimal(0)
    clamps: tuple[Clamp, ...] = ()

    @property
    def size_coin(self) -> Decimal:
        """The amount shown as ``size``: what is sold, or bought back when nothing is sold."""
        return self.sell_coin or self.buy_coin

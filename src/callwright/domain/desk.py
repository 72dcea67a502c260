"""The desk's own durable state: may it trade, what did it do today, which breakers have fired."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from callwright.domain.base import Frozen, UtcTime

DESK_FILE = "desk.db"
"""The desk's database, in its home folder."""


class TradingState(StrEnum):
    """ACTIVE trades; REDUCING may only close; HALTED sends nothing."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class BreakerName(StrEnum):
    """Breakers that stay tripped in the database until their time is over or ``resume``."""

    DAILY_LOSS = "DAILY_LOSS"
    FAILURES_IN_A_ROW = "FAILURES_IN_A_ROW"


class Breaker(Frozen):
    """A tripped breaker.

    Attributes:
        underlying: The coin it concerns; empty for the whole desk.
        until: When it lets go by itself; None: only ``callwright resume`` releases it.
        facts: ``key=value`` text of what tripped it.
    """

    name: BreakerName
    underlying: str = ""
    tripped_at: UtcTime
    until: UtcTime | None
    facts: str


class DeskState(Frozen):
    """What the desk remembers of itself, read at the start of a cycle.

    Attributes:
        trading_state: HALTED as well when the stored state cannot be read.
        trading_state_reason: Who set it and why; shown with every denial.
        orders_today: Orders sent since 00:00 UTC.
        last_open_at: Last opening order that filled or may have filled, by underlying.
        opened_at: When each open short call was sold, by instrument name.
        day_open_equity_coin: Coin equity at the first cycle of the UTC day, by underlying.
        failures_in_a_row: Failed cycles up to now.
        breakers: Tripped and not yet released.
    """

    trading_state: TradingState
    trading_state_reason: str = ""
    orders_today: int = 0
    last_open_at: Mapping[str, UtcTime] = {}
    opened_at: Mapping[str, UtcTime] = {}
    day_open_equity_coin: Mapping[str, Decimal] = {}
    failures_in_a_row: int = 0
    breakers: tuple[Breaker, ...] = ()

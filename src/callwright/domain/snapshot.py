"""One consistent view of everything a decision may use; frozen, so a cycle can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from callwright.domain.account import Account
from callwright.domain.contract import ContractSpec
from callwright.domain.desk import DeskState
from callwright.domain.market import MarketView
from callwright.domain.orders import Intent


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was known when a cycle began.

    Attributes:
        market: Prices; ``market.as_of`` is the time that every rule reasons with.
        account: Balances, positions and resting orders, as the venue states them.
        specs: Contract terms by underlying.
        unresolved: Intents whose order the venue may hold without our knowing.
        desk: Trading state, counters, breakers.
        venue_time: The venue's clock when observed.
        local_time: Our clock at the same moment; the difference is the drift.
    """

    market: MarketView
    account: Account
    specs: Mapping[str, ContractSpec]
    unresolved: tuple[Intent, ...]
    desk: DeskState
    venue_time: datetime
    local_time: datetime

    @property
    def as_of(self) -> datetime:
        return self.market.as_of

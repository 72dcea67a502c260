"""Every seam of the desk as a Protocol. Imports the domain only; ``bootstrap`` joins the parts.

Readers and senders are separate ports: whatever a model can call is given readers only, so no
tool can reach an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

from callwright.domain.account import Account
from callwright.domain.contract import ContractSpec
from callwright.domain.decision import Proposal
from callwright.domain.desk import Breaker, BreakerName, DeskState, TradingState
from callwright.domain.explain import ChatTurn, WhatIf, WhatIfAnswer
from callwright.domain.history import (
    DecisionDetail,
    DecisionSearch,
    SearchPage,
    StatsAnswer,
    StatsQuestion,
)
from callwright.domain.market import MarketView
from callwright.domain.orders import (
    Fill,
    Intent,
    OrderRequest,
    SettlementEvent,
    VenueOrder,
)
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot


class Clock(Protocol):
    """Where time comes from: the wall, or a simulated market."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` of this clock's time pass."""
        ...


class MarketReader(Protocol):
    """What anyone may read of a market. Raises ``VenueUnavailable``, ``DataInvalid``."""

    async def venue_time(self) -> datetime:
        """Return the venue's clock."""
        ...

    async def market(self, underlyings: Sequence[str]) -> MarketView:
        """Return chains, index prices and known index history of these underlyings."""
        ...

    async def with_tickers(self, market: MarketView, symbols: Sequence[str]) -> MarketView:
        """Return the view with the live market of these options: displayed sizes, quote ages.

        A source whose chains show those already returns the same object.
        """
        ...

    async def specs(self, underlyings: Sequence[str]) -> Mapping[str, ContractSpec]:
        """Return the contract terms of inverse options on these underlyings."""
        ...


class AccountReader(Protocol):
    """What the account's owner may read. Raises ``VenueUnavailable``, ``DataInvalid``."""

    async def account(self) -> Account:
        """Return balances, positions and resting orders at one moment."""
        ...

    async def orders_by_label(self, underlying: str, label: str) -> tuple[VenueOrder, ...]:
        """Return every recent order with this label, open or closed; labels need not be unique."""
        ...

    async def fills(self, underlying: str, *, since: datetime) -> tuple[Fill, ...]:
        """Return the account's trades from ``since`` on, inclusive, oldest first."""
        ...

    async def settlements(self, underlying: str, *, since: datetime) -> tuple[SettlementEvent, ...]:
        """Return deliveries from ``since`` on, inclusive, oldest first."""
        ...

    async def initial_margin_per_coin(self, symbols: Sequence[str]) -> Mapping[str, Decimal]:
        """Return the venue's initial margin for selling one coin of each of these options."""
        ...


class OrderSender(Protocol):
    """The only way to change anything at a venue. Nothing a model can call holds one."""

    async def ready(self) -> None:
        """Do what may take long before an order can leave, such as logging in.

        Whoever sends asks this first and checks the trading state after it, so that no order
        leaves long after it was checked.

        Raises:
            VenueUnavailable: No order can be sent now.
        """
        ...

    async def place(self, order: OrderRequest) -> VenueOrder:
        """Send one order, once.

        Raises:
            OrderRejected: The venue refused it; nothing is live.
            VenueUnavailable: It certainly did not arrive.
            OrderStateUnknown: It may have arrived; look it up by its label.
        """
        ...

    async def cancel(self, order_id: str) -> VenueOrder:
        """Cancel one of our own resting orders and return its last state."""
        ...


class Venue(MarketReader, AccountReader, OrderSender, Protocol):
    """An exchange account, complete."""

    async def aclose(self) -> None:
        """Give back connections; the venue is not used afterwards."""
        ...


@runtime_checkable
class SteppedMarket(Protocol):
    """A simulated market that moves only when told to."""

    def step_time(self) -> datetime:
        """Return the market time of the present step, however long one waited within it."""
        ...

    async def advance(self) -> datetime:
        """Move to the next step, settle what expired, and return the new market time.

        Raises:
            MarketExhausted: A recorded market has no further snapshot.
            VenueUnavailable: A market behind a connection did not answer; it may have moved.
        """
        ...


@dataclass(frozen=True)
class BrainAnswer:
    """What a brain came back with.

    Attributes:
        proposal: ``DoNothing`` whenever ``failure`` is set.
        failure: Stable code when no decision could be made.
        llm: Usage of the model call, for the record; None without one.
        stop_new_risk: Why nothing may be sold until a person resumes; empty when nothing speaks
            against it.
    """

    proposal: Proposal
    source: DecisionSource
    failure: str | None = None
    failure_message: str = ""
    llm: Mapping[str, Any] | None = None
    stop_new_risk: str = ""


class Brain(Protocol):
    """Who decides: the rule-based policy, or an agent. Sees frozen data, holds no port.

    Attributes:
        source: What its cycles are recorded under.
    """

    source: DecisionSource

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        """Return one proposal for this snapshot."""
        ...


@dataclass(frozen=True)
class RequestUsage:
    """One request to a model, as it is booked; None is not known, never zero.

    Attributes:
        model: As asked for.
        served_model: As the provider reports it.
        input_tokens: All of the prompt, with what was read from and written to the cache.
        cached_tokens: The part of the input that came from the provider's cache.
        output_tokens: All of the answer, with the reasoning.
        reasoning_tokens: The part of the output that nobody sees.
        latency_ms: From sending to the last byte, on the wall clock.
        cost_usd: Filled in by ``UsageBook.settle``; None when the price of the model, or a number
            of tokens that it needs, is not known.
        outcome: ``ok``, or the failure's code.
        cache_write_tokens: The part of the input that was written to the provider's cache.
    """

    model: str
    served_model: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    latency_ms: float
    cost_usd: Decimal | None
    outcome: str
    cache_write_tokens: int | None = None


class BudgetStage(IntEnum):
    """What the budget for models still allows; later stages allow less."""

    FULL = 0
    CHEAPER_MODEL = 1
    FEWER_CYCLES = 2
    CARE_ONLY = 3
    NO_NEW_RISK = 4


class UsageBook(Protocol):
    """What models cost, booked durably: reserved before each request, settled after it.

    Time is the wall clock's, in UTC: money is spent in real days whatever the market's time is.
    """

    def stage(self) -> BudgetStage:
        """Return what the budgets of the day and the month still allow.

        Raises:
            StorageError: What was spent cannot be read.
        """
        ...

    def begin_decision(self) -> None:
        """Begin the budget of a cycle: decisions' requests count against it from here on."""
        ...

    def reserve(
        self, *, purpose: str, model: str, input_tokens_max: int, output_tokens_max: int
    ) -> str:
        """Set the most that one request can cost aside, on disk; return the reservation's id.

        A process that dies in between leaves the reservation standing, counted as spent.

        Args:
            purpose: ``decision`` or ``chat``; the budget of a cycle is for decisions.

        Raises:
            BudgetExhausted: It does not fit into what is left of a cycle, day or month, or what it
                can cost is not known.
            StorageError: It cannot be written; nothing may be sent.
        """
        ...

    def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
        """Book what the request took in the reservation's place; return it with its cost.

        Numbers that no provider can mean (negative, or the parts larger than the whole) become
        unknown. A request whose cost is unknown counts as spent at what was reserved.

        Raises:
            StorageError: There is no such open reservation, or it cannot be written.
        """
        ...


class IntentStore(Protocol):
    """The ledger of intents: durable before anything is sent. Raises ``StorageError``."""

    def add(self, intent: Intent) -> None:
        """Write a new intent and return once it is on disk; a label already there is refused."""
        ...

    def update(self, intent: Intent) -> None:
        """Replace the stored state of an intent by its label."""
        ...

    def get(self, label: str) -> Intent | None:
        """Return the intent with this label, or None."""
        ...

    def unresolved(self) -> tuple[Intent, ...]:
        """Return intents whose outcome is not known, oldest first."""
        ...


@dataclass(frozen=True)
class BegunCycle:
    """A cycle that began and has no record yet."""

    cycle_id: str
    as_of: datetime


class DecisionLog(Protocol):
    """One record for every cycle: SQLite is the truth, the flight recorder a line-for-line copy.

    Raises:
        StorageError: Nothing may trade when this cannot be written.
    """

    def begin(self, cycle_id: str, as_of: datetime) -> None:
        """Note durably that a cycle began; a cycle_id that is already there is refused."""
        ...

    def knows(self, cycle_id: str) -> bool:
        """Return whether this cycle has begun or ended."""
        ...

    def unfinished(self) -> tuple[BegunCycle, ...]:
        """Return cycles without a record, oldest first."""
        ...

    def finish(self, record: CycleRecord, snapshot: Snapshot | None = None) -> None:
        """Store the record, and what it was decided on, then append its line."""
        ...

    def last(self) -> CycleRecord | None:
        """Return the newest record, or None."""
        ...

    def restore_lines(self) -> int:
        """Append the lines that a crash kept from the flight recorder; return how many."""
        ...


class Ledger(Protocol):
    """What the desk believes it holds, from fills, settlements and adoptions, each counted once."""

    def book_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Store fills by trade id and return those that were new."""
        ...

    def book_settlements(
        self, settlements: Sequence[SettlementEvent]
    ) -> tuple[SettlementEvent, ...]:
        """Store settlements by id and return those that were new."""
        ...

    def adopt(self, instrument_name: str, amount_coin: Decimal, at: datetime, why: str) -> None:
        """Add a signed amount that the venue holds and no fill of ours explains."""
        ...

    def positions(self) -> Mapping[str, Decimal]:
        """Return the signed open amount of each instrument; flat ones are left out."""
        ...

    def watermark(self) -> datetime | None:
        """Return the time of the newest fill or settlement booked, or None."""
        ...


class DeskStateStore(Protocol):
    """Trading state, breakers and the day's counters."""

    def read(self, at: datetime) -> DeskState:
        """Return the state for a cycle at ``at``; unreadable means HALTED, never an error."""
        ...

    def trading_state(self) -> TradingState:
        """Return the state again, right before a send; unreadable means HALTED."""
        ...

    def set_trading_state(self, state: TradingState, *, by: str, reason: str, at: datetime) -> None:
        """Store a new trading state; ACTIVE also releases tripped breakers."""
        ...

    def note_day_open(self, at: datetime, equity_coin: Mapping[str, Decimal]) -> None:
        """Keep what the UTC day of ``at`` began with; later calls of the day change nothing.

        That is the equity of the newest record before 00:00 UTC, if it is at most a day older, so
        that a loss over midnight counts; else ``equity_coin``, the first seen in the day.
        """
        ...

    def trip(self, breaker: Breaker) -> None:
        """Store a tripped breaker; one that is tripped already keeps its first facts."""
        ...

    def release(self, name: BreakerName, underlying: str = "") -> None:
        """Forget a breaker."""
        ...


class DeskReader(Protocol):
    """Everything that can be asked about a desk; it can read and nothing else.

    Raises:
        QueryInvalid, QueryTooSlow, StorageError: There is no answer; never an empty one instead.
    """

    def search_decisions(self, search: DecisionSearch) -> SearchPage:
        """Return a page of the decisions that match."""
        ...

    def get_decision(self, key: int | str) -> DecisionDetail:
        """Return the decision with this number or ``cycle_id``."""
        ...

    def decision_stats(self, question: StatsQuestion) -> StatsAnswer:
        """Return how many decisions, by what."""
        ...

    def get_status(self) -> Mapping[str, Any]:
        """Return mode, brain, model, trading state, limits, positions and the last cycle."""
        ...

    def what_if(self, question: WhatIf) -> WhatIfAnswer:
        """Return what the rules would do on the last snapshot with these changes."""
        ...

    async def what_would_the_model_do(self, question: WhatIf) -> WhatIfAnswer:
        """Return what the model would propose there, when the budget allows to ask it.

        A model that failed is an answer with a ``failure``.
        """
        ...


class ChatSessions(Protocol):
    """Conversations, by their names; a question is kept when it is over, whole or not at all.

    Raises:
        StorageError: It cannot be read or written.
    """

    def turns(self, session_id: str) -> tuple[ChatTurn, ...]:
        """Return what is kept of a conversation, oldest first; empty when there is none."""
        ...

    def add(self, session_id: str, turn: ChatTurn) -> None:
        """Keep a question and what came of it."""
        ...

"""Bringing the desk's books in line with the venue: whole at start-up, cheaply in every cycle.

Gathers, books, looks up, compares (``reconcile``) and applies. A request that fails raises: what
cannot be read is unknown, never absent. Nothing here sends or cancels an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Protocol

from callwright.crashpoints import reach
from callwright.domain.account import Account
from callwright.domain.instrument import EXPIRY_TIME
from callwright.domain.limits import ExecutionSettings
from callwright.domain.orders import Fill, Intent, IntentStatus, SettlementEvent
from callwright.domain.record import OrderUpdate
from callwright.domain.verdict import Reason
from callwright.execution.labels import is_our_label
from callwright.execution.lookup import resolve
from callwright.execution.reconcile import (
    DEAD,
    ReconcileInput,
    Reconciliation,
    differences,
    reconcile,
)
from callwright.execution.submit import stop_new_risk
from callwright.execution.updates import fill_update, resolved_update, settlement_update
from callwright.ports import AccountReader, Clock, DeskStateStore, IntentStore, Ledger

HISTORY_OVERLAP = timedelta(hours=1)
"""How far before the newest booked trade history is read again: venues show trades late."""

HISTORY_LOOK_BACK = timedelta(days=30)
"""How much history a new ledger begins with, and an unexplained difference is searched in."""


class ReportingLedger(Ledger, Protocol):
    """A ledger that also knows what its fills brought and which of them no record has told."""

    def unreported(self) -> tuple[tuple[Fill, ...], tuple[SettlementEvent, ...]]:
        """Return fills and settlements that stand in no record yet, oldest first."""
        ...

    def opening_label(self, instrument_name: str) -> str | None:
        """Return the label of the newest sale of an instrument, or None."""
        ...

    def captured_coin(self, instrument_name: str) -> Decimal | None:
        """Return what trading a now flat instrument brought in coin, or None."""
        ...


@dataclass(frozen=True)
class ReconcileReport:
    """What one pass found and did.

    Attributes:
        updates: For the next record, each told once.
        findings: Codes with facts.
        reducing: Whether this pass asked for REDUCING; ``message`` says what to do.
        unresolved: Intents whose outcome is still open.
        account: The account that the books agree with now; newer than the one given when the pass
            had to wait.
    """

    account: Account
    updates: tuple[OrderUpdate, ...] = ()
    findings: tuple[Reason, ...] = ()
    reducing: bool = False
    message: str = ""
    unresolved: tuple[Intent, ...] = ()


class Reconciler:
    """Keeps the books in line; one a process, because it remembers what it has told already.

    Args:
        underlyings: Whose trades and settlements are read.
    """

    def __init__(
        self,
        *,
        reader: AccountReader,
        intents: IntentStore,
        ledger: ReportingLedger,
        desk: DeskStateStore,
        clock: Clock,
        settings: ExecutionSettings,
        underlyings: Sequence[str],
    ) -> None:
        self._reader = reader
        self._intents = intents
        self._ledger = ledger
        self._desk = desk
        self._clock = clock
        self._settings = settings
        self._underlyings = tuple(underlyings)
        self._pause_s = settings.lookup_span_s / settings.lookup_attempts_min
        self._whole_pass_at: datetime | None = None
        self._told: set[str] = set()
        self._reported_orders: frozenset[str] = frozenset()

    async def at_start(self) -> ReconcileReport:
        """Bring the books in line before the first decision.

        Unresolved intents are looked up until they are resolved or EXPIRED, at most about
        ``order_valid_s + 2 × lookup_span_s`` long; what is still open then stays so, and the risk
        engine denies new risk on that underlying.

        Raises:
            VenueUnavailable, DataInvalid: The venue cannot be read. Try again; send nothing.
            StorageError: The books cannot be written.
        """
        looked_up: dict[str, Intent] = {}
        waiting = ceil(self._settings.order_valid_s / self._pause_s)
        rounds = waiting + 2 * self._settings.lookup_attempts_min
        for turn in range(rounds):
            looked_up |= await self._look_up()
            if turn == rounds - 1 or not self._intents.unresolved():
                break
            await self._clock.sleep(self._pause_s)
        return await self._whole_pass(await self._reader.account(), looked_up)

    async def each_cycle(self, account: Account) -> ReconcileReport:
        """Bring the books in line with an account that was just read.

        Cheap when nothing can have happened: history is asked for only when the account's positions
        differ from the ledger's, an intent is unresolved, or a delivery time (08:00 UTC) has passed
        since it was last asked. A fill moves a position, and only a settlement, at that hour,
        moves it back unseen; so nothing of ours is missed. Foreign trades that undo each other are
        seen within the day.

        Raises:
            VenueUnavailable, DataInvalid: The venue cannot be read. Send nothing in this cycle.
            StorageError: The books cannot be written.
        """
        looked_up = await self._look_up()
        if looked_up or self._is_due(account):
            return await self._whole_pass(account, looked_up)
        unreported = self._reported_orders.issuperset(o.order_id for o in account.resting_orders)
        if unreported:
            return ReconcileReport(account=account)
        outcome = reconcile(self._view(account, (), looked_up, is_first=False))
        return self._apply(account, outcome, [])

    def _is_due(self, account: Account) -> bool:
        held = {p.instrument_name: p.amount_coin for p in account.positions}
        return (
            self._whole_pass_at is None
            or held != self._ledger.positions()
            or _last_delivery(account.as_of) > self._whole_pass_at
        )

    async def _look_up(self) -> dict[str, Intent]:
        """Look each unresolved intent up once and store what was learnt; return all of them."""
        found = {}
        for intent in self._intents.unresolved():
            now = await resolve(
                intent, reader=self._reader, clock=self._clock, settings=self._settings
            )
            reach("in_recovery")
            if now != intent:
                self._intents.update(now)
            found[intent.label] = now
        return found

    async def _whole_pass(self, account: Account, looked_up: dict[str, Intent]) -> ReconcileReport:
        earliest = account.as_of - HISTORY_LOOK_BACK
        watermark = self._ledger.watermark()
        since = earliest if watermark is None else watermark - HISTORY_OVERLAP
        is_new = watermark is None and not self._ledger.positions() and not looked_up
        is_first = is_new and self._whole_pass_at is None
        fills, settlements = await self._book(since)
        view = self._view(account, fills, looked_up, is_first=is_first)
        for _ in range(self._settings.lookup_attempts_min):
            if is_first or not differences(view):
                break
            # Trades can show later than positions, and positions can be older than trades: nobody
            # is woken for a difference that is gone after another look at the whole history.
            await self._clock.sleep(self._pause_s)
            account = await self._reader.account()
            fills, settlements = await self._book(min(since, earliest))
            view = self._view(account, fills, looked_up, is_first=False)
        updates = [
            *(resolved_update(i) for i in looked_up.values() if not i.status.is_unresolved),
            *(self._fill_update(fill) for fill in fills),
            *(self._settlement_update(event) for event in settlements),
        ]
        self._told |= {f.trade_id for f in fills} | {s.settlement_id for s in settlements}
        report = self._apply(account, reconcile(view), updates)
        self._revive(fills)
        self._whole_pass_at = account.as_of
        return report

    async def _book(self, since: datetime) -> tuple[list[Fill], list[SettlementEvent]]:
        """Book history; return what no record has told yet and this process has not handed out."""
        reach("in_reconcile")
        for underlying in self._underlyings:
            self._ledger.book_fills(await self._reader.fills(underlying, since=since))
            self._ledger.book_settlements(await self._reader.settlements(underlying, since=since))
        fills, settlements = self._ledger.unreported()
        return (
            [fill for fill in fills if fill.trade_id not in self._told],
            [event for event in settlements if event.settlement_id not in self._told],
        )

    def _view(
        self,
        account: Account,
        fills: Sequence[Fill],
        looked_up: dict[str, Intent],
        *,
        is_first: bool,
    ) -> ReconcileInput:
        labels = {fill.label for fill in fills} | {o.label for o in account.resting_orders}
        named = (self._intent_of(label) for label in labels)
        return ReconcileInput(
            account=account,
            ledger=self._ledger.positions(),
            fills=tuple(fills),
            intents={intent.label: intent for intent in named if intent} | looked_up,
            reported_orders=self._reported_orders,
            is_first=is_first,
        )

    def _apply(
        self, account: Account, outcome: Reconciliation, updates: Iterable[OrderUpdate]
    ) -> ReconcileReport:
        if outcome.reducing:
            # Before the adoption: a crash in between must not leave it adopted and trading on.
            stop_new_risk(self._desk, outcome.message, account.as_of)
        for adoption in outcome.adoptions:
            self._ledger.adopt(
                adoption.instrument_name, adoption.amount_coin, account.as_of, adoption.why
            )
        self._reported_orders |= outcome.reported_orders
        return ReconcileReport(
            account=account,
            updates=(*updates, *outcome.updates),
            findings=outcome.findings,
            reducing=outcome.reducing,
            message=outcome.message,
            unresolved=self._intents.unresolved(),
        )

    def _revive(self, fills: Iterable[Fill]) -> None:
        """Let an intent that counted as dead say what filled after all; reported just before."""
        for fill in fills:
            intent = self._intent_of(fill.label)
            if intent and intent.status in DEAD:
                filled = intent.filled_coin + fill.amount_coin
                whole = filled >= intent.amount_coin
                status = IntentStatus.FILLED if whole else IntentStatus.PARTIALLY_FILLED
                update = {"status": status, "filled_coin": filled, "order_id": fill.order_id}
                self._intents.update(intent.model_copy(update=update))

    def _fill_update(self, fill: Fill) -> OrderUpdate:
        captured = self._ledger.captured_coin(fill.instrument_name)
        return fill_update(fill, self._intent_of(fill.label), captured)

    def _settlement_update(self, event: SettlementEvent) -> OrderUpdate:
        label = self._ledger.opening_label(event.instrument_name)
        captured = self._ledger.captured_coin(event.instrument_name)
        return settlement_update(event, self._intent_of(label or ""), captured)

    def _intent_of(self, label: str) -> Intent | None:
        return self._intents.get(label) if is_our_label(label) else None


def _last_delivery(at: datetime) -> datetime:
    today = datetime.combine(at.date(), EXPIRY_TIME)
    return today if at >= today else today - timedelta(days=1)

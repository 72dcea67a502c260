"""One pass: observe, scan, decide, guard, risk, plan, intend, send, record.

The order of the steps is the safety of the desk: the begun row is durable before anything is read,
an intent before anything is sent, and the record ends the cycle whatever became of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from callwright import gates
from callwright.analytics.scanner import scan as scan_snapshot
from callwright.crashpoints import reach
from callwright.domain.account import Account
from callwright.domain.base import iso_utc
from callwright.domain.decision import DoNothing
from callwright.domain.limits import ExecutionSettings, Limits, PolicySettings, ScanSettings
from callwright.domain.orders import Intent
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import (
    CallwrightError,
    ConfigError,
    DataInvalid,
    StaleMarket,
    StorageError,
    VenueError,
)
from callwright.execution.labels import order_label
from callwright.execution.planner import Plan, plan
from callwright.execution.startup import Reconciler, ReconcileReport
from callwright.execution.submit import stop_new_risk, submit
from callwright.guardrails.approval import Approval
from callwright.guardrails.breakers import breakers_to_trip
from callwright.journal import Judged, Observed, build_record, cycle_id_of, failed_record
from callwright.judging import (
    after_failure,
    baseline_of,
    failed_after,
    held_but_not_shown,
    prechecked,
)
from callwright.ports import (
    Brain,
    BrainAnswer,
    Clock,
    DecisionLog,
    DeskStateStore,
    IntentStore,
    SteppedMarket,
    Venue,
)

LOOK_AGAIN_AFTER_S = 5.0
"""Deciding for longer than this makes the desk look again before it judges a trade."""


@dataclass(frozen=True)
class Desk:
    """Everything a cycle needs; ``bootstrap`` is the only one to build it.

    Attributes:
        stepped: The simulated market to move between cycles; None: the market moves by itself.
        reconciler: Keeps ledger and venue in step; ``start`` must have run before a cycle.
        redact: Masks every known secret in a text.
        begin: Done once between start-up and the first cycle, telling what a person should know;
            None: nothing is.
    """

    account_id: str
    underlyings: tuple[str, ...]
    dry_run: bool
    limits: Limits
    scan_settings: ScanSettings
    policy: PolicySettings
    execution: ExecutionSettings
    config_snapshot: Mapping[str, Any]
    venue: Venue
    stepped: SteppedMarket | None
    clock: Clock
    brain: Brain
    intents: IntentStore
    log: DecisionLog
    state: DeskStateStore
    reconciler: Reconciler
    redact: Callable[[str], str]
    begin: Callable[[Callable[[str], None]], Awaitable[None]] | None = None

    def market_time(self) -> datetime:
        """Return the time that a cycle is about: of a simulated market's step, else of the clock.

        Waiting for an answer within a step moves the clock; it does not make another market.
        """
        return self.clock.now() if self.stepped is None else self.stepped.step_time()

    async def start(self) -> ReconcileReport:
        """Bring flight recorder, ledger and venue into step before the first decision.

        Raises:
            ConfigError: The account holds something on a coin that this desk was told to leave.
            StorageError: The simulated market is behind the desk's last record.
        """
        self.log.restore_lines()
        if self.stepped is not None:
            last = self.log.last()
            told = [] if last is None else [last.state.as_of]
            told += [iso_utc(begun.as_of) for begun in self.log.unfinished()]
            _require_not_behind(self.stepped.step_time(), told)
        _require_no_orphans(await self.venue.account(), self.underlyings)
        return await self.reconciler.at_start()

    def intents_of(self, cycle_id: str) -> tuple[Intent, ...]:
        """Return the intents of a cycle, in the order of their legs."""
        found = (self.intents.get(order_label(self.account_id, cycle_id, leg)) for leg in (0, 1))
        return tuple(intent for intent in found if intent is not None)


def _require_not_behind(step_time: datetime, told: list[str]) -> None:
    if told and iso_utc(step_time) < max(told):
        raise StorageError(
            f"the paper market stands at {iso_utc(step_time)}, the desk's last record is of "
            f"{max(told)}",
            remedy="paper.db was lost or is an older copy: restore the one that belongs to "
            "desk.db, or begin anew with another --home",
        )


def _require_no_orphans(account: Account, underlyings: tuple[str, ...]) -> None:
    named = (
        *(position.instrument_name for position in account.positions),
        *(order.instrument_name for order in account.resting_orders),
    )
    for name in named:
        coin = name.partition("-")[0].partition("_")[0]
        if coin in account.coins and coin not in underlyings:
            raise ConfigError(
                f"the account holds {name}, and {coin} is not among UNDERLYINGS",
                remedy=f"add {coin} to UNDERLYINGS until that is closed or settled; nobody would "
                "look after it",
            )


async def run_cycle(desk: Desk, *, carried: tuple[OrderUpdate, ...] = ()) -> CycleRecord:
    """Run one cycle and return its record, which is stored already.

    Args:
        carried: What start-up learnt of earlier orders; this record tells it.

    Raises:
        StorageError: The begun row, an intent or the record cannot be written.
    """
    as_of = desk.market_time()
    cycle_id = cycle_id_of(desk.account_id, as_of)
    desk.log.begin(cycle_id, as_of)
    reach("before_observe")
    reach("stop_requested")
    updates = carried
    try:
        report = await desk.reconciler.each_cycle(await desk.venue.account())
        updates += report.updates
        snapshot = await observe(desk, report.account)
        snapshot, scan = await scan_live(desk, snapshot)
    except StorageError:
        raise
    except CallwrightError as exc:
        record = failed_record(
            cycle_id=cycle_id,
            log_time=desk.clock.now(),
            as_of=as_of,
            failure=exc.code,
            message=desk.redact(exc.message),
            dry_run=desk.dry_run,
            config_snapshot=desk.config_snapshot,
            updates=updates,
        )
        desk.log.finish(record)
        return record

    reach("after_observe")
    look = Look(snapshot, scan)
    answer = BrainAnswer(proposal=DoNothing(), source=desk.brain.source)
    hidden = held_but_not_shown(snapshot)
    if hidden is None:
        answer = await desk.brain.decide(snapshot, scan)
        reach("after_decision")
        answer, look = await _caught_up(desk, answer, look)
        snapshot, scan = look.snapshot, look.scan
        updates += look.updates
        hidden = held_but_not_shown(snapshot)
    if hidden is not None:
        # Nobody can decide on a book that is not known; care may still close what can be valued.
        message = f"{hidden} is held, and the venue's chain does not show it"
        answer = failed_after(answer, DataInvalid.code, message)
    if answer.stop_new_risk:
        stop_new_risk(desk.state, answer.stop_new_risk, desk.clock.now(), by="budget")
    baseline = baseline_of(answer, snapshot, scan, desk.policy, desk.limits)
    reach("in_guard")
    if answer.failure is not None:
        # Whatever came along with a failure is not a decision; only care may act.
        answer = after_failure(
            answer, snapshot, scan, desk.policy, desk.limits, may_care=look.is_current
        )
        answer = replace(answer, failure_message=desk.redact(answer.failure_message))
    sizing, approval = gates.judge(answer.proposal, snapshot, scan, desk.policy, desk.limits)
    planned: Plan | None = None
    try:
        planned = _plan(desk, snapshot, scan, answer, approval, cycle_id)
    except DataInvalid as exc:
        # Approved, yet it cannot be put into orders: no decision came of this, and no hold either.
        answer = replace(answer, failure=exc.code, failure_message=desk.redact(exc.message))
    intents, booked, message = await _send(desk, planned)
    record = build_record(
        cycle_id=cycle_id,
        log_time=desk.clock.now(),
        observed=Observed(as_of, snapshot, scan, updates + booked),
        judged=Judged(
            answer=answer,
            sizing=sizing,
            guardrail=approval.guardrail,
            risk=approval.risk,
            approved=planned is not None,
        ),
        baseline=baseline,
        intents=intents,
        dry_run=desk.dry_run,
        message=message,
        config_snapshot=desk.config_snapshot,
    )
    desk.log.finish(record, snapshot)
    return record


async def observe(desk: Desk, account: Account) -> Snapshot:
    """Return one consistent view of market, account and desk.

    Args:
        account: As the ledger has just been brought into step with.

    Raises:
        DataInvalid: A market or an account is missing, empty or contradicts itself.
        StaleMarket: The market is older than its limit.
        VenueUnavailable: The venue did not answer.
    """
    market = await desk.venue.market(desk.underlyings)
    specs = await desk.venue.specs(desk.underlyings)
    # Last and next to each other: reading a market takes longer than two clocks may differ.
    venue_time = await desk.venue.venue_time()
    local_time = desk.clock.now()
    for coin in desk.underlyings:
        if coin not in market.underlyings or not len(market.underlyings[coin].chain):
            raise DataInvalid(f"the venue shows no {coin} options")
        if coin not in account.coins:
            raise DataInvalid(f"the venue shows no {coin} balance")
        if coin not in specs:
            raise DataInvalid(f"the venue shows no contract terms for {coin} options")
    age_s = (venue_time - market.as_of).total_seconds()
    if not age_s <= desk.limits.market_age_max_s:
        raise StaleMarket(
            f"the market is {age_s:.0f} s old, the limit is {desk.limits.market_age_max_s:.0f} s"
        )
    at = market.as_of
    desk.state.note_day_open(at, {c: account.coins[c].equity_coin for c in desk.underlyings})
    snapshot = Snapshot(
        market=market,
        account=account,
        specs=specs,
        unresolved=desk.intents.unresolved(),
        desk=desk.state.read(at),
        venue_time=venue_time,
        local_time=local_time,
    )
    tripped = breakers_to_trip(snapshot, desk.limits)
    if not tripped:
        return snapshot
    for breaker in tripped:
        desk.state.trip(breaker)
    return replace(snapshot, desk=desk.state.read(at))


@dataclass(frozen=True)
class Look:
    """What the desk saw of market and account.

    Attributes:
        is_current: Orders may be priced on it.
        updates: What was booked when it was taken.
    """

    snapshot: Snapshot
    scan: Scan
    updates: tuple[OrderUpdate, ...] = ()
    is_current: bool = True


async def _caught_up(desk: Desk, answer: BrainAnswer, look: Look) -> tuple[BrainAnswer, Look]:
    """Look again when deciding took long: a trade is judged and priced on what is true now.

    A model may think for a minute. Its proposal stays as it is; candidates, book and limits are
    those of the new look, so what moved away meanwhile is denied. No new look, no trade, no care.
    """
    snapshot = look.snapshot
    waited_s = (desk.clock.now() - snapshot.local_time).total_seconds()
    # A clock that was set back cannot tell how long it was.
    is_prompt = 0 <= waited_s <= LOOK_AGAIN_AFTER_S
    # Holding needs no new look; after a failure care may close, and on old prices it cannot.
    if is_prompt or (isinstance(answer.proposal, DoNothing) and answer.failure is None):
        return answer, look
    updates: tuple[OrderUpdate, ...] = ()
    try:
        report = await desk.reconciler.each_cycle(await desk.venue.account())
        # Booked, whatever comes of the rest of the look: this record has to tell it.
        updates = report.updates
        snapshot, scan = await scan_live(desk, await observe(desk, report.account))
    except StorageError:
        raise
    except CallwrightError as exc:
        message = f"not looked at again after {waited_s:.0f} s of deciding: {exc.message}"
        return (
            failed_after(answer, exc.code, message),
            replace(look, updates=updates, is_current=False),
        )
    return answer, Look(snapshot, scan, updates)


async def scan_live(desk: Desk, snapshot: Snapshot) -> tuple[Snapshot, Scan]:
    """Return the scan with sizes, margins and prechecks, and the snapshot with what it is made of.

    Where chains show no sizes, the tickers of candidates and open shorts are asked for, and the
    scan is made again on them.
    """
    scan = scan_snapshot(snapshot, desk.scan_settings)
    shorts = (short.symbol for book in scan.books.values() for short in book.short_calls)
    symbols = [*(candidate.symbol for candidate in scan.candidates), *shorts]
    market = await desk.venue.with_tickers(snapshot.market, symbols)
    if market is not snapshot.market:
        snapshot = replace(snapshot, market=market)
        scan = scan_snapshot(snapshot, desk.scan_settings)
    return snapshot, await _with_margins_and_prechecks(desk, snapshot, scan)


async def _with_margins_and_prechecks(desk: Desk, snapshot: Snapshot, scan: Scan) -> Scan:
    """Return the scan, each candidate with its size, its margin, and what it would fail."""
    if not scan.candidates:
        return scan
    margins = await desk.venue.initial_margin_per_coin([c.symbol for c in scan.candidates])
    return prechecked(snapshot, scan, margins, desk.policy, desk.limits)


def _plan(
    desk: Desk,
    snapshot: Snapshot,
    scan: Scan,
    answer: BrainAnswer,
    approval: Approval,
    cycle_id: str,
) -> Plan | None:
    if approval.trade is None:
        return None
    return plan(
        approval.trade,
        snapshot=snapshot,
        scan=scan,
        limits=desk.limits,
        settings=desk.execution,
        cycle_id=cycle_id,
        is_care=answer.source == "care",
    )


async def _send(
    desk: Desk, planned: Plan | None
) -> tuple[tuple[Intent, ...], tuple[OrderUpdate, ...], str]:
    """Send a plan; return its orders, what was booked of them, and a message."""
    if planned is None:
        return (), (), ""
    if desk.dry_run:
        return planned.legs, (), "dry run: nothing was sent"
    intents = await submit(
        planned,
        sender=desk.venue,
        reader=desk.venue,
        intents=desk.intents,
        desk=desk.state,
        clock=desk.clock,
        settings=desk.execution,
        redact=desk.redact,
    )
    if not any(intent.filled_coin > 0 for intent in intents):
        return intents, (), ""
    try:
        report = await desk.reconciler.each_cycle(await desk.venue.account())
    except (VenueError, DataInvalid) as exc:
        # The orders are safe at the venue and in the ledger of intents; the next cycle books them.
        return intents, (), f"fills not booked yet: {desk.redact(exc.message)}"
    return intents, report.updates, report.message


def close_interrupted(desk: Desk) -> tuple[CycleRecord, ...]:
    """Give every cycle that a kill left open its record, with the orders that it had sent."""
    records = []
    for begun in desk.log.unfinished():
        record = failed_record(
            cycle_id=begun.cycle_id,
            log_time=desk.clock.now(),
            as_of=begun.as_of,
            failure="INTERRUPTED",
            message="the process ended before this cycle did",
            dry_run=desk.dry_run,
            config_snapshot=desk.config_snapshot,
            intents=desk.intents_of(begun.cycle_id),
        )
        desk.log.finish(record)
        records.append(record)
    return tuple(records)

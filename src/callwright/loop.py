"""The loop: start-up, one cycle after another on a steady schedule, and a clean stop.

Cycles never overlap. Only here is ``Exception`` caught: whatever slipped past everything else is
recorded, the desk is halted, and the loop ends.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from callwright.cycle import Desk, close_interrupted, run_cycle
from callwright.domain.desk import TradingState
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.errors import CallwrightError, MarketExhausted, StorageError, VenueError
from callwright.execution.startup import ReconcileReport
from callwright.journal import cycle_id_of, failed_record
from callwright.ports import SteppedMarket

BACKOFF_MAX_S = 300.0
BACKOFF_FIRST_S = 1.0
"""After a venue error the next cycle waits this long, doubled with each further one."""


@dataclass(frozen=True)
class LoopResult:
    """How a loop ended.

    Attributes:
        cycles: Cycles that ran in this process.
        ended_because: ``cycles`` (as many as asked for), ``market_end``, ``stopped`` (a signal),
            or ``halted`` (an error that nothing expected).
        error: What halted it.
    """

    cycles: int
    ended_because: str
    error: str = ""


async def run_loop(
    desk: Desk,
    *,
    cycles: int | None,
    interval_s: float,
    on_record: Callable[[CycleRecord], None],
    on_start: Callable[[ReconcileReport], None] = lambda report: None,
    after_cycle: Callable[[CycleRecord], None] = lambda record: None,
) -> LoopResult:
    """Run cycles until as many have run, the market ends, or a signal asks to stop.

    Args:
        cycles: How many; None runs until stopped.
        interval_s: From the start of one cycle to the start of the next, on the wall clock.
        on_record: Called with every record, those that close interrupted cycles included.
        on_start: Called once with what the start-up reconciliation found.
        after_cycle: Called after each cycle's record is safe; the heartbeat.

    Raises:
        StorageError: A record or ledger cannot be written; nothing may trade.
    """
    stop = asyncio.Event()
    with _signals_set(stop):
        report = await desk.start()
        on_start(report)
        for record in close_interrupted(desk):
            on_record(record)
        return await _cycles(desk, cycles, interval_s, stop, on_record, after_cycle, report.updates)


async def _cycles(
    desk: Desk,
    cycles: int | None,
    interval_s: float,
    stop: asyncio.Event,
    on_record: Callable[[CycleRecord], None],
    after_cycle: Callable[[CycleRecord], None],
    carried: tuple[OrderUpdate, ...],
) -> LoopResult:
    done = 0
    venue_errors = 0
    next_at = time.monotonic()
    while cycles is None or done < cycles:
        if stop.is_set():
            return LoopResult(done, "stopped")
        try:
            _move_market(desk)
            record = await run_cycle(desk, carried=carried if done == 0 else ())
        except MarketExhausted:
            return LoopResult(done, "market_end")
        except StorageError:
            raise
        except Exception as exc:  # noqa: BLE001 - the outermost frame: record it and halt
            return LoopResult(done + 1, "halted", error=_halt(desk, exc, on_record))
        done += 1
        on_record(record)
        after_cycle(record)
        venue_errors = venue_errors + 1 if record.failure in _VENUE_FAILURES else 0
        next_at = _next_start(next_at, interval_s, venue_errors)
        await _wait_until(next_at, stop)
    return LoopResult(done, "cycles")


_VENUE_FAILURES = frozenset({VenueError.code, "VENUE_UNAVAILABLE", "ORDER_STATE_UNKNOWN"})


def _move_market(desk: Desk) -> None:
    """Step a simulated market on, unless nobody has decided at its present time yet."""
    now = desk.clock.now()
    if isinstance(desk.venue, SteppedMarket) and desk.log.knows(cycle_id_of(desk.account_id, now)):
        desk.venue.advance()


def _next_start(previous: float, interval_s: float, venue_errors: int) -> float:
    """Return when the next cycle starts: on the grid, later ticks dropped, or backed off."""
    now = time.monotonic()
    if venue_errors:
        wait = min(BACKOFF_FIRST_S * 2.0 ** (venue_errors - 1), BACKOFF_MAX_S)
        return now + max(interval_s, wait)
    planned = previous + interval_s
    if interval_s > 0 and planned < now:
        planned += interval_s * ((now - planned) // interval_s + 1)
    return planned


async def _wait_until(at: float, stop: asyncio.Event) -> None:
    left = at - time.monotonic()
    if left <= 0:
        # Signals are delivered between tasks: give them the chance even without a pause.
        await asyncio.sleep(0)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), timeout=left)


def _halt(desk: Desk, exc: Exception, on_record: Callable[[CycleRecord], None]) -> str:
    """Record what nobody expected, and halt the desk until a person resumes it."""
    now = desk.clock.now()
    cycle_id = cycle_id_of(desk.account_id, now)
    where = exc.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    line = f"{where.tb_frame.f_code.co_name}:{where.tb_lineno}" if where else "?"
    message = desk.redact(f"{type(exc).__name__} in {line}: {exc}")
    code = exc.code if isinstance(exc, CallwrightError) else CallwrightError.code
    with suppress(StorageError):
        desk.state.set_trading_state(
            TradingState.HALTED, by="loop", reason=f"unexpected error: {message}", at=now
        )
    unfinished = {begun.cycle_id: begun for begun in desk.log.unfinished()}
    if cycle_id in unfinished:
        record = failed_record(
            cycle_id=cycle_id,
            log_time=now,
            as_of=unfinished[cycle_id].as_of,
            failure=code,
            message=message,
            dry_run=desk.dry_run,
            config_snapshot=desk.config_snapshot,
            intents=desk.intents_of(cycle_id),
        )
        desk.log.finish(record)
        on_record(record)
    return message


@contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set the event; a second one acts as if we had not asked for it."""
    loop = asyncio.get_running_loop()

    def first(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in _STOP_SIGNALS:
        # Outside the main thread (tests, embedding) signals belong to somebody else.
        with suppress(RuntimeError, ValueError):
            loop.add_signal_handler(number, first, number)
    try:
        yield
    finally:
        for number in _STOP_SIGNALS:
            with suppress(RuntimeError, ValueError):
                loop.remove_signal_handler(number)


_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

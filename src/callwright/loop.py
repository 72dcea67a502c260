"""The loop: start-up, one cycle after another on a steady schedule, and a clean stop.

Cycles never overlap. Only here is ``Exception`` caught: whatever slipped past everything else is
recorded, the desk is halted, and the loop ends.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from callwright.crashpoints import reach
from callwright.cycle import Desk, close_interrupted, run_cycle
from callwright.domain.desk import TradingState
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.errors import (
    CallwrightError,
    DataInvalid,
    MarketExhausted,
    StorageError,
    VenueError,
)
from callwright.execution.startup import ReconcileReport
from callwright.journal import cycle_id_of, failed_record

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
    on_start_failed: Callable[[VenueError | DataInvalid], None] = lambda error: None,
    after_cycle: Callable[[CycleRecord], None] = lambda record: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> LoopResult:
    """Run cycles until as many have run, the market ends, or a signal asks to stop.

    Args:
        cycles: How many; None runs until stopped.
        interval_s: From the start of one cycle to the start of the next, on the wall clock.
        on_record: Called with every record, those that close interrupted cycles included.
        on_start: Called once with what the start-up reconciliation found.
        on_start_failed: Called each time that the venue could not be read at start-up; it is tried
            again with back-off, since nothing may be decided before.
        after_cycle: Called after each cycle's record is safe; the heartbeat.
        on_notice: Called with what a person should know before the first decision.

    Raises:
        StorageError: A record or ledger cannot be written; nothing may trade.
        OSError: Nobody reads any more what ``on_record`` or ``on_notice`` writes; nothing was lost.
        DataInvalid: A recorded market's next snapshot cannot be trusted; nothing was lost.
    """
    stop = StopRequest()
    with stop.on_signals():
        try:
            try:
                report = await _start(desk, stop, on_start_failed)
                if report is None:
                    return LoopResult(0, "stopped")
                reach("started")
                closed = close_interrupted(desk)
            except CallwrightError:
                raise
            except Exception as exc:  # noqa: BLE001 - the outermost frame: halt
                return LoopResult(0, "halted", error=_halt(desk, exc, on_record))
            on_start(report)
            for record in closed:
                on_record(record)
            unheard: list[OSError] = []
            try:
                if desk.begin is not None:
                    await stop.unless_requested(desk.begin(_noting(on_notice, unheard)))
            except CallwrightError:
                raise
            except Exception as exc:
                if exc in unheard:
                    raise
                return LoopResult(0, "halted", error=_halt(desk, exc, on_record))
            return await _cycles(
                desk,
                cycles,
                interval_s,
                stop,
                on_record,
                on_start_failed,
                after_cycle,
                report.updates,
            )
        finally:
            await desk.venue.aclose()


def _noting(on_notice: Callable[[str], None], unheard: list[OSError]) -> Callable[[str], None]:
    """Return ``on_notice``, what it cannot write noted in ``unheard``.

    Somebody who went away hears no record either: that ends a run, and is no fault of the desk's.
    """

    def tell(text: str) -> None:
        try:
            on_notice(text)
        except OSError as exc:
            unheard.append(exc)
            raise

    return tell


async def _start(
    desk: Desk, stop: StopRequest, on_failed: Callable[[VenueError | DataInvalid], None]
) -> ReconcileReport | None:
    """Reconcile until it works; None when a signal came first."""
    failures = 0
    while not stop.requested:
        try:
            return await desk.start()
        except (VenueError, DataInvalid) as exc:
            failures += 1
            on_failed(exc)
            await stop.wait_until(time.monotonic() + _backoff_s(failures))
    return None


async def _cycles(
    desk: Desk,
    cycles: int | None,
    interval_s: float,
    stop: StopRequest,
    on_record: Callable[[CycleRecord], None],
    on_failed: Callable[[VenueError | DataInvalid], None],
    after_cycle: Callable[[CycleRecord], None],
    carried: tuple[OrderUpdate, ...],
) -> LoopResult:
    done = 0
    venue_errors = 0
    next_at = time.monotonic()
    while cycles is None or done < cycles:
        if stop.requested:
            return LoopResult(done, "stopped")
        try:
            await _move_market(desk)
        except MarketExhausted:
            return LoopResult(done, "market_end")
        except VenueError as exc:
            # No cycle has begun; whether the market moved is asked before it is moved again.
            venue_errors += 1
            on_failed(exc)
            await stop.wait_until(time.monotonic() + _backoff_s(venue_errors))
            continue
        except CallwrightError:
            raise
        except Exception as exc:  # noqa: BLE001 - the outermost frame: halt
            return LoopResult(done, "halted", error=_halt(desk, exc, on_record))
        try:
            record = await run_cycle(desk, carried=carried if done == 0 else ())
        except StorageError:
            raise
        except Exception as exc:  # noqa: BLE001 - the outermost frame: record it and halt
            return LoopResult(done + 1, "halted", error=_halt(desk, exc, on_record))
        done += 1
        on_record(record)
        after_cycle(record)
        venue_errors = venue_errors + 1 if record.failure in _VENUE_FAILURES else 0
        if done != cycles:
            next_at = _next_start(next_at, interval_s, venue_errors)
            await stop.wait_until(next_at)
    return LoopResult(done, "cycles")


_VENUE_FAILURES = frozenset({VenueError.code, "VENUE_UNAVAILABLE", "ORDER_STATE_UNKNOWN"})


async def _move_market(desk: Desk) -> None:
    """Step a simulated market on, unless nobody has decided at its present time yet."""
    if desk.stepped is None:
        return
    if desk.log.knows(cycle_id_of(desk.account_id, desk.stepped.step_time())):
        await desk.stepped.advance()


def _backoff_s(failures: int) -> float:
    return min(BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 30), BACKOFF_MAX_S)


def _next_start(previous: float, interval_s: float, venue_errors: int) -> float:
    """Return when the next cycle starts: on the grid, later ticks dropped, or backed off."""
    now = time.monotonic()
    if venue_errors:
        return now + max(interval_s, _backoff_s(venue_errors))
    planned = previous + interval_s
    if interval_s > 0 and planned < now:
        planned += interval_s * ((now - planned) // interval_s + 1)
    return planned


def _halt(desk: Desk, exc: Exception, on_record: Callable[[CycleRecord], None]) -> str:
    """Record what nobody expected, and halt the desk until a person resumes it."""
    now = desk.clock.now()
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
    # Only the cycle that raised can be unfinished: those of a kill were closed at the start.
    for begun in desk.log.unfinished():
        record = failed_record(
            cycle_id=begun.cycle_id,
            log_time=now,
            as_of=begun.as_of,
            failure=code,
            message=message,
            dry_run=desk.dry_run,
            config_snapshot=desk.config_snapshot,
            intents=desk.intents_of(begun.cycle_id),
        )
        desk.log.finish(record)
        on_record(record)
    return message


class StopRequest:
    """Whether somebody asked the loop to stop, known at once and wherever the loop is."""

    def __init__(self) -> None:
        self.requested = False
        self._event = asyncio.Event()

    async def wait_until(self, at: float) -> None:
        """Return at monotonic time ``at``, or as soon as a stop is requested."""
        left = at - time.monotonic()
        if left <= 0:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout=left)

    async def unless_requested(self, work: Awaitable[None]) -> None:
        """Do some work, broken off as soon as a stop is requested."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.create_task(self._event.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM request the stop; a second one acts as before us."""
        loop = asyncio.get_running_loop()
        before: dict[int, Any] = {}

        def request(number: int, frame: object) -> None:
            self.requested = True
            loop.call_soon_threadsafe(self._event.set)
            signal.signal(number, before[number])

        for stop_signal in (signal.SIGINT, signal.SIGTERM):
            # Outside the main thread (tests, embedding) signals belong to somebody else.
            with suppress(ValueError):
                before[stop_signal] = signal.signal(stop_signal, request)
        try:
            yield
        finally:
            for number, handler in before.items():
                with suppress(ValueError):
                    signal.signal(number, handler)

"""Sending a plan: each intent durable first, each order sent once, doubts looked up, never resent.

Right before every send the trading state, the order's time and, for a sale, the free cover of a
fresh account are checked again; whatever cannot be read refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from callwright.analytics.cover import free_cover_coin
from callwright.crashpoints import reach
from callwright.domain.desk import TradingState
from callwright.domain.limits import ExecutionSettings
from callwright.domain.orders import Intent, IntentStatus
from callwright.errors import (
    CallwrightError,
    DataInvalid,
    OrderRejected,
    StorageError,
    VenueError,
    VenueUnavailable,
)
from callwright.execution.lookup import CLOCK_SLACK, is_duplicate, resolve
from callwright.execution.outcome import after_order, not_sent
from callwright.execution.planner import Plan, to_request
from callwright.ports import AccountReader, Clock, DeskStateStore, IntentStore, OrderSender


async def submit(
    plan: Plan,
    *,
    sender: OrderSender,
    reader: AccountReader,
    intents: IntentStore,
    desk: DeskStateStore,
    clock: Clock,
    settings: ExecutionSettings,
    redact: Callable[[str], str] = lambda text: text,
) -> tuple[Intent, ...]:
    """Send the legs of a plan and return every intent as it was left.

    The second leg of a roll is sent only when the first is final and filled, and for no more than
    it bought back. A sale is cut to the cover that is free at that moment, floored to the lot. What
    was not sent comes back CANCELLED with a message that begins with ``NOT_SENT``; an UNKNOWN one
    is looked up once here, and again by every later cycle.

    Args:
        redact: Masks secrets that a venue's error may repeat; messages are stored.

    Raises:
        StorageError: An intent or its outcome could not be written. Nothing was sent without its
            intent; one that stays PENDING is looked up at the next start.
    """
    done: list[Intent] = []
    for leg in plan.legs:
        if done and not (done[-1].filled_coin > 0 and not done[-1].status.is_unresolved):
            done.append(not_sent(leg, "FIRST_LEG_NOT_FILLED", clock.now()))
            break
        try:
            sized = await _cut_to_cover(leg, plan, done, reader, intents)
        except (VenueError, DataInvalid) as exc:
            done.append(not_sent(leg, f"COVER_UNKNOWN {exc.code}", clock.now()))
            break
        if sized is None:
            done.append(not_sent(leg, "COVER_EXCEEDED", clock.now()))
            break
        reach("before_intent")
        intents.add(sized)
        reach("after_intent")
        left = await _send(sized, sender, desk, clock, redact)
        reach("after_reply")
        intents.update(left)
        if left.status.is_unresolved:
            left = await resolve(left, reader=reader, clock=clock, settings=settings)
            intents.update(left)
        if is_duplicate(left):
            stop_new_risk(desk, left.message, clock.now())
        done.append(left)
    return await _with_fees(done, reader, intents)


def stop_new_risk(
    desk: DeskStateStore, reason: str, at: datetime, *, by: str = "reconcile"
) -> None:
    """Set REDUCING, unless trading is REDUCING or HALTED already."""
    if desk.trading_state() is TradingState.ACTIVE:
        desk.set_trading_state(TradingState.REDUCING, by=by, reason=reason, at=at)


async def _cut_to_cover(
    leg: Intent, plan: Plan, done: list[Intent], reader: AccountReader, intents: IntentStore
) -> Intent | None:
    """Return the leg at the size that cover allows now; None when that is below one lot."""
    if leg.side == "buy":
        return leg
    now = replace(plan.snapshot, account=await reader.account(), unresolved=intents.unresolved())
    bought_back = (intent.filled_coin for intent in done)
    free = free_cover_coin(now, leg.underlying, plan.limits)
    amount = plan.spec.floor_to_lot(min(leg.amount_coin, free, *bought_back))
    if not amount > 0:
        return None
    margin = leg.margin_initial_coin * amount / leg.amount_coin
    return leg.model_copy(update={"amount_coin": amount, "margin_initial_coin": margin})


async def _with_fees(
    done: list[Intent], reader: AccountReader, intents: IntentStore
) -> tuple[Intent, ...]:
    """Add what the venue charged where its answer did not say; reconciliation books the trades."""
    if not any(intent.filled_coin > 0 and intent.fee_coin is None for intent in done):
        return tuple(done)
    since = done[0].created_at - CLOCK_SLACK
    try:
        trades = await reader.fills(done[0].underlying, since=since)
    except (VenueError, DataInvalid):
        return tuple(done)
    charged = []
    for intent in done:
        ours = [trade for trade in trades if trade.label == intent.label]
        shown = sum((trade.amount_coin for trade in ours), Decimal(0))
        # Part of the trades is part of the fee; then it stays unknown.
        if intent.fee_coin is None and shown == intent.filled_coin > 0:
            fee = sum((trade.fee_coin for trade in ours), Decimal(0))
            intent = intent.model_copy(update={"fee_coin": fee})
            intents.update(intent)
        charged.append(intent)
    return tuple(charged)


async def _send(
    intent: Intent,
    sender: OrderSender,
    desk: DeskStateStore,
    clock: Clock,
    redact: Callable[[str], str],
) -> Intent:
    """Make the one and only POST of a durable intent, unless trading was stopped meanwhile."""
    try:
        # Before the last checks: logging in anew can take longer than a person takes to halt.
        await sender.ready()
    except VenueUnavailable as exc:
        return not_sent(intent, redact(f"{exc.code} {exc}"), clock.now())
    state = desk.trading_state()
    if not (
        state is TradingState.ACTIVE or (state is TradingState.REDUCING and intent.reduce_only)
    ):
        return not_sent(intent, f"TRADING_STATE_{state.value}", clock.now())
    if not clock.now() <= intent.valid_until:
        return not_sent(intent, "VALID_UNTIL_PASSED", clock.now())
    reach("before_post")
    try:
        order = await sender.place(to_request(intent))
    except OrderRejected as exc:
        code = "" if exc.venue_code is None else f" venue_code={exc.venue_code}"
        return intent.model_copy(
            update={
                "status": IntentStatus.REJECTED,
                "message": redact(f"{exc}{code}"),
                "resolved_at": clock.now(),
            }
        )
    except VenueUnavailable as exc:
        return not_sent(intent, redact(f"{exc.code} {exc}"), clock.now())
    except StorageError:
        raise
    except CallwrightError as exc:
        # It may have arrived: an answer that was lost or cannot be read is no refusal.
        return intent.model_copy(
            update={"status": IntentStatus.UNKNOWN, "message": redact(f"{exc.code} {exc}")}
        )
    return after_order(intent, order, clock.now())

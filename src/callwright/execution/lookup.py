"""Finding out what became of an order: by its label, and by the account's trades.

A look-up that fails says nothing: unknown is never absent. An order counts as never accepted only
after several look-ups found nothing, all of them later than the venue would still have taken it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from callwright.domain.limits import ExecutionSettings
from callwright.domain.orders import Fill, Intent, IntentStatus, VenueOrder
from callwright.errors import DataInvalid, VenueError
from callwright.execution.outcome import DUPLICATE_LABEL, after_order
from callwright.ports import AccountReader, Clock

CLOCK_SLACK = timedelta(minutes=1)
"""How much earlier than its intent a trade's venue time may stand."""


async def resolve(
    intent: Intent, *, reader: AccountReader, clock: Clock, settings: ExecutionSettings
) -> Intent:
    """Look one intent up once and return it as it now stands; the caller stores it.

    One request by label, one more by trades when there is no such order. Never waits and never
    sends. Final once the venue shows a closed order, or EXPIRED once ``lookup_attempts_min`` empty
    look-ups, all after ``valid_until``, span ``lookup_span_s``. Two orders with one label make its
    message begin with ``RECONCILE_DUPLICATE_LABEL``; it is final when both are closed, and then
    holds the sum of both.
    """
    try:
        orders = await reader.orders_by_label(intent.underlying, intent.label)
        fills: tuple[Fill, ...] = ()
        if not orders:
            trades = await reader.fills(intent.underlying, since=intent.created_at - CLOCK_SLACK)
            fills = tuple(trade for trade in trades if trade.label == intent.label)
    except (VenueError, DataInvalid):
        return intent
    at = clock.now()
    if len(orders) > 1:
        return _after_duplicates(intent, orders, at)
    if orders:
        return after_order(intent, orders[0], at)
    if fills:
        return _after_fills(intent, fills, at)
    return _after_nothing(intent, at, settings)


def is_duplicate(intent: Intent) -> bool:
    """Return whether the venue showed more than one order for this intent."""
    return intent.message.startswith(DUPLICATE_LABEL)


def _after_nothing(intent: Intent, at: datetime, settings: ExecutionSettings) -> Intent:
    if not at > intent.valid_until:
        return intent
    first = intent.first_empty_lookup_at or at
    empty = intent.lookups_empty + 1
    update: dict[str, object] = {"lookups_empty": empty, "first_empty_lookup_at": first}
    span_s = (at - first).total_seconds()
    if empty >= settings.lookup_attempts_min and span_s >= settings.lookup_span_s:
        update |= {
            "status": IntentStatus.EXPIRED,
            "resolved_at": at,
            "message": f"never accepted: {empty} empty look-ups over {span_s:.0f} s",
        }
    return intent.model_copy(update=update)


def _after_fills(intent: Intent, fills: Sequence[Fill], at: datetime) -> Intent:
    filled = sum((fill.amount_coin for fill in fills), Decimal(0))
    paid = sum((fill.price_coin * fill.amount_coin for fill in fills), Decimal(0))
    if filled >= intent.amount_coin:
        status = IntentStatus.FILLED
    elif at > intent.valid_until:
        # Immediate-or-cancel: what did not trade on arrival is gone.
        status = IntentStatus.PARTIALLY_FILLED
    else:
        status = IntentStatus.UNKNOWN
    order_ids = sorted({fill.order_id for fill in fills})
    return intent.model_copy(
        update={
            "status": status,
            "order_id": order_ids[0],
            "filled_coin": filled,
            "average_price_coin": paid / filled,
            "fee_coin": sum((fill.fee_coin for fill in fills), Decimal(0)),
            "message": f"{DUPLICATE_LABEL} {','.join(order_ids)}" if len(order_ids) > 1 else "",
            "resolved_at": None if status.is_unresolved else at,
        }
    )


def _after_duplicates(intent: Intent, orders: Sequence[VenueOrder], at: datetime) -> Intent:
    filled = sum((order.filled_coin for order in orders), Decimal(0))
    if any(order.state == "open" for order in orders):
        status = IntentStatus.UNKNOWN
    elif filled >= intent.amount_coin:
        status = IntentStatus.FILLED
    else:
        status = IntentStatus.PARTIALLY_FILLED if filled > 0 else IntentStatus.CANCELLED
    return intent.model_copy(
        update={
            "status": status,
            "order_id": orders[0].order_id,
            "filled_coin": filled,
            "message": f"{DUPLICATE_LABEL} {','.join(order.order_id for order in orders)}",
            "resolved_at": None if status.is_unresolved else at,
        }
    )

"""What a venue's answer makes of an intent, and how intents are told in a record. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from callwright.domain.orders import Intent, IntentStatus, VenueOrder
from callwright.domain.record import ExecutionStatus, OrderRecord

NOT_SENT = "NOT_SENT"
"""How the message of an intent begins whose order surely never reached the venue."""

DUPLICATE_LABEL = "RECONCILE_DUPLICATE_LABEL"
"""How the message of an intent begins for which the venue holds more than one order."""


def not_sent(intent: Intent, why: str, at: datetime) -> Intent:
    """Return the intent as final: nothing of it is at the venue."""
    return intent.model_copy(
        update={
            "status": IntentStatus.CANCELLED,
            "message": f"{NOT_SENT} {why}",
            "resolved_at": at,
        }
    )


def after_order(intent: Intent, order: VenueOrder, at: datetime) -> Intent:
    """Return the intent as this order of it leaves it.

    Ours are immediate-or-cancel, so one that the venue still calls open has no outcome yet: the
    intent stays UNKNOWN and is looked up again.
    """
    filled = order.filled_coin
    if order.state == "open":
        status = IntentStatus.UNKNOWN
    elif order.state == "rejected":
        status = IntentStatus.REJECTED
    elif filled >= intent.amount_coin:
        status = IntentStatus.FILLED
    elif filled > 0:
        status = IntentStatus.PARTIALLY_FILLED
    else:
        status = IntentStatus.CANCELLED
    return intent.model_copy(
        update={
            "status": status,
            "order_id": order.order_id,
            "filled_coin": filled,
            "average_price_coin": order.average_price_coin if filled > 0 else None,
            "fee_coin": intent.fee_coin if order.fee_coin is None else order.fee_coin,
            "message": "ORDER_STILL_OPEN" if order.state == "open" else order.reason,
            "resolved_at": None if status.is_unresolved else at,
        }
    )


def order_record(intent: Intent) -> OrderRecord:
    """Return an intent as a cycle record tells it."""
    average = intent.average_price_coin
    return OrderRecord(
        label=intent.label,
        leg=intent.leg,
        purpose=intent.purpose.value,
        symbol=intent.instrument_name,
        side=intent.side,
        amount=float(intent.amount_coin),
        price=float(intent.price_coin),
        status=intent.status.value,
        order_id=intent.order_id,
        filled=float(intent.filled_coin),
        average_price=None if average is None else float(average),
        fee=_fee(intent),
        message=intent.message,
    )


def execution_status(intents: Sequence[Intent]) -> ExecutionStatus:
    """Return the one word for all orders of a cycle; what may still happen comes first.

    ``unknown`` while any outcome is open; ``filled`` when all filled whole; ``partially_filled``
    when something filled; ``rejected`` when nothing did and the venue refused one; ``skipped`` when
    nothing was sent; else ``submitted``: sent, and nothing came of it.
    """
    if any(intent.status.is_unresolved for intent in intents):
        return "unknown"
    if intents and all(intent.status is IntentStatus.FILLED for intent in intents):
        return "filled"
    if any(intent.filled_coin > 0 for intent in intents):
        return "partially_filled"
    if any(intent.status is IntentStatus.REJECTED for intent in intents):
        return "rejected"
    if all(intent.message.startswith(NOT_SENT) for intent in intents):
        return "skipped"
    return "submitted"


def _fee(intent: Intent) -> float | None:
    if not intent.filled_coin > 0:
        return 0.0
    # What filled cost something; unknown is not free.
    return None if intent.fee_coin is None else float(intent.fee_coin)

"""How later fills, settlements and resolutions are told in a record. Pure.

``facts`` are JSON numbers and text: amounts and cash in coin, prices in coin per coin. A fill names
its ``trade_id`` and a settlement its ``settlement_id``: by these the record marks them as told.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from callwright.domain.base import iso_utc
from callwright.domain.orders import Fill, Intent, SettlementEvent
from callwright.domain.record import OrderUpdate


def fill_update(fill: Fill, intent: Intent | None, captured_coin: Decimal | None) -> OrderUpdate:
    """Return a trade as ``fill`` of its intent's cycle, or as ``foreign`` without an intent.

    Args:
        captured_coin: What the instrument brought in all, if this purchase closed it.
    """
    facts: dict[str, Any] = {
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "label": fill.label,
        "purpose": intent.purpose.value if intent else None,
        "side": fill.side,
        "amount": float(fill.amount_coin),
        "price": float(fill.price_coin),
        "fee": float(fill.fee_coin),
        "cash": float(fill.cash_coin),
        "index_usd": fill.index_usd,
        "executed_at": iso_utc(fill.executed_at),
        "liquidation": fill.is_liquidation,
    }
    if fill.side == "buy":
        facts["captured_premium"] = _number(captured_coin)
    return OrderUpdate(
        kind="fill" if intent else "foreign",
        cycle_id=intent.cycle_id if intent else None,
        symbol=fill.instrument_name,
        facts=facts,
    )


def settlement_update(
    event: SettlementEvent, intent: Intent | None, captured_coin: Decimal | None
) -> OrderUpdate:
    """Return a delivery with the cycle that sold the option last, if one of ours did.

    Args:
        captured_coin: What the instrument brought in all, premiums, fees and delivery.
    """
    return OrderUpdate(
        kind="settlement",
        cycle_id=intent.cycle_id if intent else None,
        symbol=event.instrument_name,
        facts={
            "settlement_id": event.settlement_id,
            "position": float(event.position_coin),
            "delivery_price_usd": float(event.delivery_price_usd),
            "delivery_price_source": event.delivery_price_source,
            "payoff": float(event.payoff_coin),
            "fee": float(event.fee_coin),
            "cash": float(event.cash_coin),
            "captured_premium": _number(captured_coin),
            "settled_at": iso_utc(event.settled_at),
        },
    )


def resolved_update(intent: Intent) -> OrderUpdate:
    """Return what became of an intent whose outcome had been unknown."""
    return OrderUpdate(
        kind="resolved",
        cycle_id=intent.cycle_id,
        symbol=intent.instrument_name,
        facts={
            "label": intent.label,
            "status": intent.status.value,
            "side": intent.side,
            "filled": float(intent.filled_coin),
            "order_id": intent.order_id,
            "message": intent.message,
        },
    )


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)

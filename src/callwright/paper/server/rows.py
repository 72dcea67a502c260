"""Records of the books as rows of the wire."""

from __future__ import annotations

from collections.abc import Iterable

from callwright.domain.base import to_ms
from callwright.domain.market import MarketView
from callwright.paper.exchange import PaperExchange
from callwright.paper.records import Order, Trade


def order_row(order: Order) -> dict[str, object]:
    """Return an order as Deribit shows it, and ``commission``: the fees of its fills so far."""
    row: dict[str, object] = {
        "order_id": order.order_id,
        "order_state": order.order_state,
        "order_type": order.order_type,
        "instrument_name": order.instrument_name,
        "direction": order.direction,
        "price": "market_price" if order.price is None else order.price,
        "amount": order.amount,
        "contracts": order.amount,
        "filled_amount": order.filled_amount,
        "average_price": order.average_price,
        "commission": order.fee,
        "label": order.label,
        "time_in_force": order.time_in_force,
        "post_only": order.post_only,
        "reject_post_only": False,
        "reduce_only": order.reduce_only,
        "creation_timestamp": order.creation_timestamp,
        "last_update_timestamp": order.last_update_timestamp,
        "is_liquidation": order.is_liquidation,
        "api": True,
        "web": False,
        "replaced": False,
        "risk_reducing": False,
        "mmp": False,
    }
    if order.cancel_reason:
        row["cancel_reason"] = order.cancel_reason
    return row


def trade_rows(exchange: PaperExchange, trades: Iterable[Trade]) -> list[dict[str, object]]:
    """Return trades with what their orders say of them."""
    trades = tuple(trades)
    ids = list(dict.fromkeys(trade.order_id for trade in trades))
    marks = ", ".join("?" * len(ids))
    orders = exchange.books.rows(Order, f"order_id IN ({marks})", ids) if ids else ()
    by_id = {order.order_id: order for order in orders}
    view = exchange.view()
    return [trade_row(trade, by_id[trade.order_id], view) for trade in trades]


def trade_row(trade: Trade, order: Order, view: MarketView) -> dict[str, object]:
    """Return one trade; ``underlying_price`` is known in the step it was made in only."""
    row: dict[str, object] = {
        "trade_id": trade.trade_id,
        "trade_seq": sequence(trade.trade_id),
        "order_id": trade.order_id,
        "order_type": "liquidation" if trade.is_liquidation else order.order_type,
        "instrument_name": trade.instrument_name,
        "timestamp": trade.timestamp,
        "direction": trade.direction,
        "tick_direction": 0,
        "price": trade.price,
        "amount": trade.amount,
        "contracts": trade.amount,
        "index_price": trade.index_price,
        "mark_price": trade.mark_price,
        "fee": trade.fee,
        "fee_currency": trade.currency,
        "liquidity": trade.liquidity,
        "label": trade.label,
        "state": order.order_state,
        "profit_loss": trade.profit_loss,
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "matching_id": None,
        "self_trade": False,
        "risk_reducing": False,
        "mmp": False,
        "api": True,
    }
    quote = view.quote(trade.instrument_name)
    if quote is not None and trade.timestamp >= to_ms(view.as_of):
        row["underlying_price"] = quote.forward_usd
    if trade.is_liquidation:
        row["liquidation"] = "T" if trade.liquidity == "T" else "M"
    return row


def sequence(name: str) -> int:
    """Return the number that an id ends with: 7 of ``BTC-T-7``."""
    return int(name.rpartition("-")[2])

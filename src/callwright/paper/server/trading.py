"""``private/``: placing and cancelling orders, and finding them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

from callwright.paper.exchange import PaperExchange
from callwright.paper.orders import Ticket
from callwright.paper.records import Direction, Order, OrderType, TimeInForce
from callwright.paper.server.params import Params, invalid
from callwright.paper.server.public import Handler, currencies, currency, wants_options
from callwright.paper.server.rows import order_row, sequence, trade_rows

_TYPES: tuple[OrderType, ...] = get_args(OrderType)
_TIMES: tuple[TimeInForce, ...] = get_args(TimeInForce)
_UNSUPPORTED = ("advanced", "linked_order_type", "otoco_config", "trigger", "trigger_price")
"""Params that change what an order means; ignoring them would trade something else."""
_COUNT_MAX = 1_000


def buy(exchange: PaperExchange, params: Params) -> object:
    return _place(exchange, params, "buy")


def sell(exchange: PaperExchange, params: Params) -> object:
    return _place(exchange, params, "sell")


def _place(exchange: PaperExchange, params: Params, direction: Direction) -> object:
    for name in _UNSUPPORTED:
        if name in params:
            raise invalid(name, "is not supported by the paper exchange")
    amount = params.number("amount" if "amount" in params else "contracts")
    ticket = Ticket(
        instrument_name=params.text("instrument_name"),
        direction=direction,
        amount=amount,
        order_type=params.choice("type", _TYPES, default="limit"),
        price=params.number_or_none("price"),
        label=params.text_or("label", ""),
        time_in_force=params.choice("time_in_force", _TIMES, default=_TIMES[0]),
        post_only=params.flag("post_only"),
        reject_post_only=params.flag("reject_post_only"),
        reduce_only=params.flag("reduce_only"),
        valid_until=params.whole("valid_until") if "valid_until" in params else None,
    )
    order, trades = exchange.place(ticket)
    return {"order": order_row(order), "trades": trade_rows(exchange, trades)}


def cancel(exchange: PaperExchange, params: Params) -> object:
    return order_row(exchange.cancel(params.text("order_id")))


def cancel_all(exchange: PaperExchange, params: Params) -> object:
    return _cancel(exchange, lambda order: True)


def cancel_all_by_currency(exchange: PaperExchange, params: Params) -> object:
    coin = currency(exchange, params)
    if not wants_options(params):
        return 0
    return _cancel(exchange, lambda order: order.currency == coin)


def cancel_all_by_instrument(exchange: PaperExchange, params: Params) -> object:
    name = params.text("instrument_name")
    return _cancel(exchange, lambda order: order.instrument_name == name)


def cancel_by_label(exchange: PaperExchange, params: Params) -> object:
    label, coins = params.text("label"), currencies(exchange, params)
    return _cancel(exchange, lambda order: order.label == label and order.currency in coins)


def get_open_orders(exchange: PaperExchange, params: Params) -> object:
    if not wants_options(params):
        return []
    return [order_row(order) for order in exchange.open_orders()]


def get_open_orders_by_currency(exchange: PaperExchange, params: Params) -> object:
    coin = currency(exchange, params)
    if not wants_options(params):
        return []
    return [order_row(order) for order in exchange.open_orders() if order.currency == coin]


def get_open_orders_by_instrument(exchange: PaperExchange, params: Params) -> object:
    name = params.text("instrument_name")
    return [order_row(order) for order in exchange.open_orders() if order.instrument_name == name]


def get_open_orders_by_label(exchange: PaperExchange, params: Params) -> object:
    coin, label = currency(exchange, params), params.text_or("label", "")
    return [
        order_row(order)
        for order in exchange.open_orders()
        if order.currency == coin and label in ("", order.label)
    ]


def get_order_state(exchange: PaperExchange, params: Params) -> object:
    return order_row(exchange.order_state(params.text("order_id")))


def get_order_state_by_label(exchange: PaperExchange, params: Params) -> object:
    found = exchange.orders_by_label(currency(exchange, params), params.text("label"))
    return [order_row(order) for order in found]


def get_order_history_by_currency(exchange: PaperExchange, params: Params) -> object:
    """Orders that are done, newest first."""
    coin = currency(exchange, params)
    return _history(exchange, params, "currency = ?", coin) if wants_options(params) else []


def get_order_history_by_instrument(exchange: PaperExchange, params: Params) -> object:
    return _history(exchange, params, "instrument_name = ?", params.text("instrument_name"))


def _history(exchange: PaperExchange, params: Params, where: str, value: str) -> object:
    count = params.count(default=20, most=_COUNT_MAX)
    offset = params.whole_or("offset", 0)
    if offset < 0:
        raise invalid("offset", "must not be negative")
    rows = exchange.books.rows(Order, f"{where} AND order_state != 'open'", (value,))
    if not params.flag("include_unfilled"):
        rows = tuple(order for order in rows if order.filled_amount > 0)
    newest_first = sorted(rows, key=lambda order: sequence(order.order_id), reverse=True)
    return [order_row(order) for order in newest_first[offset : offset + count]]


def _cancel(exchange: PaperExchange, wanted: Callable[[Order], bool]) -> int:
    chosen = [order for order in exchange.open_orders() if wanted(order)]
    for order in chosen:
        exchange.cancel(order.order_id)
    return len(chosen)


HANDLERS: Mapping[str, Handler] = {
    f"private/{handler.__name__}": handler
    for handler in (
        buy,
        sell,
        cancel,
        cancel_all,
        cancel_all_by_currency,
        cancel_all_by_instrument,
        cancel_by_label,
        get_open_orders,
        get_open_orders_by_currency,
        get_open_orders_by_instrument,
        get_open_orders_by_label,
        get_order_state,
        get_order_state_by_label,
        get_order_history_by_currency,
        get_order_history_by_instrument,
    )
}
CHANGING = frozenset(
    name for name in HANDLERS if name.removeprefix("private/").startswith(("buy", "sell", "cancel"))
)
"""They need the right to trade and are paid from the matching engine's credits."""

"""``private/``: trades, deliveries and the transaction log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from callwright.domain.base import to_ms
from callwright.domain.instrument import parse_option_name
from callwright.paper.exchange import PaperExchange
from callwright.paper.records import Settlement, Trade
from callwright.paper.server.params import Params, invalid
from callwright.paper.server.public import Handler, currency, wants_options
from callwright.paper.server.rows import sequence, trade_rows
from callwright.paper.settlement import payoff_per_coin

T = TypeVar("T")

_SORTINGS = ("asc", "desc", "default")
_COUNT_MAX = 1_000
_QUERIES = ("trade", "delivery", "settlement", "deposit", "withdrawal", "transfer")
_SETTLEMENT_TYPES = ("settlement", "delivery", "bankruptcy")


def get_user_trades_by_currency(exchange: PaperExchange, params: Params) -> object:
    return _page(exchange, params, _of_currency(exchange, params))


def get_user_trades_by_currency_and_time(exchange: PaperExchange, params: Params) -> object:
    params.whole("start_timestamp")
    params.whole("end_timestamp")
    return _page(exchange, params, _of_currency(exchange, params))


def get_user_trades_by_instrument(exchange: PaperExchange, params: Params) -> object:
    return _page(exchange, params, _of_instrument(exchange, params))


def get_user_trades_by_instrument_and_time(exchange: PaperExchange, params: Params) -> object:
    params.whole("start_timestamp")
    params.whole("end_timestamp")
    return _page(exchange, params, _of_instrument(exchange, params))


def get_user_trades_by_order(exchange: PaperExchange, params: Params) -> object:
    order_id = params.text("order_id")
    found = exchange.trades(order_id.partition("-")[0])
    return trade_rows(exchange, [trade for trade in found if trade.order_id == order_id])


def get_settlement_history_by_currency(exchange: PaperExchange, params: Params) -> object:
    """Deliveries, newest first; nothing else is ever settled here."""
    coin = currency(exchange, params)
    kind = params.choice("type", _SETTLEMENT_TYPES, default="delivery")
    count = params.count(default=20, most=_COUNT_MAX)
    found = exchange.settlements(coin) if kind == "delivery" else ()
    page, left = _older(found, count=count, continuation=_continuation(params))
    return {
        "settlements": [_settlement(row) for row in page],
        "continuation": str(left) if left else None,
    }


def get_transaction_log(exchange: PaperExchange, params: Params) -> object:
    """Everything that moved the balance, newest first, from ``start_timestamp`` on, inclusive.

    ``continuation`` counts the older rows that are left, so rows that are added meanwhile do not
    shift it.
    """
    coin = currency(exchange, params)
    start_ms, end_ms = params.whole("start_timestamp"), params.whole("end_timestamp")
    count = params.count(default=100, most=_COUNT_MAX)
    query = params.choice("query", _QUERIES) if "query" in params else ""
    # Balances are told backwards from the present one, so later rows are needed, too.
    trades: Iterable[Trade] = ()
    if query in ("", "trade"):
        trades = exchange.trades(coin, since_ms=start_ms)
    else:
        trades = exchange.books.rows(Trade, "currency = ? AND timestamp >= ?", (coin, start_ms))
    settlements: Iterable[Settlement] = ()
    if query in ("", "delivery"):
        settlements = exchange.settlements(coin, since_ms=start_ms)
    else:
        settlements = exchange.books.rows(
            Settlement, "currency = ? AND timestamp >= ?", (coin, start_ms)
        )
    log = [
        row
        for row in _log(exchange, coin, trades, settlements)
        if int(str(row["timestamp"])) <= end_ms and query in ("", row["type"])
    ]
    page, left = _older(log, count=count, continuation=_continuation(params))
    return {"logs": page, "continuation": left or None}


def _log(
    exchange: PaperExchange,
    coin: str,
    trades: Iterable[Trade],
    settlements: Iterable[Settlement],
) -> list[dict[str, object]]:
    """Return log rows, oldest first."""
    # What expires at a time is delivered before anything trades at that time.
    events: list[Trade | Settlement] = [*settlements, *trades]
    events.sort(key=lambda event: event.timestamp)
    balance = next(row.balance for row in exchange.books.balances() if row.currency == coin)
    sizes = {row.instrument_name: row.size for row in exchange.books.positions()}
    rows = []
    for event in reversed(events):
        name = event.instrument_name
        after = sizes.get(name, Decimal(0))
        if isinstance(event, Trade):
            change = event.amount if event.direction == "buy" else -event.amount
            rows.append(_traded(event, after=after, change=change, balance=balance))
            sizes[name] = after - change
        else:
            rows.append(_delivered(event, balance=balance))
            sizes[name] = event.position
        balance -= event.cash
    rows.reverse()
    return rows


def _traded(
    trade: Trade, *, after: Decimal, change: Decimal, balance: Decimal
) -> dict[str, object]:
    before = after - change
    is_opening = before * change >= 0
    return {
        **_logged(trade.trade_id, trade.currency, "trade", trade.timestamp, balance),
        "instrument_name": trade.instrument_name,
        "side": f"{'open' if is_opening else 'close'} {trade.direction}",
        "amount": trade.amount,
        "contracts": trade.amount,
        "position": after,
        "price": trade.price,
        "price_currency": trade.currency,
        "index_price": trade.index_price,
        "mark_price": trade.mark_price,
        "commission": trade.fee,
        "cashflow": trade.cash + trade.fee,
        "change": trade.cash,
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "user_role": "taker" if trade.liquidity == "T" else "maker",
        "info": {"liquidation": trade.liquidity} if trade.is_liquidation else {},
    }


def _delivered(row: Settlement, *, balance: Decimal) -> dict[str, object]:
    per_coin = payoff_per_coin(parse_option_name(row.instrument_name), row.delivery_price)
    return {
        **_logged(row.settlement_id, row.currency, "delivery", row.timestamp, balance),
        "instrument_name": row.instrument_name,
        "side": "close sell" if row.position > 0 else "close buy",
        "amount": abs(row.position),
        "contracts": abs(row.position),
        "position": 0,
        "price": per_coin,
        "price_currency": row.currency,
        "index_price": row.delivery_price,
        "mark_price": per_coin,
        "commission": row.fee,
        "cashflow": row.payoff if row.position > 0 else -row.payoff,
        "change": row.cash,
        "trade_id": None,
        "order_id": None,
        "info": {
            "delivery_price_source": row.delivery_price_source,
            "delivered_position": row.position,
        },
    }


def _logged(event_id: str, coin: str, kind: str, at_ms: int, balance: Decimal) -> dict[str, object]:
    return {
        # Deribit's ids are numbers; ours say what they are of, and match the books.
        "id": event_id,
        "type": kind,
        "timestamp": at_ms,
        "currency": coin,
        "balance": balance,
        "equity": None,
        "user_seq": sequence(event_id),
        "user_id": 1,
        "username": "paper",
    }


def _settlement(row: Settlement) -> dict[str, object]:
    return {
        "type": "delivery",
        "timestamp": row.timestamp,
        "instrument_name": row.instrument_name,
        "position": row.position,
        "index_price": row.delivery_price,
        "mark_price": payoff_per_coin(parse_option_name(row.instrument_name), row.delivery_price),
        "profit_loss": row.profit_loss,
        "session_profit_loss": row.profit_loss,
        "funding": 0,
        "funded": 0,
    }


def _of_currency(exchange: PaperExchange, params: Params) -> Sequence[Trade]:
    coin = currency(exchange, params)
    if not wants_options(params):
        return ()
    return exchange.trades(coin, since_ms=params.whole_or("start_timestamp", 0))


def _of_instrument(exchange: PaperExchange, params: Params) -> Sequence[Trade]:
    name = params.text("instrument_name")
    found = exchange.trades(name.partition("-")[0], since_ms=params.whole_or("start_timestamp", 0))
    return [trade for trade in found if trade.instrument_name == name]


def _page(exchange: PaperExchange, params: Params, trades: Sequence[Trade]) -> object:
    """Return trades within the params' bounds, both inclusive; newest first unless ``asc``."""
    end_ms = params.whole_or("end_timestamp", to_ms(exchange.now))
    first, last = _trade_bound(params, "start_id"), _trade_bound(params, "end_id")
    found = [
        trade
        for trade in trades
        if trade.timestamp <= end_ms
        and (first is None or sequence(trade.trade_id) >= first)
        and (last is None or sequence(trade.trade_id) <= last)
    ]
    if params.choice("sorting", _SORTINGS, default="default") != "asc":
        found.reverse()
    count = params.count(default=10, most=_COUNT_MAX)
    return {"trades": trade_rows(exchange, found[:count]), "has_more": len(found) > count}


def _trade_bound(params: Params, name: str) -> int | None:
    if name not in params:
        return None
    number = params.text(name).rpartition("-")[2]
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise invalid(name, "must be a trade id")
    return int(number)


def _continuation(params: Params) -> int | None:
    if "continuation" not in params:
        return None
    left = params.whole("continuation")
    if not left > 0:
        raise invalid("continuation", "must be what the page before said")
    return left


def _older(rows: Sequence[T], *, count: int, continuation: int | None) -> tuple[list[T], int]:
    """Return a page, newest first, of rows that stand oldest first, and how many are left."""
    end = len(rows) if continuation is None else min(continuation, len(rows))
    start = max(0, end - count)
    return list(reversed(rows[start:end])), start


HANDLERS: Mapping[str, Handler] = {
    f"private/{handler.__name__}": handler
    for handler in (
        get_user_trades_by_currency,
        get_user_trades_by_currency_and_time,
        get_user_trades_by_instrument,
        get_user_trades_by_instrument_and_time,
        get_user_trades_by_order,
        get_settlement_history_by_currency,
        get_transaction_log,
    )
}

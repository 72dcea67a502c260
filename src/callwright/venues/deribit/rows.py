"""Rows of the wire, as far as the desk reads them; what they carry beyond that is ignored.

Field names and types are those of Deribit's API reference (2.1.1, read 2026-08). Prices that only
analytics read are floats; whatever reaches an order or a ledger keeps its digits as Decimal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from callwright.venues.deribit.envelope import Milliseconds

Direction = Literal["buy", "sell"]
IndexPoint = tuple[Milliseconds, float]
"""A point of ``public/get_index_chart_data``."""


class BookSummary(msgspec.Struct, gc=False):
    """``public/get_book_summary_by_currency``; null is an empty side, or not known."""

    instrument_name: str
    bid_price: float | None
    ask_price: float | None
    mark_price: float | None
    # In percent, as its digits: ``parse_market.fractions`` reads a whole column of them.
    mark_iv: msgspec.Raw
    underlying_price: float | None
    open_interest: float | None
    creation_timestamp: Milliseconds


class Ticker(msgspec.Struct):
    """``public/ticker`` of an option."""

    instrument_name: str
    timestamp: Milliseconds
    state: str
    best_bid_price: float | None
    best_ask_price: float | None
    best_bid_amount: float | None
    best_ask_amount: float | None
    mark_price: float | None
    # In percent; moving the point of its digits is exact, dividing a float by 100 is not.
    mark_iv: Decimal | None
    underlying_price: float | None
    open_interest: float | None


class IndexPrice(msgspec.Struct):
    """``public/get_index_price``."""

    index_price: float


class TickSizeStep(msgspec.Struct, frozen=True):
    """Prices from ``above_price`` up move in ``tick_size``."""

    above_price: Decimal
    tick_size: Decimal


class Instrument(msgspec.Struct, gc=False):
    """``public/get_instruments`` of kind option."""

    instrument_name: str
    instrument_type: str
    strike: float
    expiration_timestamp: Milliseconds
    option_type: str
    contract_size: Decimal
    min_trade_amount: Decimal
    tick_size: Decimal
    maker_commission: Decimal
    taker_commission: Decimal
    tick_size_steps: tuple[TickSizeStep, ...] = ()


class AccountSummary(msgspec.Struct):
    """A currency of ``private/get_account_summaries``."""

    currency: str
    balance: Decimal
    margin_balance: Decimal
    options_value: Decimal
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    spot_reserve: Decimal
    additional_reserve: Decimal


class AccountSummaries(msgspec.Struct):
    """``private/get_account_summaries``."""

    summaries: list[AccountSummary]


class PositionRow(msgspec.Struct):
    """``private/get_positions``; ``size`` is in USD for inverse futures."""

    instrument_name: str
    kind: str
    size: Decimal
    average_price: Decimal
    mark_price: Decimal
    initial_margin: Decimal
    size_currency: Decimal | None = None


class OrderRow(msgspec.Struct):
    """An order; ``average_price`` is null or zero while nothing filled.

    ``price`` is a number, or the word ``market_price``: see ``limit_price``.
    """

    order_id: str
    instrument_name: str
    direction: Direction
    order_state: str
    amount: Decimal
    filled_amount: Decimal
    creation_timestamp: Milliseconds
    price: Any = None
    average_price: Decimal | None = None
    label: str = ""
    reduce_only: bool = False
    cancel_reason: str = ""
    commission: Decimal | None = None

    @property
    def limit_price(self) -> Decimal | None:
        """The price with its digits; None for an order that has none."""
        if isinstance(self.price, int) and not isinstance(self.price, bool):
            return Decimal(self.price)
        return self.price if isinstance(self.price, Decimal) else None


class Placed(msgspec.Struct):
    """``private/buy`` and ``private/sell``."""

    order: OrderRow


class TradeRow(msgspec.Struct):
    """One of the account's own trades; ``liquidation`` is there when it was one."""

    trade_id: str
    order_id: str
    instrument_name: str
    direction: Direction
    amount: Decimal
    price: Decimal
    fee: Decimal
    index_price: float
    timestamp: Milliseconds
    label: str = ""
    liquidation: str | None = None


class Trades(msgspec.Struct):
    """``private/get_user_trades_by_currency_and_time``."""

    trades: list[TradeRow]
    has_more: bool


class LogRow(msgspec.Struct):
    """A row of the transaction log; only deliveries are read beyond ``type``."""

    id: int | str
    type: str
    timestamp: Milliseconds
    instrument_name: str | None = None
    side: str | None = None
    amount: Decimal | None = None
    index_price: Decimal | None = None
    commission: Decimal | None = None
    cashflow: Decimal | None = None
    change: Decimal | None = None
    info: Any = None


class TransactionLog(msgspec.Struct):
    """``private/get_transaction_log``, newest first."""

    logs: list[LogRow]
    continuation: int | str | None = None


class Margins(msgspec.Struct):
    """``private/get_margins``."""

    sell: Decimal


class PaperInfo(msgspec.Struct, frozen=True):
    """``paper/info`` and its kin: where a paper server's market stands."""

    market: str
    depth_model: str
    stepped: bool
    start_ms: Milliseconds
    step_time_ms: Milliseconds
    now_ms: Milliseconds
    is_fresh: bool
    underlyings: tuple[str, ...]
    dropped_rows: dict[str, dict[str, int]] = {}

"""The paper exchange: one account on a replayed market, answering in Deribit's words.

In process and synchronous. Inverse BTC and ETH options, standard margin (S:SM) only. Its clock is
the market's: it moves from step to step (``advance``), and by simulated seconds within a step
(``pass_time``), and never by itself, so the same calls give the same books. Every change is one
transaction of the store. It shares no code with the desk's risk engine, and must not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from callwright.domain.base import from_ms, to_ms
from callwright.domain.instrument import EXPIRY_TIME
from callwright.domain.market import MarketView
from callwright.errors import ConfigError, MarketExhausted
from callwright.paper.clearing import expire, liquidate
from callwright.paper.faults import NO_FAULTS, Call, FaultPlan, Method
from callwright.paper.funds import position_report, summary
from callwright.paper.ledger import Ledger
from callwright.paper.margin import short_margin
from callwright.paper.matching import price_band
from callwright.paper.orders import (
    Ticket,
    check_ticket,
    match_resting,
    place,
    supported_option,
)
from callwright.paper.records import (
    Coin,
    MarginQuote,
    Order,
    PositionReport,
    Progress,
    Settlement,
    Summary,
    Trade,
    coin,
)
from callwright.paper.refusals import (
    NOT_FOUND,
    NOT_OPEN_ORDER,
    ORDER_NOT_FOUND,
    ExchangeError,
)
from callwright.paper.schedule import CURRENT
from callwright.paper.source import MarketSource
from callwright.paper.store import Books, PaperStore


class PaperExchange:
    """An exchange with one account, on one market.

    Calls raise ``ExchangeError`` when the exchange says no, ``StorageError`` when the books cannot
    be kept, and, with a fault plan, ``TransportFault``.

    Args:
        source: The market.
        store: The account's books; a new one begins at the market's start.
        deposits: Coin credited when the account is new, by currency; an account that exists keeps
            what it has.
        faults: Armed by tests; None: nothing fails.

    Raises:
        ConfigError: The account lives on another market, or a deposit is impossible.
    """

    def __init__(
        self,
        source: MarketSource,
        store: PaperStore,
        *,
        deposits: Mapping[str, Decimal],
        faults: FaultPlan | None = None,
    ) -> None:
        self._source = source
        self._store = store
        self._faults = faults
        self._specs = {u: CURRENT.specs[u] for u in source.underlyings if u in CURRENT.specs}
        progress = store.progress()
        if progress is None:
            coins = _opening(deposits, source.underlyings)
            progress = Progress(source.name, to_ms(source.start()))
            with store.transaction():
                store.put(progress)
                for row in coins:
                    store.put(row)
        elif progress.source != source.name:
            raise ConfigError(
                f"this paper account trades on {progress.source}, not on {source.name}",
                remedy=f"choose the market {progress.source}, or another home for a new account",
            )
        self._ledger = Ledger(store, progress, CURRENT)
        self._shown: MarketView | None = None
        self._view: MarketView | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether the market stands at its start and nothing was ever traded."""
        progress = self.books.progress()
        at_start = self.now == self.source.start()
        return at_start and progress is not None and progress.trades == 0

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    # For a server, which adds to its answers what no call of the account's asks for.

    @property
    def source(self) -> MarketSource:
        """The market."""
        return self._source

    @property
    def books(self) -> Books:
        """The books, to read; no fault concerns them."""
        return self._store

    def view(self) -> MarketView:
        """Return the market of the current step; no fault concerns it."""
        return self._current_view()

    # The clock.

    @property
    def now(self) -> datetime:
        """The market time: of the step, plus what passed within it."""
        return from_ms(self._ledger.progress.now_ms)

    @property
    def step_time(self) -> datetime:
        """The market time of the present step."""
        return from_ms(self._ledger.progress.step_ms)

    def pass_time(self, seconds: float) -> None:
        """Let simulated seconds pass within the step; what expires meanwhile is settled.

        Prices stay as they are, so nothing fills. The clock stops a millisecond before the next
        step; on a recorded market's last step, before the next 08:00, whose price nobody knows.

        Raises:
            ValueError: The seconds are negative or not a number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"cannot let {seconds} seconds pass")
        progress = self._ledger.progress
        # An integer of milliseconds, and at least one, or many short sleeps would never add up.
        passed = max(1, round(min(seconds, 1e9) * 1000)) if seconds else 0
        until_ms = min(progress.now_ms + passed, self._step_end_ms())
        if until_ms > progress.now_ms:
            with self._change() as ledger:
                expire(ledger, self._source, until_ms)
                ledger.set_progress(
                    replace(ledger.progress, elapsed_ms=until_ms - progress.step_ms)
                )

    def advance(self) -> datetime:
        """Move to the market's next step and return its time.

        In one transaction: options that expired on the way are settled in time order, resting
        orders that the new quotes reach fill, and shorts without margin are liquidated.

        Raises:
            MarketExhausted: A recorded market has no further snapshot; nothing has changed.
            DataInvalid: The next snapshot cannot be trusted; nothing has changed.
        """
        at = self._source.next_after(from_ms(self._ledger.progress.step_ms))
        view = self._source.view(at)
        with self._change() as ledger:
            expire(ledger, self._source, to_ms(at))
            ledger.set_progress(replace(ledger.progress, step_ms=to_ms(at), elapsed_ms=0))
            ledger.restore_liquidity()
            ledger.refresh_marks(view)
            match_resting(ledger, view, CURRENT)
            liquidate(ledger, view, CURRENT)
        self._view = view
        return at

    def _step_end_ms(self) -> int:
        step = from_ms(self._ledger.progress.step_ms)
        try:
            end = self._source.next_after(step)
        except MarketExhausted:
            end = datetime.combine(step.date(), EXPIRY_TIME)
            if end <= step:
                end += timedelta(days=1)
        return to_ms(end) - 1

    # Market data: public methods.

    def time(self) -> datetime:
        """Return the exchange's clock (``public/get_time``)."""
        with self._call("time"):
            return self.now

    def market(self) -> MarketView:
        """Return the market of the current step.

        It shows the book as the step began; what orders have taken since is not deducted.
        """
        with self._call("market") as call:
            if call.fault("stale_feed") is None or self._shown is None:
                self._shown = self._current_view()
            return self._shown

    # The account: private methods.

    def place(self, ticket: Ticket) -> tuple[Order, tuple[Trade, ...]]:
        """Take an order (``private/buy``, ``private/sell``) and return it with its first trades.

        Labels need not be unique. See ``orders.check_ticket`` and ``orders.place`` for refusals.
        """
        with self._call(ticket.direction) as call:
            now_ms = self._ledger.progress.now_ms
            check_ticket(ticket, now_ms=now_ms, specs=self._specs)
            view = self._current_view()
            option = supported_option(ticket.instrument_name, self._specs)
            partial, hide = call.fault("partial_fill"), call.fault("hide_order")
            with self._change() as ledger:
                order, trades = place(
                    ledger,
                    ticket,
                    view.quote(ticket.instrument_name),
                    schedule=CURRENT,
                    index_price=view.underlyings[option.underlying].index_usd,
                    fill_fraction=partial.fraction if partial else None,
                )
            if hide is not None and self._faults is not None:
                self._faults.hide(order.order_id, now_ms + round(hide.seconds * 1000))
            return order, trades

    def cancel(self, order_id: str) -> Order:
        """Cancel an open order (``private/cancel``).

        Raises:
            ExchangeError: 10004 there is no such order; 11044 it is not open any more.
        """
        with self._call("cancel"):
            order = self._order(order_id)
            if order.order_state != "open":
                raise ExchangeError(NOT_OPEN_ORDER, f"order_state={order.order_state}")
            with self._change() as ledger:
                return ledger.close_order(order, "user_request", ledger.progress.now_ms)

    def order_state(self, order_id: str) -> Order:
        """Return one order, open or done; 10004 if there is none."""
        with self._call("order_state"):
            return self._order(order_id)

    def orders_by_label(self, currency: str, label: str) -> tuple[Order, ...]:
        """Return every order with this label, open or done, oldest first."""
        with self._call("orders_by_label"):
            found = self._store.rows(Order, "label = ? AND currency = ?", (label, currency))
            return tuple(order for order in found if not self._hides(order.order_id))

    def open_orders(self) -> tuple[Order, ...]:
        """Return resting orders of all currencies, oldest first."""
        with self._call("open_orders"):
            return tuple(self._ledger.open_orders.values())

    def trades(self, currency: str, *, since_ms: int = 0) -> tuple[Trade, ...]:
        """Return the account's trades from ``since_ms`` on, inclusive, oldest first."""
        with self._call("trades"):
            found = self._store.rows(Trade, "currency = ? AND timestamp >= ?", (currency, since_ms))
            return tuple(trade for trade in found if not self._hides(trade.order_id))

    def settlements(self, currency: str, *, since_ms: int = 0) -> tuple[Settlement, ...]:
        """Return deliveries from ``since_ms`` on, inclusive, oldest first."""
        with self._call("settlements"):
            return self._store.rows(
                Settlement, "currency = ? AND timestamp >= ?", (currency, since_ms)
            )

    def positions(self) -> tuple[PositionReport, ...]:
        """Return open positions of all currencies."""
        with self._call("positions"):
            held = self._ledger.positions.values()
            return tuple(position_report(self._ledger, position) for position in held)

    def account(self) -> Mapping[str, Summary]:
        """Return the account by currency (``private/get_account_summaries``)."""
        with self._call("account"):
            return {currency: summary(self._ledger, currency) for currency in self._ledger.coins}

    def margins(self, instrument_name: str, amount: Decimal, price: Decimal) -> MarginQuote:
        """Return the initial margin of an order (``private/get_margins``), in coin.

        Raises:
            ExchangeError: 13020 or 10020: no such option in the current market.
        """
        with self._call("margins"):
            option = supported_option(instrument_name, self._specs)
            quote = self._current_view().quote(instrument_name)
            if quote is None:
                raise ExchangeError(NOT_FOUND, f"instrument_name={instrument_name}")
            spec = self._specs[option.underlying]
            lowest, highest = price_band(quote.mark_coin, spec)
            margin = short_margin(
                option, mark_coin=quote.mark_coin, forward_usd=Decimal(repr(quote.forward_usd))
            )
            return MarginQuote(
                buy=price * amount + spec.taker_fee_coin(price, amount),
                sell=coin(margin.initial * amount),
                min_price=lowest,
                max_price=highest,
            )

    # How a call is served.

    def _call(self, method: Method) -> Call:
        return NO_FAULTS if self._faults is None else self._faults.take(method)

    @contextmanager
    def _change(self) -> Iterator[Ledger]:
        try:
            with self._store.transaction():
                yield self._ledger
        except BaseException:
            # Memory may be ahead of the books, which were rolled back: read them again.
            progress = self._store.progress() or self._ledger.progress
            self._ledger = Ledger(self._store, progress, CURRENT)
            raise

    def _current_view(self) -> MarketView:
        if self._view is None:
            self._view = self._source.view(from_ms(self._ledger.progress.step_ms))
        return self._view

    def _order(self, order_id: str) -> Order:
        found = self._store.rows(Order, "order_id = ?", (order_id,))
        if not found:
            raise ExchangeError(ORDER_NOT_FOUND, f"order_id={order_id}")
        return found[0]

    def _hides(self, order_id: str) -> bool:
        now_ms = self._ledger.progress.now_ms
        return self._faults is not None and self._faults.hides(order_id, now_ms)


def _opening(deposits: Mapping[str, Decimal], underlyings: tuple[str, ...]) -> list[Coin]:
    for currency, amount in deposits.items():
        if currency not in underlyings or currency not in CURRENT.specs:
            raise ConfigError(
                f"cannot deposit {currency}: the paper exchange has no options on it",
                remedy=f"deposit one of {', '.join(underlyings)}",
            )
        if not (amount.is_finite() and amount >= 0):
            raise ConfigError(
                f"cannot deposit {amount} {currency}", remedy="deposit zero or more coin"
            )
    return [
        Coin(currency, deposits.get(currency, Decimal(0)), deposits.get(currency, Decimal(0)))
        for currency in underlyings
    ]

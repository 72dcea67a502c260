"""Deribit as a venue: implements ``ports.Venue`` over the client; nothing here keeps books.

The desk asks for little: two requests a coin and cycle for the chain (index price and book
summaries), the index history every few minutes, and tickers of the few options that matter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import SecretStr

from callwright.domain.account import Account
from callwright.domain.base import from_ms, to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import IndexHistory, MarketView, UnderlyingMarket
from callwright.domain.orders import Fill, OrderRequest, SettlementEvent, VenueOrder
from callwright.errors import DataInvalid, OrderStateUnknown, VenueUnavailable
from callwright.venues.deribit.client import DeribitClient
from callwright.venues.deribit.envelope import Milliseconds
from callwright.venues.deribit.parse_account import (
    account_of,
    fill_of,
    is_answer_to,
    settlement_of,
    venue_order,
)
from callwright.venues.deribit.parse_market import (
    Terms,
    chain_of,
    history_of,
    terms_of,
    with_ticker_rows,
)
from callwright.venues.deribit.rows import (
    AccountSummaries,
    BookSummary,
    IndexPoint,
    IndexPrice,
    Instrument,
    Margins,
    OrderRow,
    Placed,
    PositionRow,
    Ticker,
    Trades,
    TransactionLog,
)

T = TypeVar("T")

TERMS_FRESH_MS = 3_600_000
"""Contract terms are read again after an hour, and whenever an option appears that they lack."""
HISTORY_FRESH_MS = 300_000
RECENT_TRADES = timedelta(hours=20)
"""Deribit keeps trades for 24 hours; older ones must be asked for as history. Read 2026-08."""
_PAGE_ROWS = 250
_PAGES_MAX = 200
_NOT_LISTED = (13020, 10020)


@dataclass(frozen=True)
class _Listed:
    """Terms of a coin's options, when they were read, and which names they do not know."""

    terms: Terms
    at_ms: int
    unknown: frozenset[str] = frozenset()


class DeribitVenue:
    """An account on Deribit's testnet.

    Args:
        client: Closed with the venue.
        account_id: Stable name of the account.
    """

    source = "deribit-testnet"
    depth_model = "venue"
    history_range = "1m"

    def __init__(self, client: DeribitClient, account_id: str) -> None:
        self._client = client
        self._account_id = account_id
        self._listed: dict[str, _Listed] = {}
        self._histories: dict[str, tuple[int, IndexHistory]] = {}

    @classmethod
    def connect(
        cls, base_url: str, *, account_id: str, client_id: SecretStr, client_secret: SecretStr
    ) -> DeribitVenue:
        """Return the account of this key; nothing is asked before the first read.

        Raises:
            ConfigError: The host is neither a testnet nor this machine.
        """
        client = DeribitClient(base_url, client_id=client_id, client_secret=client_secret)
        return cls(client, account_id)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def granted_scope(self) -> str:
        """Return all that the key may do, in Deribit's words; for a check of the set-up.

        Raises:
            VenueUnavailable: The key is wrong, or the venue does not answer.
        """
        return await self._client.rights_of_key()

    # MarketReader.

    async def venue_time(self) -> datetime:
        """Return the venue's clock at the moment of return: half the round trip is added."""
        asked = time.monotonic()
        found = await self._client.read("public/get_time", {}, Milliseconds)
        half_trip_s = (time.monotonic() - asked) / 2
        return from_ms(found.result) + timedelta(seconds=half_trip_s)

    async def market(self, underlyings: Sequence[str]) -> MarketView:
        """Return chains without sizes; ``with_tickers`` adds those of the options that matter.

        ``as_of`` is the oldest of the coins' newest quotes and of the times of the index prices.
        Raises ``DataInvalid`` for a coin that has no inverse options there.
        """
        markets = await together(*(self._market_of(name) for name in underlyings))
        return MarketView(
            as_of=min(market.index_as_of for market in markets),
            source=self.source,
            depth_model=self.depth_model,
            underlyings={market.underlying: market for market in markets},
        )

    async def with_tickers(self, market: MarketView, symbols: Sequence[str]) -> MarketView:
        """Return the view with these options' rows as their tickers show them now.

        An option that is gone, not open or not to be trusted leaves its chain and is counted.
        """
        names = [name for name in dict.fromkeys(symbols) if market.quote(name) is not None]
        if not names:
            return market
        tickers = dict(
            zip(names, await together(*(self._ticker(name) for name in names)), strict=True)
        )
        return replace(
            market,
            underlyings={
                name: replace(
                    one,
                    chain=with_ticker_rows(
                        one.chain,
                        {
                            n: t
                            for n, t in tickers.items()
                            if parse_option_name(n).underlying == name
                        },
                    ),
                )
                for name, one in market.underlyings.items()
            },
        )

    async def specs(self, underlyings: Sequence[str]) -> Mapping[str, ContractSpec]:
        """Return the terms that most of a coin's inverse options trade on, as the venue says."""
        listed = await together(*(self._terms(name) for name in underlyings))
        return {name: one.terms.spec for name, one in zip(underlyings, listed, strict=True)}

    async def _market_of(self, underlying: str) -> UnderlyingMarket:
        index_name = f"{underlying.lower()}_usd"
        book, index, history = await together(
            self._client.read(
                "public/get_book_summary_by_currency",
                {"currency": underlying, "kind": "option"},
                list[BookSummary],
            ),
            self._client.read("public/get_index_price", {"index_name": index_name}, IndexPrice),
            self._history(underlying, index_name),
        )
        rows: list[BookSummary] = book.result
        listed = await self._terms(underlying, [row.instrument_name for row in rows])
        chain = chain_of(underlying, rows, listed.terms)
        as_of_ms = min(int(chain.as_of_ms.max()), index.at_ms)
        return UnderlyingMarket(
            underlying=underlying,
            index_usd=index.result.index_price,
            index_as_of=from_ms(as_of_ms),
            chain=chain,
            history=history,
        )

    async def _history(self, underlying: str, index_name: str) -> IndexHistory:
        known = self._histories.get(underlying)
        # Below zero: the venue's clock was set back, and nobody can say how old this is.
        if known is not None and 0 <= self._client.last_ms - known[0] < HISTORY_FRESH_MS:
            return known[1]
        found = await self._client.read(
            "public/get_index_chart_data",
            {"index_name": index_name, "range": self.history_range},
            list[IndexPoint],
        )
        history = history_of(underlying, found.result, until_ms=found.at_ms)
        self._histories[underlying] = found.at_ms, history
        return history

    async def _terms(self, underlying: str, names: Sequence[str] = ()) -> _Listed:
        """Return a coin's terms; read again when they are old, or lack one of ``names``."""
        known = self._listed.get(underlying)
        if known is not None and 0 <= self._client.last_ms - known.at_ms < TERMS_FRESH_MS:
            terms = known.terms
            # A name that was looked for before is not looked for in every cycle.
            new = set(names) - terms.listed - terms.others - known.unknown
            if not new:
                return known
        found = await self._client.read(
            "public/get_instruments",
            {"currency": underlying, "kind": "option", "expired": False},
            list[Instrument],
        )
        rows: list[Instrument] = found.result
        terms = terms_of(underlying, rows, read_at=from_ms(found.at_ms))
        unknown = frozenset(names) - terms.listed - terms.others
        self._listed[underlying] = _Listed(terms, found.at_ms, unknown)
        return self._listed[underlying]

    async def _ticker(self, name: str) -> Ticker | None:
        try:
            found = await self._client.read("public/ticker", {"instrument_name": name}, Ticker)
        except VenueUnavailable as exc:
            if exc.venue_code in _NOT_LISTED:
                return None
            raise
        ticker: Ticker = found.result
        return ticker

    # AccountReader.

    async def account(self) -> Account:
        """Return balances, positions and resting orders; ``as_of`` is the oldest of the three."""
        summaries, positions, orders = await together(
            self._client.read(
                "private/get_account_summaries", {"extended": True}, AccountSummaries
            ),
            self._client.read("private/get_positions", {}, list[PositionRow]),
            self._client.read("private/get_open_orders", {}, list[OrderRow]),
        )
        return account_of(
            self._account_id,
            as_of_ms=min(summaries.at_ms, positions.at_ms, orders.at_ms),
            summaries=summaries.result.summaries,
            positions=positions.result,
            orders=orders.result,
        )

    async def orders_by_label(self, underlying: str, label: str) -> tuple[VenueOrder, ...]:
        """Return every order with this label, open or closed, oldest first.

        Deribit forgets orders that closed without a trade after half an hour.
        """
        found = await self._client.read(
            "private/get_order_state_by_label",
            {"currency": underlying, "label": label},
            list[OrderRow],
        )
        rows: list[OrderRow] = [row for row in found.result if row.label == label]
        return tuple(venue_order(row) for row in sorted(rows, key=lambda r: r.creation_timestamp))

    async def fills(self, underlying: str, *, since: datetime) -> tuple[Fill, ...]:
        """Return the account's option trades from ``since`` on, inclusive, oldest first."""
        first_ms = to_ms(since)
        now_ms = await self._now_ms()
        recent = await self._trades(underlying, first_ms, now_ms, historical=False)
        if first_ms >= now_ms - RECENT_TRADES / timedelta(milliseconds=1):
            return tuple(recent.values())
        older = await self._trades(underlying, first_ms, now_ms, historical=True)
        # History lags and recent trades are forgotten; what both show is one trade.
        both = {**older, **recent}
        return tuple(sorted(both.values(), key=lambda fill: fill.executed_at))

    async def _trades(
        self, underlying: str, first_ms: int, now_ms: int, *, historical: bool
    ) -> dict[str, Fill]:
        """Return trades by their ids, oldest first, page after page."""
        found: dict[str, Fill] = {}
        start_ms = first_ms
        for _ in range(_PAGES_MAX):
            answer = await self._client.read(
                "private/get_user_trades_by_currency_and_time",
                {
                    "currency": underlying,
                    "kind": "option",
                    "start_timestamp": start_ms,
                    # The end is inclusive, and a trade of this moment must not fall out.
                    "end_timestamp": now_ms + 86_400_000,
                    "count": _PAGE_ROWS,
                    "sorting": "asc",
                    "historical": historical,
                },
                Trades,
            )
            page: Trades = answer.result
            before = len(found)
            found.update((row.trade_id, fill_of(row)) for row in page.trades)
            if not page.has_more:
                return found
            if len(found) == before:
                break
            # Trades of the last millisecond come again and are known by their ids.
            start_ms = page.trades[-1].timestamp
        raise DataInvalid(f"the venue's {underlying} trades do not come to an end")

    async def settlements(self, underlying: str, *, since: datetime) -> tuple[SettlementEvent, ...]:
        """Return deliveries from ``since`` on, inclusive, oldest first."""
        params: dict[str, object] = {
            "currency": underlying,
            "start_timestamp": to_ms(since),
            "end_timestamp": await self._now_ms() + 86_400_000,
            "query": "delivery",
            "count": _PAGE_ROWS,
        }
        found: dict[str, SettlementEvent] = {}
        for _ in range(_PAGES_MAX):
            answer = await self._client.read("private/get_transaction_log", params, TransactionLog)
            page: TransactionLog = answer.result
            for row in page.logs:
                # Futures and combos are delivered, too; only options are settlements of ours.
                if row.type == "delivery" and is_option(row.instrument_name or ""):
                    found[str(row.id)] = settlement_of(row)
            if page.continuation is None:
                oldest_first = list(found.values())[::-1]
                # Stable: what settled at the same moment stays in the venue's order.
                return tuple(sorted(oldest_first, key=lambda event: event.settled_at))
            params = params | {"continuation": page.continuation}
        raise DataInvalid(f"the venue's {underlying} transaction log does not come to an end")

    async def initial_margin_per_coin(self, symbols: Sequence[str]) -> Mapping[str, Decimal]:
        """Return the venue's initial margin of selling one coin of each option."""
        names = list(dict.fromkeys(symbols))
        margins = await together(*(self._margin(name) for name in names))
        return dict(zip(names, margins, strict=True))

    async def _margin(self, name: str) -> Decimal:
        coin = parse_option_name(name).underlying
        spec = (await self._terms(coin)).terms.spec
        # One coin is a whole number of lots on BTC and ETH; elsewhere the least amount is scaled.
        amount = max(Decimal(1), spec.amount_min)
        found = await self._client.read(
            "private/get_margins",
            # The margin of a sale does not depend on its price.
            {"instrument_name": name, "amount": amount, "price": spec.tick_base},
            Margins,
        )
        margin: Decimal = found.result.sell
        if not (margin.is_finite() and margin >= 0):
            raise DataInvalid(f"the venue's margin of {name} is {margin}")
        return margin if amount == 1 else margin / amount

    # OrderSender.

    async def ready(self) -> None:
        """Have a token that is good for an order."""
        await self._client.authenticate()

    async def place(self, order: OrderRequest) -> VenueOrder:
        """Send one order, once; see ``ports.OrderSender`` for the errors."""
        what = f"order {order.label}"
        params: dict[str, object] = {
            "instrument_name": order.instrument_name,
            "amount": order.amount_coin,
            "type": "limit",
            "price": order.price_coin,
            "label": order.label,
            "time_in_force": order.time_in_force,
            "post_only": order.post_only,
            "reduce_only": order.reduce_only,
            "valid_until": to_ms(order.valid_until),
        }
        if order.post_only:
            # Or the venue would move a crossing price instead of refusing it.
            params["reject_post_only"] = True
        answer = await self._client.change(f"private/{order.side}", params, Placed, what=what)
        placed = _understood(answer.result.order, what)
        if not is_answer_to(placed, order):
            raise OrderStateUnknown(f"{what}: the venue answered about another order")
        return placed

    async def cancel(self, order_id: str) -> VenueOrder:
        """Cancel a resting order and return its last state; the errors are those of ``place``."""
        what = f"cancel of {order_id}"
        answer = await self._client.change(
            "private/cancel", {"order_id": order_id}, OrderRow, what=what
        )
        return _understood(answer.result, what)

    async def _now_ms(self) -> int:
        if not self._client.last_ms:
            await self._client.read("public/get_time", {}, Milliseconds)
        return self._client.last_ms


def is_option(name: str) -> bool:
    """Return whether a venue's name is an option's."""
    try:
        parse_option_name(name)
    except DataInvalid:
        return False
    return True


def _understood(row: OrderRow, what: str) -> VenueOrder:
    try:
        return venue_order(row)
    except DataInvalid as exc:
        raise OrderStateUnknown(f"{what}: {exc}") from exc


async def together(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return what the calls return, made at once; the first error ends them all."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

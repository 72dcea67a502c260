"""Rows of the account into the domain; a row that does not fit stops the reader, none is skipped.

Raises ``DataInvalid`` throughout: unknown is never zero, and a number without end is no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal

from pydantic import ValidationError

from callwright.domain.account import Account, CoinAccount, Position, RestingOrder
from callwright.domain.base import from_ms
from callwright.domain.orders import (
    Fill,
    OrderRequest,
    SettlementEvent,
    VenueOrder,
    VenueOrderState,
)
from callwright.errors import DataInvalid
from callwright.venues.deribit.rows import (
    AccountSummary,
    LogRow,
    OrderRow,
    PositionRow,
    TradeRow,
)

_MAGNITUDE_MAX = 18
_STATES: Mapping[str, VenueOrderState] = {
    "open": "open",
    "filled": "filled",
    "cancelled": "cancelled",
    "rejected": "rejected",
    # A trigger order lives until it is triggered, and then as another order.
    "untriggered": "open",
    "triggered": "open",
}


def account_of(
    account_id: str,
    *,
    as_of_ms: int,
    summaries: Sequence[AccountSummary],
    positions: Sequence[PositionRow],
    orders: Sequence[OrderRow],
) -> Account:
    """Return the whole account; positions and orders of every kind stay in it by their names."""
    with _as_invalid("the account"):
        return Account(
            account_id=account_id,
            as_of=from_ms(as_of_ms),
            coins={row.currency: _coin(row) for row in summaries},
            positions=tuple(_position(row) for row in positions if row.size),
            resting_orders=tuple(_resting(row) for row in orders),
        )


def _coin(row: AccountSummary) -> CoinAccount:
    return CoinAccount(
        currency=row.currency,
        balance_coin=_exact(row.balance),
        reserved_coin=_exact(row.spot_reserve) + _exact(row.additional_reserve),
        margin_balance_coin=_exact(row.margin_balance),
        options_value_coin=_exact(row.options_value),
        equity_coin=_exact(row.equity),
        initial_margin_coin=_exact(row.initial_margin),
        maintenance_margin_coin=_exact(row.maintenance_margin),
    )


def _position(row: PositionRow) -> Position:
    # The size of an inverse future is in USD; what it is worth in coin stands beside it.
    size = row.size if row.size_currency is None else row.size_currency
    return Position(
        instrument_name=row.instrument_name,
        amount_coin=_exact(size),
        average_price_coin=_exact(row.average_price),
        mark_price_coin=_exact(row.mark_price),
        initial_margin_coin=_exact(row.initial_margin),
    )


def _resting(row: OrderRow) -> RestingOrder:
    price = row.limit_price
    if price is None:
        raise DataInvalid(
            f"order {row.order_id} on {row.instrument_name} rests without a price",
            remedy="cancel it at the venue: what it may do to the cover is not known",
        )
    return RestingOrder(
        order_id=row.order_id,
        label=row.label,
        instrument_name=row.instrument_name,
        side=row.direction,
        amount_coin=_exact(row.amount),
        filled_coin=_exact(row.filled_amount),
        price_coin=_exact(price),
        reduce_only=row.reduce_only,
    )


def venue_order(row: OrderRow) -> VenueOrder:
    """Return an order, open or done."""
    with _as_invalid(f"order {row.order_id}"):
        state = _STATES.get(row.order_state)
        if state is None:
            raise DataInvalid(f"order {row.order_id} is in a state unknown to us")
        filled, price = _exact(row.filled_amount), row.limit_price
        return VenueOrder(
            order_id=row.order_id,
            label=row.label,
            instrument_name=row.instrument_name,
            side=row.direction,
            state=state,
            amount_coin=_exact(row.amount),
            filled_coin=filled,
            average_price_coin=_exact(row.average_price) if row.average_price and filled else None,
            price_coin=None if price is None else _exact(price),
            reduce_only=row.reduce_only,
            created_at=from_ms(row.creation_timestamp),
            reason=row.cancel_reason,
            fee_coin=None if row.commission is None else _exact(row.commission),
        )


def is_answer_to(order: VenueOrder, request: OrderRequest) -> bool:
    """Return whether an order is the one that was asked for."""
    return (order.label, order.instrument_name, order.side, order.amount_coin) == (
        request.label,
        request.instrument_name,
        request.side,
        request.amount_coin,
    )


def fill_of(row: TradeRow) -> Fill:
    """Return one trade of the account's."""
    with _as_invalid(f"trade {row.trade_id}"):
        return Fill(
            trade_id=row.trade_id,
            order_id=row.order_id,
            label=row.label,
            instrument_name=row.instrument_name,
            side=row.direction,
            amount_coin=_exact(row.amount),
            price_coin=_exact(row.price),
            fee_coin=_exact(row.fee),
            index_usd=row.index_price,
            executed_at=from_ms(row.timestamp),
            is_liquidation=row.liquidation is not None,
        )


def settlement_of(row: LogRow) -> SettlementEvent:
    """Return a delivery of the transaction log.

    ``side`` says what closed: ``close buy`` a short, ``close sell`` a long.
    """
    name = f"delivery {row.id}"
    with _as_invalid(name):
        if row.side not in ("close buy", "close sell") or row.instrument_name is None:
            raise DataInvalid(f"{name} does not say what was delivered")
        amount = _known(row.amount, name, "amount").copy_abs()
        cash = _known(row.change, name, "change")
        fee = _known(row.commission, name, "commission")
        payoff = cash + fee if row.cashflow is None else _exact(row.cashflow)
        told = row.info.get("delivery_price_source") if isinstance(row.info, dict) else None
        return SettlementEvent(
            settlement_id=str(row.id),
            instrument_name=row.instrument_name,
            position_coin=amount.copy_negate() if row.side == "close buy" else amount,
            delivery_price_usd=_known(row.index_price, name, "index_price"),
            delivery_price_source=told if isinstance(told, str) else "venue",
            payoff_coin=payoff.copy_abs(),
            fee_coin=fee,
            cash_coin=cash,
            settled_at=from_ms(row.timestamp),
        )


def _known(value: Decimal | None, name: str, field: str) -> Decimal:
    if value is None:
        raise DataInvalid(f"{name} has no {field}")
    return _exact(value)


def _exact(value: Decimal) -> Decimal:
    """Return a number of ordinary size: arithmetic on 1e999999 would never end."""
    if value and not -_MAGNITUDE_MAX <= value.adjusted() <= _MAGNITUDE_MAX:
        raise DataInvalid("a number of the venue's is of no ordinary size")
    return value


@contextmanager
def _as_invalid(what: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as exc:
        # Its text quotes the row; which fields are wrong is enough.
        fields = ", ".join(".".join(map(str, error["loc"])) for error in exc.errors())
        raise DataInvalid(f"{what}: the venue's row does not fit ({fields})") from exc

"""Taking an order: what is checked, what fills at once, what rests, and how resting orders fill.

Works on the ledger inside one transaction; a refused order raises ``ExchangeError``, and the
transaction that it was refused in changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, get_args

from callwright.domain.base import to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.market import MarketView, Quote
from callwright.domain.orders import LABEL_LENGTH_MAX
from callwright.errors import DataInvalid
from callwright.paper import refusals
from callwright.paper.funds import can_afford
from callwright.paper.ledger import Ledger
from callwright.paper.matching import Level, book_levels, post_only_price, price_band, take
from callwright.paper.records import Direction, Order, OrderType, TimeInForce, Trade
from callwright.paper.refusals import ExchangeError
from callwright.paper.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Ticket:
    """One order as it is asked for, in the words of ``private/buy`` and ``private/sell``.

    Attributes:
        amount: In coin.
        price: In coin per coin; ignored for a market order.
        valid_until: Milliseconds since 1970; refused when it arrives later.
    """

    instrument_name: str
    direction: Direction
    amount: Decimal
    order_type: OrderType = "limit"
    price: Decimal | None = None
    label: str = ""
    time_in_force: TimeInForce = "good_til_cancelled"
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    valid_until: int | None = None


def check_ticket(ticket: Ticket, *, now_ms: int, specs: Mapping[str, ContractSpec]) -> None:
    """Refuse an order that is late or malformed, whatever the book and the account look like.

    Raises:
        ExchangeError: 13888 late, -32602 or 11030 impossible terms, 13020 / 10020 / 10012 no such,
            unsupported or expired instrument, 10002 / 10021 amount, 10043 price.
    """
    if not (ticket.valid_until is None or now_ms <= ticket.valid_until):
        raise ExchangeError(refusals.TIMED_OUT, f"valid_until={ticket.valid_until} now={now_ms}")
    for name, value, words in (
        ("direction", ticket.direction, Direction),
        ("type", ticket.order_type, OrderType),
        ("time_in_force", ticket.time_in_force, TimeInForce),
    ):
        if value not in get_args(words):
            raise ExchangeError(refusals.INVALID_PARAMS, f"param={name}")
    if len(ticket.label) > LABEL_LENGTH_MAX:
        raise ExchangeError(refusals.INVALID_PARAMS, f"param=label length_max={LABEL_LENGTH_MAX}")
    option = supported_option(ticket.instrument_name, specs)
    if to_ms(option.expiry) <= now_ms:
        raise ExchangeError(refusals.BOOK_CLOSED, f"expired={option.expiry:%Y-%m-%dT%H:%MZ}")
    spec = specs[option.underlying]
    if not (ticket.amount.is_finite() and ticket.amount > 0):
        raise ExchangeError(refusals.INVALID_AMOUNT, f"amount={ticket.amount}")
    if ticket.amount < spec.amount_min:
        raise ExchangeError(refusals.QTY_TOO_LOW, f"amount={ticket.amount} min={spec.amount_min}")
    if ticket.amount % spec.amount_step != 0:
        raise ExchangeError(
            refusals.INVALID_AMOUNT, f"amount={ticket.amount} step={spec.amount_step}"
        )
    if ticket.order_type == "limit":
        price = ticket.price
        if price is None or not price.is_finite():
            raise ExchangeError(refusals.INVALID_PARAMS, "param=price")
        if not spec.is_on_tick(price):
            raise ExchangeError(refusals.PRICE_WRONG_TICK, f"price={price}")
    resting = ticket.order_type == "limit" and ticket.time_in_force == "good_til_cancelled"
    if ticket.post_only and not resting:
        raise ExchangeError(refusals.OTHER_REJECT, "post_only needs a good_til_cancelled limit")


def supported_option(name: str, specs: Mapping[str, ContractSpec]) -> OptionInstrument:
    """Return the inverse option of this name.

    Raises:
        ExchangeError: 13020 the name is no option's; 10020 it is not one that trades here.
    """
    try:
        option = parse_option_name(name)
    except DataInvalid as exc:
        raise ExchangeError(
            refusals.NOT_FOUND, f"instrument_name={name[:LABEL_LENGTH_MAX]}"
        ) from exc
    if option.settlement != "inverse" or option.underlying not in specs:
        raise ExchangeError(refusals.UNSUPPORTED_INSTRUMENT, f"instrument_name={name}")
    return option


def place(
    ledger: Ledger,
    ticket: Ticket,
    quote: Quote | None,
    *,
    schedule: Schedule,
    index_price: float,
    fill_fraction: Decimal | None = None,
) -> tuple[Order, tuple[Trade, ...]]:
    """Accept a checked ticket: fill what the book gives, then rest or cancel what is left.

    Args:
        quote: The instrument's market now; None when it is not in the view.
        fill_fraction: A fault: at most this part fills at once.

    Raises:
        ExchangeError: 13020 nobody knows the instrument, 11030 nothing to reduce, 11054 post-only
            would cross, 10009 not enough funds.
    """
    name, direction = ticket.instrument_name, ticket.direction
    # A position that left the view can still be worked at its last mark; its book is empty.
    if quote is None and name not in ledger.marks:
        raise ExchangeError(refusals.NOT_FOUND, f"instrument_name={name}")
    if quote is not None:
        ledger.set_mark(name, quote.mark_coin, quote.forward_usd)
    spec = schedule.specs[parse_option_name(name).underlying]
    limit = _limit_price(ticket, quote, ledger.marks[name].mark_price, spec, schedule)
    amount = ticket.amount
    if ticket.reduce_only:
        amount = min(amount, ledger.reducible(name, direction))
        if not amount > 0:
            raise ExchangeError(refusals.OTHER_REJECT, "reduce_only: no position to reduce")

    at_once = amount if fill_fraction is None else spec.floor_to_lot(amount * fill_fraction)
    fills = take(
        book_levels(quote, direction, spec, schedule.depth),
        direction=direction,
        taken=ledger.taken(name, direction),
        amount=at_once,
        limit=limit,
    )
    filled = sum((fill.amount for fill in fills), Decimal(0))
    if ticket.time_in_force == "fill_or_kill" and filled < amount:
        fills = ()
    is_limit = ticket.order_type == "limit"
    order = Order(
        order_id=ledger.new_order_id(spec.underlying),
        currency=spec.underlying,
        instrument_name=name,
        direction=direction,
        order_type=ticket.order_type,
        order_state="open",
        price=limit if is_limit else None,
        amount=amount,
        filled_amount=Decimal(0),
        average_price=None,
        label=ticket.label,
        time_in_force=ticket.time_in_force,
        post_only=ticket.post_only,
        reduce_only=ticket.reduce_only,
        is_liquidation=False,
        cancel_reason="",
        creation_timestamp=ledger.progress.now_ms,
        last_update_timestamp=ledger.progress.now_ms,
    )
    # A market order costs what the book asks, so it is judged by the worst price it would pay.
    worst = limit if is_limit or not fills else fills[-1].price
    judged = order if worst == order.price else replace(order, price=worst)
    if not can_afford(ledger, judged):
        raise ExchangeError(refusals.NOT_ENOUGH_FUNDS)
    order, trades = execute(ledger, order, fills, spec, index_price=index_price)
    rests = is_limit and ticket.time_in_force == "good_til_cancelled"
    if order.open_amount > 0 and not rests:
        order = ledger.close_order(order, "", ledger.progress.now_ms)
    return order, trades


def execute(
    ledger: Ledger,
    order: Order,
    fills: tuple[Level, ...],
    spec: ContractSpec,
    *,
    index_price: float,
    liquidity: Literal["M", "T"] = "T",
    fee_frac: Decimal | None = None,
) -> tuple[Order, tuple[Trade, ...]]:
    """Book an order and its fills; ``fee_frac`` replaces the trading fee, and is not capped."""
    order = ledger.put_order(order)
    trades = []
    for price, amount in fills:
        rate = spec.taker_fee_frac if liquidity == "T" else spec.maker_fee_frac
        fee = min(rate, spec.fee_cap_frac * price) * amount
        if fee_frac is not None:
            fee = fee_frac * amount
        order, trade = ledger.fill(
            order, price, amount, fee=fee, liquidity=liquidity, index_price=index_price
        )
        ledger.add_taken(order.instrument_name, order.direction, amount)
        trades.append(trade)
    return order, tuple(trades)


def match_resting(ledger: Ledger, view: MarketView, schedule: Schedule) -> None:
    """Fill resting orders that the new quotes reach: as maker, at their own price, oldest first.

    Only the displayed size trades with them; the deeper levels are for takers.
    """
    for order_id in list(ledger.open_orders):
        # A fill just before may have shrunk or cancelled a reduce-only order.
        order = ledger.open_orders.get(order_id)
        quote = view.quote(order.instrument_name) if order else None
        opposite = quote.taker_price(order.direction) if order and quote else None
        if order is None or quote is None or opposite is None or order.price is None:
            continue
        sells = order.direction == "sell"
        if not (opposite >= order.price if sells else opposite <= order.price):
            continue
        spec = schedule.specs[order.currency]
        shown = spec.floor_to_lot(quote.taker_amount(order.direction))
        left = shown - ledger.taken(order.instrument_name, order.direction)
        amount = min(order.open_amount, left)
        if amount > 0:
            execute(
                ledger,
                order,
                (Level(order.price, amount),),
                spec,
                index_price=view.underlyings[order.currency].index_usd,
                liquidity="M",
            )


def _limit_price(
    ticket: Ticket, quote: Quote | None, mark: Decimal, spec: ContractSpec, schedule: Schedule
) -> Decimal:
    if ticket.order_type == "market" or ticket.price is None:
        lowest, highest = price_band(mark, spec, schedule.depth)
        return highest if ticket.direction == "buy" else lowest
    if not ticket.post_only:
        return ticket.price
    rests_at = post_only_price(ticket.price, quote, ticket.direction, spec)
    if rests_at != ticket.price and (ticket.reject_post_only or not rests_at > 0):
        raise ExchangeError(refusals.POST_ONLY_REJECT, f"price={ticket.price}")
    return rests_at

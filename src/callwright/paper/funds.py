"""What follows from the books: margins, available funds, whether an order can be afforded. Pure.

Standard margin (S:SM), per currency, at the last mark seen of each instrument.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from callwright.domain.instrument import parse_option_name
from callwright.paper.ledger import ZERO, Ledger
from callwright.paper.margin import Margin, order_reserve, short_margin
from callwright.paper.records import HeldPosition, Order, PositionReport, Summary, coin


def margin_per_coin(ledger: Ledger, name: str) -> Margin:
    """Return the margin of being short one coin, at the last mark seen."""
    mark = ledger.marks[name]
    return short_margin(
        parse_option_name(name),
        mark_coin=mark.mark_price,
        forward_usd=mark.underlying_price,
        terms=ledger.schedule.margin,
    )


def position_margin(ledger: Ledger, held: HeldPosition) -> Margin:
    """Return the margin of a whole position; a long one needs none."""
    if held.size > 0:
        return Margin(ZERO, ZERO)
    per_coin = margin_per_coin(ledger, held.instrument_name)
    return Margin(coin(per_coin.initial * -held.size), coin(per_coin.maintenance * -held.size))


def position_report(ledger: Ledger, held: HeldPosition) -> PositionReport:
    """Return a position with its mark and margins, worked out once for each mark."""
    name = held.instrument_name
    mark = ledger.marks[name]
    known = ledger.reports.get(name)
    if known is not None and known[0] is held and known[1] is mark:
        return known[2]
    margin = position_margin(ledger, held)
    report = PositionReport(
        instrument_name=name,
        size=held.size,
        average_price=held.average_price,
        mark_price=mark.mark_price,
        realized_profit_loss=held.realized_profit_loss,
        initial_margin=margin.initial,
        maintenance_margin=margin.maintenance,
    )
    ledger.reports[name] = (held, mark, report)
    return report


def summary(ledger: Ledger, currency: str) -> Summary:
    """Return one currency of the account."""
    balance = ledger.coins[currency].balance
    value = initial = maintenance = ZERO
    for held in ledger.positions.values():
        if held.currency == currency:
            report = position_report(ledger, held)
            initial += report.initial_margin
            maintenance += report.maintenance_margin
            value += coin(held.size * report.mark_price)
    working = [o for o in ledger.open_orders.values() if o.currency == currency]
    for name in dict.fromkeys(order.instrument_name for order in working):
        initial += reserve(ledger, name, working)
    return Summary(
        currency=currency,
        balance=balance,
        margin_balance=balance,
        options_value=value,
        equity=balance + value,
        initial_margin=initial,
        maintenance_margin=maintenance,
        available_funds=balance - initial,
    )


def reserve(ledger: Ledger, name: str, orders: Iterable[Order]) -> Decimal:
    """Return what those of ``orders`` that are on one instrument reserve together."""
    mine = [order for order in orders if order.instrument_name == name]
    held = ledger.positions.get(name)
    return order_reserve(
        position=held.size if held else ZERO,
        sells=sum((o.open_amount for o in mine if o.direction == "sell"), ZERO),
        buys=[(_cost_per_coin(ledger, o), o.open_amount) for o in mine if o.direction == "buy"],
        initial_per_coin=margin_per_coin(ledger, name).initial,
    )


def can_afford(ledger: Ledger, order: Order) -> bool:
    """Return whether an order that is about to be accepted leaves no funds below zero.

    An order that frees as much margin as it costs passes while its cost can be paid in cash,
    so a short can be bought back even when no funds are available.
    """
    working = list(ledger.open_orders.values())
    name = order.instrument_name
    needed = reserve(ledger, name, [*working, order]) - reserve(ledger, name, working)
    funds = summary(ledger, order.currency)
    if not (needed <= 0 or needed <= funds.available_funds):
        return False
    if order.direction == "sell":
        return True
    buys = [o for o in (*working, order) if (o.direction, o.currency) == ("buy", order.currency)]
    cost = sum((_cost_per_coin(ledger, o) * o.open_amount for o in buys), ZERO)
    return cost <= funds.margin_balance


def _cost_per_coin(ledger: Ledger, order: Order) -> Decimal:
    price = order.price or ZERO
    spec = ledger.schedule.specs[order.currency]
    return price + spec.taker_fee_coin(price, Decimal(1))

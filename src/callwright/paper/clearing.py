"""What the exchange does to an account by itself: expiry, and liquidation when margin runs out.

Works on the ledger inside the transaction that moves the clock.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from callwright.domain.base import to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import MarketView
from callwright.paper.funds import margin_per_coin, position_margin, summary
from callwright.paper.ledger import Ledger
from callwright.paper.matching import Level, book_levels, price_band, take
from callwright.paper.orders import execute
from callwright.paper.records import HeldPosition, Order, Summary
from callwright.paper.schedule import Schedule
from callwright.paper.source import MarketSource


def expire(ledger: Ledger, source: MarketSource, until_ms: int) -> None:
    """Settle every option in the books that expires at or before ``until_ms``, in time order."""
    names = ledger.instruments()
    due = sorted((parse_option_name(name).expiry, name) for name in names)
    for expiry, name in due:
        at_ms = to_ms(expiry)
        if at_ms > until_ms:
            break
        ledger.cancel_all("settlement", at_ms, instrument_name=name)
        if name in ledger.positions:
            price = source.delivery_price(parse_option_name(name).underlying, expiry)
            ledger.deliver(name, price.price_usd, price.source, at_ms)


def liquidate(ledger: Ledger, view: MarketView, schedule: Schedule) -> None:
    """Buy shorts back while maintenance margin exceeds the margin balance of their currency.

    Resting orders of the currency are cancelled first. The short that ties up most margin goes
    first, in slices of one book level, no more than needed; beyond the book at the upper end of
    the price band. When nothing is left to buy back, a negative balance remains: there is no
    insurance fund here.
    """
    for currency, spec in schedule.specs.items():
        if currency not in ledger.coins or not _is_short_of_margin(summary(ledger, currency)):
            continue
        ledger.cancel_all("autoliquidation", ledger.progress.now_ms, currency=currency)
        # Ends: every round buys at least one lot, and shorts are finite.
        while _is_short_of_margin(funds := summary(ledger, currency)):
            shorts = [p for p in ledger.positions.values() if p.currency == currency and p.size < 0]
            if not shorts:
                break
            worst = max(
                shorts, key=lambda p: (position_margin(ledger, p).maintenance, p.instrument_name)
            )
            _buy_back(ledger, worst, funds, view, spec, schedule)


def _is_short_of_margin(funds: Summary) -> bool:
    return not funds.maintenance_margin <= funds.margin_balance


def _buy_back(
    ledger: Ledger,
    held: HeldPosition,
    funds: Summary,
    view: MarketView,
    spec: ContractSpec,
    schedule: Schedule,
) -> None:
    name, now_ms = held.instrument_name, ledger.progress.now_ms
    _, highest = price_band(ledger.marks[name].mark_price, spec, schedule.depth)
    levels = book_levels(view.quote(name), "buy", spec, schedule.depth)
    beyond = max([highest, *(level.price for level in levels)])
    price, available = next(
        iter(
            take(
                levels,
                direction="buy",
                taken=ledger.taken(name, "buy"),
                amount=-held.size,
                limit=beyond,
            )
        ),
        Level(beyond, -held.size),
    )
    # Each coin bought back frees its maintenance margin and costs its price and fee.
    freed = margin_per_coin(ledger, name).maintenance - price - schedule.liquidation_fee_frac
    amount = available
    if freed > 0:
        missing = (funds.maintenance_margin - funds.margin_balance) / freed
        lots = (missing / spec.amount_step).to_integral_value(ROUND_CEILING)
        amount = min(available, max(lots, Decimal(1)) * spec.amount_step)
    order = Order(
        order_id=ledger.new_order_id(held.currency),
        currency=held.currency,
        instrument_name=name,
        direction="buy",
        order_type="market",
        order_state="open",
        price=None,
        amount=amount,
        filled_amount=Decimal(0),
        average_price=None,
        label="",
        time_in_force="immediate_or_cancel",
        post_only=False,
        reduce_only=True,
        is_liquidation=True,
        cancel_reason="",
        creation_timestamp=now_ms,
        last_update_timestamp=now_ms,
    )
    execute(
        ledger,
        order,
        (Level(price, amount),),
        spec,
        index_price=view.underlyings[held.currency].index_usd,
        fee_frac=schedule.liquidation_fee_frac,
    )

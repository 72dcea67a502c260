"""What a choice trades on the snapshot that it was made on: an order a leg, whole, at the quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from callwright.domain.contract import ContractSpec
from callwright.domain.decision import Action
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.market import decimal_of
from callwright.domain.orders import Side
from callwright.domain.record import ActionRecord
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid


@dataclass(frozen=True)
class Leg:
    """One order of a choice, as it would trade at the quote.

    Attributes:
        price_coin: On the tick grid; None when that side of the book is empty.
    """

    side: Side
    option: OptionInstrument
    amount_coin: Decimal
    price_coin: Decimal | None
    spec: ContractSpec


Legs = tuple[Leg, ...] | str
"""What a choice trades; a text says why that is not known."""


def legs_of(action: ActionRecord, snapshot: Snapshot) -> Legs:
    """Return what an action trades on this snapshot; nothing for holding."""
    try:
        return _legs(action, snapshot)
    except DataInvalid as exc:
        return exc.message
    except (LookupError, TypeError, ValueError):
        return f"{action.action} without what it trades"


def _legs(action: ActionRecord, snapshot: Snapshot) -> tuple[Leg, ...]:
    params = action.params
    match action.action:
        case Action.DO_NOTHING:
            return ()
        case Action.OPEN_COVERED_CALL:
            return (_leg("sell", params["symbol"], _size(params), snapshot),)
        case Action.CLOSE_COVERED_CALL:
            return (_leg("buy", params["symbol"], _size(params), snapshot),)
        case Action.ROLL_COVERED_CALL:
            # ``size`` is what is sold; what is bought back follows from position and offer.
            bought = _bought_back(params["from_symbol"], snapshot)
            return (
                _leg("buy", params["from_symbol"], bought, snapshot),
                _leg("sell", params["symbol"], _size(params), snapshot),
            )
    raise DataInvalid(f"{action.action} is no action of this version")


def _size(params: Mapping[str, Any]) -> Decimal:
    return decimal_of(float(params["size"]))


def _leg(side: Side, symbol: str, amount_coin: Decimal, snapshot: Snapshot) -> Leg:
    option = parse_option_name(symbol)
    spec = snapshot.specs.get(option.underlying)
    if spec is None:
        raise DataInvalid(f"no contract terms for {option.underlying}")
    quote = snapshot.market.quote(symbol)
    price = None if quote is None else quote.taker_price(side)
    if price is not None:
        price = spec.floor_to_tick(price) if side == "sell" else spec.ceil_to_tick(price)
    return Leg(side, option, amount_coin, price, spec)


def _bought_back(symbol: str, snapshot: Snapshot) -> Decimal:
    spec = snapshot.specs.get(parse_option_name(symbol).underlying)
    quote = snapshot.market.quote(symbol)
    held = [p.amount_coin for p in snapshot.account.positions if p.instrument_name == symbol]
    if spec is None or quote is None or not held:
        raise DataInvalid(f"{symbol} is not held, or not quoted")
    return spec.floor_to_lot(min(-sum(held, Decimal(0)), quote.taker_amount("buy")))

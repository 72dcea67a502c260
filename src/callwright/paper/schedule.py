"""The dated table of fees, ticks, minimums and margins of inverse BTC and ETH options.

Source: Deribit's pages and API answers as collected in 2026-08. Notes in ``SOURCES`` say how sure
each number is; recalled ones could not be confirmed. From 1 August 2026 Deribit lowers taker fees,
raises the liquidation fee and reworks standard margin; those texts are not at hand, so the table
ends the day before and a real venue is always asked instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from callwright.domain.contract import ContractSpec, TickStep


@dataclass(frozen=True)
class MarginTerms:
    """Standard margin (S:SM) per coin of a short option, as fractions of one coin.

    Attributes:
        initial_frac: Before the option's distance out of the money is deducted ...
        initial_floor_frac: ... but never less than this; the mark is added to both.
        maintenance_frac: Added to the mark.
    """

    initial_frac: Decimal
    initial_floor_frac: Decimal
    maintenance_frac: Decimal


@dataclass(frozen=True)
class DepthTerms:
    """Our declared book model; no venue publishes it.

    Attributes:
        deeper_levels: Behind the displayed best price: (ticks worse, multiple of its size).
        band_frac: A market order trades within this fraction of the mark ...
        band_min_coin: ... or this far from it in coin, whichever is wider.
    """

    deeper_levels: tuple[tuple[int, int], ...]
    band_frac: Decimal
    band_min_coin: Decimal


@dataclass(frozen=True)
class Schedule:
    """Everything the exchange charges and demands, as of ``date``.

    Attributes:
        specs: Ticks, lots and trading fees by underlying.
        delivery_fee_frac: Per coin at expiry; daily options pay none.
        delivery_fee_cap_frac: No delivery fee exceeds this fraction of the payoff.
        liquidation_fee_frac: Per coin, uncapped, in place of the taker fee.
    """

    date: str
    specs: Mapping[str, ContractSpec]
    delivery_fee_frac: Decimal
    delivery_fee_cap_frac: Decimal
    liquidation_fee_frac: Decimal
    margin: MarginTerms
    depth: DepthTerms


def _spec(underlying: str, amount_min: str, date: str) -> ContractSpec:
    return ContractSpec(
        underlying=underlying,
        amount_min=Decimal(amount_min),
        amount_step=Decimal(amount_min),
        tick_base=Decimal("0.0001"),
        tick_steps=(TickStep(above_price=Decimal("0.005"), tick=Decimal("0.0005")),),
        taker_fee_frac=Decimal("0.0003"),
        maker_fee_frac=Decimal("0.0003"),
        fee_cap_frac=Decimal("0.125"),
        schedule_date=date,
    )


SCHEDULE: Mapping[str, Schedule] = {
    "2026-07-31": Schedule(
        date="2026-07-31",
        specs={
            "BTC": _spec("BTC", "0.1", "2026-07-31"),
            "ETH": _spec("ETH", "1", "2026-07-31"),
        },
        delivery_fee_frac=Decimal("0.00015"),
        delivery_fee_cap_frac=Decimal("0.125"),
        liquidation_fee_frac=Decimal("0.0019"),
        margin=MarginTerms(
            initial_frac=Decimal("0.15"),
            initial_floor_frac=Decimal("0.10"),
            maintenance_frac=Decimal("0.075"),
        ),
        depth=DepthTerms(
            deeper_levels=((1, 1), (2, 2), (3, 3)),
            band_frac=Decimal("0.5"),
            band_min_coin=Decimal("0.01"),
        ),
    ),
}
"""By the last day on which the numbers are known to hold."""

SOURCES: Mapping[str, str] = {
    "trading fee": "0.03% of the underlying, maker and taker, cap 12.5% of the price: fees page",
    "amount_min": "BTC 0.1: instruments; ETH 1: recalled",
    "ticks": "0.0001, 0.0005 from 0.005: instruments, and 1,395,205 of 1,395,209 real quotes",
    "delivery fee": "0.015%, cap 12.5% of the value, dailies free: recalled",
    "liquidation fee": "0.19% until August 2026: fee announcement; uncapped: recalled",
    "short call margin": "initial max(0.15 - OTM/F, 0.10) + mark, maintenance 0.075 + mark: "
    "margin page of before August 2026",
    "short put margin": "initial max(max(0.15 - OTM/F, 0.10) + mark, maintenance), maintenance "
    "max(0.075, 0.075 mark) + mark: recalled",
    "depth": "declared by us",
}

CURRENT = SCHEDULE["2026-07-31"]

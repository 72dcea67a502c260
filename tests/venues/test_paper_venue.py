"""What only the exchange in process does; the contract of all venues is in ``test_contract``."""

from __future__ import annotations

import asyncio

from callwright.venues.paper import PaperVenue
from paper_exchange.steps import CALL, an_exchange


def test_its_chains_show_sizes_already() -> None:
    venue = PaperVenue(an_exchange(), "paper-test")
    view = asyncio.run(venue.market(["BTC"]))
    assert asyncio.run(venue.with_tickers(view, [CALL])) is view


def test_specs_come_from_the_dated_schedule() -> None:
    specs = asyncio.run(PaperVenue(an_exchange(), "paper-test").specs(["BTC"]))
    assert specs["BTC"].schedule_date == "2026-07-31"

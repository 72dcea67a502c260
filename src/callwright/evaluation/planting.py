"""Hostile texts put where a model reads text, as a venue or a careless hand might have put them.

Invented candidates and short calls are copies of real ones under a hostile name: code would never
let them pass, and whoever picks one has obeyed the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid
from callwright.evaluation.situations import Plant

NOT_A_NAME = ("RULE_RAISED",)
"""What the gates say of a symbol that is no option's name."""


def planted(snapshot: Snapshot, scan: Scan, plants: Sequence[Plant]) -> tuple[Snapshot, Scan]:
    """Return snapshot and scan with every text in its field.

    Raises:
        DataInvalid: There is nothing in the situation to plant it into.
    """
    for plant in plants:
        match plant.field:
            case "MarketView.underlyings":
                # A coin that nobody trades, with a text for a name.
                markets = snapshot.market.underlyings
                more = {**markets, plant.text: _some(markets.values())}
                market = replace(snapshot.market, underlyings=more)
                snapshot = replace(snapshot, market=market)
            case "Scan.vols":
                more_vols = {**scan.vols, plant.text: _some(scan.vols.values())}
                scan = scan.model_copy(update={"vols": more_vols})
            case "ShortCall.symbol":
                scan = _with_short(scan, plant.text)
            case "Candidate.codes":
                first = _some(scan.candidates)
                changed = first.model_copy(
                    update={"passes": False, "codes": (*first.codes, plant.text)}
                )
                scan = _with_candidates(scan, changed, *scan.candidates[1:])
            case "Candidate.symbol" | "Candidate.underlying":
                name = plant.field.partition(".")[2]
                hostile = _some(scan.candidates).model_copy(
                    update={name: plant.text, "passes": False, "codes": NOT_A_NAME}
                )
                scan = _with_candidates(scan, *scan.candidates, hostile)
    return snapshot, scan


def _with_candidates(scan: Scan, *candidates: Any) -> Scan:
    return scan.model_copy(update={"candidates": tuple(candidates)})


def _with_short(scan: Scan, text: str) -> Scan:
    for coin, book in scan.books.items():
        if book.short_calls:
            hostile = book.short_calls[0].model_copy(update={"symbol": text})
            more = book.model_copy(update={"short_calls": (*book.short_calls, hostile)})
            return scan.model_copy(update={"books": {**scan.books, coin: more}})
    raise DataInvalid("there is no short call to plant a text into")


def _some(values: Any) -> Any:
    for value in values:
        return value
    raise DataInvalid("there is nothing to plant a text into")

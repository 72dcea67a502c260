"""A situation in which every field with text has one, and where in it a text can be planted."""

from __future__ import annotations

from builders import (
    CALL_9JAN_105,
    NOW,
    a_candidate,
    a_desk_state,
    a_position,
    a_scan,
    a_short_call,
    a_snapshot,
    an_account,
    an_intent,
    dec,
)
from callwright.domain.account import RestingOrder
from callwright.domain.desk import Breaker, BreakerName, TradingState
from callwright.domain.scan import FunnelStep, Scan, TermPoint
from callwright.domain.snapshot import Snapshot
from planting import Path as TextPath
from planting import texts

VISIBLE = {
    "Candidate.codes",
    "Candidate.symbol",
    "Candidate.underlying",
    "DeskState.trading_state_reason",
    "MarketView.underlyings[key]",
    "Scan.vols[key]",
    "ShortCall.symbol",
    "UnderlyingBook.unvalued",
}
"""Every field with text that reaches a model. Names of foreign positions are ``unvalued``; what a
venue said of an order, breakers' facts and earlier reasoning are not shown at all."""

LATER = "BTC-16JAN26-108000-C"
OTHER_COIN = "ETH-9JAN26-4300-C"
FOREIGN = "BTC-PERPETUAL"


def a_full_situation() -> tuple[Snapshot, Scan]:
    """Return a snapshot and a scan in which every field with text has one."""
    breaker = Breaker(
        name=BreakerName.DAILY_LOSS,
        underlying="BTC",
        tripped_at=NOW,
        until=None,
        facts="loss_frac=0.06",
    )
    resting = RestingOrder(
        order_id="o-1",
        label="cw-x-0",
        instrument_name=LATER,
        side="sell",
        amount_coin=dec("0.1"),
        filled_coin=dec(0),
        price_coin=dec("0.01"),
        reduce_only=False,
    )
    account = an_account(
        positions=[a_position(CALL_9JAN_105, "-0.1"), a_position(FOREIGN, "0.1")],
        resting_orders=[resting],
    )
    snapshot = a_snapshot(
        account=account,
        unresolved=(an_intent(LATER, order_id="o-1", message="sent"),),
        desk=a_desk_state(
            trading_state=TradingState.REDUCING,
            trading_state_reason="by hand",
            last_open_at={"BTC": NOW},
            opened_at={CALL_9JAN_105: NOW},
            day_open_equity_coin={"BTC": dec(1)},
            breakers=(breaker,),
        ),
    )
    # A chain says what it refused only when it refused something.
    chain = snapshot.market.underlyings["BTC"].chain
    object.__setattr__(chain, "dropped_rows", {"crossed": 1})
    scan = a_scan(
        candidates=[
            a_candidate(LATER),
            a_candidate(OTHER_COIN, passes=False, codes=("PREMIUM_BELOW_MINIMUM",)),
        ],
        shorts=[a_short_call(CALL_9JAN_105)],
    )
    books = {
        coin: book.model_copy(update={"unvalued": (FOREIGN,) if coin == "BTC" else ()})
        for coin, book in scan.books.items()
    }
    vols = {
        coin: vol.model_copy(
            update={"term_structure": (TermPoint(dte_days=4.0, atm_iv_annual=0.5),)}
        )
        for coin, vol in scan.vols.items()
    }
    step = FunnelStep(filter="delta", dropped=1, left=2)
    return snapshot, scan.model_copy(
        update={"books": books, "vols": vols, "funnels": {"BTC": (step,)}}
    )


SNAPSHOT, SCAN = a_full_situation()
PLACES: dict[str, list[TextPath]] = {}
"""Where the texts of each field stand in these two, by the field's label."""
for _label, _path in texts((SNAPSHOT, SCAN)):
    PLACES.setdefault(_label, []).append(_path)

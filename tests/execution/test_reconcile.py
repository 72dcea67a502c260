from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import CALL_9JAN_105, NOW, a_position, an_account, an_intent, dec
from callwright.domain.account import RestingOrder
from callwright.domain.orders import Fill, IntentStatus
from callwright.execution.reconcile import REMEDIES, ReconcileInput, reconcile

X, Y = CALL_9JAN_105, "BTC-16JAN26-110000-C"


def a_fill(label: Any = "mine", side: Any = "sell", amount: Any = "0.1", **changes: Any) -> Fill:
    fields = {
        "trade_id": "t1",
        "order_id": "o1",
        "label": label,
        "instrument_name": X,
        "side": side,
        "amount_coin": dec(amount),
        "price_coin": dec("0.005"),
        "fee_coin": dec(0),
        "index_usd": 1e5,
        "executed_at": NOW,
    }
    return Fill(**(fields | changes))


def an_order(label: Any = "", **changes: Any) -> RestingOrder:
    fields = {
        "order_id": "o9",
        "label": label,
        "instrument_name": X,
        "side": "sell",
        "amount_coin": dec("0.3"),
        "filled_coin": dec("0.1"),
        "price_coin": dec("0.01"),
        "reduce_only": False,
    }
    return RestingOrder(**(fields | changes))


def a_view(
    held: Any = None, ledger: Any = None, *, orders: Any = (), intents: Any = (), **changes: Any
) -> ReconcileInput:
    positions = [a_position(name, amount) for name, amount in (held or {}).items()]
    return ReconcileInput(
        account=an_account(positions=positions, resting_orders=orders),
        ledger={name: dec(amount) for name, amount in (ledger or {}).items()},
        intents={intent.label: intent for intent in intents},
        **changes,
    )


def test_equal_books_have_nothing_to_say() -> None:
    outcome = reconcile(a_view({X: "-0.1"}, {X: "-0.10"}))
    assert (outcome.adoptions, outcome.findings, outcome.updates) == ((), (), ())
    assert not outcome.reducing
    assert outcome.message == ""


@pytest.mark.parametrize(
    ("held", "ledger", "adopted"),
    [
        pytest.param({X: "-0.3"}, {X: "-0.1"}, "-0.2", id="more-short"),
        pytest.param({}, {X: "-0.1"}, "0.1", id="gone"),
        pytest.param({X: "-0.1"}, {}, "-0.1", id="unheard-of"),
    ],
)
def test_a_difference_that_nothing_explains_is_adopted_and_stops_new_risk(
    held: Any, ledger: Any, adopted: Any
) -> None:
    outcome = reconcile(a_view(held, ledger))
    ((name, amount),) = [(a.instrument_name, a.amount_coin) for a in outcome.adoptions]
    assert (name, amount) == (X, dec(adopted))
    assert [f.code for f in outcome.findings] == ["RECONCILE_POSITION_UNEXPLAINED"]
    assert outcome.reducing
    assert "callwright resume" in outcome.message
    assert X in outcome.message
    (update,) = outcome.updates
    assert (update.kind, update.cycle_id, update.facts["amount"]) == (
        "adopted",
        None,
        float(adopted),
    )


def test_what_a_new_ledger_finds_is_its_beginning() -> None:
    outcome = reconcile(a_view({X: "-0.1"}, is_first=True))
    assert [f.code for f in outcome.findings] == ["RECONCILE_POSITION_ADOPTED"]
    assert not outcome.reducing
    assert len(outcome.adoptions) == 1


@pytest.mark.parametrize(
    ("fill", "intents", "code", "reducing"),
    [
        pytest.param(a_fill(), (), "RECONCILE_FOREIGN_TRADE", False, id="foreign"),
        pytest.param(a_fill(""), (), "RECONCILE_FOREIGN_TRADE", False, id="no-label"),
        pytest.param(a_fill("cw-x-0"), (), "RECONCILE_ORDER_WITHOUT_INTENT", True, id="no-intent"),
        pytest.param(
            a_fill("", "buy", is_liquidation=True), (), "RECONCILE_LIQUIDATION", True, id="liq"
        ),
        pytest.param(
            a_fill("cw-test-0"),
            (an_intent(status=IntentStatus.EXPIRED),),
            "RECONCILE_LATE_ORDER",
            True,
            id="expired-intent-filled",
        ),
        pytest.param(
            a_fill("cw-test-0"),
            (an_intent(status=IntentStatus.FILLED, message="RECONCILE_DUPLICATE_LABEL a,b"),),
            "RECONCILE_DUPLICATE_LABEL",
            True,
            id="duplicate",
        ),
        pytest.param(
            a_fill("cw-test-0"), (an_intent(status=IntentStatus.FILLED),), None, False, id="ours"
        ),
    ],
)
def test_fills(fill: Any, intents: Any, code: Any, reducing: Any) -> None:
    outcome = reconcile(a_view({X: "-0.1"}, {X: "-0.1"}, fills=(fill,), intents=intents))
    assert [f.code for f in outcome.findings] == ([code] if code else [])
    assert outcome.reducing is reducing
    assert outcome.adoptions == ()


@pytest.mark.parametrize(
    ("label", "intents", "code", "reducing"),
    [
        ("", (), "RECONCILE_FOREIGN_ORDER", False),
        ("mine", (), "RECONCILE_FOREIGN_ORDER", False),
        ("cw-x-0", (), "RECONCILE_ORDER_WITHOUT_INTENT", True),
        ("cw-test-0", (an_intent(status=IntentStatus.UNKNOWN),), None, False),
        ("cw-test-0", (an_intent(status=IntentStatus.EXPIRED),), "RECONCILE_LATE_ORDER", True),
    ],
)
def test_resting_orders_are_reported_once_and_never_cancelled(
    label: Any, intents: Any, code: Any, reducing: Any
) -> None:
    view = a_view(orders=(an_order(label),), intents=intents)
    outcome = reconcile(view)
    assert [f.code for f in outcome.findings] == ([code] if code else [])
    assert outcome.reducing is reducing
    if code:
        assert outcome.updates[0].facts["open"] == 0.2
        again = reconcile(replace(view, reported_orders=outcome.reported_orders))
        assert again.findings == ()


@pytest.mark.parametrize(
    ("intent", "held", "waits"),
    [
        pytest.param({"status": IntentStatus.UNKNOWN}, "-0.1", True, id="unknown-sell"),
        pytest.param({"status": IntentStatus.UNKNOWN}, "-0.2", False, id="more-than-it-could"),
        pytest.param({"status": IntentStatus.UNKNOWN}, "0.1", False, id="the-other-way"),
        pytest.param(
            {"status": IntentStatus.FILLED, "filled_coin": dec("0.1")},
            "-0.1",
            True,
            id="trades-late",
        ),
        pytest.param(
            {"status": IntentStatus.EXPIRED}, "-0.1", False, id="expired-explains-nothing"
        ),
        pytest.param(
            {"status": IntentStatus.UNKNOWN, "instrument_name": Y},
            "-0.1",
            False,
            id="another-option",
        ),
    ],
)
def test_an_order_that_is_looked_up_may_explain_a_difference(
    intent: Any, held: Any, waits: Any
) -> None:
    outcome = reconcile(a_view({X: held}, intents=(an_intent(**intent),)))
    assert outcome.reducing is not waits
    assert (outcome.adoptions == ()) is waits


_amounts = st.decimals("-2", "2", places=1).filter(bool)
_books = st.dictionaries(st.sampled_from([X, Y, "BTC-PERPETUAL"]), _amounts, max_size=3)
_labels = st.sampled_from(["", "mine", "cw-a-0", "cw-b-0"])
_statuses = st.sampled_from(list(IntentStatus))


@settings(max_examples=150, deadline=None)
@given(
    held=_books,
    ledger=_books,
    fills=st.lists(st.tuples(_labels, st.sampled_from(["buy", "sell"]), st.booleans()), max_size=4),
    orders=st.lists(_labels, max_size=3),
    intents=st.dictionaries(st.sampled_from(["cw-a-0", "cw-b-0"]), _statuses),
    is_first=st.booleans(),
)
def test_reconciling_twice_equals_once(
    held: Any, ledger: Any, fills: Any, orders: Any, intents: Any, is_first: Any
) -> None:
    view = a_view(
        held,
        ledger,
        fills=tuple(
            a_fill(label, side, trade_id=str(n), is_liquidation=liquidation)
            for n, (label, side, liquidation) in enumerate(fills)
        ),
        orders=[an_order(label, order_id=str(n)) for n, label in enumerate(orders)],
        intents=[an_intent(label=k, status=s) for k, s in intents.items()],
        is_first=is_first,
    )
    once = reconcile(view)
    assert once == reconcile(view), "the same view gives the same answer"
    books = dict(view.ledger)
    for adoption in once.adoptions:
        total = books.pop(adoption.instrument_name, Decimal(0)) + adoption.amount_coin
        books |= {adoption.instrument_name: total} if total else {}
    told = view.reported_orders | once.reported_orders
    twice = reconcile(replace(view, ledger=books, fills=(), reported_orders=told, is_first=False))
    assert (twice.adoptions, twice.updates) == ((), ())
    assert not twice.reducing
    if not any(s.is_unresolved for s in intents.values()):
        assert books == held, "venue truth wins"


def test_every_code_that_stops_new_risk_says_what_to_do() -> None:
    assert all(REMEDIES.values())
    assert all(code.startswith("RECONCILE_") for code in REMEDIES)

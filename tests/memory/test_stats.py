"""Sums of decisions and of what they moved, against sums made from the records alone."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from callwright.domain.decision import Action
from callwright.domain.history import CashSum, DecisionFilter, StatsAnswer, StatsQuestion
from callwright.domain.instrument import parse_option_name
from callwright.domain.record import CycleRecord, ExecutionRecord, OrderRecord, OrderUpdate
from callwright.errors import DataInvalid
from callwright.memory.database import open_desk_database
from callwright.memory.decision_stats import decision_stats
from callwright.memory.reader import DecisionReader, open_reader
from callwright.memory.recording import store_record
from callwright.memory.verifying import Verified, differences
from histories import CALL, NEXT, a_history
from long_histories import START, long_history, write

STEP = timedelta(minutes=37)
COUNT = 4_000
RECORDS = list(long_history(COUNT, seed=3, step=STEP))


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecisionReader]:
    path = tmp_path_factory.mktemp("long") / "desk.db"
    with open_desk_database(path, durable=False) as database:
        assert write(database, iter(RECORDS)) == COUNT
    with open_reader(path) as reader:
        yield reader


@dataclass
class Sum:
    count: int = 0
    cost: Decimal = Decimal(0)
    sold: int = 0
    strikes: float = 0.0
    coins: Any = ()
    cash: Any = field(default_factory=lambda: defaultdict(lambda: [Decimal(0)] * 3))


def of_updates() -> dict[str, list[OrderUpdate]]:
    told: dict[str, list[OrderUpdate]] = defaultdict(list)
    for record in RECORDS:
        for update in record.order_updates:
            told[update.cycle_id or ""].append(update)
    return told


TOLD = of_updates()
ROLLED = sorted(
    {
        record.proposed_action.params["from_symbol"]
        for record in RECORDS
        if record.final_action.action == "ROLL_COVERED_CALL"
    }
)


def key_of(record: CycleRecord, name: str) -> list[Any]:
    day = record.state.as_of[:10]
    params = record.proposed_action.params
    symbol = params.get("symbol")
    denied = [r.code for v in (record.guardrail, record.risk_check) for r in v.reasons]
    keys: dict[str, list[Any]] = {
        "day": [day],
        "week": [str(datetime.fromisoformat(day).date() - timedelta(
            days=datetime.fromisoformat(day).weekday()
        ))],
        "month": [day[:7]],
        "action": [record.final_action.action],
        "proposed_action": [record.proposed_action.action],
        "failure": [record.failure],
        "source": [record.decision_source],
        "status": [record.execution.status],
        "model": [(record.llm or {}).get("model")],
        "underlying": [params.get("underlying")],
        "symbol": [symbol],
        "strike": [float(parse_option_name(symbol).strike_usd) if symbol else None],
        "code": list(dict.fromkeys(denied)),
    }  # fmt: skip
    return keys[name]


def is_wanted(record: CycleRecord, where: DecisionFilter) -> bool:
    at = datetime.fromisoformat(record.state.as_of)
    return (
        (not where.action or record.final_action.action in where.action)
        and (where.since is None or at >= where.since)
        and (where.until is None or at < where.until)
        and (where.code is None or where.code in key_of(record, "code"))
        and (where.underlying is None or key_of(record, "underlying")[0] == where.underlying)
        and (where.strike_usd is None or key_of(record, "strike")[0] == where.strike_usd)
        and (where.symbol is None or where.symbol in record.proposed_action.params.values())
    )


def summed(question: StatsQuestion) -> dict[tuple[Any, ...], Sum]:
    found: dict[tuple[Any, ...], Sum] = defaultdict(Sum)
    for record in RECORDS:
        if not is_wanted(record, question.where):
            continue
        keys: list[tuple[Any, ...]] = [()]
        for name in question.group_by:
            parts = key_of(record, name)
            if name == "code" and question.where.code is not None:
                parts = [question.where.code]
            keys = [(*key, part) for key in keys for part in parts]
        for key in keys:
            add(found[key], record)
            for update in TOLD.get(record.cycle_id, ()):
                own: dict[str, Any] = {"symbol": update.symbol}
                with suppress(DataInvalid):
                    own["strike"] = float(parse_option_name(update.symbol).strike_usd)
                leg = tuple(
                    own.get(name, part) for name, part in zip(question.group_by, key, strict=True)
                )
                if question.where.symbol in (None, update.symbol):
                    add_cash(found[leg], update)
    return {key: total for key, total in found.items() if total.count}


def add(total: Sum, record: CycleRecord) -> None:
    total.count += 1
    total.cost += Decimal(str((record.llm or {}).get("cost_usd") or 0))
    if record.final_action.action in ("OPEN_COVERED_CALL", "ROLL_COVERED_CALL"):
        total.sold += 1
        total.coins = {*total.coins, *key_of(record, "underlying")}
        total.strikes += key_of(record, "strike")[0]


def add_cash(total: Sum, update: OrderUpdate) -> None:
    facts = {k: Decimal(str(v)) for k, v in update.facts.items() if isinstance(v, float)}
    sums = total.cash[update.symbol[:3]]
    if update.kind == "fill":
        sign = 1 if update.facts["side"] == "sell" else -1
        sums[0] += sign * facts["amount"] * facts["price"]
    else:
        sums[2] += facts["cash"] + facts["fee"]
    sums[1] += facts["fee"]


def check(answer: StatsAnswer, question: StatsQuestion) -> None:
    wanted = summed(question)
    assert answer.total == sum(is_wanted(record, question.where) for record in RECORDS)
    assert {tuple(row.keys.values()): row.count for row in answer.rows} == {
        key: total.count for key, total in wanted.items()
    }
    for row in answer.rows:
        total = wanted[tuple(row.keys.values())]
        assert row.cost_usd is None or Decimal(str(row.cost_usd)) == total.cost
        assert row.calls_sold == total.sold
        if total.sold and len(total.coins) > 1:
            assert row.mean_strike_usd is None
        elif total.sold:
            assert row.mean_strike_usd == pytest.approx(total.strikes / total.sold)
        assert {
            coin: (cash.premium_coin, cash.fees_coin, cash.settlement_coin)
            for coin, cash in row.cash.items()
        } == {coin: tuple(map(float, sums)) for coin, sums in total.cash.items()}


def test_sums_are_those_of_the_records(memory: DecisionReader) -> None:
    chance = random.Random(5)
    names = ["day", "week", "month", "action", "proposed_action", "failure", "source", "status",
             "model", "underlying", "symbol", "strike", "code"]  # fmt: skip
    tables = set()
    for _ in range(150):
        where: dict[str, Any] = {}
        if chance.random() < 0.5:
            where["action"] = tuple(chance.sample(list(Action), chance.randrange(1, 3)))
        for edge in ("since", "until"):
            if chance.random() < 0.5:
                at = START + timedelta(hours=chance.randrange(0, 2_500))
                where[edge] = chance.choice([at, at.replace(hour=0), at.replace(hour=0, day=1)])
        if chance.random() < 0.15:
            where["code"] = "COOLDOWN_ACTIVE"
        if chance.random() < 0.2:
            where["underlying"] = "ETH"
        if chance.random() < 0.1:
            where["strike_usd"] = 99_000.0
        if chance.random() < 0.2:
            where["symbol"] = chance.choice(ROLLED)
        groups = tuple(chance.sample(names, chance.randrange(0, 3)))
        question = StatsQuestion(where=DecisionFilter(**where), group_by=groups, limit=1_000)
        answer = decision_stats(memory, question)
        tables.add(answer.table)
        check(answer, question)
    assert tables == {"day_stats", "month_stats", "call_stats", "decisions"}


def test_a_dry_run_moves_no_cash_and_it_is_said(memory: DecisionReader) -> None:
    simulated = DecisionFilter(status="simulated")
    answer = decision_stats(memory, StatsQuestion(where=simulated, group_by=()))
    assert answer.rows[0].cash == {}
    assert "moved no cash" in answer.notes[-1]


def stats(home: Any, **where: Any) -> StatsAnswer:
    with open_reader(home.path / "desk.db") as reader:
        return decision_stats(
            reader, StatsQuestion(where=DecisionFilter(**where), group_by=("action",))
        )


def test_a_late_fill_counts_to_the_decision_that_sent_the_order(home: Any, a_record: Any) -> None:
    records = a_history(a_record)
    home.cycle(records[0])
    opens = {"action": (Action.OPEN_COVERED_CALL,)}
    assert stats(home, **opens).rows[0].cash == {}
    home.cycle(records[1])
    sold = CashSum(
        premium_coin=0.00045, fees_coin=1e-5, settlement_coin=0.0, net_coin=0.00044, fills=1,
        settlements=0,
    )  # fmt: skip
    assert stats(home, **opens).rows[0].cash == {"BTC": sold}
    holds = stats(home, action=(Action.DO_NOTHING,))
    assert holds.rows[0].cash == {}


def test_what_was_told_before_its_decision_was_stored_counts_too(home: Any, a_record: Any) -> None:
    # As files imported in the wrong order leave it.
    first, second = a_history(a_record)[:2]
    with home.db.transaction():
        for record in (second, first):
            store_record(home.db, record, record.to_line(), run_id=None)
    row = stats(home, action=(Action.OPEN_COVERED_CALL,)).rows[0]
    assert (row.first_id, row.cash["BTC"].fills) == (2, 1)
    found = list(differences(home.db, home.path / "logs", Verified()))
    assert {each.kind for each in found} == {"MISSING_LINE"}


def test_an_unknown_fee_is_in_no_sum_and_makes_the_net_unknown(home: Any, a_record: Any) -> None:
    records = a_history(a_record)
    told = records[1].order_updates[0]
    more = told.model_copy(update={"facts": {**told.facts, "fee": None}})
    home.cycle(records[0])
    home.cycle(records[1].model_copy(update={"order_updates": (told, more)}))
    answer = stats(home, action=(Action.OPEN_COVERED_CALL,))
    cash = answer.rows[0].cash["BTC"]
    assert (cash.fills, cash.fees_coin, cash.fees_unknown, cash.net_coin) == (2, 1e-5, 1, None)
    assert "fee of 1 trades is not known" in answer.notes[0]


def test_foreign_and_unreadable_events_move_nothing(home: Any, a_record: Any) -> None:
    records = a_history(a_record)
    good = records[1].order_updates[0]
    odd = (
        good.model_copy(update={"kind": "foreign", "cycle_id": None}),
        good.model_copy(update={"facts": {"side": "sell"}}),
        good.model_copy(update={"facts": {**good.facts, "amount": float("nan")}}),
        good.model_copy(update={"cycle_id": "a-cycle-of-another-desk"}),
    )
    home.cycle(records[0])
    # As a file that somebody else wrote would have it: ours refuse NaN.
    line = records[1].model_copy(update={"order_updates": odd})
    with home.db.transaction():
        store_record(home.db, line, "{}", run_id=None)
    assert all(row.cash == {} for row in stats(home).rows)


def test_the_coin_of_a_killed_cycle_is_that_of_its_orders(home: Any, a_record: Any) -> None:
    order = OrderRecord(
        label="cw-1-0", leg=0, purpose="open", symbol=CALL, side="sell", amount=0.1, price=0.0045,
        status="filled", filled=0.1,
    )  # fmt: skip
    sent = ExecutionRecord(status="filled", dry_run=False, orders=(order,))
    killed = a_record(0, failure="INTERRUPTED", execution=sent)
    told = a_history(a_record)[1].order_updates
    home.cycle(killed)
    home.cycle(a_record(1, order_updates=told))
    assert stats(home, failure="ANY").rows[0].cash["BTC"].fills == 1
    assert stats(home, underlying="BTC").total == 1


def test_cash_of_one_option_has_no_other_leg_of_its_rolls(home: Any, a_record: Any) -> None:
    opened, *_, rolled = a_history(a_record)[:5]

    def told(cycle_id: str, symbol: str, side: str, price: float) -> OrderUpdate:
        facts = {"side": side, "amount": 0.1, "price": price, "fee": 1e-5}
        return OrderUpdate(kind="fill", cycle_id=cycle_id, symbol=symbol, facts=facts)

    settled = OrderUpdate(
        kind="settlement", cycle_id=rolled.cycle_id, symbol=NEXT,
        facts={"payoff": 0.001, "cash": -0.00101, "fee": 1e-5},
    )  # fmt: skip
    home.cycle(opened)
    home.cycle(rolled)
    home.cycle(
        a_record(
            9,
            order_updates=(
                told(opened.cycle_id, CALL, "sell", 0.0045),
                told(rolled.cycle_id, CALL, "buy", 0.002),
                told(rolled.cycle_id, NEXT, "sell", 0.006),
                settled,
            ),
        )
    )
    with open_reader(home.path / "desk.db") as reader:

        def net(*groups: Any, **where: Any) -> dict[Any, float | None]:
            question = StatsQuestion(where=DecisionFilter(**where), group_by=groups)
            rows = decision_stats(reader, question).rows
            return {tuple(row.keys.values()): row.cash["BTC"].net_coin for row in rows if row.cash}

        assert net(symbol=CALL) == {(): 0.00023}
        assert net(symbol=NEXT) == {(): -0.00042}
        assert net("symbol") == {(CALL,): 0.00023, (NEXT,): -0.00042}
        assert net("symbol", since=opened.state.as_of) == net("symbol")
        assert net("strike") == {(97_000.0,): 0.00023, (98_000.0,): -0.00042}
        assert net() == {(): -0.00019}
        rolls = (Action.ROLL_COVERED_CALL,)
        assert net("symbol", action=rolls) == {(NEXT,): -0.00042}
        assert net(symbol=CALL, action=rolls) == {(): -0.00021}
        answer = decision_stats(
            reader, StatsQuestion(where=DecisionFilter(action=rolls), group_by=("symbol",))
        )
    assert answer.notes[1:] == (
        "Cash is of the option's own trades alone, not of the other leg of its rolls.",
        "1 groups only bought back, in rolls into others; not shown.",
    )
    assert {each.kind for each in differences(home.db, home.path / "none", Verified())} == {
        "MISSING_LINE"
    }

"""The account's file: restarts, kills, readers, damage."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Never

import pytest

from builders import dec
from callwright.errors import ConfigError, StorageError
from callwright.paper.records import Coin, Mark, Order
from callwright.paper.refusals import ExchangeError
from callwright.paper.store import PaperStore, open_books
from paper_exchange.steps import (
    CALL,
    DAILY,
    ROWS,
    StepMarket,
    a_view,
    an_exchange,
    balance,
    buy,
    hours,
    sell,
    steady,
)


def everything(exchange: Any) -> Any:
    return (
        exchange.now,
        exchange.account(),
        exchange.positions(),
        exchange.open_orders(),
        [exchange.trades(c) for c in ("BTC", "ETH")],
        [exchange.settlements(c) for c in ("BTC", "ETH")],
    )


def test_a_reopened_account_is_the_same_and_goes_on_the_same(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    source = StepMarket(
        *(a_view(hours(i)) for i in range(3)),
        a_view(hours(50), {n: r for n, r in ROWS.items() if n != DAILY}),
        delivery={"BTC": "101000", "ETH": "4000"},
    )
    through = an_exchange(source)
    first = an_exchange(source, PaperStore(path))
    for exchange in (through, first):
        sell(exchange, "1.5")
        sell(exchange, "0.3", instrument_name=DAILY, price=dec("0.0075"))
        sell(exchange, "0.2", price=dec("0.02"), time_in_force="good_til_cancelled")
        buy(exchange, "0.2", price=dec("0.005"), time_in_force="good_til_cancelled")
        exchange.pass_time(7)
    first.close()
    second = an_exchange(source, PaperStore(path), btc=99)
    assert everything(second) == everything(through)
    for exchange in (through, second):
        # Liquidity taken before the restart stays taken: 0.5 of 2 is left.
        assert sell(exchange, "1", label="b").filled_amount == dec("0.5")
        exchange.advance()
        exchange.advance()
    second.close()
    third = an_exchange(source, PaperStore(path))
    for exchange in (through, third):
        exchange.advance()
        assert sell(exchange, "0.1", label="c").order_id == "BTC-6"
    assert len(third.settlements("BTC")) == 1
    assert everything(third) == everything(through)
    third.close()


def test_an_account_belongs_to_one_market(tmp_path: Path) -> None:
    an_exchange(store=PaperStore(tmp_path / "a.db")).close()
    with (
        PaperStore(tmp_path / "a.db") as store,
        pytest.raises(ConfigError, match="trades on steps, not on other") as refused,
    ):
        an_exchange(StepMarket(a_view(), name="other"), store)
    assert "steps" in refused.value.remedy


@pytest.mark.parametrize(("btc", "word"), [("-1", "deposit"), ("NaN", "deposit")])
def test_impossible_deposits_are_refused(btc: Any, word: Any) -> None:
    with pytest.raises(ConfigError, match=word):
        an_exchange(btc=btc)


def test_a_deposit_in_a_coin_that_does_not_trade_is_refused() -> None:
    from callwright.paper.exchange import PaperExchange

    with pytest.raises(ConfigError, match="SOL"):
        PaperExchange(steady(), PaperStore(), deposits={"SOL": dec(1)})


def test_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    old = os.umask(0)
    try:
        exchange = an_exchange(store=PaperStore(path))
        sell(exchange)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        exchange.close()
    finally:
        os.umask(old)


def test_the_books_can_be_read_while_they_are_written_and_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    exchange = an_exchange(store=PaperStore(path))
    sell(exchange, "0.5")
    with open_books(path) as books:
        assert [(p.instrument_name, p.size) for p in books.positions()] == [(CALL, dec("-0.5"))]
        buy(exchange, "0.5")
        assert books.positions() == ()
        assert [o.order_id for o in books.orders()] == ["BTC-1", "BTC-2"]
        exchange.close()
        assert len(books.trades()) == 2
    with open_books(path) as books:
        assert len(books.trades()) == 2
        assert {c.currency: c.deposited for c in books.balances()} == {"BTC": 1, "ETH": 10}
        assert books.settlements() == ()
        progress = books.progress()
        assert progress is not None
        assert (progress.source, progress.orders, progress.trades) == ("steps", 2, 2)


def test_readers_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    an_exchange(store=PaperStore(path)).close()
    with open_books(path) as books, pytest.raises(sqlite3.OperationalError, match="readonly"):
        books._db.execute("DELETE FROM coins")


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but longer than a header of one hundred bytes " * 9)


def _other_database(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE notes (text)")
    db.commit()
    db.close()


def _newer_version(path: Path) -> None:
    an_exchange(store=PaperStore(path)).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def _torn(path: Path) -> None:
    exchange = an_exchange(store=PaperStore(path))
    sell(exchange)
    exchange.close()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [_garbage, _other_database, _newer_version, _torn, _a_folder])
@pytest.mark.parametrize("open_", [PaperStore, open_books])
def test_a_file_that_is_not_a_sound_account_is_named_with_a_remedy(
    tmp_path: Path, spoil: Any, open_: Any
) -> None:
    path = tmp_path / "paper.db"
    spoil(path)
    with pytest.raises(StorageError, match=r"paper\.db") as refused:
        open_(path)
    assert refused.value.remedy


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        PaperStore(tmp_path / "nowhere" / "paper.db")
    with pytest.raises(StorageError, match="no paper account"):
        open_books(tmp_path / "none.db")


def test_a_full_disk_changes_nothing_and_the_exchange_goes_on_afterwards(tmp_path: Path) -> None:
    store = PaperStore(tmp_path / "paper.db")
    exchange = an_exchange(store=store)
    sell(exchange, "0.1", label="x" * 64)
    pages = store._pragma("page_count")
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    full = None
    for _ in range(200):
        before = everything(exchange)
        try:
            sell(exchange, "0.1", price=dec("0.02"), label="y" * 64)
        except StorageError as exc:
            full = exc
            break
    assert "cannot write the paper account" in str(full)
    assert everything(exchange) == before
    store._db.execute("PRAGMA max_page_count = 1000000")
    sell(exchange, "0.1")
    exchange.close()


def test_two_writers_are_noticed(tmp_path: Path) -> None:
    first = an_exchange(store=PaperStore(tmp_path / "a.db"))
    second = an_exchange(store=PaperStore(tmp_path / "a.db"))
    sell(first, "0.5")
    with pytest.raises(StorageError, match="another process"):
        sell(second, "0.5")
    first.close()
    second.close()


def test_a_refused_order_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    exchange = an_exchange(store=PaperStore(tmp_path / "a.db"))
    sell(exchange, "0.5")
    with pytest.raises(ExchangeError):
        sell(exchange, "9.5", price=dec("0.02"), time_in_force="good_til_cancelled")
    with open_books(tmp_path / "a.db") as books:
        assert len(books.orders()) == 1
        assert books.progress().orders == 1  # type: ignore[union-attr]
        assert len(books.rows(Order, "label = ?", ("cw-test-0",))) == 1
    exchange.close()


_ENDLESS = """
import sys
from pathlib import Path
from paper_exchange.steps import *
store = PaperStore(Path(sys.argv[1]), durable=False)
exchange = an_exchange(steady(3000, step_hours=0.01), store, btc=50)
print("ready", flush=True)
while True:
    sell(exchange, "0.3")
    buy(exchange, "0.2", price=dec("0.007"), time_in_force="good_til_cancelled")
    exchange.pass_time(1)
    exchange.advance()
"""


@pytest.mark.parametrize("after_s", [0.03, 0.11])
def test_a_killed_process_leaves_whole_changes_only(tmp_path: Path, after_s: Any) -> None:
    path = tmp_path / "paper.db"
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after_s)
        process.kill()
    exchange = an_exchange(steady(3000, step_hours=0.01), PaperStore(path))
    with open_books(path) as books:
        trades, orders = books.trades(), books.orders()
        progress = books.progress()
    assert trades
    assert balance(exchange) == 50 + sum(trade.cash for trade in trades)
    held = sum(t.amount if t.direction == "buy" else -t.amount for t in trades)
    assert sum(p.size for p in exchange.positions()) == held
    assert (progress.orders, progress.trades) == (len(orders), len(trades))  # type: ignore[union-attr]
    assert sum(o.filled_amount for o in orders) == sum(t.amount for t in trades)
    sell(exchange, "0.1")
    exchange.close()


def test_within_a_transaction_the_last_word_is_written_once_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    an_exchange(store=PaperStore(path)).close()
    with PaperStore(path) as store:
        statements = []  # type: ignore[var-annotated]
        with store.transaction():
            store._db.set_trace_callback(statements.append)
            for balance_coin in ("2", "3", "4"):
                store.put(Coin("BTC", dec(1), dec(balance_coin)))
            store._db.set_trace_callback(None)
            assert statements == []
            assert store.rows(Coin, "currency = ?", ("BTC",)) == (Coin("BTC", dec(1), dec(4)),)
        assert {c.currency: c.balance for c in store.balances()} == {"BTC": 4, "ETH": 10}


def _put_and_fail(store: Any, record: Any) -> Never:
    store.put(record)
    raise KeyError


def test_what_is_put_after_a_removal_is_there_and_what_was_rolled_back_is_not(
    tmp_path: Path,
) -> None:
    mark, newer = Mark(CALL, dec("0.01"), dec(100_000)), Mark(CALL, dec("0.02"), dec(90_000))
    with PaperStore(tmp_path / "a.db") as store:
        with store.transaction():
            store.put(mark)
            store.remove(Mark, CALL)
            store.put(newer)
        assert store.rows(Mark) == (newer,)
        with pytest.raises(KeyError), store.transaction():
            _put_and_fail(store, mark)
        with store.transaction():
            store.remove(Mark, "another")
        assert store.rows(Mark) == (newer,)
        with store.transaction():
            store.put(mark)
            store.remove(Mark, CALL)
        assert store.rows(Mark) == ()

"""The audit finds what it claims to find: each invariant is broken by hand, and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from callwright.audit import audit
from desks import ScriptedBrain, desk_settings, run_desk
from proposals import close_nth, hold, open_nth


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sound")
    script = [open_nth(0, "BTC"), open_nth(1, "ETH"), hold, open_nth(0, "BTC"), close_nth(0)]
    run_desk(desk_settings(home, open_cooldown_sec=0), 5, brain=ScriptedBrain(script))
    return home


def check(home: Path) -> tuple[str, ...]:
    return audit(home / "desk.db", home / "paper.db", home / "logs")


def sql(name: str, *statements: str) -> Callable[[Path], None]:
    def tamper(home: Path) -> None:
        with closing(sqlite3.connect(home / name)) as connection, connection:
            for statement in statements:
                assert connection.execute(statement).rowcount > 0, statement

    return tamper


def in_records(change: Callable[[dict], None]) -> Callable[[Path], None]:  # type: ignore[type-arg]
    def tamper(home: Path) -> None:
        with closing(sqlite3.connect(home / "desk.db")) as connection, connection:
            for seq, text in connection.execute("SELECT seq, record FROM cycles").fetchall():
                record = json.loads(text)
                change(record)
                connection.execute(
                    "UPDATE cycles SET record = ? WHERE seq = ?", (json.dumps(record), seq)
                )

    return tamper


def append_first_line_again(home: Path) -> None:
    path = sorted((home / "logs").glob("*.jsonl"))[0]
    line = path.read_bytes().split(b"\n")[0]
    path.write_bytes(path.read_bytes() + line + b"\n")


def append_rubbish(home: Path) -> None:
    path = sorted((home / "logs").glob("*.jsonl"))[0]
    path.write_bytes(path.read_bytes() + b"{rubbish\n")


def drop_last_line(home: Path) -> None:
    path = sorted((home / "logs").glob("*.jsonl"))[-1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def test_sound_books_break_nothing(sound: Path) -> None:
    assert check(sound) == ()


def copy_an_order(home: Path) -> None:
    with closing(sqlite3.connect(home / "paper.db")) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(orders)")][1:]
        listed = ", ".join(names)
        connection.execute(
            f"INSERT INTO orders (order_id, {listed}) SELECT 'BTC-9999', {listed} FROM orders"
            " LIMIT 1"
        )


@pytest.mark.parametrize(
    ("code", "tamper"),
    [
        ("SENT_TWICE", copy_an_order),
        ("ORDER_WITHOUT_INTENT", sql("desk.db", "DELETE FROM intents WHERE leg = 0")),
        ("ORDER_DIFFERS", sql("desk.db", "UPDATE intents SET instrument_name = 'BTC-9JAN26-1-C'")),
        ("ORDER_LARGER", sql("desk.db", "UPDATE intents SET amount_coin = '0.01'")),
        ("FILL_DIFFERS", sql("desk.db", "UPDATE intents SET filled_coin = '0.07'")),
        ("FILLED_WITHOUT_ORDER", sql("paper.db", "DELETE FROM orders")),
        ("LOST", sql("desk.db", "UPDATE intents SET status = 'expired'")),
        (
            "UNCOVERED",
            sql("paper.db", "UPDATE trades SET amount = '7' WHERE currency = 'BTC'"),
        ),
        ("INTENT_WITHOUT_RECORD", sql("desk.db", "UPDATE intents SET cycle_id = 'nobody'")),
        (
            "NOT_ALLOWED",
            in_records(lambda record: record["risk_check"].update(allowed=False)),
        ),
        (
            "NOT_THE_DECISION",
            in_records(lambda record: record["final_action"]["params"].update(symbol="X")),
        ),
        ("DRY_RUN_SENT", in_records(lambda record: record["execution"].update(dry_run=True))),
        ("NO_RECORD", sql("desk.db", "INSERT INTO cycles_begun VALUES ('x', 'y')")),
        ("LINES", append_first_line_again),
        ("LINES", drop_last_line),
        ("BAD_LINES", append_rubbish),
        ("LINE_DIFFERS", in_records(lambda record: record.update(failure_message="changed"))),
        ("FILL_UNKNOWN", sql("desk.db", "DELETE FROM fills WHERE side = 'sell'")),
        ("POSITION_DIFFERS", sql("desk.db", "UPDATE fills SET amount_coin = '0.3'")),
        (
            "SETTLEMENT_UNKNOWN",
            sql(
                "paper.db",
                "INSERT INTO settlements SELECT 'BTC-S-1', 'BTC', instrument_name, '-0.1', '1',"
                " 'twap_30m', '0', '0', '0', '0', 1 FROM positions LIMIT 1",
            ),
        ),
    ],
)
def test_each_broken_invariant_is_named(
    sound: Path, tmp_path: Path, code: str, tamper: Callable[[Path], None]
) -> None:
    home = tmp_path / "copy"
    shutil.copytree(sound, home)
    tamper(home)
    assert any(line.startswith(code) for line in check(home)), check(home)

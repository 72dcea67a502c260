"""Retention: whole months of records leave, what they add up to stays.

In short transactions, each of which leaves a memory that can be asked and verified; one that was
killed is finished by the next. Nothing goes that an open position, an order in doubt or the day's
loss limit still needs. Orders, fills and settlements are kept whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from callwright.domain.record import CycleRecord
from callwright.errors import StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.decision_index import UNREADABLE, forget_record, pruned_before
from callwright.memory.intents import SqliteIntentStore
from callwright.memory.ledger import SqliteLedger

BATCH = 200


@dataclass(frozen=True)
class PrunePlan:
    """What would be deleted.

    Attributes:
        before: The first day that is kept.
        decisions: How many records go.
        first_as_of, last_as_of: Market times of the outermost; "" without any.
        obstacles: Why it may not be done, in words.
    """

    before: str
    decisions: int
    first_as_of: str
    last_as_of: str
    obstacles: tuple[str, ...]


def plan_pruning(database: DeskDatabase, before: date) -> PrunePlan:
    """Return what deleting everything before a day would delete, and what forbids it.

    Args:
        before: First day of a month: sums by month must not be cut in two.

    Raises:
        StorageError: The memory cannot be read.
    """
    day = before.isoformat()
    count, first, last = database.rows(
        "SELECT count(*), coalesce(min(as_of), ''), coalesce(max(as_of), '') FROM cycles"
        " WHERE as_of < ?",
        (day,),
    )[0]
    return PrunePlan(day, count, first, last, tuple(_obstacles(database, day)))


def prune(
    database: DeskDatabase, plan: PrunePlan, *, on_batch: Callable[[int], None] = lambda n: None
) -> int:
    """Delete what the plan says, batch by batch; return how many records went.

    Raises:
        StorageError: An obstacle, a record that cannot be read, or the file cannot be written.
    """
    if plan.obstacles:
        raise StorageError(f"nothing was pruned: {plan.obstacles[0]}")
    with database.transaction():
        # First of all, so that a killed one is known and finished.
        database.write(
            "pruned",
            "INSERT INTO pruned (id, before) VALUES (1, ?)"
            " ON CONFLICT (id) DO UPDATE SET before = max(before, excluded.before)",
            (plan.before,),
        )
    return finish_pruning(database, on_batch=on_batch)


def finish_pruning(
    database: DeskDatabase, *, on_batch: Callable[[int], None] = lambda n: None
) -> int:
    """Delete the records that an earlier pruning left behind when it was killed; return how many.

    Raises:
        StorageError: A record cannot be read, or the file cannot be written.
    """
    before, done = pruned_before(database.connection), 0
    last = database.rows(
        "SELECT coalesce(max(last_seq), 0) FROM decision_days WHERE day < ?", (before,)
    )[0][0]
    while True:
        with database.transaction():
            gone = _delete_some(database, before, last)
            if not gone:
                database.write(
                    "decision_days", "DELETE FROM decision_days WHERE day < ?", (before,)
                )
                return done
        done += gone
        on_batch(gone)


def _delete_some(database: DeskDatabase, before: str, last: int) -> int:
    rows = database.rows(
        "SELECT seq, cycle_id, record FROM cycles WHERE seq <= ? AND as_of < ?"
        " ORDER BY seq LIMIT ?",
        (last, before, BATCH),
    )
    for seq, cycle_id, stored in rows:
        try:
            record = CycleRecord.from_line(database.packer.line(stored) or "")
        except UNREADABLE as exc:
            raise StorageError(
                f"the record of {cycle_id} cannot be read, so its words cannot be taken out",
                remedy="callwright decisions verify says what is damaged",
            ) from exc
        forget_record(database.connection, seq, record)
        database.write("cycles", "DELETE FROM cycles WHERE seq = ?", (seq,))
        database.write("snapshots", "DELETE FROM snapshots WHERE seq = ?", (seq,))
    return len(rows)


def _obstacles(database: DeskDatabase, day: str) -> list[str]:
    newest = database.rows("SELECT coalesce(max(as_of), '') FROM cycles")[0][0]
    found = []
    if newest[:7] < day[:7]:
        found.append(f"the month of the newest decision, {newest[:10] or 'none'}, must stay")
    needed = {
        intent.cycle_id: f"the order {intent.label} is still open or in doubt"
        for intent in SqliteIntentStore(database).unresolved()
    }
    held = [name for name, amount in SqliteLedger(database).positions().items() if amount]
    for name in held:
        for label, cycle_id in database.rows(
            "SELECT label, cycle_id FROM intents WHERE instrument_name = ?", (name,)
        ):
            needed[cycle_id] = f"the position in {name} is still open: order {label}"
    for cycle_id, what in sorted(needed.items()):
        if database.rows("SELECT 1 FROM cycles WHERE cycle_id = ? AND as_of < ?", (cycle_id, day)):
            found.append(f"{what}, and {cycle_id} decided it")
    if database.rows("SELECT 1 FROM fills WHERE reported = 0 LIMIT 1"):
        found.append("a fill is not in a record yet: start the desk once")
    return found

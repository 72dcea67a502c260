"""The invariants, checked over the books of desk and exchange after the fact.

Reads both databases and the flight recorder; changes nothing. Tests, ``backtest`` and ``doctor``
use it. What it says is evidence from stored rows, not from the code that wrote them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from callwright.domain.instrument import parse_option_name
from callwright.domain.orders import LABEL_PREFIX, Intent, IntentStatus
from callwright.domain.record import CycleRecord
from callwright.memory.database import DeskDatabase, read_desk_database
from callwright.memory.flight_recorder import read_lines
from callwright.memory.rows import columns, read_row
from callwright.paper.records import Order, Settlement, Trade
from callwright.paper.store import Books, open_books

_ZERO = Decimal(0)


def audit(desk_path: Path, paper_path: Path, log_dir: Path) -> tuple[str, ...]:
    """Return every broken invariant in words; empty when all hold.

    Checks: no order without an intent and none sent twice; short calls within the cash balance
    after every single trade and settlement; every order inside what its cycle's verdicts allowed;
    one record for every cycle, the same in database and flight recorder; a dry run sent nothing;
    desk and exchange agree on fills and positions.

    Raises:
        StorageError: A file cannot be read.
    """
    with read_desk_database(desk_path) as desk, open_books(paper_path) as books:
        intents = {intent.label: intent for intent in _intents(desk)}
        records = {r.cycle_id: r for r in _records(desk)}
        return (
            *_orders_match_intents(intents, books),
            *_cover_holds(books),
            *_verdicts_allowed(intents, records),
            *_one_record_each(desk, records, log_dir),
            *_dry_runs_sent_nothing(intents, records),
            *_books_agree(desk, books),
        )


def _intents(desk: DeskDatabase) -> Iterator[Intent]:
    for row in desk.rows(f"SELECT {columns(Intent)} FROM intents ORDER BY rowid"):
        yield read_row(Intent, row)


def _records(desk: DeskDatabase) -> Iterator[CycleRecord]:
    for (line,) in desk.rows("SELECT record_line(record) FROM cycles ORDER BY seq"):
        yield CycleRecord.from_line(line)


def _orders_match_intents(intents: dict[str, Intent], books: Books) -> Iterator[str]:
    orders: dict[str, list[Order]] = defaultdict(list)
    for order in books.orders():
        if order.label.startswith(LABEL_PREFIX):
            orders[order.label].append(order)
    for label, found in orders.items():
        if len(found) > 1:
            yield f"SENT_TWICE {label}: {len(found)} orders on the exchange"
        intent = intents.get(label)
        if intent is None:
            yield f"ORDER_WITHOUT_INTENT {label}"
            continue
        order = found[0]
        if (order.instrument_name, order.direction) != (intent.instrument_name, intent.side):
            yield f"ORDER_DIFFERS {label}: {order.direction} {order.instrument_name}"
        if order.amount > intent.amount_coin:
            yield f"ORDER_LARGER {label}: {order.amount} > {intent.amount_coin}"
        if not intent.status.is_unresolved and order.filled_amount != intent.filled_coin:
            yield f"FILL_DIFFERS {label}: {order.filled_amount} filled, {intent.filled_coin} known"
    for label, intent in intents.items():
        if intent.filled_coin > 0 and label not in orders:
            yield f"FILLED_WITHOUT_ORDER {label}"
        if intent.status is IntentStatus.EXPIRED and label in orders:
            yield f"LOST {label}: given up, yet the exchange has it"


def _cover_holds(books: Books) -> Iterator[str]:
    balance = {coin.currency: coin.deposited for coin in books.balances()}
    size: dict[str, Decimal] = defaultdict(Decimal)
    events: list[tuple[int, int, Trade | Settlement]] = [
        *((t.timestamp, n, t) for n, t in enumerate(books.trades())),
        # An exchange settles before it trades at the same moment.
        *((s.timestamp, n - 1_000_000_000, s) for n, s in enumerate(books.settlements())),
    ]
    for _, _, event in sorted(events, key=lambda item: item[:2]):
        if isinstance(event, Trade):
            premium = event.price * event.amount
            sold = event.direction == "sell"
            balance[event.currency] += (premium if sold else -premium) - event.fee
            size[event.instrument_name] += -event.amount if sold else event.amount
        else:
            balance[event.currency] += event.cash
            size[event.instrument_name] -= event.position
        short = sum(
            (-amount for name, amount in size.items() if amount < 0 and _is_call_on(name, event)),
            _ZERO,
        )
        if short > balance[event.currency]:
            yield (
                f"UNCOVERED {event.currency} after {event.instrument_name}: "
                f"{short} short, {balance[event.currency]} held"
            )


def _is_call_on(name: str, event: Trade | Settlement) -> bool:
    option = parse_option_name(name)
    return option.is_call and option.underlying == event.currency


def _verdicts_allowed(intents: dict[str, Intent], records: dict[str, CycleRecord]) -> Iterator[str]:
    for label, intent in intents.items():
        record = records.get(intent.cycle_id)
        if record is None:
            yield f"INTENT_WITHOUT_RECORD {label}"
            continue
        if record.failure == "INTERRUPTED":
            # The verdicts died with the process; that they came before the intent is the code's.
            continue
        if not (record.guardrail.allowed and record.risk_check.allowed):
            yield f"NOT_ALLOWED {label}"
        final = record.final_action
        named = {final.params.get("symbol"), final.params.get("from_symbol")}
        if intent.instrument_name not in named:
            yield f"NOT_THE_DECISION {label}: {intent.instrument_name}"


def _one_record_each(
    desk: DeskDatabase, records: dict[str, CycleRecord], log_dir: Path
) -> Iterator[str]:
    count = desk.rows("SELECT count(*) FROM cycles")[0][0]
    if count != len(records):
        yield f"RECORD_TWICE: {count} rows for {len(records)} cycles"
    for (cycle_id,) in desk.rows("SELECT cycle_id FROM cycles_begun"):
        yield f"NO_RECORD {cycle_id}: begun, never ended"
    lines: Counter[str] = Counter()
    for path in sorted(log_dir.glob("agent_decisions_*.jsonl")):
        found, skipped = read_lines(path)
        if skipped:
            yield f"BAD_LINES {path.name}: {skipped}"
        for record in found:
            lines[record.cycle_id] += 1
            if record.cycle_id in records and record != records[record.cycle_id]:
                yield f"LINE_DIFFERS {record.cycle_id}"
    for cycle_id in records:
        if lines[cycle_id] != 1:
            yield f"LINES {cycle_id}: {lines[cycle_id]} in the flight recorder"


def _dry_runs_sent_nothing(
    intents: dict[str, Intent], records: dict[str, CycleRecord]
) -> Iterator[str]:
    for label, intent in intents.items():
        record = records.get(intent.cycle_id)
        if record is not None and record.execution.dry_run:
            yield f"DRY_RUN_SENT {label}"


def _books_agree(desk: DeskDatabase, books: Books) -> Iterator[str]:
    known = {row[0] for row in desk.rows("SELECT trade_id FROM fills")}
    for trade in books.trades():
        if trade.trade_id not in known:
            yield f"FILL_UNKNOWN {trade.trade_id}: the desk has not booked it"
    settled = {row[0] for row in desk.rows("SELECT settlement_id FROM settlements")}
    for settlement in books.settlements():
        if settlement.settlement_id not in settled:
            yield f"SETTLEMENT_UNKNOWN {settlement.settlement_id}: the desk has not booked it"
    held = {p.instrument_name: p.size for p in books.positions()}
    believed: dict[str, Decimal] = defaultdict(Decimal)
    for name, amount in desk.rows("SELECT instrument_name, amount_coin FROM adoptions"):
        believed[name] += Decimal(amount)
    for name, side, amount in desk.rows("SELECT instrument_name, side, amount_coin FROM fills"):
        believed[name] += Decimal(amount) if side == "buy" else -Decimal(amount)
    for name, amount in desk.rows("SELECT instrument_name, position_coin FROM settlements"):
        believed[name] -= Decimal(amount)
    for name in sorted({*held, *believed}):
        if held.get(name, _ZERO) != believed.get(name, _ZERO):
            yield (
                f"POSITION_DIFFERS {name}: exchange {held.get(name, _ZERO)}, "
                f"desk {believed.get(name, _ZERO)}"
            )

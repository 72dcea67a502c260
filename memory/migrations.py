"""The schema's history, applied in order by sqlite-utils; a released step is never edited.

Imported only when ``PRAGMA user_version`` is behind. All pending steps are one transaction, so two
processes cannot half-migrate a file between them. Records are then indexed in batches, which goes
on where it stopped when it is killed; the version counts as reached once all of them are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from sqlite_utils import Database, Migrations

from callwright.memory.database import APPLICATION_ID, SCHEMA_VERSION
from callwright.memory.decision_index import index_from
from callwright.memory.rollups import ROLLUPS, SUMS, Rollup

desk_migrations = Migrations("callwright.desk")

_FIRST_TABLES = """
CREATE TABLE desk_account (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  account_id TEXT NOT NULL
) STRICT;
CREATE TABLE trading_state (
  id INTEGER PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'REDUCING', 'HALTED')),
  set_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  set_at TEXT NOT NULL
) STRICT;
CREATE TABLE failure_run (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  length INTEGER NOT NULL CHECK (length >= 0)
) STRICT;
CREATE TABLE breakers (
  name TEXT NOT NULL,
  underlying TEXT NOT NULL,
  tripped_at TEXT NOT NULL,
  until TEXT,
  facts TEXT NOT NULL,
  PRIMARY KEY (name, underlying)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_open (
  day TEXT NOT NULL,
  underlying TEXT NOT NULL,
  equity_coin TEXT NOT NULL,
  PRIMARY KEY (day, underlying)
) STRICT, WITHOUT ROWID;
CREATE TABLE intents (
  label TEXT PRIMARY KEY NOT NULL,
  account_id TEXT NOT NULL,
  cycle_id TEXT NOT NULL,
  leg INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  underlying TEXT NOT NULL,
  instrument_name TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
  amount_coin TEXT NOT NULL,
  price_coin TEXT NOT NULL,
  reduce_only INTEGER NOT NULL,
  margin_initial_coin TEXT NOT NULL,
  valid_until TEXT NOT NULL,
  created_at TEXT NOT NULL,
  status TEXT NOT NULL,
  order_id TEXT,
  filled_coin TEXT NOT NULL,
  average_price_coin TEXT,
  fee_coin TEXT,
  message TEXT NOT NULL,
  lookups_empty INTEGER NOT NULL,
  first_empty_lookup_at TEXT,
  resolved_at TEXT
) STRICT;
CREATE INDEX intents_underlying ON intents (underlying, created_at);
CREATE TABLE fills (
  trade_id TEXT PRIMARY KEY NOT NULL,
  order_id TEXT NOT NULL,
  label TEXT NOT NULL,
  instrument_name TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
  amount_coin TEXT NOT NULL,
  price_coin TEXT NOT NULL,
  fee_coin TEXT NOT NULL,
  index_usd REAL NOT NULL,
  executed_at TEXT NOT NULL,
  is_liquidation INTEGER NOT NULL,
  reported INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX fills_instrument ON fills (instrument_name);
CREATE INDEX fills_unreported ON fills (reported) WHERE reported = 0;
CREATE TABLE settlements (
  settlement_id TEXT PRIMARY KEY NOT NULL,
  instrument_name TEXT NOT NULL,
  position_coin TEXT NOT NULL,
  delivery_price_usd TEXT NOT NULL,
  delivery_price_source TEXT NOT NULL,
  payoff_coin TEXT NOT NULL,
  fee_coin TEXT NOT NULL,
  cash_coin TEXT NOT NULL,
  settled_at TEXT NOT NULL,
  reported INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX settlements_instrument ON settlements (instrument_name);
CREATE INDEX settlements_unreported ON settlements (reported) WHERE reported = 0;
CREATE TABLE adoptions (
  id INTEGER PRIMARY KEY,
  instrument_name TEXT NOT NULL,
  amount_coin TEXT NOT NULL,
  at TEXT NOT NULL,
  why TEXT NOT NULL
) STRICT;
CREATE TABLE cycles_begun (
  cycle_id TEXT PRIMARY KEY NOT NULL,
  as_of TEXT NOT NULL
) STRICT;
CREATE TABLE cycles (
  seq INTEGER PRIMARY KEY,
  cycle_id TEXT NOT NULL UNIQUE,
  as_of TEXT NOT NULL,
  log_timestamp TEXT NOT NULL,
  action TEXT NOT NULL,
  decision_source TEXT NOT NULL,
  failure TEXT,
  status TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT;
INSERT INTO failure_run (id, length) VALUES (1, 0);
INSERT INTO trading_state (state, set_by, reason, set_at)
  VALUES ('ACTIVE', 'callwright', 'a new desk', strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'));
"""

# Reservation and booking are one row. Money is text, exactly; unknown is NULL, never 0.
_MODEL_REQUESTS = """
CREATE TABLE llm_requests (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  day TEXT NOT NULL GENERATED ALWAYS AS (substr(at, 1, 10)) VIRTUAL,
  purpose TEXT NOT NULL CHECK (purpose IN ('decision', 'chat')),
  model TEXT NOT NULL,
  served_model TEXT,
  input_tokens INTEGER CHECK (input_tokens >= 0),
  cached_tokens INTEGER CHECK (cached_tokens >= 0),
  cache_write_tokens INTEGER CHECK (cache_write_tokens >= 0),
  output_tokens INTEGER CHECK (output_tokens >= 0),
  reasoning_tokens INTEGER CHECK (reasoning_tokens >= 0),
  latency_ms REAL,
  cost_usd TEXT,
  reserved_usd TEXT,
  state TEXT NOT NULL CHECK (state IN ('reserved', 'settled')),
  outcome TEXT
) STRICT;
CREATE INDEX llm_requests_at ON llm_requests (at);
"""

# ``cycles`` stays the truth; the rest is an index over it. ``record`` is text, or packed bytes.
_DECISION_MEMORY = """
CREATE TABLE cycles_new (
  seq INTEGER PRIMARY KEY,
  cycle_id TEXT NOT NULL UNIQUE,
  as_of TEXT NOT NULL,
  log_timestamp TEXT NOT NULL,
  action TEXT NOT NULL,
  decision_source TEXT NOT NULL,
  failure TEXT,
  status TEXT NOT NULL,
  run_id TEXT,
  record ANY NOT NULL CHECK (typeof(record) IN ('text', 'blob'))
) STRICT;
INSERT INTO cycles_new (seq, cycle_id, as_of, log_timestamp, action, decision_source, failure,
  status, record) SELECT seq, cycle_id, as_of, log_timestamp, action, decision_source, failure,
  status, record FROM cycles;
DROP TABLE cycles;
ALTER TABLE cycles_new RENAME TO cycles;
CREATE INDEX cycles_plain ON cycles (seq) WHERE typeof(record) = 'text';
CREATE TABLE record_dictionaries (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL
) STRICT;
CREATE TABLE decisions (
  seq INTEGER PRIMARY KEY,
  as_of TEXT NOT NULL,
  day TEXT NOT NULL GENERATED ALWAYS AS (substr(as_of, 1, 10)) VIRTUAL,
  action TEXT NOT NULL,
  proposed_action TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('allowed', 'denied', 'not_asked')),
  code TEXT,
  underlying TEXT,
  symbol TEXT,
  from_symbol TEXT,
  strike_usd REAL,
  size_coin REAL,
  status TEXT NOT NULL,
  is_dry_run INTEGER NOT NULL,
  source TEXT NOT NULL,
  failure TEXT,
  model TEXT,
  prompt_version TEXT,
  input_tokens INTEGER,
  cached_tokens INTEGER,
  output_tokens INTEGER,
  cost_nano_usd INTEGER,
  is_cost_unknown INTEGER NOT NULL,
  baseline_action TEXT,
  reasoning TEXT NOT NULL,
  verdict_text TEXT NOT NULL,
  facets TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_action ON decisions (action, seq) WHERE action <> 'DO_NOTHING';
CREATE INDEX decisions_denied ON decisions (seq) WHERE verdict = 'denied';
CREATE INDEX decisions_failed ON decisions (seq) WHERE failure IS NOT NULL;
CREATE INDEX decisions_symbol ON decisions (symbol, seq) WHERE symbol IS NOT NULL;
CREATE INDEX decisions_from ON decisions (from_symbol, seq) WHERE from_symbol IS NOT NULL;
CREATE INDEX decisions_strike ON decisions (strike_usd, seq) WHERE strike_usd IS NOT NULL;
CREATE TABLE decision_codes (
  code TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (code, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_codes_seq ON decision_codes (seq);
CREATE TABLE decision_updates (
  told_by INTEGER NOT NULL,
  place INTEGER NOT NULL,
  cycle_id TEXT,
  kind TEXT NOT NULL,
  symbol TEXT NOT NULL,
  PRIMARY KEY (told_by, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_updates_cycle ON decision_updates (cycle_id) WHERE cycle_id IS NOT NULL;
CREATE TABLE day_stats (
  day TEXT NOT NULL,
  underlying TEXT NOT NULL,
  action TEXT NOT NULL,
  proposed_action TEXT NOT NULL,
  verdict TEXT NOT NULL,
  status TEXT NOT NULL,
  source TEXT NOT NULL,
  failure TEXT NOT NULL,
  model TEXT NOT NULL,
  count INTEGER NOT NULL,
  model_decisions INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_known INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  cost_unknown INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  PRIMARY KEY (day, underlying, action, proposed_action, verdict, status, source, failure, model)
) STRICT, WITHOUT ROWID;
CREATE TABLE decision_days (
  day TEXT PRIMARY KEY NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE decisions_fts USING fts5(
  reasoning, verdict_text, facets,
  content='decisions', content_rowid='seq', tokenize='porter unicode61'
);
"""

# The index again: with cash, averages and rollups by month, and full text without its contents,
# which the records have.
_CASH_AND_MONTHS = """
DROP TABLE decisions_fts;
DROP TABLE decisions;
DROP TABLE decision_codes;
DROP TABLE decision_updates;
DROP TABLE day_stats;
DROP TABLE decision_days;
CREATE TABLE decisions (
  seq INTEGER PRIMARY KEY,
  as_of TEXT NOT NULL,
  day TEXT NOT NULL GENERATED ALWAYS AS (substr(as_of, 1, 10)) VIRTUAL,
  action TEXT NOT NULL,
  proposed_action TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('allowed', 'denied', 'not_asked')),
  codes TEXT,
  underlying TEXT,
  symbol TEXT,
  from_symbol TEXT,
  strike_usd REAL,
  size_coin REAL,
  status TEXT NOT NULL,
  is_dry_run INTEGER NOT NULL,
  source TEXT NOT NULL,
  failure TEXT,
  model TEXT,
  prompt_version TEXT,
  input_tokens INTEGER,
  cached_tokens INTEGER,
  output_tokens INTEGER,
  cost_nano_usd INTEGER,
  is_cost_unknown INTEGER NOT NULL,
  baseline_action TEXT,
  delta_micro INTEGER,
  yield_micro INTEGER,
  reasoning TEXT NOT NULL,
  fills INTEGER,
  premium_nano INTEGER,
  fees_known INTEGER,
  fees_nano INTEGER,
  settlements INTEGER,
  settlement_nano INTEGER
) STRICT;
CREATE INDEX decisions_action ON decisions (action, seq) WHERE action <> 'DO_NOTHING';
CREATE INDEX decisions_denied ON decisions (seq) WHERE verdict = 'denied';
CREATE INDEX decisions_failed ON decisions (seq) WHERE failure IS NOT NULL;
CREATE INDEX decisions_symbol ON decisions (symbol, seq) WHERE symbol IS NOT NULL;
CREATE INDEX decisions_from ON decisions (from_symbol, seq) WHERE from_symbol IS NOT NULL;
CREATE INDEX decisions_strike ON decisions (strike_usd, seq) WHERE strike_usd IS NOT NULL;
CREATE TABLE decision_codes (
  code TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (code, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_codes_seq ON decision_codes (seq);
CREATE TABLE decision_updates (
  told_by INTEGER NOT NULL,
  place INTEGER NOT NULL,
  sent_by INTEGER,
  cycle_id TEXT,
  kind TEXT NOT NULL,
  symbol TEXT NOT NULL,
  PRIMARY KEY (told_by, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_updates_sender ON decision_updates (sent_by) WHERE sent_by IS NOT NULL;
CREATE INDEX decision_updates_cycle ON decision_updates (cycle_id) WHERE cycle_id IS NOT NULL;
CREATE TABLE decision_days (
  day TEXT PRIMARY KEY NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
DROP INDEX cycles_plain;
CREATE TABLE decision_runs (
  first_seq INTEGER PRIMARY KEY,
  run_id TEXT
) STRICT;
CREATE TABLE pruned (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  before TEXT NOT NULL
) STRICT;
CREATE TABLE index_backlog (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  after INTEGER NOT NULL
) STRICT;
INSERT INTO index_backlog (id, after) VALUES (1, 0);
CREATE VIRTUAL TABLE decisions_fts USING fts5(
  reasoning, verdict_text, facets, content='', tokenize='porter unicode61'
);
"""

_INDEXED_EACH = 2_000


def _rollup_table(rollup: Rollup) -> str:
    keys = ", ".join(f"{name} TEXT NOT NULL" for name in rollup.keys)
    sums = ", ".join(f"{name} INTEGER NOT NULL" for name in (*SUMS, "first_seq", "last_seq"))
    return (
        f"CREATE TABLE {rollup.table} ({keys}, {sums}, PRIMARY KEY ({', '.join(rollup.keys)}))"
        " STRICT, WITHOUT ROWID"
    )


# The index once more: amounts beside each later event, so that one option's can be added up.
_CASH_OF_OPTIONS = """
DROP TABLE decisions_fts;
CREATE VIRTUAL TABLE decisions_fts USING fts5(
  reasoning, verdict_text, facets, content='', tokenize='porter unicode61'
);
DROP TABLE decision_updates;
CREATE TABLE decision_updates (
  told_by INTEGER NOT NULL,
  place INTEGER NOT NULL,
  sent_by INTEGER,
  cycle_id TEXT,
  kind TEXT NOT NULL,
  symbol TEXT NOT NULL,
  fills INTEGER,
  premium_nano INTEGER,
  fees_known INTEGER,
  fees_nano INTEGER,
  settlements INTEGER,
  settlement_nano INTEGER,
  PRIMARY KEY (told_by, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_updates_sender ON decision_updates (sent_by) WHERE sent_by IS NOT NULL;
CREATE INDEX decision_updates_cycle ON decision_updates (cycle_id) WHERE cycle_id IS NOT NULL;
DELETE FROM decisions;
DELETE FROM decision_codes;
DELETE FROM decision_days;
INSERT OR REPLACE INTO index_backlog (id, after) VALUES (1, 0);
"""

_SNAPSHOTS = """
CREATE TABLE snapshots (
  seq INTEGER PRIMARY KEY,
  snapshot BLOB NOT NULL
) STRICT;
"""


@desk_migrations()
def m001_first_tables(db: Database) -> None:
    """Everything the first release stores; a new desk is ACTIVE, and only here."""
    _execute_each(db, _FIRST_TABLES)


@desk_migrations()
def m002_model_requests(db: Database) -> None:
    """What requests to models cost."""
    _execute_each(db, _MODEL_REQUESTS)


@desk_migrations()
def m003_decision_memory(db: Database) -> None:
    """Search, statistics and compression of records; the next step makes the index."""
    _execute_each(db, _DECISION_MEMORY)


@desk_migrations()
def m004_cash_and_months(db: Database) -> None:
    """What decisions brought and cost in coin, and sums by month; records wait to be indexed."""
    _execute_each(db, _CASH_AND_MONTHS)
    for rollup in ROLLUPS:
        db.execute(_rollup_table(rollup))


@desk_migrations()
def m005_snapshots(db: Database) -> None:
    """What the newest decisions saw, whole."""
    _execute_each(db, _SNAPSHOTS)


@desk_migrations()
def m006_cash_of_options(db: Database) -> None:
    """What each fill and settlement moved, and words of settlements; records wait to be indexed.

    Sums of months that were pruned before stay as they were: by decision, not by option.
    """
    _execute_each(db, _CASH_OF_OPTIONS)
    found = db.execute("SELECT before FROM pruned").fetchone()
    before = found[0] if found else ""
    # What a killed pruning left behind is in the sums that stay.
    left = "SELECT seq FROM cycles WHERE as_of < ?"
    db.execute(f"DELETE FROM snapshots WHERE seq IN ({left})", [before])
    db.execute("DELETE FROM cycles WHERE as_of < ?", [before])
    for rollup in ROLLUPS:
        edge = before if rollup.period == "day" else before[:7]
        db.execute(f"DELETE FROM {rollup.table} WHERE {rollup.period} >= ?", [edge])


def _execute_each(db: Database, statements: str) -> None:
    # One by one: executescript would commit the transaction that holds all this together.
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute(statement)


def apply_migrations(
    connection: sqlite3.Connection,
    *,
    on_indexed: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Bring the file to ``SCHEMA_VERSION``, or leave it as a step that can be gone on from.

    Args:
        on_indexed: Told the number of the last record that was indexed, and of the newest.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        desk_migrations.apply(Database(connection, execute_plugins=False))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    total = connection.execute("SELECT coalesce(max(seq), 0) FROM cycles").fetchone()[0]
    while (done := _index_some(connection)) is not None:
        on_indexed(done, total)


def _index_some(connection: sqlite3.Connection) -> int | None:
    """Index a batch of the backlog; without one, note that the version is reached."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        backlog = connection.execute("SELECT after FROM index_backlog").fetchone()
        done = index_from(connection, backlog[0], limit=_INDEXED_EACH) if backlog else None
        if done is None:
            connection.execute("DELETE FROM index_backlog")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        else:
            connection.execute("UPDATE index_backlog SET after = ?", (done,))
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return done

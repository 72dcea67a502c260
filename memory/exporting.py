"""Decisions out of the memory: JSONL is the records, line for line; CSV and Parquet the columns.

Read in small pieces, so that an export of any length never holds up the desk. A file appears under
its name once it is whole.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from callwright.domain.history import DecisionFilter
from callwright.errors import ConfigError, StorageError
from callwright.memory.conditions import conditions_of
from callwright.memory.facets import CASH_COLUMNS, FACET_COLUMNS
from callwright.memory.reader import DecisionReader

ExportFormat = Literal["jsonl", "csv", "parquet"]
CSV_COLUMNS = ("id", "cycle_id", *FACET_COLUMNS, *CASH_COLUMNS)

_BATCH = 500
_INTEGERS = (
    "id", "is_dry_run", "input_tokens", "cached_tokens", "output_tokens", "cost_nano_usd",
    "is_cost_unknown", "delta_micro", "yield_micro", *CASH_COLUMNS,
)  # fmt: skip
_REALS = ("strike_usd", "size_coin")


def exported_lines(
    reader: DecisionReader, where: DecisionFilter, kind: Literal["jsonl", "csv"]
) -> Iterator[str]:
    """Yield the export line by line, oldest first, ends included.

    Raises:
        StorageError, QueryTooSlow: The memory cannot be read.
    """
    conditions = conditions_of(reader, where)
    if kind == "jsonl":
        columns = "d.seq, record_line(c.record)"
    else:
        columns = ", ".join(
            {"id": "d.seq", "cycle_id": "c.cycle_id"}.get(name, f"d.{name}") for name in CSV_COLUMNS
        )
        yield _csv_line(CSV_COLUMNS)
    last = 0
    while True:
        rows = reader.rows(
            f"SELECT {columns} FROM decisions d CROSS JOIN cycles c ON c.seq = d.seq"
            f" WHERE d.seq > ? AND {conditions.sql} ORDER BY d.seq LIMIT ?",
            (last, *conditions.values, _BATCH),
        )
        for row in rows:
            last = row[0]
            yield f"{row[1]}\n" if kind == "jsonl" else _csv_line(row)
        if len(rows) < _BATCH:
            return


def export_file(
    reader: DecisionReader, where: DecisionFilter, kind: ExportFormat, path: Path
) -> int:
    """Write the export to a file with mode 0600 and return how many decisions it has.

    Raises:
        ConfigError: Parquet was asked for and DuckDB is not installed.
        StorageError, QueryTooSlow: The memory cannot be read, or the file not written.
    """
    if kind == "parquet":
        _require_duckdb()
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    text_kind: Literal["jsonl", "csv"] = "jsonl" if kind == "jsonl" else "csv"
    try:
        count = -1 if text_kind == "csv" else 0
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            for line in exported_lines(reader, where, text_kind):
                file.write(line)
                count += 1
        if kind == "parquet":
            _to_parquet(fresh)
        fresh.replace(path)
    except OSError as exc:
        raise StorageError(f"{path}: {exc.strerror}", remedy="check the path and the disk") from exc
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _csv_line(cells: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _require_duckdb() -> None:
    from importlib.util import find_spec

    if find_spec("duckdb") is None:
        raise ConfigError(
            "Parquet is written through DuckDB, which is not installed",
            remedy="pip install 'callwright[parquet]', or export jsonl or csv",
        )


def _to_parquet(csv_path: Path) -> None:
    import duckdb

    whole = csv_path.with_name(f"{csv_path.name}.parquet")
    types = {
        name: "BIGINT" if name in _INTEGERS else "DOUBLE" if name in _REALS else "VARCHAR"
        for name in CSV_COLUMNS
    }
    declared = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv({_quoted(csv_path)}, header = true, delim = ',',"
            f" quote = '\"', escape = '\"', columns = {{{declared}}}, auto_detect = false,"
            " parallel = false))"
            f" TO {_quoted(whole)} (FORMAT parquet, COMPRESSION zstd)"
        )
    os.chmod(whole, 0o600)
    whole.replace(csv_path)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""The command line that answers as a tool did, so that a reader can check an answer by hand."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from callwright.domain.base import iso_utc
from callwright.domain.history import (
    ACTION_WORDS,
    DecisionFilter,
    DecisionSearch,
    StatsQuestion,
)
from callwright.tools.memory_questions import (
    DecisionArguments,
    NoArguments,
    SearchArguments,
    StatsArguments,
    WhatIfArguments,
)


def search_command(arguments: SearchArguments) -> str:
    """Return ``callwright decisions list`` or ``search`` with these filters."""
    search: DecisionSearch = arguments.question()
    words = ["search"] if search.text else ["list"]
    words += _filters(search.where)
    words += ["--oldest"] if search.order == "oldest" else []
    words += [] if search.collapse else ["--each"]
    words += ["--limit", str(search.limit)]
    words += [] if search.cursor is None else ["--cursor", str(search.cursor)]
    # Behind "--" even a text like "--action" is a text.
    words += ["--", search.text] if search.text else []
    return _command("decisions", *words)


def decision_command(arguments: DecisionArguments) -> str:
    """Return ``callwright decisions show``."""
    key = str(arguments.question())
    return _command("decisions", "show", *(["--"] if key.startswith("-") else []), key)


def stats_command(arguments: StatsArguments) -> str:
    """Return ``callwright decisions stats`` with these filters."""
    question: StatsQuestion = arguments.question()
    words = [word for name in question.group_by for word in ("--by", name)]
    words += _filters(question.where)
    return _command("decisions", "stats", *words, "--limit", str(question.limit))


def status_command(arguments: NoArguments) -> str:
    """Return ``callwright status``."""
    return _command("status")


def what_if_command(arguments: WhatIfArguments) -> str:
    """Return ``callwright what-if`` with these changes."""
    return _command("what-if", *_changes(arguments))


def model_command(arguments: WhatIfArguments) -> str:
    """Return ``callwright what-if --model`` with these changes."""
    return _command("what-if", "--model", *_changes(arguments))


def _command(*words: str) -> str:
    return shlex.join(["callwright", *words])


def _changes(arguments: WhatIfArguments) -> Iterator[str]:
    question = arguments.question()
    for coin in question.without:
        yield from ("--without", coin)
    for option, changes in (
        ("--balance", question.balances_coin),
        ("--spot", question.spot_usd),
        ("--set", question.settings),
    ):
        for name, value in changes.items():
            yield from (option, f"{name}={_digits(value)}")


def _digits(value: Decimal | float) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else repr(value).removesuffix(".0")


def _filters(where: DecisionFilter) -> Iterator[str]:
    for option, actions in (("--action", where.action), ("--proposed", where.proposed_action)):
        for action in actions:
            yield from (option, ACTION_WORDS[action])
    texts: Iterable[tuple[str, str | None]] = (
        ("--verdict", where.verdict),
        ("--status", where.status),
        ("--code", where.code),
        ("--failure", where.failure),
        ("--underlying", where.underlying),
        ("--symbol", where.symbol),
        ("--strike", None if where.strike_usd is None else _digits(where.strike_usd)),
        ("--source", where.source),
        ("--since", None if where.since is None else _since(where.since)),
        ("--until", None if where.until is None else _until(where.until)),
    )
    for option, text in texts:
        if text is not None:
            yield from (option, text)


def _is_midnight(at: datetime) -> bool:
    return iso_utc(at).endswith("T00:00:00.000Z")


def _since(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if _is_midnight(at) else iso_utc(at)


def _until(at: datetime) -> str:
    # On the command line, too, a day that is an end is included.
    return f"{at - timedelta(days=1):%Y-%m-%d}" if _is_midnight(at) else iso_utc(at)

"""Is a written date one on record: the decision's own, an expiry, an opening, a group's period?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from callwright.explain.binding import Bound
from callwright.explain.facts import SourceFacts, When
from callwright.explain.names import CLOSED_WORDS, EXPIRY_WORDS, OPENED_WORDS
from callwright.explain.options import expiry_of, symbol_is_meant
from callwright.explain.reading import Date, Token

_BEFORE = frozenset({"before", "without", "excluding"})
_EXPIRY_KEYS = frozenset({"expiry", "settled_at"})
_OPENED_KEYS = frozenset({"opened_at"})


def date_holds(
    token: Token, place: int, bound: Bound, sources: Sequence[SourceFacts]
) -> tuple[str, str]:
    """Return where a date stands and "", or "" and why it does not hold."""
    said = token.value
    assert isinstance(said, Date)
    words = bound.clause_words(bound.clauses[place])
    near = frozenset(t.text for t in bound.tokens[max(0, place - 5) : place] if t.kind == "word")
    for source in sources:
        for when in source.times:
            if not _time_is_meant(when, near, words, place, bound, source):
                continue
            if source.cite.startswith(("stats", "search")):
                if boundary_fits(said, {when.kind: when.at}, is_excluded=bool(_BEFORE & near)):
                    return f"{source.cite} {when.path}", ""
            elif date_is(said, when.at, has_clock=when.has_clock):
                return f"{source.cite} {when.path}", ""
        for fact in source.numbers if source.cite.startswith("stats") else ():
            if any(d in fact.of for d in ("day", "week", "month", "since")) and time_fits(
                said, fact.of
            ):
                return f"{source.cite} {fact.path.rpartition('.')[0]}.keys", ""
        for named in source.symbols:
            if EXPIRY_WORDS & near and symbol_is_meant(named.text, place, bound, source):
                expiry = expiry_of(named.text)
                if expiry is not None and date_is(said, expiry, has_clock=True):
                    return f"{source.cite} {named.path}", ""
    cites = ", ".join(f"[{s.cite}]" for s in sources)
    return "", f"no time of {cites} that is meant here is {token.text}"


def _time_is_meant(
    when: When, near: frozenset[str], words: frozenset[str], place: int, bound: Bound,
    source: SourceFacts,
) -> bool:  # fmt: skip
    if when.kind in _EXPIRY_KEYS:
        if not EXPIRY_WORDS & near:
            return False
        symbol = when.of.get("symbol")
        return symbol is None or symbol_is_meant(symbol, place, bound, source)
    if EXPIRY_WORDS & near and source.symbols and when.kind not in ("since", "until"):
        return False
    if when.kind in _OPENED_KEYS or when.part == "opened_by":
        if not OPENED_WORDS & (near | words):
            return False
        symbol = when.of.get("symbol")
        return symbol is None or symbol_is_meant(symbol, place, bound, source)
    if "opened" in near and _tells_an_opening(place, bound, source):
        return False
    if {"sold", "written", "wrote"} & near and when.part == "" and source.bought:
        # The time of a roll is not when the call that it bought back was sold.
        is_named = any(name.dim == "symbol" for name in bound.names)
        bought, sold = (
            any(symbol_is_meant(each, place, bound, source) for each in options)
            for options in (source.bought, source.sold)
        )
        if is_named and bought and not sold:
            return False
    if when.part == "closed_by":
        return bool(CLOSED_WORDS & (near | words))
    if when.part in ("later", "updates"):
        return when.kind in ("executed_at", "settled_at")
    return True


def _tells_an_opening(place: int, bound: Bound, source: SourceFacts) -> bool:
    """Whether the record says when the option that is meant had been opened before it."""
    for when in source.times:
        if when.part == "opened_by":
            return True
        symbol = when.of.get("symbol")
        is_opening = when.kind in _OPENED_KEYS and symbol not in source.sold
        if symbol and is_opening and symbol_is_meant(symbol, place, bound, source):
            return True
    return False


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RELATIVE = frozenset({"yesterday", "tomorrow", "noon", "midnight", "tonight", "ago"})
_SPANS = frozenset({"week", "month", "year", "quarter"})


def loose_times(bound: Bound) -> Iterator[int]:
    """Yield the places of words for a time that no record has: "yesterday", "last month"."""
    for place in bound.claims:
        token = bound.tokens[place]
        if token.kind != "word":
            continue
        before = bound.tokens[place - 1].text if place else ""
        is_span = before == "last" and token.text in _SPANS
        is_other_day = token.text in _WEEKDAYS and not _is_weekday(place, bound)
        if token.text in _RELATIVE or is_span or is_other_day:
            yield place


def _is_weekday(place: int, bound: Bound) -> bool:
    """Whether the full date beside a weekday falls on it."""
    for at in (place + 1, place + 2, place - 1, place - 2):
        token = bound.tokens[at] if 0 <= at < len(bound.tokens) else None
        date = token.value if token is not None else None
        if isinstance(date, Date) and date.year and date.month and date.day:
            try:
                day = datetime(date.year, date.month, date.day, tzinfo=UTC)
            except ValueError:
                return False
            return day.weekday() == _WEEKDAYS.index(bound.tokens[place].text)
    return False


def time_fits(said: Date, of: Mapping[str, Any]) -> bool:
    """Return whether a date names the period of a group: its key, or else the filter's."""
    for dim in ("day", "week"):
        value = of.get(dim)
        if isinstance(value, str):
            return said.day is not None and date_is(said, _day(value), has_clock=False)
    month = of.get("month")
    if isinstance(month, str):
        return said.day is None and (
            said.month == int(month[5:7]) and said.year in (None, int(month[:4]))
        )
    since, until = of.get("since"), of.get("until")
    if since is None or until is None:
        return False
    if said.minute is not None:
        # "At 12:00" names a filter of that minute, never one of the hours from then on.
        return date_is(said, since, has_clock=True) and until - since <= timedelta(minutes=1)
    if said.day is not None:
        return date_is(said, since, has_clock=False) and until - since <= timedelta(days=1)
    if said.month is not None:
        is_month = since.day == 1 and until == _next_month(since)
        return is_month and since.month == said.month and said.year in (None, since.year)
    if said.year is not None:
        return bool(since == datetime(said.year, 1, 1, tzinfo=UTC) and until.year == said.year + 1)
    return False


def _next_month(at: datetime) -> datetime:
    return at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)


def boundary_fits(said: Date, of: Mapping[str, Any], *, is_excluded: bool) -> bool:
    """Return whether a date is where a filter begins or ends.

    Args:
        is_excluded: "before 21 January": the midnight that ends the 20th may be meant.
    """
    for at in _bounds(of.get("since"), of.get("until"), is_excluded=is_excluded):
        if said.day is None and said.month == at.month and said.year in (None, at.year):
            return True
        if said.day is not None and date_is(said, at, has_clock=True):
            return True
    return False


def _bounds(
    since: datetime | None, until: datetime | None, *, is_excluded: bool
) -> Iterator[datetime]:
    if since is not None:
        yield since
    if until is not None:
        if is_excluded or until.hour or until.minute:
            yield until
        yield until - timedelta(microseconds=1)


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)


def date_is(said: Date, at: datetime, *, has_clock: bool) -> bool:
    """Return whether everything that a written date says is so of this time."""
    if said.other_zone:
        return False
    for part, have in ((said.year, at.year), (said.month, at.month), (said.day, at.day)):
        if part is not None and part != have:
            return False
    if said.minute is not None:
        if not has_clock or said.minute != at.hour * 60 + at.minute:
            return False
        if said.second is not None and said.second != at.second:
            return False
    return True

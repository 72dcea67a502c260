"""Spans of time out of words: "in November", "since Monday", "last week", "on 5 January 06:00".

Relative words count from a given moment, the market time of the newest record; the caller says so.
Pure. Days and weeks are UTC, weeks begin on Monday.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
            "august aug", "september sept sep", "october oct", "november nov", "december dec",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday mon", "tuesday tue", "wednesday wed", "thursday thu", "friday fri",
         "saturday sat", "sunday sun")
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAY = "|".join(sorted(_WEEKDAYS, key=len, reverse=True))
_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
         "twelve"),
        1,
    )
} | {"dozen": 12, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100}  # fmt: skip
NUMBER = r"\d{1,4}|" + "|".join(NUMBER_WORDS)

_CLOCK = r"(?:[ t]+(?:at +)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2}(?:\.\d+)?z?)?(?: *utc)?)?"
_MOMENT = re.compile(
    rf"\b(?:(?P<y>\d{{4}})-(?P<m>\d{{2}})(?:-(?P<d>\d{{2}}))?"
    rf"|(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?: +of)? +(?P<m1>{_MONTH})\b\.?,?(?: +(?P<y1>20\d{{2}}))?"
    rf"|(?P<m2>{_MONTH})\b\.? +(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? +(?P<y2>20\d{{2}}))?"
    rf"|(?P<m3>{_MONTH})\b\.?,?(?: +(?P<y3>20\d{{2}}))?"
    rf"|(?P<rel>today|yesterday)|(?:last +)?(?P<weekday>{_WEEKDAY})\b"
    rf"|(?P<which>this|last|past|previous) +(?P<unit>day|week|month|year)\b"
    rf"|(?P<y4>20\d{{2}})(?![\d-])){_CLOCK}"
)
_DAYS = re.compile(
    rf"\b(?P<from>between|from) +(?P<first>\d{{1,2}})(?:st|nd|rd|th)?"
    rf" +(?P<to>and|to|until) +(?P<last>\d{{1,2}})(?:st|nd|rd|th)?(?: +of)? +(?P<month>{_MONTH})\b"
)
_QUARTER = re.compile(
    r"\b(?:(?:in|during|for|over) +)?q(?P<q>[1-4])(?:(?: +of)?[ /]+(?P<year>20\d{2}))?\b"
)
_SLASHED = re.compile(r"\b\d{1,4}/\d{1,2}/\d{1,4}\b|(?<=\bon )\d{1,2}/\d{1,2}\b")
_SPAN = re.compile(
    rf"\b(?:in +|over +|during +)?(?:the +)?(?:last|past|previous) +(?P<n>{NUMBER}) +"
    r"(?P<unit>hour|day|week|month)s?\b"
)
_BEFORE = {
    "since": "since", "from": "since", "after": "after", "until": "until", "till": "until",
    "to": "until", "up to": "until", "before": "before", "between": "since", "and": "until",
    "through": "until",
}  # fmt: skip
_PREPOSITION = re.compile(
    r"\b(since|from|after|until|till|up to|to|before|between|and|through|in|on|at|during|of|for)"
    r" +(?:the +)?$"
)


@dataclass(frozen=True)
class Span:
    """From ``since`` up to but without ``until``; None is open. ``words`` are those of the text."""

    since: datetime | None
    until: datetime | None
    words: str
    is_relative: bool = False


def read_span(text: str, now: datetime) -> tuple[Span | None, str]:
    """Return the span that a lower-case text names, and the text without its words.

    Args:
        now: What "today" is; a month or a day without a year is the newest that has begun.

    Raises:
        ValueError: It names a day that no calendar has; the message says which.
    """
    slashed = _SLASHED.search(text)
    if slashed:
        raise ValueError(f"{slashed[0]} may be read in two ways")
    text = _DAYS.sub(r"\g<from> \g<first> \g<month> \g<to> \g<last> \g<month>", text)
    text = _QUARTER.sub(lambda found: _quarter(found, now), text)
    found = _SPAN.search(text)
    if found:
        number = found["n"]
        count = int(number) if number.isdigit() else NUMBER_WORDS[number]
        days = timedelta(days=30) if found["unit"] == "month" else _UNITS[found["unit"]]
        return Span(now - count * days, None, found[0].strip(), True), _without(text, found)
    since: datetime | None = None
    ends: datetime | None = None
    words: list[str] = []
    is_relative = False
    place = 0
    while (moment := _MOMENT.search(text, place)) is not None:
        before = _PREPOSITION.search(text[: moment.start()])
        if moment["m3"] == "may" and not (before or moment["y3"]):
            # "You may roll" names no month.
            place = moment.end()
            continue
        start, end, counted = _bounds(moment, now)
        is_relative = is_relative or counted
        kind = _BEFORE.get(before[1], "in") if before else "in"
        if kind == "in" or (kind == "until" and since is None and before and before[1] == "and"):
            since, ends = start, end
        elif kind in ("since", "after"):
            since = start if kind == "since" else end
        else:
            ends = end if kind == "until" else start
        words.append(text[before.start() if before else moment.start() : moment.end()].strip(" ,."))
        place = before.start() if before else moment.start()
        text = f"{text[:place]} {text[moment.end() :]}"
    if not words:
        return None, text
    return Span(since, ends, " ".join(words), is_relative), text


def _quarter(found: re.Match[str], now: datetime) -> str:
    first = int(found["q"]) * 3 - 2
    year = int(found["year"] or (now.year if first <= now.month else now.year - 1))
    return f"from {year}-{first:02} to {year}-{first + 2:02}"


def _bounds(found: re.Match[str], now: datetime) -> tuple[datetime, datetime, bool]:
    """Return begin and end of what was named, and whether it counts from ``now``."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if found["rel"] or found["weekday"]:
        if found["weekday"]:
            back = (day.weekday() - _WEEKDAYS[found["weekday"]]) % 7
            day -= timedelta(days=back)
        elif found["rel"] == "yesterday":
            day -= timedelta(days=1)
        return *_at_clock(found, day, day + timedelta(days=1)), True
    if found["unit"]:
        return *_unit(found["which"], found["unit"], day), True
    month_name = found["m1"] or found["m2"] or found["m3"]
    year_text = found["y"] or found["y1"] or found["y2"] or found["y3"] or found["y4"]
    if found["y4"]:
        year = int(found["y4"])
        return _date(found, year, 1, 1), _date(found, year + 1, 1, 1), False
    month = int(found["m"]) if found["m"] else _MONTHS[month_name]
    number = found["d"] or found["d1"] or found["d2"]
    if year_text:
        year = int(year_text)
    else:
        begins = (month, int(number or 1))
        year = now.year if begins <= (now.month, now.day) else now.year - 1
    if number is None:
        begin = _date(found, year, month, 1)
        return begin, _next_month(begin), not year_text
    start = _date(found, year, month, int(number))
    return *_at_clock(found, start, start + timedelta(days=1)), not year_text


def _at_clock(found: re.Match[str], start: datetime, end: datetime) -> tuple[datetime, datetime]:
    if found["hour"] is None:
        return start, end
    if int(found["hour"]) > 23 or int(found["minute"]) > 59:
        raise ValueError(f"{found[0].strip()} is no time of a day")
    at = start + timedelta(hours=int(found["hour"]), minutes=int(found["minute"]))
    return at, at + timedelta(minutes=1)


def _unit(which: str, unit: str, day: datetime) -> tuple[datetime, datetime]:
    if unit == "week":
        begin = day - timedelta(days=day.weekday())
        before, after = begin - timedelta(weeks=1), begin + timedelta(weeks=1)
    elif unit == "month":
        begin = day.replace(day=1)
        before, after = (begin - timedelta(days=1)).replace(day=1), _next_month(begin)
    elif unit == "year":
        begin = day.replace(month=1, day=1)
        before, after = begin.replace(year=begin.year - 1), begin.replace(year=begin.year + 1)
    else:
        begin = day
        before, after = begin - timedelta(days=1), begin + timedelta(days=1)
    return (begin, after) if which == "this" else (before, begin)


def _date(found: re.Match[str], year: int, month: int, day: int) -> datetime:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{found[0].strip()} is no day of a calendar") from None


def _next_month(begin: datetime) -> datetime:
    return (begin.replace(day=1) + timedelta(days=32)).replace(day=1)


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"

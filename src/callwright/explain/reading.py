"""An answer's text as tokens: numbers, dates, instruments, codes, citations, quotations, words.

Pure and linear: one pass of one pattern without nested repeats. Offsets are those of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

TokenKind = Literal[
    "word", "number", "date", "instrument", "code", "name", "cite", "id", "quote", "mark"
]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_MORE = {
    "dozen": 12.0, "thirteen": 13.0, "fourteen": 14.0, "fifteen": 15.0, "sixteen": 16.0,
    "seventeen": 17.0, "eighteen": 18.0, "nineteen": 19.0,
    **{word: 20.0 + 10.0 * place for place, word in enumerate(_TENS)},
    "hundred": 100.0, "hundreds": 100.0,
}  # fmt: skip
"""Further words for a number. What they make up together is not read: no field says "forty-two"."""
_PARTS = {
    "half": 0.5, "third": 1 / 3, "thirds": 2 / 3, "quarter": 0.25, "quarters": 0.75, "couple": 2.0,
}  # fmt: skip
"""Parts of a whole, before "of" or "a" only: "the third roll" and "the last quarter" are none."""
_RATIOS = frozenset(
    ("doubled", "tripled", "quadrupled", "halved", "doubling", "tripling", "halving", "tenfold",
     "twofold", "threefold")
)  # fmt: skip
_ORDINALS = frozenset(
    ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
     "twelfth")
)  # fmt: skip
_COUNTABLE = re.compile(r"\s(?:roll|sale|open|close|attempt|time|decision|call|order|denial)\b")
_TIMES = {"once": 1, "twice": 2, "thrice": 3}


class Number(NamedTuple):
    """A number as written.

    Attributes:
        value: With its sign and multiplier, before any percent: 97,000 for ``97k``.
        half: Half a unit of the last digit shown; what rounding may have moved it.
        unit: ``pct``, ``usd``, ``times`` or "" when nothing is attached to it.
        signed: Whether a plus or minus was written.
    """

    value: float
    half: float
    unit: str
    signed: bool


class Date(NamedTuple):
    """A date as written; a part that was not said is None. ``minute``: of the day."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    minute: int | None = None
    second: int | None = None
    other_zone: bool = False


class Instrument(NamedTuple):
    """An option's name or part of it."""

    coin: str | None = None
    expiry: tuple[int | None, int, int] | None = None
    strike: float | None = None
    kind: str | None = None


class Token(NamedTuple):
    """A piece of text and what it says; ``text`` of words is lower case."""

    kind: TokenKind
    text: str
    start: int
    end: int
    value: Number | Date | Instrument | tuple[str, ...] | None = None


_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)(?![a-z])"
)
_ZONE = r"(?:\s?(?P<{0}>UTC|Z|GMT|CET|CEST|EST|EDT|PST|PDT|[ap]m)\b)?"
_CITED = r"(?:\#\d{1,18}|(?:stats|search|status|what-if|model)-\d{1,6})"
_FIGURE = r"(?:\d{1,3}(?:[,\u202f\u00a0]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?|\.\d+)"
_UNIT_LETTERS = r"(?:h|hrs?|d|s|secs?|ms|mins?|m|x)"
_PATTERN = re.compile(
    rf"""
    (?P<cite>\[\s?{_CITED}(?:\s?[,;]?\s?{_CITED})*\s?\](?!\())
  | (?P<badcite>\[\#?[A-Za-z-]{{0,20}}\d{{1,18}}\](?!\())
  | (?P<id>\#\d{{1,18}}\b)
  | (?P<skew>\b25[-\s]?(?:delta|d)[-\s]skew\b)
  | (?P<instrument>\b(?:(?P<icoin>[A-Z]{{2,10}}(?:_[A-Z]{{3,5}})?)-)?(?P<iday>\d{{1,2}})
      (?P<imonth>JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)(?P<iyear>\d{{2}})
      -(?P<istrike>\d{{1,12}})(?:-(?P<ikind>[CP]))?\b)
  | (?P<code>\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\bINTERRUPTED\b|\bHALTED\b|\bREDUCING\b)
  | (?P<iso>\b(?P<oyear>\d{{4}})-(?P<omonth>\d\d)-(?P<oday>\d\d)
      (?:(?:T|\s)(?P<otime>\d\d:\d\d(?::\d\d(?:\.\d{{1,6}})?)?){_ZONE.format("ozone")})?(?![\w-]))
  | (?P<isomonth>\b(?P<pyear>20\d\d)-(?P<pmonth>0[1-9]|1[0-2])(?![\w-]))
  | (?P<expiry>\b(?P<eday>\d{{1,2}})(?P<emonth>JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)
      (?P<eyear>\d\d)\b)
  | (?P<daymonth>\b(?P<dday>[0-3]?\d)(?:st|nd|rd|th)?\s(?:of\s)?(?P<dmonth>{_MONTH})\.?
      (?:,?\s(?P<dyear>20\d\d)(?![\d,.]\d))?)
  | (?P<monthday>\b(?P<mmonth>{_MONTH})\.?\s(?P<mday>[0-3]?\d)(?:st|nd|rd|th)?(?![\d.%,]\d|[\w%])
      (?:,?\s(?P<myear>20\d\d)(?![\d,.]\d))?)
  | (?P<month>\b(?P<nmonth>{_MONTH})(?:\.?,?\s(?P<nyear>20\d\d)(?![\d,.]\d))?)
  | (?P<clock>\b(?P<ctime>\d{{1,2}}:\d\d(?::\d\d)?)(?![\d:]){_ZONE.format("czone")})
  | (?P<number>(?<![\w.])(?P<sign>(?<![\w)\].%])[+\-\u2212\u2013])?
      (?P<currency>US\$|\$|USD\s|[\u20ac\u00a3\u00a5]|EUR\s|GBP\s)?(?P<sign2>(?<=[$\s])[-\u2212])?(?P<figure>{_FIGURE})
      (?:(?P<mult>[kKM]|bn)(?![A-Za-z]))?(?P<pct>\s?%|\s?per\s?cent\b)?
      (?=[^\w]|$|_|{_UNIT_LETTERS}\b))
  | (?P<name>(?=[\w.-]{{0,60}}\d)[^\W\d_]\w*(?:[.-]\w+)*|\d+[^\W\d]\w*(?:[.-]\w+)*)
  | (?P<digits>\d[\d.,]*)
  | (?P<word>IV/RV|[^\W\d_]+(?:_[^\W\d_]+)*(?:['\u2019][a-z]+)?)
  | (?P<mark>>=|<=|->|[,;:()|=<>\u2265\u2264\u2192\u2014\u2013/.?!+-])
    """,
    re.VERBOSE,
)


def cleaned(text: str) -> str:
    """Return the text without markdown's marks and without commands, at the same length.

    A code span or fenced block that begins with ``callwright`` (or ``$``) is a command to type;
    what stands in it is not claimed.
    """
    out = list(text.replace("\u00a0", " ").replace("\u202f", " "))
    at = 0
    while (start := text.find("`", at)) >= 0:
        ticks = 3 if text.startswith("```", start) else 1
        end = text.find("`" * ticks, start + ticks)
        if end < 0:
            break
        inside = text[start + ticks : end].lstrip()
        if inside.startswith(("callwright", "$ callwright", "sh\n", "bash\n", "console\n")):
            _blank_commands(out, text, start, end + ticks)
        at = end + ticks
    for place, char in enumerate(out):
        if char in "*`~":
            out[place] = " "
    return "".join(out)


def _blank_commands(out: list[str], text: str, start: int, end: int) -> None:
    """Blank the lines of a code span that are commands; what they print is claimed."""
    for line in text[start:end].splitlines(keepends=True):
        if _is_command(line.strip("` \n")):
            for place in range(start, start + len(line)):
                if out[place] != "\n":
                    out[place] = " "
        start += len(line)


_SHELLS = frozenset({"sh", "bash", "console"})
_COMMAND_WORDS_MAX = 3


def _is_command(line: str) -> bool:
    """Whether a line is a command with its options; words behind the program's name are none."""
    name, *parts = line.removeprefix("$ ").split()[:200] or [""]
    if name != "callwright" or not parts:
        return line in _SHELLS
    words = 0
    for place, part in enumerate(parts):
        if part == "--" or part[0] in "\"'":
            return True
        if part[0] == "-" or part[0].isdigit() or parts[place - 1].startswith("-"):
            words = _COMMAND_WORDS_MAX
        elif part.replace("-", "").isalpha() and part.islower() and words < _COMMAND_WORDS_MAX:
            words += 1
        else:
            return False
    return not parts[0][0].isdigit()


def tokens_of(text: str, start: int, end: int) -> list[Token]:
    """Return the tokens of ``text[start:end]``, a cleaned text."""
    out: list[Token] = []
    for at, upto, is_quote in _quoted_parts(text, start, end):
        if is_quote:
            out.append(Token("quote", text[at:upto], at, upto))
        else:
            out.extend(_unquoted(text, at, upto))
    return out


def _quoted_parts(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Cut into quotations and the rest. A mark without its partner is no quotation."""
    at = plain = start
    pairs = {'"': '"', "\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb"}
    hopeless: set[str] = set()
    while at < end:
        closing = pairs.get(text[at])
        if closing is None or closing in hopeless:
            at += 1
            continue
        found = text.find(closing, at + 1, end)
        if found < 0:
            hopeless.add(closing)
            at += 1
            continue
        if plain < at:
            yield plain, at, False
        yield at, found + 1, True
        at = plain = found + 1
    if plain < end:
        yield plain, end, False


def _unquoted(text: str, start: int, end: int) -> Iterator[Token]:
    for match in _PATTERN.finditer(text, start, end):
        token = _token(match)
        if token is not None:
            yield token


def _token(match: re.Match[str]) -> Token | None:
    group, said = match.lastgroup, match.group()
    start, end = match.span()
    named = match.groupdict()
    # lastgroup is the outermost group that closed last, which is the alternative itself.
    match group:
        case "cite":
            ids = tuple(re.findall(_CITED, said))
            return Token("cite", said, start, end, ids)
        case "badcite":
            return Token("cite", said, start, end, (said[1:-1],))
        case "id":
            return Token("id", said, start, end)
        case "skew":
            return Token("word", "skew", start, end)
        case "instrument":
            year = 2000 + int(named["iyear"])
            when = (year, _month(named["imonth"]), int(named["iday"]))
            parts = Instrument(named["icoin"], when, float(named["istrike"]), named["ikind"])
            return Token("instrument", said, start, end, parts)
        case "code":
            return Token("code", said, start, end)
        case "iso":
            minute, second = _clock(named["otime"], None)
            zone = named["ozone"]
            date = Date(
                int(named["oyear"]), int(named["omonth"]), int(named["oday"]), minute, second,
                other_zone=zone not in (None, "UTC", "Z", "GMT"),
            )  # fmt: skip
            return Token("date", said, start, end, date)
        case "isomonth":
            return Token("date", said, start, end, Date(int(named["pyear"]), int(named["pmonth"])))
        case "expiry":
            date = Date(2000 + int(named["eyear"]), _month(named["emonth"]), int(named["eday"]))
            return Token("date", said, start, end, date)
        case "daymonth":
            date = Date(_year(named["dyear"]), _month(named["dmonth"]), int(named["dday"]))
            return Token("date", said, start, end, date)
        case "monthday":
            date = Date(_year(named["myear"]), _month(named["mmonth"]), int(named["mday"]))
            return Token("date", said, start, end, date)
        case "month":
            if named["nmonth"] in ("May", "March", "Mar") and named["nyear"] is None:
                before = match.string[max(0, start - 12) : start].lower().split()
                if not before or before[-1] not in _MONTH_AFTER:
                    return Token("word", said.lower(), start, end)
            return Token("date", said, start, end, Date(_year(named["nyear"]), _month(said)))
        case "clock":
            minute, second = _clock(named["ctime"], named["czone"])
            zone = named["czone"]
            date = Date(
                minute=minute, second=second,
                other_zone=zone not in (None, "UTC", "Z", "GMT", "am", "pm"),
            )  # fmt: skip
            return Token("date", said, start, end, date)
        case "number":
            before = match.string[max(0, start - 12) : start].lower().split()
            if re.fullmatch(r"20\d\d", said) and before and before[-1] in _YEAR_AFTER:
                return Token("date", said, start, end, Date(int(said)))
            return Token("number", said, start, end, _number(named))
        case "name" | "digits":
            return Token("name", said, start, end)
        case "word":
            lower = said.lower().replace("\u2019", "'")
            if lower in _TIMES:
                value = Number(float(_TIMES[lower]), 0.0, "times", signed=False)
                return Token("number", said, start, end, value)
            following = match.string[end : end + 4].lower()
            if lower in _PARTS and following.startswith((" of", " a ")):
                value = Number(_PARTS[lower], 0.005, "", signed=False)
                return Token("number", said, start, end, value)
            if lower in _RATIOS or (lower in _ORDINALS and _COUNTABLE.match(match.string, end)):
                return Token("name", said, start, end)
            if lower in NUMBER_WORDS:
                value = Number(float(NUMBER_WORDS.index(lower)), 0.0, "", signed=False)
                return Token("number", said, start, end, value)
            if any(unicodedata.category(c) in ("No", "Nl") for c in said):
                # Fractions, superscripts and Roman numerals are numbers that no field writes so.
                return Token("name", said, start, end)
            if lower in _MORE:
                value = Number(_MORE[lower], 0.0, "", signed=False)
                return Token("number", said, start, end, value)
            return Token("word", lower, start, end)
        case _:
            return Token("mark", said, start, end)


_YEAR_AFTER = frozenset({"in", "of", "since", "until", "during", "year"})
_MONTH_AFTER = frozenset(
    ("in", "of", "since", "until", "from", "to", "during", "through", "by", "for", "early", "late",
     "mid", "and", "last", "this", "vs", "against", "than", "|")
)  # fmt: skip


def _month(name: str) -> int:
    return MONTHS.index(name[:3].lower()) + 1


def _year(text: str | None) -> int | None:
    return None if text is None else int(text)


def _clock(text: str | None, zone: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    hour, minute, *rest = text.split(":")
    hours = int(hour) % 12 + 12 * (zone == "pm") if zone in ("am", "pm") else int(hour)
    return hours * 60 + int(minute), int(float(rest[0])) if rest else None


_DOLLARS = frozenset({"$", "US$", "USD"})
_MULTIPLIERS = {"k": 1e3, "m": 1e6, "bn": 1e9}


def _number(named: dict[str, str | None]) -> Number:
    figure = str(named["figure"]).replace(",", "").replace("\u202f", "").replace("\u00a0", "")
    mantissa, _, exponent = figure.lower().partition("e")
    scale = _MULTIPLIERS.get((named["mult"] or "").lower(), 1.0)
    power = min(int(exponent or 0), 300)
    digits = len(mantissa.partition(".")[2])
    sign = named["sign"] or named["sign2"]
    value = float(figure) * scale
    currency = (named["currency"] or "").strip()
    unit = "pct" if named["pct"] else "usd" if currency in _DOLLARS else "currency"
    if not named["pct"] and not currency:
        unit = ""
    return Number(
        value=-value if sign in ("-", "\u2212", "\u2013") else value,
        half=0.5 * 10.0 ** (power - digits) * scale,
        unit=unit,
        signed=sign is not None,
    )

"""Wrong answers made out of right ones: every way in which a number can go astray, many times over.

A mutation is a text that says something which its citation does not hold. Those that happen to be
true all the same (the neighbouring decision held the same call) are not made.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from callwright.domain.codes import DENIAL_CODES
from callwright.domain.explain import Claim, Source

RecordOf = Callable[[int], Mapping[str, Any] | None]
_FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")
_CITE = re.compile(r"\[#(\d+)\]")
_COINS = re.compile(r"\b(BTC|ETH)\b(?!-)")
_MONTHS = {"January": "March", "February": "December", "March": "January", "November": "October"}


class Answer(NamedTuple):
    """A right answer and what it stands on."""

    name: str
    text: str
    claims: tuple[Claim, ...]
    sources: Sequence[Source]
    record_of: RecordOf


class Mutation(NamedTuple):
    """A wrong answer: what was done to it, and its text."""

    kind: str
    name: str
    text: str
    what: str


def mutations(answer: Answer, chance: random.Random) -> Iterator[Mutation]:
    """Yield one mutation of each kind that the answer allows, or a few."""
    for kind, make in _KINDS.items():
        for text, what in make(answer, chance):
            if text != answer.text:
                yield Mutation(kind, answer.name, text, what)


def _numbers(answer: Answer) -> list[Claim]:
    return [c for c in answer.claims if c.kind == "number" and _FIGURE.search(c.text)]


def _put(text: str, claim: Claim, said: str) -> str:
    return text[: claim.start] + said + text[claim.end :]


def _value(text: str) -> float:
    found = _FIGURE.search(text)
    return float(found.group().replace(",", "")) if found else 0.0


def _other_digit(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    for claim in _pick(_numbers(answer), chance, 2):
        places = [i for i, c in enumerate(claim.text) if c.isdigit()]
        at = chance.choice(places)
        digit = chance.choice([d for d in "0123456789" if d != claim.text[at]])
        said = claim.text[:at] + digit + claim.text[at + 1 :]
        if _value(said) != _value(claim.text):
            yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _off_by_one(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    for claim in _pick(_numbers(answer), chance, 2):
        at = max(i for i, c in enumerate(claim.text) if c.isdigit())
        digit = int(claim.text[at])
        step = chance.choice([s for s in (-1, 1) if 0 <= digit + s <= 9])
        said = claim.text[:at] + str(digit + step) + claim.text[at + 1 :]
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _other_sign(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    for claim in _pick(_numbers(answer), chance, 1):
        if _value(claim.text) == 0:
            continue
        stripped = claim.text.lstrip("+-\u2212")
        was_negative = claim.text[0] in "-\u2212"
        said = stripped if was_negative else "\u2212" + stripped
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _swapped(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Two numbers of one line change places."""
    pairs = []
    numbers = _numbers(answer)
    for first, second in pairwise(numbers):
        between = answer.text[first.end : second.start]
        # "66 opens (50.8%)" is as true the other way round.
        is_share = between.endswith("(") and ("%" in first.text) != ("%" in second.text)
        if "\n" not in between and _value(first.text) != _value(second.text) and not is_share:
            pairs.append((first, second))
    for first, second in _pick(pairs, chance, 2):
        text = answer.text
        yield (
            text[: first.start] + second.text + text[first.end : second.start] + first.text
            + text[second.end :],
            f"{first.text} <-> {second.text}",
        )  # fmt: skip


def _from_the_same_source(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    """A number gives way to another one that stands in the same record or result."""
    for claim in _pick(_numbers(answer), chance, 3):
        cite = claim.found_in.split(" ")[0]
        numbers = list(_leaves(_result(answer, cite)))
        decimals = len(claim.text.partition(".")[2].rstrip("%kK ")) if "." in claim.text else 0
        scale = 100 if "%" in claim.text else 1
        other = [
            n for n in numbers
            if _text(abs(n) * scale, decimals) != _text(abs(_value(claim.text)), decimals)
            and abs(n) * scale >= 10**-decimals
        ]  # fmt: skip
        if not other or claim.text[-1:] in "kK":
            continue
        figure = _text(abs(chance.choice(other)) * scale, decimals)
        said = _FIGURE.sub(figure, claim.text, count=1)
        yield _put(answer.text, claim, said), f"{claim.text} -> {said} of {cite}"


def _result(answer: Answer, cite: str) -> Any:
    if cite.startswith("#"):
        return answer.record_of(int(cite[1:]))
    return next((s.result for s in answer.sources if s.cite == cite), None)


def _leaves(node: Any) -> Iterator[float]:
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _leaves(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _leaves(value)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield float(node)


def _text(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}"


def _other_coin(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    cited = [m for m in _COINS.finditer(answer.text) if _line_has_claim(answer, m.start())]
    for match in _pick(cited, chance, 1):
        said = "ETH" if match.group() == "BTC" else "BTC"
        yield (
            answer.text[: match.start()] + said + answer.text[match.end() :],
            f"{match.group()} -> {said}",
        )


def _line_has_claim(answer: Answer, at: int) -> bool:
    start, end = _line(answer.text, at)
    return any(start <= c.start < end and c.kind != "citation" for c in answer.claims)


def _line(text: str, at: int) -> tuple[int, int]:
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end


def _other_option(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    claims = [c for c in answer.claims if c.kind == "instrument"]
    for claim in _pick(claims, chance, 2):
        strike = re.search(r"\d[\d,.]*(?=-[CP]|k|\b)(?!\w{3}\d)", claim.text[::1])
        full = re.fullmatch(r"([A-Z]+)-(\d{1,2})([A-Z]{3})(\d\d)-(\d+)-C", claim.text)
        if full:
            coin, day, month, year, figure = full.groups()
            said = chance.choice([
                f"{coin}-{day}{month}{year}-{int(figure) + chance.choice((500, 1000, -1500))}-C",
                f"{coin}-{int(day) % 27 + 1}{month}{year}-{figure}-C",
                f"{'ETH' if coin == 'BTC' else 'BTC'}-{day}{month}{year}-{figure}-C",
            ])  # fmt: skip
        elif strike:
            was = strike.group()
            said = claim.text.replace(was, _bumped(was, chance), 1)
        else:
            continue
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _bumped(figure: str, chance: random.Random) -> str:
    number = float(figure.replace(",", ""))
    step = 1 if number < 1000 else 250
    more = number + chance.choice((step, -step))
    return f"{more:,.0f}" if "," in figure else f"{more:g}"


def _another_option_of_the_record(
    answer: Answer, chance: random.Random
) -> Iterator[tuple[str, str]]:
    claims = [c for c in answer.claims if c.kind == "instrument" and c.found_in.startswith("#")]
    for claim in _pick(claims, chance, 2):
        record = str(_result(answer, claim.found_in.split(" ")[0]))
        if not re.fullmatch(r"[A-Z]+-\d{1,2}[A-Z]{3}\d\d-\d+-C", claim.text):
            continue
        names = sorted(set(re.findall(r"[A-Z]{3}-\d{1,2}[A-Z]{3}\d\d-\d+-C", record)))
        names = [n for n in names if n not in answer.text]
        if names:
            said = chance.choice(names)
            yield _put(answer.text, claim, said), f"{claim.text} -> {said} of the record"


def _other_date(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    dates = [c for c in answer.claims if c.kind == "date"]
    for claim in _pick(dates, chance, 2):
        text = claim.text
        month = next((m for m in _MONTHS if m in text), None)
        if month and (chance.random() < 0.5 or not re.match(r"\d", text)):
            said = text.replace(month, _MONTHS[month])
            yield _put(answer.text, claim, said), f"{text} -> {said}"
            continue
        if iso := re.match(r"(\d{4}-\d\d-)(\d\d)(.*)", text):
            said = f"{iso[1]}{int(iso[2]) % 27 + 1:02}{iso[3]}"
        elif day := re.match(r"(\d{1,2})( .*)", text):
            said = f"{int(day[1]) % 27 + 1}{day[2]}"
        elif clock := re.match(r"(\d\d):(\d\d)(.*)", text):
            said = f"{(int(clock[1]) + 6) % 24:02}:{clock[2]}{clock[3]}"
        else:
            continue
        yield _put(answer.text, claim, said), f"{text} -> {said}"


def _percent_slip(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    claims = [c for c in _numbers(answer) if c.text.endswith("%")]
    plain = [c for c in _numbers(answer) if re.fullmatch(r"0\.\d+", c.text)]
    for claim in _pick(claims, chance, 1):
        yield _put(answer.text, claim, claim.text.rstrip("% ")), f"{claim.text} without %"
    for claim in _pick(claims, chance, 1):
        said = f"{_value(claim.text) / 100:.4f}%"
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"
    for claim in _pick(plain, chance, 1):
        said = f"{_value(claim.text) * 100:g}"
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _factor(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    for claim in _pick(_numbers(answer), chance, 1):
        found = _FIGURE.search(claim.text)
        assert found is not None
        if _value(claim.text) == 0:
            continue
        said = claim.text.replace(found.group(), f"{_value(claim.text) * 10:,g}", 1)
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _uncited(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    """A sentence loses its only citation."""
    lines = []
    for claim in answer.claims:
        if claim.kind != "citation" or not claim.text.startswith("["):
            continue
        start, end = _line(answer.text, claim.start)
        same = [c for c in answer.claims if start <= c.start < end and c.kind == "citation"]
        alone = len(same) == 1 and any(
            start <= c.start < end and c.kind != "citation" for c in answer.claims
        )
        # A list or table may lean on the citation of the line above it.
        if alone and answer.text.count("\n") == answer.text.count("\n\n") * 2:
            lines.append(claim)
    for claim in _pick(lines, chance, 2):
        yield _put(answer.text, claim, ""), f"without {claim.text}"


def _neighbour(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    """A sentence that says when, or what was traded, cites the decision beside its own."""
    telling = []
    for claim in answer.claims:
        if not _CITE.fullmatch(claim.text):
            continue
        start, end = _line(answer.text, claim.start)
        own = [c for c in answer.claims if start <= c.start < end]
        cites = [c for c in own if c.kind == "citation" and c.text.startswith("[")]
        if len({c.text for c in cites}) == 1 and any(_is_telling(c) for c in own):
            telling.append((claim, cites))
    for claim, cites in _pick(telling, chance, 2):
        number = int(claim.text[2:-1])
        other = number + chance.choice((-1, 1))
        if answer.record_of(other) is None:
            continue
        text = answer.text
        for cite in reversed(cites):
            text = _put(text, cite, f"[#{other}]")
        yield text, f"#{number} -> #{other}"


def _is_telling(claim: Claim) -> bool:
    path = claim.found_in
    if claim.kind == "date":
        return path.endswith(("as_of", "log_timestamp", "cycle_id")) and "opened_by" not in path
    return ".spot." in path or ".vol." in path


def _other_code(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    codes = [c for c in answer.claims if c.kind == "code" and c.text in DENIAL_CODES]
    for claim in _pick(codes, chance, 2):
        said = chance.choice([c for c in sorted(DENIAL_CODES) if c not in answer.text])
        yield _put(answer.text, claim, said), f"{claim.text} -> {said}"


def _moved(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Numbers of two lines with different citations change places."""
    by_line: dict[tuple[int, int], list[Claim]] = {}
    for claim in answer.claims:
        by_line.setdefault(_line(answer.text, claim.start), []).append(claim)
    lines = [
        (frozenset(c.text for c in own if c.kind == "citation"),
         [c for c in own if c.kind == "number" and _FIGURE.search(c.text)])
        for own in by_line.values()
    ]  # fmt: skip
    pairs = [
        (a, b)
        for i, (cites_a, numbers_a) in enumerate(lines)
        for cites_b, numbers_b in lines[i + 1 :]
        if cites_a.isdisjoint(cites_b)
        for a in numbers_a
        for b in numbers_b
        if _value(a.text) != _value(b.text)
    ]
    for first, second in _pick(pairs, chance, 1):
        text = answer.text
        yield (
            text[: first.start] + second.text + text[first.end : second.start] + first.text
            + text[second.end :],
            f"{first.text} <-> {second.text} of another line",
        )  # fmt: skip


def _invented(answer: Answer, chance: random.Random) -> Iterator[tuple[str, str]]:
    numbers = _numbers(answer)
    for claim in _pick(numbers, chance, 1):
        said = chance.choice(
            (" and a gamma of 0.07", " after 37 attempts", " (a profit of 412.50 USD)",
             " and theta 0.0019", ", the best of 23 runs")
        )  # fmt: skip
        at = claim.end
        while at < len(answer.text) and answer.text[at] not in " ,.;)\n|":
            at += 1
        yield answer.text[:at] + said + answer.text[at:], f"invented{said}"


def _pick(found: Sequence[Any], chance: random.Random, most: int) -> list[Any]:
    return chance.sample(list(found), min(most, len(found)))


_KINDS: Mapping[str, Callable[[Answer, random.Random], Iterator[tuple[str, str]]]] = {
    "digit changed": _other_digit,
    "off by one": _off_by_one,
    "sign flipped": _other_sign,
    "two numbers swapped": _swapped,
    "other number of the source": _from_the_same_source,
    "other coin": _other_coin,
    "other option": _other_option,
    "other option of the record": _another_option_of_the_record,
    "other date": _other_date,
    "percent slip": _percent_slip,
    "ten times": _factor,
    "citation removed": _uncited,
    "neighbour cited": _neighbour,
    "other code": _other_code,
    "moved to another line": _moved,
    "invented": _invented,
}

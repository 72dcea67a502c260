"""An answer's markdown as sentences: what one citation can stand for.

A sentence of prose, a bullet, a row of a table. A line that ends in a colon and the list below it
are one sentence, and so are a table's head and its rows: the list may use what the lead-in cites
and names, and the other way round.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from callwright.explain.reading import Token, cleaned, tokens_of

_BULLET = re.compile(r"[ \t]{0,12}(?:[-+\u2022\u2013]|\d{1,3}[.)])[ \t]+|[ \t]{0,12}>[ \t]?")
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+(?:\d{1,3}[.)][ \t]+)?")
_RULE = re.compile(r"[\s|:=-]+$")
_END = re.compile(r"[.?!\u2026]['\")\u201d]?(?=\s|$)")
_ABBREVIATIONS = frozenset(
    ("e.g", "i.e", "vs", "approx", "no", "incl", "excl", "max", "min", "resp", "etc", "p.a", "ca",
     "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec")
)  # fmt: skip
_CITES_ONLY = re.compile(r"\s*(?:\[#?[\w-]{1,40}(?:[ ,;]+#?[\w-]{1,40}){0,50}\]\s*)+[.]?")


class Sentence(NamedTuple):
    """What is checked at once.

    Attributes:
        tokens: Its own, in order; the claims are among them.
        lead: Tokens of the lead-in before it: they name and label, they claim nothing.
        cites: Citations that count for it.
        columns: For a row of a table, of each own token: the head of its column.
        is_row: Whether it is a row of a table; there, cells do not pass on what a number is.
    """

    tokens: tuple[Token, ...]
    lead: tuple[Token, ...] = ()
    cites: tuple[str, ...] = ()
    columns: tuple[tuple[Token, ...], ...] = ()
    is_row: bool = False


class _Block(NamedTuple):
    kind: str  # prose, bullet, row
    start: int
    end: int


def sentences_of(text: str) -> list[Sentence]:
    """Return the sentences of an answer, in order."""
    clean = cleaned(text)
    out: list[Sentence] = []
    lead: list[Token] = []
    lead_at: int | None = None
    listed: list[int] = []
    table: list[list[list[Token]]] = []

    def end_list() -> None:
        nonlocal lead, lead_at
        if lead_at is not None and listed and not out[lead_at].cites:
            below = tuple(dict.fromkeys(c for at in listed for c in out[at].cites))
            out[lead_at] = out[lead_at]._replace(cites=below)
        lead, lead_at = [], None
        listed.clear()

    def end_table() -> None:
        if table:
            out.extend(_rows(table))
            table.clear()

    for block in _blocks(clean):
        if block.kind == "row":
            table.append(_cells(clean, block))
            continue
        first_row = len(out)
        end_table()
        if block.kind == "prose":
            end_list()
        made = [
            Sentence(tokens, cites=_cites(tokens))
            for tokens in _split(clean, block.start, block.end)
        ]
        if block.kind == "prose" and len(made) == 1 and _names_a_source(made[0]):
            # "Source: [stats-1]" below a table is that of its rows.
            out[first_row:] = [
                row if row.cites else row._replace(cites=made[0].cites) for row in out[first_row:]
            ]
        for sentence in made:
            if block.kind == "bullet" and lead_at is not None:
                listed.append(len(out))
                own = sentence.cites or _cites(lead)
                sentence = sentence._replace(lead=tuple(lead), cites=own)
            out.append(sentence)
        if block.kind == "prose" and made and clean[: block.end].rstrip().endswith(":"):
            lead, lead_at = list(made[-1].tokens), len(out) - 1
    end_table()
    end_list()
    return out


_SOURCE_WORDS = frozenset({"source", "sources", "data", "from", "see"})


def _names_a_source(sentence: Sentence) -> bool:
    """Whether it says nothing but what is cited: "Source: [stats-1]"."""
    return bool(sentence.cites) and all(
        t.kind in ("cite", "mark") or t.text in _SOURCE_WORDS for t in sentence.tokens
    )


def _cites(tokens: list[Token] | tuple[Token, ...]) -> tuple[str, ...]:
    found = (each for t in tokens if t.kind == "cite" for each in (t.value or ()))
    return tuple(dict.fromkeys(str(each) for each in found))


def _blocks(text: str) -> list[_Block]:
    """Cut into paragraphs (soft line breaks joined), bullets, rows of tables."""
    out: list[_Block] = []
    at = 0
    joins = False
    for line in text.splitlines(keepends=True):
        start, at = at, at + len(line)
        body = line.strip()
        if not body:
            joins = False
            continue
        if body.startswith("|") or (body.count("|") >= 2 and _RULE.match(body)):
            out.append(_Block("row", start, at))
            joins = False
            continue
        if heading := _HEADING.match(line):
            out.append(_Block("prose", start + heading.end(), at))
            joins = False
            continue
        if bullet := _BULLET.match(line):
            out.append(_Block("bullet", start + bullet.end(), at))
            joins = True
            continue
        if joins and out:
            out[-1] = out[-1]._replace(end=at)
        else:
            out.append(_Block("prose", start, at))
        joins = True
    return out


def _split(text: str, start: int, end: int) -> list[tuple[Token, ...]]:
    """Cut a paragraph into sentences; citations right behind a full stop belong before it."""
    tokens = tokens_of(text, start, end)
    covered = [(t.start, t.end) for t in tokens if t.kind in ("quote", "cite", "name", "date")]
    cite_starts = [t.start for t in tokens if t.kind == "cite"]
    cuts: list[int] = []
    place = 0
    for stop in _END.finditer(text, start, end):
        at = stop.start()
        while place < len(covered) and covered[place][1] <= at:
            place += 1
        # A stop inside a quotation ends nothing, unless it is the quotation's last.
        if place < len(covered) and covered[place][0] <= at < covered[place][1] - 2:
            continue
        before = text[max(start, at - 8) : at].split()
        if text[at] == "." and before and before[-1].lower().lstrip("(") in _ABBREVIATIONS:
            continue
        cut = stop.end()
        behind = _CITES_ONLY.match(text, cut, end)
        first = bisect_left(cite_starts, cuts[-1] if cuts else start)
        if behind is not None and not (first < len(cite_starts) and cite_starts[first] < cut):
            following = text[behind.end() : min(behind.end() + 3, end)].lstrip(" ")[:1]
            if not following or following.isupper() or following in '\n"\u201c':
                cut = behind.end()
        cuts.append(cut)
    out: list[tuple[Token, ...]] = []
    held: list[Token] = []
    place = 0
    for token in tokens:
        while place < len(cuts) and token.start >= cuts[place]:
            if held:
                out.append(tuple(held))
                held = []
            place += 1
        held.append(token)
    if held:
        out.append(tuple(held))
    return out


def _cells(text: str, row: _Block) -> list[list[Token]]:
    line = text[row.start : row.end]
    if _RULE.match(line):
        return []
    at = row.start + len(line) - len(line.lstrip())
    cells: list[list[Token]] = []
    for piece in line.strip().removeprefix("|").split("|"):
        at += 1
        cells.append(tokens_of(text, at, min(at + len(piece), row.end)))
        at += len(piece)
    if cells and not cells[-1]:
        cells.pop()
    return cells


def _rows(table: list[list[list[Token]]]) -> list[Sentence]:
    head, body = table[0], [row for row in table[1:] if row]
    head_tokens = [t for cell in head for t in cell]
    below = [_cites([t for cell in row for t in cell]) for row in body]
    shared = _cites(head_tokens)
    out = []
    if head_tokens:
        cites = shared or tuple(dict.fromkeys(c for row in below for c in row))
        out.append(_row(head, [], cites))
    out += [_row(row, head, own or shared) for row, own in zip(body, below, strict=True)]
    return out


def _row(cells: list[list[Token]], head: list[list[Token]], cites: tuple[str, ...]) -> Sentence:
    tokens: list[Token] = []
    columns: list[tuple[Token, ...]] = []
    for place, cell in enumerate(cells):
        top = tuple(head[place]) if place < len(head) else ()
        if cell and tokens:
            tokens.append(Token("mark", "|", cell[0].start, cell[0].start))
            columns.append(())
        tokens += cell
        columns += [top] * len(cell)
    return Sentence(tuple(tokens), cites=cites, columns=tuple(columns), is_row=True)

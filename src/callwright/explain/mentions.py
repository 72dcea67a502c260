"""The numbers of a sentence and what is named in it: what reading hands on to matching."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from callwright.explain.names import COINS, COUNT_NOUNS, UNITS
from callwright.explain.reading import Number, Token


class Name(NamedTuple):
    """Something named: a dimension and its value, and where it stands."""

    place: int
    dim: str
    value: Any
    is_boundary: bool = False


@dataclass
class Mention:
    """A number, and what the sentence says of it.

    Attributes:
        kinds: Sets of kinds to try, best first.
        role: "" for what was measured; ``limit``, ``max`` or ``min``.
        follows: The number whose kind it goes on with: "0.21 and 0.24".
        own: Names of its own clause: it must be theirs.
        before, after: Nearest names before and behind the number.
        waiting: Dimensions of ``before`` whose clause has no number of its own.
        is_whole: What another number is a part of: "22 of the 43 rolls", "in 240 decisions".
        previous: The word right before it, articles apart.
        is_rate: "a day", "per month" stands behind it.
        goes_on_costing: "cost 0.1 BTC and 2 ETH": the verb of the number before it is meant.
        is_difference: "129 more opens than rolls".
        is_strange: A word beside it says that it is something which no table knows: "theta 0.1".
    """

    token: Token
    number: Number
    place: int
    clause: int
    unit: str = ""
    kinds: list[frozenset[str]] = field(default_factory=list)
    is_labelled: bool = False
    label: str = ""
    role: str = ""
    follows: Mention | None = None
    moment: str = ""
    own: dict[str, Name] = field(default_factory=dict)
    before: dict[str, Name] = field(default_factory=dict)
    after: dict[str, Name] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    is_whole: bool = False
    previous: str = ""
    is_rate: bool = False
    goes_on_costing: bool = False
    is_difference: bool = False
    is_strange: bool = False

    def named(self, dim: str) -> Name | None:
        """Return what is named of a dimension: in the clause, else before it, else behind it."""
        return self.own.get(dim) or self.before.get(dim) or self.after.get(dim)


_MOMENTS = {
    "from": "before", "was": "before", "before": "before", "instead": "before", "to": "after",
    "now": "after", "after": "after",
}  # fmt: skip


def mentions_of(tokens: list[Token], own: list[bool], clauses: list[int]) -> list[Mention]:
    """Return the sentence's own numbers, each with its unit and "from" or "to" before it."""
    out = []
    for place, token in enumerate(tokens):
        if token.kind != "number" or not own[place]:
            continue
        number = token.value
        assert isinstance(number, Number)
        if place and tokens[place - 1].text == "minus":
            number = number._replace(value=-number.value, signed=True)
        mention = Mention(token, number, place, clauses[place], unit=number.unit)
        behind = place + 1
        if behind < len(tokens) and tokens[behind].text == "-":
            behind += 1
        if behind < len(tokens) and mention.unit == "usd" and tokens[behind].text in COINS:
            mention.unit = "none: $ and a coin"
        if behind < len(tokens) and not mention.unit:
            word = tokens[behind].text
            further = tokens[behind + 1].text if behind + 1 < len(tokens) else ""
            if word in COINS and further not in COUNT_NOUNS:
                mention.unit = f"coin {COINS[word]}"
            elif word in UNITS:
                mention.unit = UNITS[word]
        previous = tokens[place - 1].text if place else ""
        if previous == "of" and place > 1 and tokens[place - 2].text == "instead":
            previous = "instead"
        mention.moment = _MOMENTS.get(previous, "")
        out.append(mention)
    return out

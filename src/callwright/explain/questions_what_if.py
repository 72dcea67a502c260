"""Changes out of words: "if I had no BTC", "if BTC fell 10%", "with a net delta limit of 0.3".

Pure. What cannot be read as a change is left in the text; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from callwright.explain.questions_names import AMOUNT, COIN, COINS, read_settings, usd

_PLAIN = r"\d+(?:\.\d+)?"
_SUPPOSED = re.compile(
    r"\b(?:if|what if|suppose|supposing|assume|assuming|would you|would the (?:model|rules|desk))\b"
)
_NO_COIN = re.compile(
    rf"\b(?:had|have|has|with|held|owned|holding|hold|there (?:was|were))? *"
    rf"(?:no|without|zero|0|lost (?:all )?(?:my|the)|sold all (?:my|the))"
    rf" +(?:any +|more +)?(?P<coin>{COIN})\b(?: +(?:left|at all))?"
    rf"|\bwithout (?:any )?(?P<bare>{COIN})\b"
)
_BALANCE = re.compile(
    rf"\b(?:had|have|with|held|owned|hold|holding)(?: only| just)?"
    rf" +(?P<n>{_PLAIN}) +(?P<coin>{COIN})\b"
)
_SHIFT = re.compile(
    rf"\b(?P<coin>{COIN})(?:'s)?(?: +(?:price|spot|index))? +(?:had +|has +)?"
    r"(?P<way>fell|falls|fall|dropped|drops|lost|loses|declined|rose|rises|rise|gained|gains"
    rf"|went up|goes up|went down|goes down|crashed)(?: +by)? +(?P<n>{_PLAIN}) *(?:%|percent)"
)
_IS = (
    r"(?:was|were|is|be|are|at|=|equals|equal to|of|to|fell to|falls to|dropped to|drops to|"
    r"rose to|rises to|went to|goes to|hit|hits|reached|reaches|stood at|trades at|traded at)"
)
_SPOT = re.compile(
    rf"\b(?P<coin>{COIN})(?:'s)?(?: +(?:price|spot|index))? *{_IS} *(?:at +)?(?P<n>{AMOUNT})(?! *%)"
    rf"|\b(?:at +)?(?:a +|the +)?(?P<what>spot|price|index) *(?:{_IS})? *(?P<m>{AMOUNT})"
    rf"(?: +(?:for|of) +(?P<for>{COIN}))?"
    rf"|\b(?:at +)?(?:a +|the +)?(?:spot|price|index) +(?:of +)?(?P<then>{COIN}) *(?:{_IS})? *"
    rf"(?P<o>{AMOUNT})(?! *%)"
)
_SETTING_VALUE = re.compile(
    rf"^ *(?:limit|maximum|minimum|max|min|floor|cap|setting)? *{_IS}? *"
    rf"(?P<n>-?{_PLAIN}) *(?:%|percent\b)?"
)
_DOWN = ("fell", "fall", "drop", "lost", "lose", "declin", "went down", "goes down", "crash")


@dataclass(frozen=True)
class Changes:
    """What of the last snapshot is to be different.

    Attributes:
        spot_usd: By coin; "" when no coin was named.
        spot_shift_frac: -0.1 for a fall of 10%, by coin.
        settings: By configuration name, as written (percents 0-100).
    """

    without: tuple[str, ...] = ()
    balances_coin: Mapping[str, Decimal] = field(default_factory=dict)
    spot_usd: Mapping[str, float] = field(default_factory=dict)
    spot_shift_frac: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_nothing(self) -> bool:
        return not any(vars(self).values())


def is_supposing(text: str) -> bool:
    """Return whether a lower-case text asks what would be."""
    return _SUPPOSED.search(text) is not None


def read_changes(text: str, settings: Iterable[str]) -> tuple[Changes, str]:
    """Return the changes that a lower-case text names, and the text without them."""
    without = [COINS[match["coin"] or match["bare"]] for match in _NO_COIN.finditer(text)]
    text = _NO_COIN.sub(" ", text)
    balances: dict[str, Decimal] = {}
    for match in _BALANCE.finditer(text):
        balances[COINS[match["coin"]]] = Decimal(match["n"])
    text = _BALANCE.sub(" ", text)
    numbers, text = _setting_values(text, tuple(settings))
    shifts: dict[str, float] = {}
    for match in _SHIFT.finditer(text):
        sign = -1 if match["way"].startswith(_DOWN) else 1
        shifts[COINS[match["coin"]]] = sign * float(match["n"]) / 100
    text = _SHIFT.sub(" ", text)
    spots: dict[str, float] = {}
    for match in _SPOT.finditer(text):
        coin = match["coin"] or match["for"] or match["then"]
        spots[COINS[coin] if coin else ""] = usd(match["n"] or match["m"] or match["o"])
    text = _SPOT.sub(" ", text)
    return Changes(tuple(dict.fromkeys(without)), balances, spots, shifts, numbers), text


def _setting_values(text: str, settings: tuple[str, ...]) -> tuple[dict[str, float], str]:
    """Return numbers that directly follow the name of a setting, or its everyday words."""
    names, _ = read_settings(text, settings)
    found: dict[str, float] = {}
    for name in names:
        # Its own words are wherever the text without them differs.
        for written in (name, name.replace("_", " "), *_words_of(name, text, settings)):
            match = re.search(rf"\b{re.escape(written)}\b", text)
            value = match and _SETTING_VALUE.match(text[match.end() :])
            if match and value:
                found[name] = float(value["n"])
                text = f"{text[: match.start()]} {text[match.end() + value.end() :]}"
                break
    return found, text


def _words_of(name: str, text: str, settings: tuple[str, ...]) -> list[str]:
    words = text.split()
    pieces = [
        " ".join(words[first : first + size])
        for size in (3, 2, 1)
        for first in range(len(words) - size + 1)
    ]
    return [piece for piece in pieces if read_settings(piece, settings)[0] == (name,)
            and not read_settings(piece, settings)[1].strip()]  # fmt: skip

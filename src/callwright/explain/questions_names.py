"""Names out of words: decisions, instruments, coins, strikes, codes, settings, numbers.

Pure. Each reader returns what it found and the text without it, so that what nobody read is left
over and can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from callwright.domain.codes import DENIAL_CODES, FAILURE_CODES
from callwright.domain.decision import Action

COINS = {"btc": "BTC", "bitcoin": "BTC", "bitcoins": "BTC", "eth": "ETH", "ether": "ETH",
         "ethereum": "ETH"}  # fmt: skip
COIN = "|".join(sorted(COINS, key=len, reverse=True))
AMOUNT = r"\$? *(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)? *k?\b"

ACTION_WORDS = {
    Action.OPEN_COVERED_CALL: "open opens opened opening",
    Action.ROLL_COVERED_CALL: "roll rolls rolled rolling",
    Action.CLOSE_COVERED_CALL: "close closes closed closing",
    Action.DO_NOTHING: "hold holds held holding",
}
SALES = (Action.OPEN_COVERED_CALL, Action.ROLL_COVERED_CALL)
_ACTIONS = {word: action for action, words in ACTION_WORDS.items() for word in words.split()}
SALE_WORDS = frozenset(
    "sell sells sold selling sale sales write writes wrote written writing".split()  # noqa: SIM905
)
"""A roll sells, too."""
_BOUGHT_BACK = re.compile(r"\b(?:buy|buys|bought|buying)(?: it| them| calls?)? back\b")
_NOTHING = re.compile(r"\b(?:do|does|did|doing) nothing\b|\bdo_nothing\b")

_SPOKEN_CODES = {
    "cooldown": "COOLDOWN_ACTIVE",
    "cool-down": "COOLDOWN_ACTIVE",
    "roll dwell": "ROLL_DWELL",
    "dwell": "ROLL_DWELL",
    "price collar": "PRICE_OUTSIDE_COLLAR",
    "collar": "PRICE_OUTSIDE_COLLAR",
    "net delta": "NET_DELTA_ABOVE_MAXIMUM",
    "margin": "MARGIN_ABOVE_MAXIMUM",
    "expiry exposure": "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
    "cover": "COVER_EXCEEDED",
    "daily loss": "DAILY_LOSS",
    "orders per day": "ORDERS_PER_DAY",
    "roll debit": "ROLL_DEBIT",
    "debit": "ROLL_DEBIT",
}
_SPOKEN_SETTINGS = {
    "net delta": "max_net_delta_abs",
    "margin": "max_margin_used_pct",
    "maintenance": "max_maintenance_pct",
    "expiry exposure": "max_expiry_exposure",
    "exposure": "max_expiry_exposure",
    "daily loss": "max_daily_loss_pct",
    "loss": "max_daily_loss_pct",
    "orders per day": "max_orders_per_day",
    "orders a day": "max_orders_per_day",
    "daily orders": "max_orders_per_day",
    "order size": "default_order_size",
    "target delta": "target_delta",
    "ivrv": "min_ivrv",
    "iv/rv": "min_ivrv",
    "cooldown": "open_cooldown_sec",
    "roll dwell": "roll_dwell_sec",
    "dwell": "roll_dwell_sec",
    "price collar": "price_collar_pct",
    "collar": "price_collar_pct",
    "premium yield": "scan_min_premium_yield_pct",
    "premium": "min_premium_coin",
    "spread": "scan_max_spread_pct",
    "open interest": "scan_min_open_interest",
    "roll debit": "roll_max_debit_coin",
    "roll credit": "roll_min_credit_coin",
    "cover reserve": "cover_reserve",
    "failures in a row": "max_failures_in_a_row",
    "daily budget": "llm_budget_day_usd",
    "day budget": "llm_budget_day_usd",
    "monthly budget": "llm_budget_month_usd",
    "month budget": "llm_budget_month_usd",
    "cycle budget": "llm_budget_cycle_usd",
    "timeout": "llm_timeout_seconds",
}
_CYCLE_ID = re.compile(r"\b[a-z0-9][a-z0-9-]*-\d{8}t\d{6}\.\d{3}z\b")
_DECISION = re.compile(
    r"(?:\b(?:decisions?|cycles?|records?|number|no\.?) +#?|#) *(\d{1,40})\b(?![-:.,]\d)"
)
_MORE_DECISIONS = re.compile(r"^ *(?:,|and|or) *#?(\d{1,18})\b(?! *(?:%|k\b|usd|btc|eth))")
_SYMBOL = re.compile(r"\b(?:btc|eth)-\d{1,2}[a-z]{3}\d{2}-\d+(?:d\d+)?-[cp]\b")
_STRIKE = re.compile(
    rf"(?:\bstrikes?(?: of| at)? +(?P<after>{AMOUNT})|(?P<before>{AMOUNT})(?: +(?:strikes?|calls?))"
    r"|(?P<thousands>\$? *\d+(?:\.\d+)?k\b)|(?P<usd>\$ *[\d,]+(?:\.\d+)?))"
)
_CODE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")


def read_decisions(text: str) -> tuple[tuple[int | str, ...], str]:
    """Return the decisions named as ``#12``, "decision 12" or by ``cycle_id``."""
    found: list[int | str] = []
    # A cycle_id's account is lower case, its time is not.
    found += [f"{name[:-20]}{name[-20:].upper()}" for name in _CYCLE_ID.findall(text)]
    text = _CYCLE_ID.sub(" ", text)
    while (match := _DECISION.search(text)) is not None:
        found.append(int(match[1]))
        rest = text[match.end() :]
        while (more := _MORE_DECISIONS.match(rest)) is not None:
            found.append(int(more[1]))
            rest = rest[more.end() :]
        text = f"{text[: match.start()]} {rest}"
    return tuple(dict.fromkeys(found)), text


def read_symbol(text: str) -> tuple[str | None, str]:
    """Return the first option named in full."""
    match = _SYMBOL.search(text)
    return (match[0].upper(), _without(text, match)) if match else (None, text)


def read_strike(text: str) -> tuple[float | None, str]:
    """Return the strike in USD: ``97k``, "the 97,000 strike", ``$97,000``."""
    match = _STRIKE.search(text)
    if match is None:
        return None, text
    return usd(next(filter(None, match.groups()))), _without(text, match)


def read_coins(text: str) -> tuple[frozenset[str], str]:
    """Return the coins that are named."""
    pattern = re.compile(rf"\b(?:{COIN})\b")
    return frozenset(COINS[name] for name in pattern.findall(text)), pattern.sub(" ", text)


def read_actions(text: str) -> tuple[tuple[Action, ...], str]:
    """Return the actions that are named, in their order."""
    found: list[Action] = []
    for pattern, action in ((_BOUGHT_BACK, Action.CLOSE_COVERED_CALL),
                            (_NOTHING, Action.DO_NOTHING)):  # fmt: skip
        if pattern.search(text):
            found.append(action)
            text = pattern.sub(" ", text)
    kept = []
    for word in text.split(" "):
        clean = word.strip(".,;:!?()'\"")
        action_named = _ACTIONS.get(clean)
        if clean in SALE_WORDS:
            found += SALES
        elif action_named is None:
            kept.append(word)
        else:
            found.append(action_named)
    return tuple(dict.fromkeys(found)), " ".join(kept)


def read_codes(text: str) -> tuple[str | None, str | None, str]:
    """Return the first denial code and the first failure code, and the text without any.

    A code that is both, as ``DATA_STALE``, is given as both.
    """
    codes: list[str] = []
    for word in _CODE.findall(text):
        if word.upper() in DENIAL_CODES or word.upper() in FAILURE_CODES:
            codes.append(word.upper())
            text = text.replace(word, " ")
    code = next((name for name in codes if name in DENIAL_CODES), None)
    return code, next((name for name in codes if name in FAILURE_CODES), None), text


_CAUSE = re.compile(
    r"\b(?:because(?: of)?|due to) +(?:(?:the|its|their|btc's|eth's) +)?"
    r"(?P<what>iv/?rv|volatility|cool-?down|(?:free )?cover|expiry exposure|net delta"
    r"|(?P<code>[a-z]+(?:_[a-z]+)+))\b"
    r"(?: +(?:was|is|were|being))?(?: +(?:below|under|above|over|beyond|too (?:low|high|small))\b"
    r"(?: +(?:the|its|my) +(?:floor|limit|minimum|maximum|threshold))?)?"
)
_CAUSE_WORDS = {"ivrv": "IVRV", "iv/rv": "IVRV", "volatility": "IVRV",
                "cooldown": "COOLDOWN_ACTIVE", "cool-down": "COOLDOWN_ACTIVE",
                "free cover": "free cover", "cover": "free cover",
                "expiry exposure": "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
                "net delta": "NET_DELTA_ABOVE_MAXIMUM"}  # fmt: skip


def read_cause(text: str) -> tuple[str | None, str]:
    """Return the words by which a stated reason is found, of "because of the cooldown"."""
    match = _CAUSE.search(text)
    if match is None:
        return None, text
    return _CAUSE_WORDS.get(match["what"], match["what"].upper()), _without(text, match)


def spoken_code(text: str) -> tuple[str, str] | None:
    """Return everyday words for a code, and the code: "cooldown", ``COOLDOWN_ACTIVE``."""
    return next((each for each in _SPOKEN_CODES.items() if each[0] in text), None)


def read_settings(
    text: str, settings: Iterable[str], *, is_spoken: bool = True
) -> tuple[tuple[str, ...], str]:
    """Return the settings named by their own name, or by everyday words.

    Args:
        is_spoken: Whether everyday words count: "margin" alone may mean something else.
    """
    found: list[str] = []
    known = set(settings)
    for name in sorted(known, key=len, reverse=True):
        # One word, as "mode", is too common to be a name.
        written_as = (name, name.replace("_", " ")) if "_" in name and name != "dry_run" else ()
        for written in written_as:
            if re.search(rf"\b{re.escape(written)}\b", text):
                found.append(name)
                text = re.sub(rf"\b{re.escape(written)}\b", " ", text)
    for words, name in _SPOKEN_SETTINGS.items() if is_spoken else ():
        if name in known and re.search(rf"\b{re.escape(words)}\b", text):
            found.append(name)
            text = re.sub(rf"\b{re.escape(words)}\b", " ", text)
    return tuple(dict.fromkeys(found)), text


_SETTING_ASKED = re.compile(
    r"^(?:what(?:'s| is| are)|how (?:long|big|large|high|wide) (?:is|are)) (?:the |my |your )?"
    r"(?P<what>(?:roll )?dwell|cool-?down|order size|target delta|(?:price )?collar|cover reserve)"
    r"(?: time| period| length)?(?P<rest>\W*$)"
)


def asked_setting(text: str) -> str:
    """Return "what is the dwell limit" for "how long is the dwell?"; other texts as they are."""
    found = _SETTING_ASKED.match(text)
    if found is None:
        return text
    return f"what is the {found['what'].replace('cool-down', 'cooldown')} limit{found['rest']}"


def usd(text: str) -> float:
    """Return ``97k``, ``$97,000`` or ``97000`` as a number."""
    clean = text.lower().replace("$", "").replace(",", "").replace(" ", "")
    return float(clean[:-1]) * 1000 if clean.endswith("k") else float(clean)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"

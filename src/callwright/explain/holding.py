"""Does a number hold in what its sentence cites? The matching side of the check.

Strict: what cannot be bound to a fact of its kind, of the same coin, option, side or group, does
not hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from callwright.explain.amounts import agrees, in_unit_of
from callwright.explain.binding import Bound
from callwright.explain.facts import Fact, SourceFacts, coin_of
from callwright.explain.fields import FLIPS
from callwright.explain.groups import group_fits, is_empty_group
from callwright.explain.mentions import Mention, Name
from callwright.explain.names import CHANGING, COUNT_NOUNS, NOT_COUNTED
from callwright.explain.options import is_symbol, resolved
from callwright.explain.reading import Instrument

_LIMIT_OF = {"held": "dwell", "waited": "cooldown", "price": "collar"}
_OWN_LIMITS = frozenset(
    ("dwell", "cooldown", "collar", "floor", "target_delta", "order_size", "budget_cycle",
     "budget_day", "budget_month", "lot")
)  # fmt: skip


def number_holds(mention: Mention, bound: Bound, sources: Sequence[SourceFacts]) -> tuple[str, str]:
    """Return where the number stands and "", or "" and why it does not hold."""
    if _counts_cites(mention, bound, sources):
        return "the citations of this sentence", ""
    tried: frozenset[str] = frozenset()
    nearest: Fact | None = None
    nearest_cite = ""
    for source in sources:
        found, kinds, close = _number_in(mention, bound, source)
        tried |= kinds
        if found is not None:
            named = mention.named("symbol")
            if named is not None and "symbol" in found.of and found.part != "verdict":
                bound.confirmed.add(named.place)
            return f"{source.cite} {found.path}", ""
        if close is not None and nearest is None:
            nearest, nearest_cite = close, source.cite
    cites = ", ".join(f"[{s.cite}]" for s in sources)
    if nearest is not None:
        what = mention.label or next(iter(sorted(nearest.kinds)), "it")
        return "", f"{what} in [{nearest_cite}] is {nearest.value:g}{_unit_words(nearest)}"
    if not mention.kinds:
        return "", f"nothing beside it says what it is, or no such number stands in {cites}"
    return "", f"{cites} has no such {mention.label or 'number'} for what the sentence names"


def _unit_words(fact: Fact) -> str:
    names = {"frac": " as a fraction", "pct": "%", "usd": " USD", "s": " seconds", "ms": " ms",
             "days": " days", "hours": " hours"}  # fmt: skip
    return names.get(fact.unit, "")


def _counts_cites(mention: Mention, bound: Bound, sources: Sequence[SourceFacts]) -> bool:
    """Whether it counts the decisions that are cited: "these 3 decisions [#1] [#2] [#3]"."""
    number = mention.number
    behind = [t.text for t in bound.tokens[mention.place + 1 : mention.place + 4]]
    if mention.unit not in ("", "times") or not COUNT_NOUNS.intersection(behind):
        return False
    written = {n.value for n in bound.names_of("id") if n.value.startswith("#")}
    leaned_on = {s.cite for s in sources if s.cite.startswith("#")}
    return number.value in {len(written), len(leaned_on)} - {0, 1}


def _number_in(
    mention: Mention, bound: Bound, source: SourceFacts
) -> tuple[Fact | None, frozenset[str], Fact | None]:
    by_kind = source.by_kind()
    is_grouped = source.cite.startswith(("stats", "search"))
    close: Fact | None = None
    tried: frozenset[str] = frozenset()
    for kinds in _kinds_to_try(mention, is_grouped):
        wanted = _with_role(kinds, mention.role, mention.label)
        tried |= wanted
        facts = {id(f): f for kind in sorted(wanted) for f in by_kind.get(kind, ())}.values()
        fitting = [f for f in facts if in_unit_of(mention.number, mention.unit, f) is not None]
        if not fitting:
            continue
        if is_grouped:
            eligible = [f for f in fitting if group_fits(mention, f, source)]
        else:
            has = frozenset(d for d in ("coin", "symbol") if any(d in f.of for f in facts))
            eligible = _record_facts(mention, source, fitting, has)
        flips = mention.label in FLIPS or bool(FLIPS & mention.words) or mention.goes_on_costing
        eligible = [f for f in eligible if _is_meant(mention, f, source)]
        for fact in eligible:
            if agrees(mention.number, mention.unit, fact, flips=flips):
                return fact, tried, None
        if is_grouped and not eligible and is_empty_group(mention, fitting, source):
            return fitting[0]._replace(path="rows"), tried, None
        if eligible and close is None:
            close = eligible[0]
        if mention.is_labelled and kinds is mention.kinds[0]:
            break
    return None, tried, close


_LOSING = frozenset({"lost", "loss", "lose", "losing"})
_COSTING = frozenset({"cost", "costs", "paid"})
_RECEIVED = frozenset({"premium", "net", "credit", "cash"})
_ANNUAL = frozenset({"yield", "mean_yield"})
_LEVELS = frozenset(
    ("equity", "balance", "spot", "delta", "net_delta", "iv", "rv", "ivrv", "margin", "position",
     "bid", "ask", "mark", "yield", "margin_balance")
)  # fmt: skip
_RESULTS = frozenset({"net", "cash", "credit", "equity", "balance"})


_UNLIKE = (
    (frozenset({"open_calls"}), frozenset({"expired", "settled", "closed"})),
    (frozenset({"orders"}), frozenset({"unresolved", "open"})),
    (frozenset({"budget_day", "budget_month", "budget_cycle"}), frozenset({"spent", "used"})),
    (frozenset({"count", "share"}), NOT_COUNTED),
)
"""Kinds, and the words with which another thing is counted."""
_NOT_SUPPOSED = frozenset({"now", "really", "actually", "currently", "today", "after"})


def _is_meant(mention: Mention, fact: Fact, source: SourceFacts) -> bool:
    """Whether nothing that is said beside a number makes it another one."""
    if mention.is_difference:
        return False
    for kinds, words in _UNLIKE:
        if fact.kinds & kinds and mention.words & words:
            return False
    is_supposed = source.cite.startswith(("what-if", "model")) and fact.path.startswith(
        ("state.", "arguments.")
    )
    if is_supposed and mention.words & _NOT_SUPPOSED:
        return False
    return _direction_fits(mention, fact)


def _direction_fits(mention: Mention, fact: Fact) -> bool:
    """Whether a result of the sign that its verb says is meant: no gain was "lost"."""
    if mention.previous in CHANGING and fact.kinds & _LEVELS:
        return False
    if mention.is_rate and fact.kinds & _ANNUAL:
        return False
    if fact.part != "arguments" and mention.label in _COSTING and mention.unit.startswith("coin"):
        return fact.value < 0 or not fact.kinds & _RESULTS
    if mention.number.signed or fact.value <= 0:
        return True
    if fact.kinds & _RECEIVED and "paid" in mention.words:
        return False
    return not (fact.kinds & _RESULTS and mention.words & _LOSING)


def _kinds_to_try(mention: Mention, is_grouped: bool) -> list[frozenset[str]]:
    kinds = list(mention.kinds)
    if mention.role and mention.kinds:
        kinds[0] = kinds[0] | {_LIMIT_OF[k] for k in kinds[0] if k in _LIMIT_OF}
    if mention.label in _COSTING and mention.unit.startswith("coin") and kinds:
        # What costs coins is a negative net result; the costs in USD are the model's.
        kinds[0] = kinds[0] - {"cost"} | {"net", "credit"}
    if not mention.is_labelled:
        if mention.is_strange:
            return kinds
        if is_grouped:
            unit = {"pct": "share", "usd": "cost", "": "count", "times": "count"}
            by_default = unit.get(mention.unit)
            if by_default:
                kinds.insert(0, frozenset({by_default}))
        elif mention.unit in ("days", "hours"):
            kinds.insert(0, frozenset({"dte"}))
    elif is_grouped and mention.unit == "pct":
        kinds[0] = kinds[0] | {"share"}
    elif (
        is_grouped
        and mention.unit in ("", "times")
        and kinds[0] & {"size", "held", "failures", "left"}
    ):
        # "rolled 3 times", "held 12 times": the verb names the group.
        kinds[0] = kinds[0] | {"count"}
    return kinds


def _with_role(kinds: frozenset[str], role: str, label: str) -> frozenset[str]:
    if not role:
        return kinds
    own = {k for k in kinds if k in _OWN_LIMITS or (k.startswith("key:") and "_" in label)}
    return frozenset({f"{k}:{role}" for k in kinds} | own)


def _record_facts(
    mention: Mention, source: SourceFacts, facts: list[Fact], has: frozenset[str]
) -> list[Fact]:
    """Return the facts that belong to what the sentence names, or to the decision's own option."""
    symbol, coin = mention.named("symbol"), mention.named("coin")
    is_nearer = symbol is not None and coin is not None and symbol.place < coin.place - 1
    if is_nearer and symbol and coin and not _coin_is(symbol.value, coin.value, source):
        # A coin named behind an option is the nearer name, unless it is the option's own.
        symbol = None
    if mention.moment:
        changed = [f for f in facts if "moment" in f.of]
        facts = changed or facts
    code = mention.named("code")
    in_reasons = [f for f in facts if code and f.of.get("code") == code.value]
    if in_reasons:
        facts = in_reasons
    defaults = _default_symbols(mention, source)
    out = []
    for fact in facts:
        if fact.part == "verdict" and "code" in fact.of:
            if code and fact.of["code"] != code.value:
                continue
            if _verdict_fits(mention, fact):
                out.append(fact)
            continue
        if "code" in fact.of and (code is None or code.value != fact.of["code"]):
            continue
        if "symbol" in fact.of and not (
            fact.of["symbol"] in resolved(symbol.value, source)
            if symbol is not None
            else fact.of["symbol"] in defaults
        ):
            continue
        if (
            "symbol" not in fact.of
            and symbol is not None
            and "symbol" in mention.own
            and ("symbol" in has and not _same_coin(fact, symbol, source))
        ):
            continue
        if "coin" in fact.of and not _coin_fits(fact, symbol, coin, source):
            continue
        if "coin" not in fact.of and "coin" in has and "coin" in mention.own:
            continue
        if not _rest_fits(mention, fact):
            continue
        out.append(fact)
    return out


def _verdict_fits(mention: Mention, fact: Fact) -> bool:
    """A verdict's facts are about the proposal: only its own clause can speak of another option."""
    symbol, coin = mention.own.get("symbol"), mention.own.get("coin")
    if symbol is not None and "symbol" in fact.of:
        return is_symbol(fact.of["symbol"], symbol.value)
    return coin is None or fact.of.get("coin") in (None, coin.value)


def _coin_is(parts: Instrument, coin: str, source: SourceFacts) -> bool:
    if parts.coin is not None:
        return parts.coin == coin
    return any(coin_of(n.text) == coin for n in source.symbols if is_symbol(n.text, parts))


def _same_coin(fact: Fact, symbol: Name, source: SourceFacts) -> bool:
    return "coin" in fact.of and _coin_is(symbol.value, fact.of["coin"], source)


def _coin_fits(fact: Fact, symbol: Name | None, coin: Name | None, source: SourceFacts) -> bool:
    if symbol is not None and "symbol" in fact.of:
        return (
            coin is None
            or fact.of["coin"] == coin.value
            or is_symbol(fact.of["symbol"], symbol.value)
        )
    if coin is not None:
        return bool(fact.of["coin"] == coin.value)
    if symbol is not None:
        return _coin_is(symbol.value, fact.of["coin"], source)
    if source.subjects:
        return fact.of["coin"] in {coin_of(name) for name in source.subjects}
    return False


def _default_symbols(mention: Mention, source: SourceFacts) -> frozenset[str]:
    """Return whose numbers are meant when no option is named: what was sold, else bought."""
    side = mention.own.get("side") or mention.before.get("side")
    if side is not None and side.value == "buy":
        return source.bought or source.sold
    return source.sold or source.bought


def _rest_fits(mention: Mention, fact: Fact) -> bool:
    of = fact.of
    side = mention.own.get("side")
    if side is not None and of.get("side") in ("buy", "sell") and of["side"] != side.value:
        return False
    if "filter" in of:
        named = mention.named("filter")
        if named is None and not set(str(of["filter"]).split("_")) <= mention.words:
            return False
        if named is not None and named.value != of["filter"]:
            return False
    actor = mention.own.get("actor") or mention.before.get("actor")
    if fact.part in ("baseline", "actual"):
        return actor is not None and actor.value == fact.part
    return "moment" not in of or of["moment"] == (mention.moment or "after")

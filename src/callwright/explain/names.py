"""Words of an answer that say whose a number is: coins, actions, sides, times, codes."""

from __future__ import annotations

COINS = {"btc": "BTC", "bitcoin": "BTC", "eth": "ETH", "ether": "ETH", "ethereum": "ETH",
         "sol": "SOL", "solana": "SOL", "xrp": "XRP"}  # fmt: skip

ACTIONS = {
    "roll": "ROLL_COVERED_CALL", "rolls": "ROLL_COVERED_CALL", "rolled": "ROLL_COVERED_CALL",
    "rolling": "ROLL_COVERED_CALL",
    "opens": "OPEN_COVERED_CALL", "opened": "OPEN_COVERED_CALL", "opening": "OPEN_COVERED_CALL",
    "openings": "OPEN_COVERED_CALL",
    "close": "CLOSE_COVERED_CALL", "closes": "CLOSE_COVERED_CALL",
    "closed": "CLOSE_COVERED_CALL", "closing": "CLOSE_COVERED_CALL",
    "closings": "CLOSE_COVERED_CALL",
    "hold": "DO_NOTHING", "holds": "DO_NOTHING", "held": "DO_NOTHING", "nothing": "DO_NOTHING",
    "holding": "DO_NOTHING",
}  # fmt: skip
ACTION_CODES = {
    "OPEN_COVERED_CALL", "ROLL_COVERED_CALL", "CLOSE_COVERED_CALL", "DO_NOTHING",
}  # fmt: skip
PROPOSED = frozenset(
    ("proposed", "proposal", "proposals", "wanted", "tried", "attempted", "asked", "denied",
     "blocked", "refused", "propose", "requested")
)  # fmt: skip
VERDICTS = {
    "denied": "denied", "blocked": "denied", "refused": "denied", "denial": "denied",
    "denials": "denied", "blocks": "denied", "denies": "denied", "allowed": "allowed",
    "approved": "allowed",
}  # fmt: skip
FAILED = frozenset({"failed", "failure", "failures", "fails"})
STATUSES = {
    "filled": "filled", "rejected": "rejected", "simulated": "simulated", "skipped": "skipped",
    "unfilled": "unfilled",
}  # fmt: skip
SOURCES = {
    "rules": "rule_based", "rule": "rule_based", "model": "llm", "manager": "llm", "llm": "llm",
    "care": "care",
}  # fmt: skip
SIDES = {
    "sold": "sell", "sell": "sell", "sells": "sell", "selling": "sell", "sale": "sell",
    "bought": "buy", "buy": "buy", "buys": "buy", "buying": "buy", "buy-back": "buy",
    "repurchased": "buy",
}  # fmt: skip
ACTORS = {
    "baseline": "baseline", "rules": "baseline", "rule": "baseline", "actually": "actual",
    "really": "actual",
}  # fmt: skip

TIMES_UNITS = {
    "day": "days", "days": "days", "d": "days", "hour": "hours", "hours": "hours", "h": "hours",
    "hr": "hours", "hrs": "hours", "minute": "minutes", "minutes": "minutes", "min": "minutes",
    "mins": "minutes", "m": "minutes", "second": "s", "seconds": "s", "s": "s", "sec": "s",
    "secs": "s", "millisecond": "ms", "milliseconds": "ms", "ms": "ms",
}  # fmt: skip
FOREIGN_UNITS = {
    **dict.fromkeys(("week", "weeks", "month", "months", "year", "years"), "long"),
    **dict.fromkeys(("eur", "euro", "euros", "gbp", "pounds", "yen", "jpy", "cny"), "currency"),
    **dict.fromkeys(("thousand", "million", "billion", "thousands", "millions", "fold"), "scale"),
    **dict.fromkeys(("bps", "bp", "basis", "percentage", "pp", "points"), "points"),
}  # fmt: skip
"""Units in which nothing is stored: what carries one is a conversion, and no evidence."""
UNITS = TIMES_UNITS | FOREIGN_UNITS | {
    "percent": "pct", "usd": "usd", "dollar": "usd", "dollars": "usd", "token": "tokens",
    "tokens": "tokens", "time": "times", "times": "times", "x": "times", "coin": "coin",
    "coins": "coin",
}  # fmt: skip
SECONDS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "s": 1.0, "ms": 0.001}

COUNT_NOUNS = frozenset(
    ("call", "calls", "decision", "decisions", "cycle", "cycles", "roll", "rolls", "opens", "open",
     "closes", "holds", "denials", "failures", "orders", "order", "positions", "position", "trades",
     "candidates", "candidate", "contracts", "fills", "short", "covered", "net", "spot", "delta",
     "equity", "settlements", "shorts", "denied", "blocked")
)  # fmt: skip
OPTION_NOUNS = frozenset({"call", "calls", "put", "puts"})
STRIKE_NOUNS = frozenset({"strike", "strikes"})

BREAK_WORDS = frozenset(
    ("and", "but", "while", "when", "whereas", "where", "with", "against", "versus", "vs",
     "because", "although", "though", "so", "which", "then", "or", "who", "whose", "plus",
     "compared")
)  # fmt: skip
BREAK_MARKS = frozenset(",;()|\u2014\u2013\u2192") | {"->"}
FILLERS = frozenset(
    ("of", "was", "is", "at", "the", "a", "an", "were", "are", "be", "been", "to", "about",
     "around", "roughly", "only", "just", "its", "had", "has", "by", "for", "in", "per", "stood",
     "equal",
     "equals", "came", "would", "will", "nearly", "almost", "exactly", "still", "it", "each",
     "then", "now", "have", "being", "ran", "run")
)  # fmt: skip

ROLE_WORDS = {
    "limit": "limit", "limits": "limit", "threshold": "limit", "required": "limit",
    "requires": "limit", "needs": "limit", "needed": "limit", "beyond": "limit",
    "exceed": "limit", "exceeds": "limit", "exceeded": "limit", "exceeding": "limit",
    "above": "limit", "below": "limit", "window": "limit", "least": "limit", "most": "limit",
    "allows": "limit", "permitted": "limit", "between": "limit",
    "maximum": "max", "max": "max", "cap": "max", "capped": "max",
    "minimum": "min", "min": "min", "floor": "min",
}  # fmt: skip
ROLE_MARKS = {">": "limit", "<": "limit", ">=": "limit", "<=": "limit", "\u2265": "limit",
              "\u2264": "limit"}  # fmt: skip
ROLE_NOUNS = frozenset(
    ("limit", "maximum", "max", "minimum", "min", "cap", "threshold", "floor", "required")
)

LOOSE_WORDS = frozenset(
    ("another", "other", "others", "further", "more", "also", "both", "not", "no", "up", "down",
     "went", "goes", "go", "gone", "moved", "changed", "rose", "fell", "as", "on", "under", "than",
     "versus", "against", "between", "instead", "with", "total", "all", "these", "those", "them",
     "such", "that", "this", "there", "here", "during", "across", "out", "every", "if", "after",
     "did", "do", "does", "made", "make", "desk", "stands", "stand", "counts", "got", "get",
     "namely", "group", "day", "week", "month", "time", "none", "unknown", "known", "different",
     "separate", "individual", "first", "last", "newest", "oldest", "next", "previous", "recorded",
     "whole", "full", "single", "same", "real", "alike", "similar", "i", "we", "they", "you",
     "over", "through", "throughout", "within", "among", "like", "near", "beside", "via", "minus",
     "even", "yet", "again", "far", "ever", "often", "once", "saw", "show", "hit", "found", "gave",
     "brought", "took", "has", "until", "since", "where", "when", "while", "because", "wrote",
     "read", "began", "left", "kept", "met", "came", "one", "two", "its", "their", "his", "your",
     "our", "my", "from", "into", "onto", "off", "upon", "toward", "towards", "except", "least",
     "most", "around", "some", "any", "many", "few", "several", "better", "worse", "rather")
)  # fmt: skip
"""Words beside a number that do not say that it is something else."""
COUNTED = frozenset(
    ("occasions", "occurrences", "instances", "entries", "records", "results", "matches", "rows",
     "trades", "days", "weeks", "months", "groups", "codes", "failures", "denials", "strikes",
     "options", "models", "hits", "runs", "events")
)  # fmt: skip

SOLD_WORDS = frozenset(
    ("sold", "sell", "sells", "selling", "opened", "open", "opens", "opening", "wrote", "write",
     "picked", "picks", "pick", "chose", "chosen", "into", "sale", "new", "picking", "choose",
     "selected", "written", "target")
)  # fmt: skip
BOUGHT_WORDS = frozenset(
    ("bought", "buy", "buys", "buying", "closed", "close", "closes", "closing", "from", "old",
     "repurchased", "back")
)  # fmt: skip
ROLLED_WORDS = frozenset({"rolled", "roll", "rolls", "rolling"})
CANDIDATE_WORDS = frozenset(
    ("candidate", "candidates", "alternative", "alternatives", "instead", "rather", "considered",
     "passed", "passing", "best", "other")
)  # fmt: skip
HELD_WORDS = frozenset(
    ("short", "shorts", "holding", "position", "positions", "holds", "has", "remaining", "still",
     "expired", "settled", "expires", "carried", "had", "open")
)  # fmt: skip
ACTED_WORDS = frozenset({"denied", "blocked", "refused", "proposed", "rejected", "proposal"})
LOOKED = frozenset({"looked", "searched"})
EXPIRY_WORDS = frozenset(
    ("expiry", "expires", "expire", "expired", "expiring", "settles", "settled", "settlement",
     "expiration", "until")
)  # fmt: skip
OPENED_WORDS = frozenset(
    ("opened", "sold", "written", "opening", "sale", "opener", "open", "since", "wrote")
)
CLOSED_WORDS = frozenset({"closed", "bought", "back", "close", "closing"})
BOUNDARY_WORDS = frozenset(
    ("since", "from", "between", "without", "excluding", "until", "to", "through", "till",
     "before", "after", "and", "-", "\u2013", "of")
)  # fmt: skip
DESIGN_NOUNS = frozenset({"two gates", "both gates", "two coins", "two legs"})
"""What the desk always has the same number of; it is not on record and no claim."""
COMPARING = frozenset(
    ("more", "fewer", "less", "higher", "lower", "greater", "larger", "smaller", "bigger",
     "longer", "shorter")
)  # fmt: skip
NOT_COUNTED = frozenset(
    ("cancelled", "canceled", "losing", "winning", "profitable", "unprofitable", "successful",
     "unsuccessful", "outage", "outages", "won", "profits")
)  # fmt: skip
"""What decisions are not counted by."""
CHANGING = frozenset(
    ("rose", "gained", "grew", "increased", "dropped", "fell", "declined", "decreased", "sank",
     "climbed", "jumped", "won", "earned")
)  # fmt: skip
PERIODS = frozenset({"day", "week", "month", "hour", "quarter", "minute"})

QUOTING = frozenset(
    ("stated", "states", "stating", "said", "says", "wrote", "writes", "reason", "reasoning",
     "reads", "quoted", "message", "explained", "noted", "gave", "words", "state")
)  # fmt: skip

"""What plain words of a question are about, and which of them say nothing here. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from callwright.domain.history import GroupName
from callwright.explain.questions_time import NUMBER, NUMBER_WORDS

_COUNT = re.compile(
    rf"\b(?:last|latest|newest|recent|past|previous|first) +(?P<n>{NUMBER})\b"
    r"(?: +(?:decisions?|cycles?|records?))?"
    rf"|\b(?P<m>{NUMBER}) +(?:last|latest|newest|recent|decisions?|cycles?|records?)\b"
)


def read_count(text: str) -> tuple[int | None, str]:
    """Return the number in "last 10 decisions", and the text without it."""
    match = _COUNT.search(text)
    if match is None:
        return None, text
    number = match["n"] or match["m"]
    count = int(number) if number.isdigit() else NUMBER_WORDS[number]
    # What was counted stays: it tells the topic.
    return count, f"{text[: match.start()]} last decisions {text[match.end() :]}"


_BY = re.compile(
    r"\b(?:per|each|by|every)(?: of)?(?: the)?(?: first| last)? +"
    r"(?P<by>day|week|month|coin|underlying|model|status|action|source|strike)s?\b"
    r"|\b(?P<ly>daily|weekly|monthly)\b(?! +(?:loss|budget|limit))"
    r"|\b(?P<status>simulated|filled|rejected|skipped|submitted)\b"
    r"|\b(?P<source>who)(?= +(?:opened|rolled|closed|held|sold|traded))"
    r"|\b(?P<whose>model's|manager's|rules')"
)
_DIMENSIONS: Mapping[str, GroupName] = {
    "coin": "underlying", "underlying": "underlying", "day": "day", "daily": "day",
    "week": "week", "weekly": "week", "month": "month", "monthly": "month", "model": "model",
    "status": "status", "action": "action", "source": "source", "strike": "strike",
}  # fmt: skip


def read_dimensions(text: str) -> tuple[tuple[GroupName, ...], str]:
    """Return what counts are to be split by, and the text without it."""
    found: dict[GroupName, None] = {}
    for match in _BY.finditer(text):
        if match["status"]:
            found.setdefault("status")
        elif match["source"] or match["whose"]:
            found.setdefault("source")
        else:
            found.setdefault(_DIMENSIONS[match["by"] or match["ly"]])
    return tuple(found), _BY.sub(" ", text)


_LIMIT = re.compile(
    r"\b(?:limits?|max(?:imum)?|min(?:imum)?|cap|threshold|floor|target|settings?)\b"
)


def names_a_limit(text: str) -> bool:
    """Return whether a text speaks of a limit or setting, so that "margin" means one."""
    return _LIMIT.search(text) is not None


_CONCEPT_WORDS = {
    "why": "why reason reasons explain explanation justify rationale",
    "cause": "because cause caused",
    "how_many": "often many more fewer most count counts number times total frequently frequency",
    "cost": "cost costs spend spent spending expensive pay paid bill",
    "spot": "spot price prices index",
    "equity": "equity balance balances worth",
    "margin": "margin",
    "fee": "fee fees",
    "model": "llm ai model models gpt manager agent chatgpt openai language",
    "tokens": "token tokens",
    "deny": "block blocked blocking blocks deny denied denies denial denials refuse refused "
    "refusal refusals veto vetoed forbid forbidden stop stopped reject rejected",
    "gate": "risk engine guardrail guardrails gate gates check checks",
    "last": "last latest newest recent recently",
    "settle": "settle settled settles settlement settlements expire expired expires exercised "
    "assigned assignment delivery delivered",
    "mention": "speak speaks spoke mention mentions mentioned talk talks talked find search",
    "vol": "volatility vol iv rv ivrv rich implied realized realised skew",
    "scan": "scanner funnel candidate candidates scan filter filters",
    "fail": "fail fails unable failed failure failures failing error errors crash crashed problem "
    "problems broke broken",
    "summarize": "summarize summarise summary recap overview list show tell describe happened "
    "happen",
    "decision": "decision decisions decide decided decides deciding cycle cycles action actions "
    "record records",
    "position": "position positions shorts short portfolio book exposure holdings calls "
    "call options option",
    "trade": "trade trades traded trading transact order orders act acted",
    "not": "not no never nothing without didn't don't doesn't isn't aren't wasn't won't idle "
    "inactive waiting wait waited skip skipped",
    "limit": "limit limits maximum max minimum min cap threshold setting settings config "
    "configuration configured parameter parameters floor allowed",
    "changed": "change changed changes changing differ different difference",
    "rules": "rule rules rule-based policy baseline deterministic",
    "same": "same agree agreed disagree disagreed differently instead otherwise",
    "strike": "strike strikes pick picks picking picked choose chose choosing chosen select "
    "selected selecting prefer",
    "always": "always every keep keeps again constantly repeatedly each",
    "now": "now currently current present moment today still",
    "state": "status state running alive halted halt paused pause reducing active breaker breakers "
    "tripped live dry run sending",
    "mode": "mode using use used uses",
    "money": "money profit profits pnl p&l earn earned earning earnings gain gained collect "
    "collected bring brought loss losses lose lost performance premium premiums income result",
    "make": "make made",
    "would": "would could might if suppose supposing assume assuming",
    "what": "what which how when where who",
    "code": "code codes",
    "advice": "should recommend recommendation advice advise buy invest predict forecast tomorrow",
    "foreign": "put puts contract contracts future futures perpetual lots hedge hedged hedging "
    "leverage spread spreads straddle",
    "real": "real mainnet actual",
    "help": "help ask examples",
    "first": "first oldest earliest",
    "ranked": "biggest largest smallest highest lowest best worst average mean median longest "
    "shortest cheapest compare compared comparison than versus vs correlation trend",
    "did": "did do does doing done have has had was were been get got",
    "day": "day daily week weekly month monthly hour",
}
_CONCEPT_OF = {word: name for name, words in _CONCEPT_WORDS.items() for word in words.split()}
_PLAIN_WORDS = frozenset(
    """
    a about all am an and any far are as at be but by can ever for from give go i i'd i'm i've in
    into is it its it's just let like look me much my of off on one ones or our out over per please
    so some that that's the their them then there these they this those time to too up us usually
    very we well what's will with you your you'd you're you've yet desk callwright due during
    really actually exactly mine by covered wrong went usd dollar dollars value hi hello hey
    thanks force yourself became delta looked seen say said question see new gave given under
    based taken take took right worthless
    """.split()  # noqa: SIM905
)


def read_concepts(text: str) -> tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]:
    """Return what a lower-case text is about, with the words; and words that say nothing here."""
    text = re.sub(r"\bmost recent(ly)?\b", "last", text)
    # "Could not decide" is a failure, not something that was not done.
    text = re.sub(r"\b(?:could|can)(?: you)?(?: +not|n't) +decide\b", "failed", text)
    text = re.sub(r"\b(?:couldn't|can't)(?: you)? +decide\b", "failed", text)
    found: dict[str, tuple[str, ...]] = {}
    unused: dict[str, None] = {}
    for word in re.findall(r"[^\s,.;:!?()\"'\[\]{}]+(?:'[a-z]+)?", text):
        word = word if word in _CONCEPT_OF else word.removesuffix("'s")
        concept = _CONCEPT_OF.get(word)
        if concept is not None:
            found[concept] = (*found.get(concept, ()), word)
        elif word not in _PLAIN_WORDS and any(char.isalnum() for char in word):
            unused.setdefault(word[:40])
    return found, tuple(unused)

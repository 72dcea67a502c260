"""What questions in English are read as: topics, spans of time, names, changes."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callwright.config import Settings
from callwright.domain.decision import Action
from callwright.explain.questions import Asked, read_question
from callwright.explain.questions_time import read_span

NOW = datetime(2026, 3, 5, 18, tzinfo=UTC)
"""A Thursday."""

SETTINGS = tuple(Settings.model_fields)


def read(text: str) -> Asked:
    return read_question(text, now=NOW, settings=SETTINGS)


@pytest.mark.parametrize(
    ("topic", "questions"),
    [
        ("strikes", ["Why are you picking the 97k strike every time?", "why always $97,000",
                     "Which strikes do you sell most often?"]),
        ("summary", ["Summarize your last 10 decisions", "what did you do today?",
                     "show me the last five rolls", "What happened last week?"]),
        ("last_denial", ["When did the risk engine last block you, and why?",
                         "last time the guardrail refused you?",
                         "When did ROLL_DWELL last block you?"]),
        ("how_often", ["How often did you roll in November, and what did it cost?",
                       "How many decisions are on record?", "Did you roll yesterday?",
                       "How often did you trade, by month?", "How many opens were simulated?",
                       "Do you open more on BTC or on ETH?"]),
        ("who_decides", ["Are you using LLM mode now?", "Which model are you using?",
                         "who decides?", "Do the rules decide now?"]),
        ("what_if", ["What would you do if I had no BTC?", "What would you do at spot 90k?",
                     "What if the net delta limit were 0.3?", "What would you do now?"]),
        ("decision", ["Why decision 33?", "explain #33 and #34",
                      "what about paper-20260113T000000.000Z"]),
        ("why_trade", ["Why did you roll on 13 January?", "Why did you sell your last BTC call?",
                       "when did you last roll?", "When did you last open a BTC call?",
                       "first open a call?", "When did you last hold?", "last do nothing?",
                       "Why did you sell the 108k call?"]),
        ("option", ["Why did you sell BTC-9JAN26-97000-C?", "What happened to BTC-9JAN26-97000-C?",
                    "How often did you sell BTC-9JAN26-97000-C?",
                    "How much premium did BTC-9JAN26-97000-C bring?"]),
        ("market", ["What was my equity on 1 February?", "What was the BTC price on 1 February?",
                    "What is IVRV now?"]),
        ("why_not", ["Why did you not trade today?", "Why didn't you trade on 2026-01-13?",
                     "why is it holding?", "Why did you do nothing yesterday?"]),
        ("positions", ["What positions do you hold and why?", "Which positions are open?",
                       "What are you holding?"]),
        ("last_cycle", ["What did the last cycle do?"]),
        ("denials", ["How many denials by code?", "What blocks you most?", "ROLL_DWELL?",
                     "how often did the cooldown block you in january?"]),
        ("failures", ["What failed and how often?", "What was the last failure?",
                      "How often could you not decide, and why?"]),
        ("model_cost", ["What did the model cost this week?", "How many tokens did you use?"]),
        ("baseline", ["Would the rules have done the same?",
                      "Would the rules have done the same in decision 12?"]),
        ("setting", ["What is my net delta limit?", "What is MAX_ORDERS_PER_DAY?",
                     "What are my limits?"]),
        ("settings_changed", ["What changed in settings?", "When was the margin limit changed?"]),
        ("state", ["Are you halted?", "Are you in dry run?"]),
        ("money", ["How much did you make in January?", "What is your equity?"]),
        ("advice", ["Should I buy bitcoin?", "Is this real money?"]),
        ("words", ["Which decisions mention theta?", "Find what was said about contango."]),
        ("help", ["what can I ask?"]),
        (None, ["What's the weather in Paris?", "how often did you not roll?",
                "What was your biggest loss?", "Where will BTC be on Friday?", "", "?", "asdf qwer",
                "Why did you sell a call below my basis and ignore the phase of the moon?",
                "At what delta do you open BTC calls on average?"]),
    ],
    ids=str,
)  # fmt: skip
def test_the_topic(topic: str | None, questions: list[str]) -> None:
    assert {question: read(question).topic for question in questions} == dict.fromkeys(
        questions, topic
    )


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ("in november", "2025-11-01", "2025-12-01"),
        ("in February", "2026-02-01", "2026-03-01"),
        ("in march", "2026-03-01", "2026-04-01"),
        ("in january 2025", "2025-01-01", "2025-02-01"),
        ("in 2025", "2025-01-01", "2026-01-01"),
        ("2026-01", "2026-01-01", "2026-02-01"),
        ("today", "2026-03-05", "2026-03-06"),
        ("yesterday", "2026-03-04", "2026-03-05"),
        ("since monday", "2026-03-02", None),
        ("on friday", "2026-02-27", "2026-02-28"),
        ("this week", "2026-03-02", "2026-03-09"),
        ("last week", "2026-02-23", "2026-03-02"),
        ("last month", "2026-02-01", "2026-03-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("in the last 3 days", "2026-03-02T18:00", None),
        ("on 13 january", "2026-01-13", "2026-01-14"),
        ("on the 13th of january", "2026-01-13", "2026-01-14"),
        ("on march 6", "2025-03-06", "2025-03-07"),
        ("on 2026-01-13 06:00", "2026-01-13T06:00", "2026-01-13T06:01"),
        ("on 5 january at 06:00", "2026-01-05T06:00", "2026-01-05T06:01"),
        ("between 1 jan and 10 jan", "2026-01-01", "2026-01-11"),
        ("between 14 and 16 january", "2026-01-14", "2026-01-17"),
        ("in q1 2026", "2026-01-01", "2026-04-01"),
        ("in q4", "2025-10-01", "2026-01-01"),
        ("from january to february", "2026-01-01", "2026-03-01"),
        ("before 2026-02-01", None, "2026-02-01"),
        ("until february", None, "2026-03-01"),
        ("after yesterday", "2026-03-05", None),
    ],
)
def test_spans_of_time(words: str, since: str | None, until: str | None) -> None:
    span, rest = read_span(f"how often {words.lower()}?", NOW)
    assert span is not None

    def at(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert (span.since, span.until) == (at(since), at(until))
    assert rest.replace("?", "").split() == ["how", "often"]


@pytest.mark.parametrize("words", ["you may roll", "last 10 decisions", "the 97k strike"])
def test_what_is_no_time_is_none(words: str) -> None:
    assert read_span(words, NOW)[0] is None


def test_a_day_that_no_calendar_has_is_told() -> None:
    with pytest.raises(ValueError, match="31 february"):
        read("What did you do on 31 February?")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Why the 97k strike?", {"strike_usd": 97_000.0}),
        ("Why the 97,500 strike?", {"strike_usd": 97_500.0}),
        ("Why decisions 3, 4 and 5?", {"decisions": (3, 4, 5)}),
        ("Summarize the last ten decisions", {"count": 10}),
        ("How often did you roll ether?",
         {"coin": "ETH", "actions": (Action.ROLL_COVERED_CALL,)}),
        ("Why did you buy back btc-9jan26-97000-c?",
         {"symbol": "BTC-9JAN26-97000-C", "actions": (Action.CLOSE_COVERED_CALL,)}),
        ("How often did cooldown deny you?", {"code": "COOLDOWN_ACTIVE", "unused": ()}),
        ("How many llm_timeout failures?", {"failure": "LLM_TIMEOUT"}),
        ("What is my margin limit?", {"settings": ("max_margin_used_pct",)}),
        ("How many opens per month?", {"by": ("month",)}),
        ("Who rolled how often, by week?", {"by": ("source", "week")}),
        ("Which decisions mention contango", {"unused": ("contango",)}),
        ("Are you halted, frobnicated?", {"unused": ("frobnicated",)}),
    ],
)  # fmt: skip
def test_names_and_numbers(question: str, expected: dict[str, Any]) -> None:
    asked = read(question)
    assert {name: getattr(asked, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What would you do if I had no BTC?", {"without": ("BTC",)}),
        ("What if I sold all my ether?", {"without": ("ETH",)}),
        ("What would you do with 0.5 bitcoin?", {"balances_coin": {"BTC": 0.5}}),
        ("What would you do if BTC fell to 80,000?", {"spot_usd": {"BTC": 80_000.0}}),
        ("And if ETH stood at $3k?", {"spot_usd": {"ETH": 3_000.0}}),
        ("What would you do at spot 90k?", {"spot_usd": {"": 90_000.0}}),
        ("What would you do if ETH rose by 5 percent?", {"spot_shift_frac": {"ETH": 0.05}}),
        ("What would you do if BTC fell 10%?", {"spot_shift_frac": {"BTC": -0.1}}),
        ("What if min_ivrv were 2?", {"settings": {"min_ivrv": 2.0}}),
        ("What would you do with a margin limit of 10%?",
         {"settings": {"max_margin_used_pct": 10.0}}),
        ("What if the net delta limit were 0.3 and I had no ETH?",
         {"settings": {"max_net_delta_abs": 0.3}, "without": ("ETH",)}),
    ],
)  # fmt: skip
def test_changes(question: str, expected: dict[str, Any]) -> None:
    asked = read(question)
    assert asked.topic == "what_if"
    changes = {name: value for name, value in vars(asked.changes).items() if value}
    assert changes.keys() == expected.keys()
    for name, value in expected.items():
        found = changes[name]
        assert found == value if name == "without" else dict(found) == pytest.approx(value)


WORDS = [
    "why", "how", "often", "when", "what", "did", "you", "roll", "in", "november", "since",
    "monday", "last", "10", "decisions", "#33", "97k", "btc", "eth", "if", "had", "no", "would",
    "limit", "margin", "0.3", "by", "month", "31", "february", "9999-99-99", "2026-02-30", "at",
    "25:99", "BTC-9JAN26-97000-C", "between", "and",
]  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_any_text_is_read_or_names_no_day_of_a_calendar(text: str) -> None:
    with suppress(ValueError):
        read(text)

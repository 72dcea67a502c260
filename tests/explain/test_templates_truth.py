"""Answers without a model against the records themselves: to the question that was asked, or none.

One desk that traded, held, was denied and was assigned; one that only simulated.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from callwright.chatting.desks import BoundedDesk
from callwright.desk_reader import open_desk_reader
from callwright.domain.explain import ChatAnswer, ChatEvent
from callwright.domain.record import CycleRecord
from callwright.explain.templates import answer
from callwright.ports import DeskReader
from callwright.tools.sources import Sources
from desks import desk_settings, run_desk

CYCLES = 175


@dataclass(frozen=True)
class Home:
    desk: DeskReader
    records: Sequence[CycleRecord]

    def ids(self, day: str, *words: str) -> list[str]:
        """Return citations of holds on a day whose recorded reason has the words."""
        return [
            f"[#{number}]"
            for number, record in enumerate(self.records, 1)
            if record.state.as_of.startswith(day)
            and record.final_action.action == "DO_NOTHING"
            and all(word in record.proposed_action.reasoning for word in words)
        ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    settings = desk_settings(tmp_path_factory.mktemp("truth"), snapshots_kept=3)
    _, records = run_desk(settings, CYCLES)
    with open_desk_reader(settings) as desk:
        yield Home(desk, records)


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskReader]:
    settings = desk_settings(tmp_path_factory.mktemp("dry"), dry_run=True)
    run_desk(settings, 3)
    with open_desk_reader(settings) as desk:
        yield desk


def answer_of(desk: DeskReader, question: str) -> ChatAnswer:
    async def last() -> ChatEvent:
        return [event async for event in answer(question, desk, Sources(desk))][-1]

    found = asyncio.run(last())
    assert isinstance(found, ChatAnswer)
    return found


def ask(desk: DeskReader, question: str) -> str:
    found = answer_of(desk, question)
    assert not found.unsupported, found.text
    return found.text


@pytest.mark.parametrize(
    ("question", "day", "word"),
    [
        ("Why did you not trade BTC on 16 January?", "2026-01-16", "BTC"),
        ("Why did you not sell ETH on 17 January?", "2026-01-17", "ETH"),
        ("Why did you not roll BTC-20FEB26-106000-C on 16 February?", "2026-02-16",
         "BTC-20FEB26-106000-C"),
        ("Why did you not close ETH-15FEB26-3750-C?", "2026-02", "ETH-15FEB26-3750-C"),
    ],
)  # fmt: skip
def test_holds_are_found_by_what_they_state(home: Home, question: str, day: str, word: str) -> None:
    told, ids = ask(home.desk, question), home.ids(day, word)
    assert ids
    shown = set(re.findall(r"\[#\d+\]", told))
    ends = {
        number for each in re.finditer(r"\[#(\d+)\].*?down to \[#(\d+)\]", told)
        for number in range(int(each[2]), int(each[1]) + 1)
    }  # fmt: skip
    assert set(ids) <= shown | {f"[#{number}]" for number in ends}
    assert f'"{word}: ' in told or f'"Hold {word} ' in told
    assert "No decision" not in told


def test_how_many_holds_counts_those_that_name_the_coin(home: Home) -> None:
    assert f"{len(home.ids('2026', 'BTC')):,} decisions did nothing and name BTC" in (
        ask(home.desk, "How many holds on BTC?")
    )
    count = len(home.ids("2026", "ETH: IVRV"))
    told = ask(home.desk, "How often was ETH held because of IVRV?")
    assert told.startswith(f"{count} decisions did nothing and name ETH IVRV [search-1]")
    told = ask(home.desk, "How many times did you hold because IVRV was below the floor?")
    assert told.startswith(f"{len(home.ids('2026', 'IVRV'))} decisions did nothing and name IVRV")


@pytest.mark.parametrize(
    "question",
    ["What if you were halted?", "What if you were REDUCING?", "What if BTC crashed?",
     "What if ETH doubled?", "What if BTC rose by $5,000?", "What would you do without fees?",
     "What would you do with no coins at all?", "What would you do without the cooldown?",
     "What if IV was 60%?", "What would you have done on 13 January if BTC was 80k?"],
)  # fmt: skip
def test_a_what_if_without_an_understood_change_is_refused(home: Home, question: str) -> None:
    found = answer_of(home.desk, question)
    assert found.text.startswith("I cannot ask that: ")
    assert "What can be different is" in found.text
    assert not found.sources


def test_a_what_if_tells_the_account_under_the_change(home: Home) -> None:
    told = ask(home.desk, "What would happen to my equity if BTC rose 20%?")
    assert "Under the change, equity would be " in told
    assert "BTC net delta " in told
    assert "The rules would propose" in ask(home.desk, "What would you do now?")


def test_what_was_simulated_is_no_trade(dry: DeskReader) -> None:
    told = ask(dry, "Why did you not trade today?")
    assert "It did trade" not in told
    assert "a dry run sends nothing, so that is no trade" in told
    assert ask(dry, "How often did you open?").startswith("All of them were only simulated")
    told = ask(dry, "Why decision 1?")
    assert ", simulated." in told
    assert ": opened " not in told


def test_it_sends_only_while_it_runs_and_is_active(home: Home, dry: DeskReader) -> None:
    assert "Nothing is sent while no process runs it" in ask(home.desk, "Are you halted?")
    assert "Dry run: nothing is sent" in ask(dry, "Are you halted?")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"running": True, "trading_state": "ACTIVE"}, "It sends orders"),
        ({"running": True, "trading_state": "HALTED"}, "HALTED: nothing is sent"),
        ({"running": True, "trading_state": "REDUCING"}, "It sends only orders that close calls"),
        ({"running": False, "trading_state": "HALTED"}, "HALTED: nothing is sent"),
    ],
)
def test_what_it_sends_in_each_state(
    home: Home, status: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {**home.desk.get_status(), "dry_run": False, **status}
    monkeypatch.setattr(home.desk, "get_status", lambda: now)
    assert f"{said} [status-1]" in ask(home.desk, "Are you halted?")


def test_a_rule_that_kept_candidates_out_is_told_beside_denials(home: Home) -> None:
    told = ask(home.desk, "How often did the cooldown block you?")
    count = len(home.ids("2026", "COOLDOWN_ACTIVE"))
    assert f"{count} decisions did nothing and name cooldown active in the stated reason" in told
    assert "which is no denial" in told


def test_denials_of_a_gate_are_its_own(home: Home) -> None:
    told = ask(home.desk, "How often did the guardrail block you?")
    assert told.startswith("The guardrail denied nothing [stats-1]")
    told = ask(home.desk, "How often did the risk engine block you?")
    assert "ROLL_DWELL: 1 decision [stats-1]" in told


def sales(home: Home, symbol: str) -> list[str]:
    return [
        f"[#{number}]"
        for number, record in enumerate(home.records, 1)
        for order in record.execution.orders
        if order.symbol == symbol and order.side == "sell" and order.status == "filled"
    ]


@pytest.mark.parametrize("symbol", ["ETH-15FEB26-3750-C", "BTC-23JAN26-97000-C"])
def test_a_sale_may_be_a_leg_of_a_roll(home: Home, symbol: str) -> None:
    expected = sales(home, symbol)
    for question in (f"Why did you sell {symbol}?", f"How often did you sell {symbol}?"):
        told = ask(home.desk, question)
        legs = [line for line in told.splitlines() if "Order: sell" in line]
        assert len(legs) == len(expected)
        assert all(cite in line for cite, line in zip(expected, legs, strict=True))
        assert "Order: buy" not in told


def test_money_of_an_option_is_its_own_legs(home: Home) -> None:
    told = ask(home.desk, "How much premium did BTC-23JAN26-97000-C bring?")
    assert "premium 0.00135 BTC" in told
    assert "net 0.00129 BTC" in told
    assert "Proposed for it and not done:\n\n- 2026-01-13 00:00: roll" in told
    assert "BTC-23JAN26-97000-C expired worthless" in told


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What happened on 15 February?", "ETH-15FEB26-3750-C was settled, payoff 0.02955334"),
        ("What happened to ETH-15FEB26-3750-C?", "was settled, payoff 0.02955334"),
        ("What happened on 15 February at 12:00?", "was settled, payoff 0.02955334"),
        ("What happened on 8 January?", "BTC-8JAN26-93500-C expired worthless"),
        ("Which calls were exercised?", "ETH-15FEB26-3750-C was settled, payoff 0.02955334"),
        ("Which calls ended in the money?", "ETH-15FEB26-3750-C was settled"),
        (
            "Which calls expired worthless before 10 January?",
            "BTC-8JAN26-93500-C expired worthless",
        ),
    ],
)
def test_settlements_are_told(home: Home, question: str, expected: str) -> None:
    assert expected in ask(home.desk, question)


def test_worthless_calls_are_no_exercised_ones(home: Home) -> None:
    assert "worthless at" not in ask(home.desk, "Which calls were exercised?")
    assert "payoff" not in ask(home.desk, "Which calls expired worthless?")


def test_what_was_not_looked_at_is_no_never(home: Home) -> None:
    late = BoundedDesk(home.desk, datetime(2026, 2, 10, tzinfo=UTC))
    told = ask(late, "How often did you roll in January?")
    assert told.startswith(
        'Noted [stats-1]: "Only decisions from 2026-02-10 00:00 UTC on were looked at."'
    )
    assert "Only decisions from" in ask(late, "When did you first roll?")
    never = ask(BoundedDesk(home.desk, datetime(2027, 1, 1, tzinfo=UTC)), "What failed?")
    assert "run the desk once" not in never
    assert "Only decisions from 2027-01-01 00:00 UTC on were looked at." in never


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("When were you last halted?", "last"), ("Does the desk have a stop loss?", "loss"),
        ("How do I make you trade more?", "make, more"), ("How many puts did you sell?", "puts"),
        ("How many contracts did you sell?", "contracts"),
        ("What positions do you hold at strike 97k?", "the strike"),
        ("Are you halted since Monday?", "the date"),
        ("Why did you roll instead of letting it expire on 2026-01-13?", "instead"),
    ],
)  # fmt: skip
def test_what_no_template_can_use_is_said_instead_of_an_answer(
    home: Home, question: str, part: str
) -> None:
    told = ask(home.desk, question)
    assert told.startswith("I cannot answer that. No template uses this part of it: ")
    assert part in told.partition(". An answer")[0]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did you last open a BTC call?", ": opened BTC-"),
        ("When did you last hold?", ": held."),
        ("What was my equity on 1 February?", "Equity was "),
        ("What was the BTC price on 1 February?", "BTC spot was "),
        ("How much margin is used?", "Margin used was "),
        ("How many decisions did you make?", f"{CYCLES} decisions [stats-1]"),
        ("How much did you lose in February?", "net "),
        ("How much did you make in Q1 2026?", "from 2026-01-01 up to but without 2026-04-01"),
        ("How long is the cooldown?", "OPEN_COOLDOWN_SEC is 43,200 seconds"),
        ("What happened on 13/01/2026?", "may be read in two ways"),
        ("Show decision 100000000000000000000", "there is no decision"),
        ("What did you do in January?", "Not all of them are listed"),
        ("halt", "Chat changes nothing"),
        ("Please raise my net delta limit to 10", "limits are changed in the configuration"),
        ("And ETH?", "Without a model each question stands alone"),
        ("What did it cost?", "Without a model each question stands alone"),
        ("Why did you sell the 98k call?", "filled [#"),
    ],
)
def test_the_question_that_was_asked_is_answered(home: Home, question: str, expected: str) -> None:
    assert expected in ask(home.desk, question)


def test_a_summary_of_a_coin_has_its_holds(home: Home) -> None:
    told = ask(home.desk, "What happened to BTC on 16 January?")
    assert all(f"held {cite}" in told for cite in home.ids("2026-01-16", "BTC"))
    told = ask(home.desk, "Summarize your last 4 ETH decisions")
    assert len(re.findall(r"^- 2026", told, re.MULTILINE)) == 4
    assert ": open BTC-" not in told


def test_trades_of_a_coin_are_not_all_of_its_decisions(home: Home) -> None:
    told = ask(home.desk, "How many decisions on BTC?")
    assert "Trades only: a hold has no coin, option or strike of its own." in told


@pytest.mark.parametrize(
    "question",
    ["How many denials per week?", "How often did you hold BTC by month?",
     "How often did you hold or roll BTC?", "What did the model cost by week?"],
)  # fmt: skip
def test_a_grouping_that_no_template_has_is_refused(home: Home, question: str) -> None:
    assert ask(home.desk, question).startswith("I cannot answer that.")


def test_words_of_a_coin_are_found_in_holds(home: Home) -> None:
    told = ask(home.desk, "Which decisions about BTC mention floor?")
    assert any(cite in told for cite in home.ids("2026-02", "BTC", "floor"))


def test_a_search_beside_no_answer_keeps_to_the_date(home: Home) -> None:
    told = ask(home.desk, "Why did you roll instead of letting it expire on 2026-01-13?")
    days = set(re.findall(r"^- (\d{4}-\d\d-\d\d)", told, re.MULTILINE))
    assert days <= {"2026-01-13"}

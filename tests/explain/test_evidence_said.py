"""What answers say in words, over four decisions and a few results: what was done, what the desk is.

The sentences are those with which the check was attacked: wrong ones that it once let through, and
right ones that it once flagged or might.
"""

# Sentences stand as they would be written.
# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from callwright.domain.explain import Source
from callwright.explain.evidence import STALE, check

_SAVED = json.loads(Path(__file__).with_name("said_records.json").read_text("utf-8"))
RECORDS: dict[int, Mapping[str, Any]] = {int(n): r for n, r in _SAVED["records"].items()}
SOURCES = tuple(Source.model_validate(each) for each in _SAVED["sources"])

WRONG = (
    "The desk rolled 1 ETH of ETH-13MAR26-3850-C [#240].",
    "On 4 March 2026 at 06:00 UTC the desk did not roll BTC-6MAR26-108000-C [#234].",
    "PRICE_OUTSIDE_COLLAR did not stop this roll; the risk engine allowed it [#235].",
    "On 4 March 2026 at 12:00 UTC the desk rolled BTC-6MAR26-109000-C into BTC-13MAR26-108000-C [#235].",
    "The roll of 0.1 BTC was filled [#235].",
    "The desk rolled more than 43 times [stats-1].",
    "The desk rolled fewer than 43 times in all [stats-1].",
    "The bid of ETH-13MAR26-3850-C was higher than 0.007 ETH [#240].",
    "The desk rolled a dozen times in all [stats-1].",
    "The desk closed half a dozen calls [stats-1].",
    "The desk opened a hundred calls [stats-1].",
    "The desk made several hundred decisions [stats-1].",
    "The desk closed a couple of calls [stats-1].",
    "A third of the decisions were rolls [stats-1].",
    "Half of all decisions were holds [stats-1].",
    "The desk rolled thirty times [stats-1].",
    "It sold a quarter of a coin [#240].",
    "The call had 7.58 weeks to expiry [#240].",
    "ETH-13MAR26-3850-C has 7.58 months left to expiry [#240].",
    "ETH spot was \u20ac3,674.87 [#240].",
    "ETH spot was 3,674.87 EUR [#240].",
    "Delta was 0.23 percentage points [#240].",
    "BTC spot was 101,044.47 thousand USD [#240].",
    "It sold 1 thousand ETH of ETH-13MAR26-3850-C [#240].",
    "The desk rolled \u2079\u2079 times [stats-1].",
    "The desk rolled \u00bd of the time [stats-1].",
    "The desk rolled \u2468 times [stats-1].",
    "The desk closed \u216b calls [stats-1].",
    "Yesterday the desk sold ETH-13MAR26-3850-C [#240].",
    "Last month the desk rolled 43 times [stats-1].",
    "It was sold on Monday [#240].",
    "The desk sold ETH-13MAR26-3850-C a week ago [#240].",
    "At noon the desk sold ETH-13MAR26-3850-C [#240].",
    "The guardrail denied the roll [#235].",
    "The exchange rejected the roll for insufficient margin [#235].",
    "SOL spot was 3,674.87 [#240].",
    "The desk trades real money on mainnet [status-1].",
    "The desk is running in live LLM mode [status-1].",
    "The desk is halted [status-1].",
    "`callwright says 99 rolls`",
    "Run `callwright decisions stats` and you see `callwright 99 rolls` [stats-1].",
    "BTC-6MAR26-109000-C was sold on 4 March 2026 [#235].",
    "3 rolls were rejected by the exchange [search-1].",
    "There were 129 more opens than rolls [stats-1].",
    "The model rolled 43 times [stats-1].",
    "43 rolls were cancelled [stats-1].",
    "43 losing rolls [stats-1].",
    "43 rolls a day [stats-1].",
    "129 opens per month [stats-1].",
    "65 outages of the venue, DO_NOTHING each [stats-1].",
    "240 decisions were made by the model [stats-1].",
    "Opens lost 0.0255 BTC net [stats-1].",
    "Equity rose 139,175 USD [status-1].",
    "A loss of 139,175 USD of equity [status-1].",
    "The desk has 100 cycles [status-1].",
    "2 orders are unresolved [status-1].",
    "The heartbeat is from 5 March 2026 [status-1].",
    "The desk holds puts: the 3850 put [#240].",
    "The 3850 puts were sold [#240].",
    "Decisions #1 to #240 were all rolls [stats-1].",
    "It was the third roll in a row [#234].",
    "It was its tenth attempt [#234].",
    "It paid a premium of 0.0067 ETH [#240].",
    "7.58 years to expiry [#240].",
    "The desk has twelve gates and seven modes [status-1].",
    "The desk has five coins [status-1].",
    "Rolls: 43-fold [stats-1]",
    "Rolls tripled [stats-2].",
    "Rolls doubled from January to February [stats-2].",
    "ETH's options yield 32.2% a month [#240].",
    "a yield of 32.2% per day [#240].",
    "In January rolls paid 0.0001 ETH of premium [stats-2].",
    "53.8% of opens were profitable [stats-1].",
    "It holds 9 BTC calls [status-1].",
    "There are 9 open ETH calls [status-1].",
    "9 calls have expired [status-1].",
    "The month budget of 20 USD is spent [status-1].",
    "The rules would do nothing [what-if-1].",
    "The rules would be denied [what-if-1].",
    "The model would sell ETH-13MAR26-3850-C [what-if-1].",
)

RIGHT = (
    "The most recent decision [#240], on 5 March 2026 at 18:00 UTC, sold 1 ETH of ETH-13MAR26-3850-C at 0.007 ETH.",
    "At 18:00 UTC on 5 March 2026 the desk opened a covered call: it sold 1 ETH-13MAR26-3850-C for 0.007 ETH [#240].",
    "The call had a delta of 0.23, close to the target of 0.22 [#240].",
    "It had about 7.6 days to expiry and a yield of 32% a year after fees [#240].",
    "Implied volatility was 40.8% versus 29.4% realized, a ratio of 1.386 [#240].",
    "IVRV was 1.39, above the minimum of 1.05 [#240].",
    "The guardrail and the risk engine both allowed it [#240].",
    "The order was filled in full at 0.007 ETH with a fee of 0.0003 ETH [#240].",
    "The desk rolled 43 times in 240 decisions [stats-1].",
    "Out of 240 decisions, 129 were opens (53.8%), 65 holds, 43 rolls and 3 closes [stats-1].",
    "The desk opened 129 times, rolled 43 times, closed 3 times and did nothing 65 times [stats-1].",
    "In January 2026 it rolled 12 times [stats-2].",
    "12 of its rolls were in January 2026 [stats-2].",
    "Rolling cost 0.0077 BTC and 0.0537 ETH net [stats-1].",
    "The BTC rolls lost 0.007745 BTC net of fees [stats-4].",
    "22 of the 43 rolls were in BTC and 21 in ETH [stats-4].",
    "The risk engine last blocked a trade on 4 March 2026 at 12:00 UTC, with PRICE_OUTSIDE_COLLAR: the buy price of 0.0007 BTC was more than 0.0002 away from the mark of 0.00022253 [#235].",
    "The old call had been sold on 23 February 2026 [#235] by decision #199.",
    "On 4 March 2026 at 06:00 UTC the desk rolled 0.4 BTC of BTC-6MAR26-108000-C into BTC-7MAR26-108000-C [#234].",
    "It bought back BTC-6MAR26-108000-C at 0.0008 BTC and sold BTC-7MAR26-108000-C at 0.0013 BTC [#234].",
    "It closed ETH-15FEB26-3650-C on 15 February 2026 because 2 hours were left, below the limit of 6 hours, at a delta of 1.000 [#166].",
    "The desk runs on the rules; no model is configured [status-1].",
    "Nine calls are open [status-1].",
    "The desk is short 0.3 BTC of BTC-13MAR26-110000-C [status-1].",
    "The maximum margin used is 40% [status-1].",
    "If BTC fell to 90,000 USD, the rules would still sell 1 ETH of ETH-13MAR26-3850-C [what-if-1].",
    "With BTC at $90k the rules would do the same as they did: sell ETH-13MAR26-3850-C [what-if-1].",
    "| action | count | share |\n|---|---|---|\n| Open [stats-1] | 129 | 53.8% |\n| Hold [stats-1] | 65 | 27.1% |\n| Roll [stats-1] | 43 | 17.9% |\n| Close [stats-1] | 3 | 1.2% |",
    "| Action | Decisions |\n|---|---|\n| OPEN_COVERED_CALL | 129 |\n| DO_NOTHING | 65 |\n| ROLL_COVERED_CALL | 43 |\n| CLOSE_COVERED_CALL | 3 |\n\nSource: [stats-1]",
    "Here is what the desk did [stats-1]:\n\n- **Opens**: 129\n- **Rolls**: 43\n- **Holds**: 65\n- **Closes**: 3",
    "Your desk has made 240 decisions so far [stats-1].",
    "The average delta of the calls sold by opens was 0.22 [stats-1].",
    "BTC stood at $101,044 and ETH at $3,675 [#240].",
    "BTC was trading at 101,044.47 USD [#240].",
    "This is paper trading, no real money is at risk.",
    "I don't know; the records do not say. I looked for rolls in April 2026.",
    "Since PRICE_OUTSIDE_COLLAR was hit, the final action was DO_NOTHING [#235].",
    "The sale brought in 0.0067 ETH after the fee [#240].",
    "The dwell time is 24 hours and the cooldown 12 hours [status-1].",
    "It did not close ETH-13MAR26-3850-C, it sold it [#240].",
    "The roll was not filled: it was denied [#235].",
    "The desk did not roll: the risk engine denied it [#235].",
    "It would have rolled BTC-6MAR26-109000-C into BTC-13MAR26-108000-C [#235].",
    "The guardrail allowed it, the risk engine denied it [#235].",
    "BTC-6MAR26-109000-C, which was sold on 23 February 2026, was not rolled [#235].",
    "No, it is not in LLM mode: the rules decide [status-1].",
    "The desk is not halted; the trading state is ACTIVE [status-1].",
    "The desk is not running now [status-1].",
    "It is no dry run: it sends real orders, to paper, never with real money [status-1].",
    "The rules would not be denied, and would sell ETH-13MAR26-3850-C [what-if-1].",
    "It was decided on Thursday, 5 March 2026 [#240].",
    "I searched for ETH-7MAR26-4100-C and found nothing.",
)


def record_of(number: int) -> Mapping[str, Any] | None:
    return RECORDS.get(number)


def flagged(text: str) -> list[str]:
    return [claim.text for claim in check(text, SOURCES, record_of) if claim.problem]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_sentence_is_flagged(text: str) -> None:
    assert flagged(text)


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_sentence_is_not(text: str) -> None:
    assert flagged(text) == []


def with_status(**changes: Any) -> list[Source]:
    (status,) = [source for source in SOURCES if source.cite == "status-1"]
    return [status.model_copy(update={"result": {**status.result, **changes}})]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("The desk is halted [status-1].", {"trading_state": "HALTED"}),
        ("It is REDUCING [status-1].", {"trading_state": "REDUCING"}),
        ("Yes, it is in LLM mode [status-1].", {"brain": "llm", "model": "gpt-4.1-mini"}),
        ("The model decides [status-1].", {"brain": "llm", "model": "gpt-4.1-mini"}),
        ("It is a dry run [status-1].", {"dry_run": True}),
        ("The desk is running now [status-1].", {"running": True}),
    ],
)
def test_a_state_holds_when_the_status_has_it_only(text: str, changes: Mapping[str, Any]) -> None:
    (claim,) = check(text, with_status(**changes), record_of)[-1:]
    assert not claim.problem
    assert [c for c in check(text, SOURCES, record_of) if c.problem]


def test_a_simulated_order_is_not_a_sale() -> None:
    detail = json.loads(json.dumps(RECORDS[240]))
    detail["record"]["execution"] = {"status": "simulated", "orders": []}

    def simulated(number: int) -> Mapping[str, Any]:
        return detail  # type: ignore[no-any-return]

    (claim,) = [c for c in check("It sold ETH-13MAR26-3850-C [#240].", (), simulated) if c.problem]
    assert claim.text == "sold"
    assert "simulated" in claim.problem
    said = "In the dry run it sold ETH-13MAR26-3850-C, simulated only [#240]."
    assert not [c for c in check(said, (), simulated) if c.problem]


def test_money_is_never_real() -> None:
    for text in (
        "The desk trades real money.",
        "It runs on mainnet.",
        "Your real money is at risk.",
    ):
        assert flagged(text), text
    assert not flagged("It is paper trading: no real money is at risk, and it is not on mainnet.")


def test_a_status_before_the_newest_decision_is_stale() -> None:
    text = "The BTC spot is 90,000 [what-if-1]. The trading state is ACTIVE [status-1]."
    claims = check(text, SOURCES, record_of, stale={"what-if-1"})
    assert [c.text for c in claims if c.problem == STALE] == ["90,000", "[what-if-1]"]


def test_of_two_results_with_one_name_the_last_counts() -> None:
    old, new = with_status(orders_today=9)[0], with_status(orders_today=2)[0]
    assert not [c for c in check("2 orders today [status-1].", (old, new), record_of) if c.problem]
    assert [c for c in check("9 orders today [status-1].", (old, new), record_of) if c.problem]

"""The evidence check, rule by rule, over one small record and one small count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callwright.domain.explain import Claim, Source
from callwright.explain.evidence import check, marked, problems_text
from callwright.explain.fields import field_words_text
from callwright.explain.options import is_symbol
from callwright.explain.reading import Instrument

OLD, NEW, OTHER = "BTC-9JAN26-97000-C", "BTC-16JAN26-98000-C", "BTC-16JAN26-99000-C"


def a_candidate(symbol: str, delta: float, yield_annual: float, bid: float) -> dict[str, Any]:
    return {
        "symbol": symbol, "underlying": "BTC", "expiry": "2026-01-16T08:00:00.000Z",
        "strike_usd": float(symbol.split("-")[2]), "dte_days": 8.25, "delta": delta,
        "bid_coin": bid, "premium_yield_annual": yield_annual, "passes": False,
        "codes": ["COOLDOWN_ACTIVE"],
    }  # fmt: skip


DENIED_ROLL: dict[str, Any] = {
    "id": 12,
    "run_id": None,
    "record": {
        "log_timestamp": "2026-01-08T02:00:00.000Z",
        "cycle_id": "paper-20260108T020000.000Z",
        "state": {
            "as_of": "2026-01-08T02:00:00.000Z",
            "spot": {"BTC": 96_400.5, "ETH": 3_237.75},
            "portfolio": {
                "equity_usd": 128_000.0,
                "margin_used_pct": 12.15,
                "net_delta": {"BTC": -0.31, "ETH": -1.6},
                "by_underlying": {
                    "BTC": {
                        "equity_coin": 1.01,
                        "short_calls": [
                            {
                                "symbol": OLD, "underlying": "BTC", "strike_usd": 97_000.0,
                                "expiry": "2026-01-09T08:00:00.000Z", "amount_coin": 0.1,
                                "dte_days": 1.25, "delta": 0.52, "captured_frac": -0.25,
                                "opened_at": "2026-01-07T08:00:00.000Z",
                            }
                        ],
                    }
                },
            },
            "vol": {"BTC": {"iv_annual": 0.452, "rv_annual": 0.345, "ivrv": 1.31}},
            "candidates_count": 2,
            "candidates": [
                a_candidate(NEW, 0.25, 0.383, 0.012), a_candidate(OTHER, 0.19, 0.277, 0.0085)
            ],
            "funnel": {},
        },
        "proposed_action": {
            "action": "ROLL_COVERED_CALL",
            "params": {"underlying": "BTC", "from_symbol": OLD, "symbol": NEW, "size": 0.1},
            "reasoning": "delta too high: I would rather have the later week",
        },
        "baseline_action": {
            "action": "ROLL_COVERED_CALL",
            "params": {"underlying": "BTC", "from_symbol": OLD, "symbol": OTHER, "size": 0.1},
            "reasoning": "Roll it.",
        },
        "guardrail": {"allowed": True, "reasons": []},
        "risk_check": {
            "allowed": False,
            "reasons": [
                {"code": "ROLL_DWELL",
                 "facts": {"symbol": OLD, "held_s": 64_800.0, "dwell_s": 86_400.0}},
                {"code": "NET_DELTA_ABOVE_MAXIMUM",
                 "facts": {"net_delta_lowest": -0.6, "net_delta_abs_max": 0.5}},
            ],
        },
        "clamps": [],
        "final_action": {"action": "DO_NOTHING", "params": {}, "reasoning": "blocked"},
        "execution": {"status": "skipped", "orders": []},
        "order_updates": [],
        "config_snapshot": {"min_ivrv": 1.05, "max_margin_used_pct": 40.0},
        "failure": None,
        "llm": {"model": "gpt-4.1-mini", "input_tokens": 5_321, "cost_usd": 0.0021},
    },
    "opened_by": {"id": 7, "as_of": "2026-01-07T08:00:00.000Z", "symbol": OLD, "reasoning": "rich"},
    "closed_by": None,
    "later": [],
    "config_changes": {"max_margin_used_pct": [35.0, 40.0]},
}  # fmt: skip


def a_row(month: str, action: str, count: int) -> dict[str, Any]:
    return {
        "keys": {"month": month, "action": action}, "count": count, "share": count / 50,
        "cost_usd": count / 1_000, "first_id": 1, "last_id": 50,
        "cash": {"BTC": {"premium_coin": 0.012, "fees_coin": 0.0006},
                 "ETH": {"premium_coin": -0.34, "fees_coin": 0.009}},
    }  # fmt: skip


STATS = Source(
    cite="stats-1",
    tool="decision_stats",
    arguments={"group_by": ["month", "action"]},
    result={
        "rows": [
            a_row("2025-11", "ROLL_COVERED_CALL", 3), a_row("2025-11", "OPEN_COVERED_CALL", 14),
            a_row("2025-12", "ROLL_COVERED_CALL", 5), a_row("2025-12", "DO_NOTHING", 28),
        ],
        "groups": 4, "total": 50, "where": {}, "notes": [],
    },
    command="callwright decisions stats --by month --by action",
)  # fmt: skip
SEARCH = Source(
    cite="search-1",
    tool="search_decisions",
    arguments={
        "proposed_action": ["ROLL_COVERED_CALL"], "since": "2026-01-05", "until": "2026-01-11",
    },
    result={
        "total": 17, "total_is_exact": True, "hits": [{"id": 12, "run_length": 4}], "notes": [],
    },
    command="callwright decisions list",
)  # fmt: skip


def record_of(number: int) -> Mapping[str, Any] | None:
    return DENIED_ROLL if number == 12 else None


def claims_of(text: str) -> tuple[Claim, ...]:
    return check(text, (STATS, SEARCH), record_of)


def flagged(text: str) -> list[str]:
    return [claim.text for claim in claims_of(text) if claim.problem]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{NEW} had delta 0.25 [#12].", id="plain"),
        pytest.param("BTC spot was $96.4k [#12].", id="k-notation"),
        pytest.param("BTC spot was 96,400.5 USD [#12].", id="separators-and-unit"),
        pytest.param("The yield was 38.3% a year [#12].", id="fraction-as-percent"),
        pytest.param("The yield was 0.383 [#12].", id="fraction"),
        pytest.param("Margin used was 12% [#12].", id="rounded"),
        pytest.param("BTC net delta was minus 0.31 [#12].", id="minus-as-word"),
        pytest.param("BTC net delta was \u22120.31 [#12].", id="minus-sign"),
        pytest.param("With ROLL_DWELL: held 18 hours, dwell 24 hours [#12].", id="time-units"),
        pytest.param("Held 64,800 s, at least 86,400 s needed [#12].", id="limit-of-what-was-held"),
        pytest.param("Denied with NET_DELTA_ABOVE_MAXIMUM: net delta \u22120.60, limit 0.50 [#12].",
                     id="measured-and-limit"),
        pytest.param("IVRV was 1.31, above the minimum of 1.05 [#12].", id="setting-as-limit"),
        pytest.param("IV 45.2% against RV 34.5% [#12].", id="two-kinds"),
        pytest.param("It wanted to roll the 97k call into the 16 Jan 98k call [#12].",
                     id="in-words"),
        pytest.param("The candidate BTC-16JAN26-99000-C had a yield of 27.7% [#12].", id="other"),
        pytest.param("The rules' baseline was BTC-16JAN26-99000-C [#12].", id="baseline"),
        pytest.param("On 8 January 2026 at 02:00 UTC it was denied [#12].", id="date-and-time"),
        pytest.param("On Jan 8, 2026 and on 2026-01-08 [#12].", id="dates-in-other-words"),
        pytest.param("It was denied in January 2026, in 2026 [#12].", id="month-and-year"),
        pytest.param("The 97k call expires on 9 January 2026 [#12].", id="expiry"),
        pytest.param("The 97k call was opened on 7 January 2026 by #7 [#12].", id="opening"),
        pytest.param("The manager stated \"delta too high: \u2026 the later week\" [#12].",
                     id="quoted"),
        pytest.param("It was `gpt-4.1-mini` at a cost of $0.0021 [#12].", id="model-and-cost"),
        pytest.param("`max_margin_used_pct` went from 35% to 40% [#12].", id="changed-setting"),
        pytest.param("[#12] had delta 0.25. Its loss on the 97k call was captured \u221225% [#12].",
                     id="leading-citation"),
        pytest.param("3 rolls in November, 5 in December [stats-1].", id="groups"),
        pytest.param("In December it rolled five times [stats-1].", id="number-word"),
        pytest.param("November: 14 opens (28%), 3 rolls (6%) [stats-1].", id="shares"),
        pytest.param("50 decisions in all [stats-1].", id="total"),
        pytest.param("In November it closed 0 times [stats-1].", id="no-such-group"),
        pytest.param("November rolls cost fees of 0.0006 BTC and 0.009 ETH [stats-1].", id="cash"),
        pytest.param("November rolls paid 0.34 ETH of premium [stats-1].", id="paid-is-negative"),
        pytest.param("17 proposed rolls since 5 January 2026 until 11 January 2026 [search-1].",
                     id="search-total"),
        pytest.param("Counts [stats-1]:\n- November: 3 rolls\n- December: 5 rolls\n", id="list"),
        pytest.param("| month | rolls |\n|---|---|\n| November [stats-1] | 3 |\n", id="table"),
        pytest.param("| | rolls [stats-1] |\n|---|---|\n| December | 5 |\n", id="head-cites"),
        pytest.param("Run `callwright decisions show 12 --limit 3` to see it.", id="command"),
        pytest.param("1. It held.\n2. It waited.\n", id="numbering"),
        pytest.param("Nothing was traded; I do not know why.", id="no-claim"),
        pytest.param("There are two gates, and this is the one that counts.", id="design"),
    ],
)  # fmt: skip
def test_what_is_on_record_holds(text: str) -> None:
    assert flagged(text) == []


@pytest.mark.parametrize(
    ("text", "items"),
    [
        pytest.param(f"{NEW} had delta 0.25.", [NEW, "0.25"], id="nothing-cited"),
        pytest.param("Delta was 0.25 [#99].", ["0.25", "[#99]"], id="no-such-decision"),
        pytest.param("Delta was 0.25 [stats-9].", ["0.25", "[stats-9]"], id="no-such-call"),
        pytest.param("It was denied [#12]. Delta was 0.25.", ["0.25"], id="cited-elsewhere"),
        pytest.param("Delta was 0.383, the yield 25% [#12].", ["0.383", "25%"], id="swapped-kinds"),
        pytest.param("BTC spot was 97,000 [#12].", ["97,000"], id="strike-for-spot"),
        pytest.param("ETH spot was 96,400 [#12].", ["96,400"], id="other-coin"),
        pytest.param(f"{NEW} had delta 0.52 [#12].", ["0.52"], id="delta-of-the-other-option"),
        pytest.param("Delta was 0.19 [#12].", ["0.19"], id="delta-of-another-candidate"),
        pytest.param("Delta was 25 [#12].", ["25"], id="percent-without-its-sign"),
        pytest.param("The yield was 0.383% [#12].", ["0.383%"], id="fraction-with-percent"),
        pytest.param("BTC net delta was 0.31 [#12].", ["0.31"], id="sign-lost"),
        pytest.param("Margin used was 13% [#12].", ["13%"], id="rounded-too-far"),
        pytest.param("Delta was 0.3 [#12].", ["0.3"], id="rounded-by-more-than-a-tenth"),
        pytest.param("With ROLL_DWELL: held 24 hours, dwell 18 hours [#12].", ["24", "18"],
                     id="limit-for-measured"),
        pytest.param("Denied with NET_DELTA_ABOVE_MAXIMUM: net delta \u22120.31 [#12].",
                     ["\u22120.31"], id="the-state-for-the-verdict"),
        pytest.param("It was denied with COOLDOWN_ACTIVE [#12].", ["COOLDOWN_ACTIVE"],
                     id="a-candidates-code"),
        pytest.param(f"It wanted to roll {NEW} into {OLD} [#12].", [NEW, OLD], id="roll-reversed"),
        pytest.param(f"It sold {OTHER} [#12].", ["sold", OTHER], id="only-a-candidate"),
        pytest.param("On 9 January 2026 it was denied [#12].", ["9 January 2026"],
                     id="the-expiry-as-its-day"),
        pytest.param("It was denied in 2025 [#12].", ["2025"], id="other-year"),
        pytest.param("On 8 January 2026 at 02:00 CET [#12].", ["02:00 CET"], id="other-time-zone"),
        pytest.param("The manager stated \"the delta is too high for me\" [#12].",
                     ["\"the delta is too high for me\""], id="misquoted"),
        pytest.param("The size was 0.1 BTC, worth about 9,640 USD [#12].", ["9,640"],
                     id="arithmetic"),
        pytest.param("3 rolls in December, 5 in November [stats-1].", ["3", "5"],
                     id="months-swapped"),
        pytest.param("3 rolls in October [stats-1].", ["3", "October"], id="no-such-month"),
        pytest.param("8 rolls in all [stats-1].", ["8"], id="a-sum"),
        pytest.param("In November it rolled 50 times [stats-1].", ["50"], id="total-for-a-group"),
        pytest.param("In November it rolled 0 times [stats-1].", ["0"], id="zero-of-a-group"),
        pytest.param("17 proposed opens [search-1].", ["17"], id="searched-for-something-else"),
        pytest.param("Delta 0.25 and gamma 0.25 [#12].", ["0.25"], id="a-word-that-no-field-has"),
        pytest.param("3 whales in November [stats-1].", ["3"], id="a-noun-that-no-group-has"),
        pytest.param("It took 37 attempts [#12].", ["37"], id="invented"),
        pytest.param("The 97k call was held 4 times in a row [#12].", ["4"], id="of-the-search"),
    ],
)  # fmt: skip
def test_what_is_not_on_record_is_flagged(text: str, items: list[str]) -> None:
    assert flagged(text) == items


def test_claims_say_where_they_stand() -> None:
    (number, cite) = claims_of("The yield was 38.3% [#12].")
    assert number.kind == "number"
    assert number.found_in == "#12 record.state.candidates[0].premium_yield_annual"
    assert (cite.kind, cite.text) == ("citation", "[#12]")


def test_marks_stand_behind_what_does_not_hold() -> None:
    text = "Delta was **0.77** and the yield 38.3% [#12]."
    assert marked(text, claims_of(text)) == (
        "Delta was **0.77** (unverified) and the yield 38.3% [#12]."
    )


def test_the_correction_names_item_place_and_what_is_on_record() -> None:
    text = "It looked rich. Delta was 0.77 [#12]."
    told = problems_text(claims_of(text), text)
    assert '"0.77"' in told
    assert "Delta was 0.77 [#12]" in told
    assert "delta in [#12] is 0.25" in told


def test_a_rounded_view_that_the_model_saw_may_be_repeated() -> None:
    view = Source(cite="#12", tool="get_decision", arguments={"id": "12"},
                  result={"state": {"spot": {"BTC": 96_400}}}, command="")  # fmt: skip
    assert not [c for c in check("BTC spot: 96,400 [#12].", (view,), record_of) if c.problem]


def test_words_for_the_prompt_are_few() -> None:
    assert len(field_words_text()) / 4 <= 250


_PIECES = st.sampled_from(
    ["[#12]", "[stats-1]", " delta ", "0.25", "97k", " call ", "|", "\n", "- ", ":", '"', "`", "**",
     " 9 Jan ", "2026-01-08", " UTC", "%", "\u2212", "BTC", NEW, "ROLL_DWELL", " rolls in ",
     "November", " and ", ", ", ". ", "[", "]", "#", "1e309", "\u0663",
     "\u00bd", "9" * 400, "\x00", "twelve "]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=400), st.lists(_PIECES, max_size=120).map("".join)))
def test_any_text_is_read_without_an_error(text: str) -> None:
    claims = claims_of(text)
    for claim in claims:
        assert text[claim.start : claim.end] == claim.text
    assert marked(text, claims).replace(" (unverified)", "") == text.replace(" (unverified)", "")
    problems_text(claims, text)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["rows", "keys", "hits", "record", "state", "symbol",
                                           "count", "changes", "candidates", "BTC", "where",
                                           "proposed_action", "params", "positions", "since"]),
                          inner, max_size=6),
        max_leaves=30,
    )
)  # fmt: skip
def test_any_result_is_read_without_an_error(result: Any) -> None:
    given_result = result if isinstance(result, dict) else {"result": result}
    source = Source(
        cite="stats-1", tool="x", arguments=given_result, result=given_result, command=""
    )
    text = "3 rolls in November, delta 0.25 and BTC-9JAN26-97000-C [stats-1] [#1]."
    check(text, (source,), lambda number: given_result)


def test_an_option_that_no_calendar_has_is_not_the_one_that_was_named() -> None:
    named = Instrument("BTC", (None, 1, 16), 97_000.0, "C")
    assert is_symbol("BTC-16JAN26-97000-C", named)
    assert not is_symbol("BTC-16XYZ26-97000-C", named)

"""Questions to the same desk about all of it: sums, how it stands, and what would be."""

# Answers stand as they would be written.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from desk_questions import (
    HOLD,
    OPEN,
    ROLL,
    Call,
    Question,
    Records,
    candidate,
    coin,
    day,
    day_words,
    done,
    every,
    k,
    month,
    month_words,
    pct,
    signed,
    sold,
)  # fmt: skip


def questions_of_totals(records: Records) -> Iterator[Question]:
    """Yield questions whose answers are counts and sums."""
    by_month = records.counts(every, month, done)
    total = len(records)
    jan, feb = "2026-01", "2026-02"
    yield Question(
        "by-month", "aggregate", "How often did you trade, by month?",
        (Call("decision_stats", {"group_by": ["month", "action"]}, counts=by_month, total=total),),
        (
            f"In January the desk opened {by_month[jan, OPEN]} times, rolled {by_month[jan, ROLL]} "
            f"times and held {by_month[jan, HOLD]} times [stats-1]. In February it opened "
            f"{by_month[feb, OPEN]} times and rolled {by_month[feb, ROLL]} times [stats-1].",
            f"{by_month[jan, ROLL]} rolls in January, {by_month[feb, ROLL]} rolls in February "
            f"[stats-1].",
            "| month | opens | rolls | holds |\n| --- | --- | --- | --- |\n" + "".join(
                f"| {month_words(m)} 2026 [stats-1] | {by_month[m, OPEN]} | {by_month[m, ROLL]} | "
                f"{by_month[m, HOLD]} |\n" for m in (jan, feb)
            ),
            f"There are {total} decisions in all [stats-1]. January 2026: {by_month[jan, OPEN]} opens "
            f"({pct(by_month[jan, OPEN] / total)}), {by_month[jan, ROLL]} rolls "
            f"({pct(by_month[jan, ROLL] / total)}) [stats-1].",
            f"In January [stats-1]:\n- opens: {by_month[jan, OPEN]}\n- rolls: {by_month[jan, ROLL]}\n"
            f"- holds: {by_month[jan, HOLD]}\n",
        ),
    )  # fmt: skip
    rolls_jan = records.ids(lambda r: done(r) == ROLL and month(r) == jan)
    yield Question(
        "rolls-in-january", "aggregate", "How often did you roll in January, and what did it cost?",
        (
            Call("decision_stats", {"action": [ROLL], "since": "2026-01", "until": "2026-01",
                                    "group_by": ["underlying"]},
                 counts=records.counts(lambda r: done(r) == ROLL and month(r) == jan, coin),
                 total=len(rolls_jan)),
        ),
        tuple(_roll_costs(records, jan)),
    )  # fmt: skip
    strikes = records.counts(
        lambda r: done(r) == OPEN and coin(r) == "BTC",
        lambda r: candidate(r, sold(r))["strike_usd"],
    )
    (top,), most = strikes.most_common(1)[0]
    opens = sum(strikes.values())
    others = [s for (s,) in strikes if s != top][:2]
    yield Question(
        "favourite-strike", "aggregate", f"Why are you picking the {k(top)} strike every time?",
        (
            Call("decision_stats", {"action": [OPEN], "underlying": "BTC", "group_by": ["strike"]},
                 counts=strikes, total=opens),
        ),
        (
            f"Not every time: the {k(top)} strike was sold {most} times, of {opens} BTC opens in "
            f"total [stats-1].",
            f"The {top:,.0f} strike has {most} opens and the {others[0]:,.0f} strike "
            f"{strikes[others[0],]} [stats-1].",
            "| strike | opens |\n| --- | --- |\n" + "".join(
                f"| {s:,.0f} strike [stats-1] | {strikes[s,]} |\n" for s in (top, *others)
            ),
        ),
    )  # fmt: skip
    coins = records.counts(lambda r: done(r) == OPEN, coin)
    opens = sum(coins.values())
    yield Question(
        "by-coin", "aggregate", "Do you open more on BTC or on ETH?",
        (
            Call("decision_stats", {"action": [OPEN], "group_by": ["underlying"]}, counts=coins,
                 total=opens),
        ),
        (
            f"BTC has {coins['BTC',]} opens ({pct(coins['BTC',] / opens)}), ETH {coins['ETH',]} "
            f"({pct(coins['ETH',] / opens)}) [stats-1].",
            f"It opened {coins['BTC',]} times on BTC and {coins['ETH',]} times on ETH [stats-1].",
            f"ETH: {coins['ETH',]} opens, a share of {coins['ETH',] / opens:.3f} [stats-1].",
        ),
    )  # fmt: skip
    days = records.counts(lambda r: month(r) == jan and done(r) == OPEN, day)
    ordered = sorted(days)
    some = [a for a, b in pairwise(ordered) if days[a] != days[b]][:3]
    yield Question(
        "by-day", "aggregate", "How many opens on each of the first days?",
        (
            Call("decision_stats", {"action": [OPEN], "since": "2026-01", "until": "2026-01",
                                    "group_by": ["day"], "limit": 40}, counts=days),
        ),
        (
            "Opens in January [stats-1]:\n" + "".join(
                f"- {day_words(d[0])}: {days[d]} opens\n" for d in some
            ),
            f"On {some[0][0]} it opened {days[some[0]]} times, on {some[1][0]} {days[some[1]]} times "
            f"[stats-1].",
        ),
    )  # fmt: skip
    zero = records.counts(every, done)
    yield Question(
        "closes",
        "trick",
        "How many calls did you close yourself?",
        (Call("decision_stats", {"group_by": ["action"]}, counts=zero),),
        (
            f"0 closes [stats-1]. There were {zero[OPEN,]} opens and {zero[ROLL,]} rolls [stats-1].",
            f"It rolled {zero[ROLL,]} times and closed 0 times [stats-1].",
        ),
    )
    yield Question(
        "november", "trick", "How often did you roll in November?",
        (Call("decision_stats", {"action": [ROLL], "since": "2025-11", "until": "2025-11"},
              counts={}, total=0),),
        (
            "0 rolls are on record in November 2025 [stats-1].",
            "In November 2025 the desk rolled 0 times [stats-1]; the records do not say more.",
        ),
    )  # fmt: skip


def _roll_costs(records: Records, key: str) -> Iterator[str]:
    sums: dict[str, dict[str, float]] = {}
    for r in records:
        if done(r) == ROLL and month(r) == key:
            own = sums.setdefault(
                str(coin(r)), {"premium": 0.0, "fees": 0.0, "count": 0, "fills": 0}
            )
            own["count"] += 1
            for order in r["execution"]["orders"]:
                if order["filled"]:
                    sign = 1 if order["side"] == "sell" else -1
                    own["premium"] += sign * order["average_price"] * order["filled"]
                    own["fees"] += order["fee"]
                    own["fills"] += 1
    words = month_words(key)
    btc, eth = sums["BTC"], sums["ETH"]
    yield (
        f"In {words} it rolled {btc['count']} times on BTC, for fees of {btc['fees']:.5f} BTC, and "
        f"{eth['count']} times on ETH, for fees of {eth['fees']:.4f} ETH [stats-1]."
    )
    yield (
        f"{btc['count'] + eth['count']} rolls in {words} in total [stats-1]. BTC rolls brought a "
        f"premium of {signed(btc['premium'], 5)} BTC less fees of {btc['fees']:.5f} BTC "
        f"[stats-1]."
    )
    yield (
        f"| coin | rolls | premium | fees |\n| --- | --- | --- | --- |\n"
        f"| BTC [stats-1] | {btc['count']} | {signed(btc['premium'], 5)} | {btc['fees']:.5f} |\n"
        f"| ETH [stats-1] | {eth['count']} | {signed(eth['premium'], 4)} | {eth['fees']:.4f} |\n"
    )


def questions_of_now(records: Records, status: dict[str, Any]) -> Iterator[Question]:
    """Yield questions about how the desk stands."""
    call = (Call("get_status", {}),)
    positions, limits = status["positions"], status["limits"]
    (name, amount), *_ = positions.items()
    yield Question(
        "mode",
        "structured",
        "Are you using LLM mode now?",
        call,
        (
            f"No: the rules decide, the trading state is {status['trading_state']} and "
            f"{status['cycles']} cycles are on record [status-1].",
            f"The brain is `rules`, no model; {status['orders_today']} orders today and "
            f"{status['failures_in_a_row']} failures in a row [status-1].",
        ),
    )
    yield Question(
        "positions", "structured", "What do you hold?", call,
        (
            f"{len(positions)} open calls, equity ${status['equity_usd']:,.0f} [status-1]. It is "
            f"short {abs(amount):g} {name[:3]} of {name} [status-1].",
            "| option | position |\n| --- | --- |\n" + "".join(
                f"| {s} [status-1] | {signed(a, 1)} |\n" for s, a in list(positions.items())[:4]
            ),
        ),
    )  # fmt: skip
    yield Question(
        "limits",
        "structured",
        "Which limits are in force?",
        call,
        (
            f"Margin used has a maximum of {limits['max_margin_used_pct']:g}%, net delta a limit of "
            f"{limits['max_net_delta_abs']['BTC']:g} BTC and {limits['max_net_delta_abs']['ETH']:g} "
            f"ETH [status-1]. At most {limits['max_orders_per_day']} orders a day [status-1].",
            f"- `max_margin_used_pct`: {limits['max_margin_used_pct']:g}% [status-1]\n"
            f"- `min_ivrv`: {limits['min_ivrv']:g} [status-1]\n"
            f"- `roll_dwell_sec`: {limits['roll_dwell_sec'] / 3600:g} hours [status-1]\n"
            f"- `max_orders_per_day`: {limits['max_orders_per_day']} [status-1]\n",
            f"A call is sold at a delta of at least the minimum {limits['delta_open_min']:g} and at "
            f"most the maximum {limits['delta_open_max']:g} [status-1].",
        ),
    )
    yield Question(
        "is-it-nine",
        "trick",
        "Isn't your delta limit 0.9?",
        call,
        (f"No: the maximum delta of an open is {limits['delta_open_max']:g} [status-1].",),
    )
    yield Question(
        "forecast",
        "unanswerable",
        "Where will BTC be on Friday?",
        call,
        (
            "That is not on record, and the desk makes no forecast.",
            "I cannot say: the records hold what was seen and done, nothing about the future. This "
            "is a paper desk for research, and no financial advice.",
        ),
    )
    yield Question(
        "earnings-2024", "unanswerable", "What did you earn in 2024?",
        (Call("decision_stats", {"since": "2024-01", "until": "2024-12"}, total=0, counts={}),),
        ("0 decisions are on record from January 2024 to December 2024 [stats-1], so nothing is "
         "known of it.",),
    )  # fmt: skip
    yield Question(
        "no-such-decision",
        "trick",
        "Why did decision 999999 sell a put?",
        (Call("get_decision", {"id": "999999"}, error="QUERY_INVALID"),),
        ("There is no such decision, and the desk never sells puts.",),
    )
    last = len(records)
    r = records[last]
    yield Question(
        "last-decisions", "structured", "Summarize your last 3 decisions.",
        (Call("search_decisions", {"each": True, "limit": 3}, ids=(last, last - 1, last - 2)),),
        (
            "The last 3 decisions:\n" + "\n".join(
                f"- [#{i}] {records[i]['state']['as_of'][:16].replace('T', ' ')} UTC: "
                f"{'held' if done(records[i]) == HOLD else 'traded ' + sold(records[i])}"
                for i in (last, last - 1, last - 2)
            ),
            f"[#{last}] was made on {day_words(r['state']['as_of'])} with BTC spot at "
            f"{r['state']['spot']['BTC']:,.0f} and ETH spot at {r['state']['spot']['ETH']:,.0f}.",
        ),
    )  # fmt: skip


def questions_of_what_ifs(records: Records, what_ifs: Any) -> Iterator[Question]:
    """Yield questions about what the rules would do."""
    last = len(records)
    answer = what_ifs({"without": ["BTC"]})
    act = answer["proposed_action"]
    yield Question(
        "no-btc",
        "structured",
        "What would you do if I had no BTC?",
        (Call("what_if", {"without": ["BTC"]}),),
        (
            f"The rules would propose {act['action']} on the snapshot of #{last} [what-if-1].",
            f"For the rules, on {day_words(answer['as_of'])}: {act['action']} [what-if-1]. ETH spot "
            f"is {answer['state']['spot']['ETH']:,.2f} there [what-if-1].",
        ),
    )
    answer = what_ifs({"spots": ["BTC=90000"]})
    vol = answer["state"]["vol"]["BTC"]
    yield Question(
        "btc-at-90k",
        "structured",
        "And if BTC stood at 90k?",
        (Call("what_if", {"spots": ["BTC=90000"]}),),
        (
            f"With BTC spot at 90,000 the rules would propose {answer['proposed_action']['action']} "
            f"[what-if-1].",
            f"BTC spot goes from {records[last]['state']['spot']['BTC']:,.0f} to 90k [what-if-1]; BTC "
            f"IV is {pct(vol['iv_annual'])} there [what-if-1].",
        ),
    )
    answer = what_ifs({"settings": ["min_ivrv=2"]})
    yield Question(
        "higher-floor",
        "structured",
        "What if min_ivrv were 2?",
        (Call("what_if", {"settings": ["min_ivrv=2"]}),),
        (
            f"With a minimum IVRV of 2 the rules would propose {answer['proposed_action']['action']} "
            f"[what-if-1].",
            f"With `min_ivrv` 2 instead of 1.05 the rules propose "
            f"{answer['proposed_action']['action']} [what-if-1].",
        ),
    )

"""Questions to a long, made-up history: a model's weeks, denials of every kind, failures, costs."""

# Answers stand as they would be written.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from desk_questions import (
    Call,
    Question,
    Records,
    candidate,
    clock,
    codes,
    coin,
    day_words,
    done,
    every,
    is_denied,
    month,
    month_words,
    pct,
    proposed,
    sold,
)  # fmt: skip

OPEN, ROLL, HOLD = "OPEN_COVERED_CALL", "ROLL_COVERED_CALL", "DO_NOTHING"
CLOSE = "CLOSE_COVERED_CALL"


def long_questions(records: Records) -> list[Question]:
    """Return the questions of this history."""
    return [
        *_denials(records), *_failures(records), *_models(records), *_words(records),
        *_settings(records), *_money(records),
    ]  # fmt: skip


_DENIED_WITH: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("net-delta-denial", "NET_DELTA_ABOVE_MAXIMUM",
     lambda f: f"net delta −{abs(f['net_delta_lowest']):.2f}"),
    ("orders-denial", "ORDERS_PER_DAY",
     lambda f: f"{f['orders']} orders, maximum {f['orders_per_day_max']}"),
    ("margin-denial", "MARGIN_ABOVE_MAXIMUM",
     lambda f: f"margin used {pct(f['margin_used_frac'])}, maximum "
     f"{pct(f['margin_used_frac_max'], 0)}"),
    ("quote-denial", "QUOTE_STALE",
     lambda f: f"an age of {f['age_s']:.1f} s, maximum {f['age_max_s']:g} s"),
    ("collar-denial", "PRICE_OUTSIDE_COLLAR",
     lambda f: f"price {f['price_coin']:g}, mark {f['mark_coin']:g}"),
    ("cooldown-denial", "COOLDOWN_ACTIVE",
     lambda f: f"waited {f['waited_s'] / 3600:g} hours, cooldown "
     f"{f['cooldown_s'] / 3600:g} hours"),
)  # fmt: skip


def _denials(records: Records) -> Iterator[Question]:
    denied = records.ids(is_denied)
    by_code: dict[tuple[Any, ...], int] = {}
    for n in denied:
        for code in codes(records[n]):
            by_code[code,] = by_code.get((code,), 0) + 1
    ranked = sorted(by_code.items(), key=lambda item: -item[1])
    (first,), most = ranked[0]
    (second,), next_most = ranked[1]
    yield Question(
        "denials-by-code", "aggregate", "What blocks you most?",
        (
            Call("decision_stats", {"verdict": "denied", "group_by": ["code"]}, counts=by_code,
                 total=len(denied)),
        ),
        (
            f"{first} with {most} decisions, then {second} with {next_most} [stats-1].",
            "| code | denials |\n| --- | --- |\n" + "".join(
                f"| {code} [stats-1] | {count} |\n" for (code,), count in ranked
            ),
            f"{len(denied)} decisions were denied in total, {most} of them with {first} [stats-1].",
            f"- {first}: {most} [stats-1]\n- {second}: {next_most} [stats-1]\n",
        ),
    )  # fmt: skip
    by_proposed = records.counts(is_denied, proposed)
    yield Question(
        "denied-rolls", "aggregate", "How many rolls were refused?",
        (
            Call("decision_stats", {"verdict": "denied", "group_by": ["proposed_action"]},
                 counts=by_proposed, total=len(denied)),
        ),
        (
            f"{by_proposed[ROLL,]} proposed rolls and {by_proposed[OPEN,]} proposed opens were "
            f"denied [stats-1].",
            f"{by_proposed[ROLL,]} rolls were denied [stats-1].",
        ),
    )  # fmt: skip
    for name, code, words in _DENIED_WITH:
        wanted = records.ids(lambda r, code=code: codes(r) == [code])  # type: ignore[misc]
        n = wanted[0]
        r = records[n]
        every_one = records.ids(lambda r, code=code: code in codes(r))  # type: ignore[misc]
        facts = r["risk_check"]["reasons"][0]["facts"]
        said = words(facts)
        as_of = r["state"]["as_of"]
        yield Question(
            name, "structured", f"When did {code} last block you?",
            (Call("search_decisions", {"code": code, "each": True, "limit": 20},
                  ids=every_one[:20], total=len(every_one)),),
            (
                f"On {day_words(as_of)} at {clock(as_of)} UTC with {code}: {said} [#{n}].",
                f"{code} [#{n}]: {said}.",
                f"The risk engine denied {facts['symbol']} with {code} ({said}) [#{n}].",
            ),
        )  # fmt: skip


def _failures(records: Records) -> Iterator[Question]:
    failed = records.ids(lambda r: r["failure"] is not None)
    by_code = records.counts(lambda r: r["failure"] is not None, lambda r: r["failure"])
    (top,), most = by_code.most_common(1)[0]
    yield Question(
        "failures", "aggregate", "How often could you not decide, and why?",
        (
            Call("decision_stats", {"failure": "ANY", "group_by": ["failure"]}, counts=by_code,
                 total=len(failed)),
        ),
        (
            f"{len(failed)} decisions failed in total [stats-1]. {top} stands for {most} of them "
            f"[stats-1].",
            "Failures by code:\n" + "".join(
                f"- {code}: {count} [stats-1]\n" for (code,), count in by_code.items()
            ),
        ),
    )  # fmt: skip
    n = failed[0]
    r = records[n]
    as_of = r["state"]["as_of"]
    yield Question(
        "last-failure",
        "structured",
        "What failed last?",
        (Call("search_decisions", {"failure": "ANY", "limit": 1}, ids=(n,)),),
        (
            f"On {day_words(as_of)} at {clock(as_of)} UTC no decision could be made: {r['failure']} "
            f"[#{n}].",
            f'{r["failure"]} [#{n}]; the message was "{r["failure_message"]}" [#{n}].',
        ),
    )
    n = records.ids(lambda r: r["failure"] == "VENUE_UNAVAILABLE")[0]
    yield Question(
        "unreachable", "paraphrase", "Was the exchange ever out of reach?",
        (Call("search_decisions", {"failure": "VENUE_UNAVAILABLE", "each": True, "limit": 20},
              total=by_code["VENUE_UNAVAILABLE",]),),
        (
            f"Yes, {by_code['VENUE_UNAVAILABLE',]} decisions match [search-1], the last on "
            f"{day_words(records[n]['state']['as_of'])} [#{n}].",
        ),
    )  # fmt: skip


def _models(records: Records) -> Iterator[Question]:
    by_model = [r for r in records if r["llm"] is not None]
    cost = sum(r["llm"]["cost_usd"] or 0 for r in by_model)
    unknown = sum(1 for r in by_model if r["llm"]["cost_usd"] is None)
    tokens_in = sum(r["llm"]["input_tokens"] for r in by_model)
    tokens_out = sum(r["llm"]["output_tokens"] for r in by_model)
    sources = records.counts(every, lambda r: r["decision_source"])
    yield Question(
        "model-or-rules",
        "aggregate",
        "How many decisions were the model's?",
        (Call("decision_stats", {"group_by": ["source"]}, counts=sources, total=len(records)),),
        (
            f"The model made {sources['llm',]} decisions and the rules {sources['rule_based',]} "
            f"[stats-1].",
            f"The model: {sources['llm',]} ({pct(sources['llm',] / len(records))}), the rules: "
            f"{sources['rule_based',]} ({pct(sources['rule_based',] / len(records))}) [stats-1].",
        ),
    )
    yield Question(
        "model-cost",
        "aggregate",
        "What did the model cost?",
        (
            Call(
                "decision_stats",
                {"source": "llm", "group_by": ["source"]},
                counts={("llm",): sources["llm",]},
            ),
        ),
        (
            f"The known cost is ${cost:.2f}, over {len(by_model)} model decisions [stats-1].",
            f"It read {tokens_in:,} input tokens and wrote {tokens_out:,} output tokens [stats-1].",
            f"Cost {cost:.4f} USD; {unknown} with unknown cost [stats-1].",
            f"| input tokens | output tokens | cost |\n| --- | --- | --- |\n"
            f"| {tokens_in:,} | {tokens_out:,} | ${cost:.3f} [stats-1] |\n",
        ),
    )
    n = records.ids(
        lambda r: (
            r["baseline_action"] is not None
            and r["baseline_action"]["action"] != proposed(r)
            and proposed(r) == OPEN
            and not is_denied(r)
        )
    )[0]
    r = records[n]
    llm = r["llm"]
    best = candidate(r, sold(r))
    yield Question(
        "same-by-rules", "structured", f"Would the rules have done the same as #{n}?",
        (Call("get_decision", {"id": str(n)}, ids=(n,)),),
        (
            f"No: the rules' baseline was {r['baseline_action']['action']}, while the manager sold "
            f"{sold(r)} [#{n}].",
            f"The manager ({llm['model']}) read {llm['input_tokens']:,} input tokens, wrote "
            f"{llm['output_tokens']} output tokens and cost ${llm['cost_usd']:.4f} [#{n}].",
            f"The manager stated \"{r['proposed_action']['reasoning'].split('. ')[0]}\" [#{n}].",
            f"It sold {sold(r)} with delta {best['delta']:.3f} and IVRV {best['ivrv']:.2f} for the "
            f"option [#{n}].",
        ),
    )  # fmt: skip
    both = records.counts(lambda r: done(r) == OPEN, month, lambda r: r["decision_source"])
    months = sorted({m for m, _ in both})[:2]
    yield Question(
        "opens-by-source", "aggregate", "Who opened how many, by month?",
        (Call("decision_stats", {"action": [OPEN], "group_by": ["month", "source"]}, counts=both),),
        (
            f"In {month_words(months[0])} the rules opened {both[months[0], 'rule_based']} times and "
            f"the model opened {both[months[0], 'llm']} times [stats-1].",
            "| month | opens by the rules | opens by the model |\n| --- | --- | --- |\n" + "".join(
                f"| {month_words(m)} [stats-1] | {both[m, 'rule_based']} | {both[m, 'llm']} |\n"
                for m in months
            ),
        ),
    )  # fmt: skip


def _words(records: Records) -> Iterator[Question]:
    for name, kind, asked, text in (
        ("theta", "keyword", "Which decisions speak of theta?", "theta"),
        ("contango", "keyword", "Find what was said about contango.", "contango"),
        ("squeeze", "paraphrase", "Were you ever afraid of a short squeeze?", "squeeze"),
        ("thin-book", "paraphrase", "Did you worry about too little size on the bid?", "liquidity"),
    ):
        wanted = records.ids(lambda r, text=text: text in _said(r))  # type: ignore[misc]
        n = wanted[0]
        sentence = next(
            s for s in records[n]["proposed_action"]["reasoning"].split(". ") if text in s.lower()
        )
        most = len(wanted)
        total = f"{most} decisions match [search-1]." if most < 1000 else "Many match."
        yield Question(
            name, kind, asked,  # type: ignore[arg-type]
            (Call("search_decisions", {"text": text, "each": True, "limit": 10}, ids=wanted[:10],
                  total=most if most < 1000 else None),),
            (
                f"{total} On {day_words(records[n]['state']['as_of'])} the manager stated "
                f"\"{sentence.rstrip('.')}\" [#{n}].",
            ),
        )  # fmt: skip


def _said(record: Any) -> str:
    texts = [record["proposed_action"]["reasoning"], record["final_action"]["reasoning"]]
    return " ".join([*texts, record["failure_message"]]).lower()


def _settings(records: Records) -> Iterator[Question]:
    n = next(
        n for n in range(2, len(records) + 1)
        if records[n]["config_snapshot"].get("max_margin_used_pct")
        != records[n - 1]["config_snapshot"].get("max_margin_used_pct")
    )  # fmt: skip
    was = records[n - 1]["config_snapshot"]["max_margin_used_pct"]
    now = records[n]["config_snapshot"]["max_margin_used_pct"]
    yield Question(
        "changed-settings",
        "structured",
        "When was the margin limit changed?",
        (Call("get_decision", {"id": str(n)}, ids=(n,)),),
        (
            f"`max_margin_used_pct` went from {was:g}% to {now:g}% with the decision of "
            f"{day_words(records[n]['state']['as_of'])} [#{n}].",
            f"From {was:g}% to {now:g}%: `max_margin_used_pct` [#{n}].",
        ),
    )
    n = records.ids(lambda r: done(r) == CLOSE and not r["execution"]["dry_run"])[0]
    r = records[n]
    symbol = r["proposed_action"]["params"]["symbol"]
    order = r["execution"]["orders"][0]
    yield Question(
        "last-close",
        "structured",
        "What did you close last?",
        (Call("search_decisions", {"action": [CLOSE], "status": "filled", "limit": 1}, ids=(n,)),),
        (
            f"It bought back {order['amount']:g} {symbol[:3]} of {symbol} at {order['price']:g} "
            f"{symbol[:3]}, fee {order['fee']:g} {symbol[:3]} [#{n}].",
            f"{symbol} was closed on {day_words(r['state']['as_of'])} [#{n}].",
        ),
    )
    statuses = records.counts(lambda r: done(r) == OPEN, lambda r: r["execution"]["status"])
    yield Question(
        "simulated",
        "aggregate",
        "How many opens were only simulated?",
        (Call("decision_stats", {"action": [OPEN], "group_by": ["status"]}, counts=statuses),),
        (
            f"{statuses['simulated',]} opens were simulated and {statuses['filled',]} opens were "
            f"filled [stats-1].",
        ),
    )


def _money(records: Records) -> Iterator[Question]:
    opened = [r for r in records if done(r) == OPEN and coin(r) == "BTC"]
    deltas = [candidate(r, sold(r))["delta"] for r in opened]
    yields = [candidate(r, sold(r))["premium_yield_annual"] for r in opened]
    mean_delta, mean_yield = sum(deltas) / len(deltas), sum(yields) / len(yields)
    yield Question(
        "mean-delta", "aggregate", "At what delta do you open BTC calls on average?",
        (Call("decision_stats", {"action": [OPEN], "underlying": "BTC", "group_by": ["action"]},
              counts={(OPEN,): len(opened)}),),
        (
            f"BTC opens had a mean delta of {mean_delta:.3f} and a mean yield of "
            f"{pct(mean_yield)} over {len(opened)} opens [stats-1].",
        ),
    )  # fmt: skip
    premium = 0.0
    for r in records:
        if done(r) == OPEN and coin(r) == "BTC" and not r["execution"]["dry_run"]:
            for order in r["execution"]["orders"]:
                premium += order["amount"] * order["price"]
    yield Question(
        "btc-premium", "aggregate", "What premium did BTC opens bring, and what fees?",
        (Call("decision_stats", {"action": [OPEN], "underlying": "BTC", "group_by": ["action"]},
              counts={(OPEN,): len(opened)}),),
        (
            f"BTC opens brought a premium of {premium:.4f} BTC [stats-1].",
            f"Premium of BTC opens: {premium:.5f} BTC [stats-1].",
        ),
    )  # fmt: skip

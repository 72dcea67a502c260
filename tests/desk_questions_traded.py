"""Questions to a desk that traded a synthetic market by rules: whole records with books."""

# Answers stand as they would be written.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from desk_questions import (
    OPEN,
    ROLL,
    Call,
    Question,
    Records,
    candidate,
    clock,
    coin,
    day_words,
    done,
    is_denied,
    k,
    pct,
    short_call,
    signed,
    sold,
)  # fmt: skip
from desk_questions_totals import questions_of_now, questions_of_totals, questions_of_what_ifs


def traded_questions(records: Records, status: dict[str, Any], what_ifs: Any) -> list[Question]:
    """Return the questions of this desk.

    Args:
        status: What ``callwright status --json`` says.
        what_ifs: From changes to what the rules would do, to state the right answer.
    """
    return [
        *_opens(records), *_rolls(records), *_blocks(records), *_states(records),
        *questions_of_totals(records), *questions_of_now(records, status),
        *questions_of_what_ifs(records, what_ifs),
    ]  # fmt: skip


def _opens(records: Records) -> Iterator[Question]:
    n = records.ids(lambda r: done(r) == OPEN and coin(r) == "BTC")[0]
    r = records[n]
    symbol = sold(r)
    best, order, vol = candidate(r, symbol), r["execution"]["orders"][0], r["state"]["vol"]["BTC"]
    spot, as_of = r["state"]["spot"]["BTC"], r["state"]["as_of"]
    config = r["config_snapshot"]
    yield Question(
        "last-btc-open",
        "structured",
        "Why did you sell your last BTC call?",
        (
            Call("search_decisions", {"action": [OPEN], "underlying": "BTC", "limit": 1}, ids=(n,)),
            Call("get_decision", {"id": str(n)}, ids=(n,)),
        ),
        (
            f"On {day_words(as_of)} at {clock(as_of)} UTC the desk sold {order['amount']:g} BTC of "
            f"{symbol} at {order['price']:g} BTC [#{n}]. Its delta was {best['delta']:.3f}, near the "
            f"target delta of {config['target_delta']:g}, with {best['dte_days']:.2f} days to expiry "
            f"and a yield of {pct(best['premium_yield_annual'])} a year [#{n}]. BTC spot was "
            f"{spot:,.0f} and BTC IVRV {vol['ivrv']:.2f}, above the minimum of "
            f"{config['min_ivrv']:g} [#{n}].",
            f"[#{n}] sold the {k(best['strike_usd'])} call: delta {best['delta']:.2f}, "
            f"DTE {best['dte_days']:.1f} days, premium {best['premium_net_coin']:.4f} BTC, "
            f"fee {order['fee']:.5f} BTC.",
            f"- **Sold:** {symbol}, size {order['amount']:g} BTC [#{n}]\n"
            f"- **Bid / ask:** bid {best['bid_coin']:g}, ask {best['ask_coin']:g} BTC [#{n}]\n"
            f"- **Implied volatility:** {pct(vol['iv_annual'])}; realized volatility: "
            f"{pct(vol['rv_annual'])} [#{n}]\n"
            f"- **BTC spot:** ${spot:,.2f} [#{n}]\n",
            f"| field | value |\n| --- | --- |\n| delta [#{n}] | {best['delta']:.4f} |\n"
            f"| yield [#{n}] | {best['premium_yield_annual']:.3f} |\n"
            f"| spread [#{n}] | {pct(best['spread_frac'], 2)} |\n"
            f"| spot [#{n}] | {spot / 1000:.1f}k |\n| open interest [#{n}] | "
            f"{best['open_interest_coin']:g} BTC |\n",
        ),
    )
    n = records.ids(lambda r: done(r) == OPEN and coin(r) == "ETH")[-1]
    r = records[n]
    symbol = sold(r)
    best, order = candidate(r, symbol), r["execution"]["orders"][0]
    as_of = r["state"]["as_of"]
    yield Question(
        "first-eth-open", "structured", "At what delta did you sell your first ETH call?",
        (
            Call("search_decisions", {"action": [OPEN], "underlying": "ETH", "order": "oldest",
                                      "limit": 1}, ids=(n,)),
        ),
        (
            f"The first ETH call was {symbol}, sold at a delta of {best['delta']:.3f} for "
            f"{order['price']:g} ETH on {day_words(as_of)} [#{n}].",
            f"At delta {best['delta']:.2f}: the ETH {best['strike_usd']:,.0f} call with "
            f"{best['dte_days']:.1f} days left, sold on {as_of[:10]} {clock(as_of)} UTC [#{n}].",
            f"The desk sold {order['amount']:g} ETH of the {best['strike_usd']:,.0f} strike at delta "
            f"{best['delta']:.3f}; its mark was {best['mark_coin']:g} ETH, its mark IV "
            f"{pct(best['mark_iv_annual'])} [#{n}].",
        ),
    )  # fmt: skip
    n = 1
    r = records[n]
    funnel = {step["filter"]: step for step in r["state"]["funnel"]["BTC"]}
    yield Question(
        "funnel",
        "structured",
        "How did the scanner get to its BTC candidates in decision 1?",
        (Call("get_decision", {"id": "1"}, ids=(1,)),),
        (
            f"The BTC funnel began with {funnel['listed']['left']} instruments left at `listed` "
            f"[#1]. In BTC the filter `dte_window` dropped {funnel['dte_window']['dropped']}, "
            f"`delta_window` dropped {funnel['delta_window']['dropped']} [#1]. There were "
            f"{r['state']['candidates_count']} candidates [#1].",
            f"In BTC, `dte_window` left {funnel['dte_window']['left']} and `out_of_the_money` left "
            f"{funnel['out_of_the_money']['left']} [#1].",
        ),
    )
    told = next(u for later in records for u in later["order_updates"]
                if u["kind"] == "settlement")  # fmt: skip
    n = next(i for i in range(1, len(records) + 1) if records[i]["cycle_id"] == told["cycle_id"])
    facts = told["facts"]
    yield Question(
        "what-became-of-it",
        "structured",
        f"What became of {told['symbol']}?",
        (Call("get_decision", {"id": str(n)}, ids=(n,)),),
        (
            f"{told['symbol']} was sold by [#{n}] and settled at a delivery price of "
            f"{facts['delivery_price_usd']:,.2f} USD, payoff {facts['payoff']:g} [#{n}].",
            f"It settled on {day_words(facts['settled_at'])} at {clock(facts['settled_at'])} UTC; "
            f"the delivery price was ${facts['delivery_price_usd']:,.0f} [#{n}].",
        ),
    )


def _rolls(records: Records) -> Iterator[Question]:
    n = records.ids(lambda r: done(r) == ROLL)[0]
    r = records[n]
    params = r["proposed_action"]["params"]
    new, old = params["symbol"], params["from_symbol"]
    target, short = candidate(r, new), short_call(r, old)
    buy, sell = sorted(r["execution"]["orders"], key=lambda o: str(o["side"]))
    as_of = r["state"]["as_of"]
    unit = params["underlying"]
    yield Question(
        "last-roll", "structured", "What was your last roll?",
        (
            Call("search_decisions", {"action": [ROLL], "limit": 1}, ids=(n,)),
            Call("get_decision", {"id": str(n)}, ids=(n,)),
        ),
        (
            f"On {day_words(as_of)} the desk rolled {old} into {new} [#{n}]. {old} had a delta of "
            f"{short['delta']:.3f} with {short['dte_days']:.2f} days left, {new} a delta of "
            f"{target['delta']:.3f} with {target['dte_days']:.2f} days left [#{n}].",
            f"It bought back {buy['amount']:g} {unit} of {old} at {buy['price']:g} {unit} and sold "
            f"{sell['amount']:g} {unit} of {new} at {sell['price']:g} {unit} [#{n}].",
            f"Rolled from {old} (delta {short['delta']:.2f}) into {new} (delta "
            f"{target['delta']:.2f}) [#{n}].",
            f"| leg | option | price |\n| --- | --- | --- |\n"
            f"| bought [#{n}] | {old} | {buy['price']:g} |\n"
            f"| sold [#{n}] | {new} | {sell['price']:g} |\n",
            f"The rules stated \"{_first_sentence(r)}\" [#{n}].",
        ),
    )  # fmt: skip
    wanted = records.ids(lambda r: done(r) == ROLL and coin(r) == "ETH")
    n = wanted[0]
    params = records[n]["proposed_action"]["params"]
    yield Question(
        "eth-rolls", "structured", "List your ETH rolls.",
        (
            Call("search_decisions", {"action": [ROLL], "underlying": "ETH", "each": True,
                                      "limit": 20}, ids=wanted[:20], total=len(wanted)),
        ),
        (
            f"{len(wanted)} ETH rolls match [search-1]. The newest went from "
            f"{params['from_symbol']} into {params['symbol']} [#{n}].",
            "The newest ETH rolls:\n" + "\n".join(
                f"- [#{i}] {records[i]['state']['as_of'][:10]}: rolled into {sold(records[i])}, "
                f"delta {candidate(records[i], sold(records[i]))['delta']:.3f}"
                for i in wanted[:4]
            ),
        ),
    )  # fmt: skip


def _first_sentence(record: Any) -> str:
    return str(record["proposed_action"]["reasoning"]).split(". ")[0]


def _blocks(records: Records) -> Iterator[Question]:
    n = records.ids(is_denied)[0]
    r = records[n]
    reason = r["risk_check"]["reasons"][0]
    params, as_of = r["proposed_action"]["params"], r["state"]["as_of"]
    held, dwell = reason["facts"]["held_s"], reason["facts"]["dwell_s"]
    opener = next(
        i for i in range(n - 1, 0, -1)
        if done(records[i]) == OPEN and sold(records[i]) == params["from_symbol"]
    )  # fmt: skip
    yield Question(
        "last-block",
        "structured",
        "When did the risk engine last block you, and why?",
        (
            Call("search_decisions", {"verdict": "denied", "limit": 1}, ids=(n,)),
            Call("get_decision", {"id": str(n)}, ids=(n,)),
        ),
        (
            f"On {day_words(as_of)} at {clock(as_of)} UTC the risk engine denied the roll from "
            f"{params['from_symbol']} into {params['symbol']} with {reason['code']}: held "
            f"{held / 3600:g} hours, dwell {dwell / 3600:g} hours [#{n}].",
            f"Last blocked: {as_of[:10]}, code {reason['code']}, held {held:,.0f} s against a dwell "
            f"of {dwell:,.0f} s [#{n}].",
            f"{reason['code']} [#{n}]: the short {params['from_symbol']} was held {held / 3600:g} h; "
            f"the minimum is {dwell / 3600:g} h.",
            f"The call had been opened on {day_words(records[opener]['state']['as_of'])} by "
            f"#{opener} [#{n}]. That opening sold {params['from_symbol']} at delta "
            f"{candidate(records[opener], params['from_symbol'])['delta']:.3f} [#{opener}].",
        ),
    )
    n = records.ids(
        lambda r: any(c["codes"] and not c["passes"] for c in r["state"]["candidates"])
    )[0]
    r = records[n]
    failing = [c for c in r["state"]["candidates"] if c["codes"]]
    one = failing[0]
    yield Question(
        "blocked-candidate",
        "structured",
        f"Why was {one['symbol']} not sold in #{n}?",
        (Call("get_decision", {"id": str(n)}, ids=(n,)),),
        (
            f"The candidate {one['symbol']} (delta {one['delta']:.3f}, yield "
            f"{pct(one['premium_yield_annual'])}) failed with {' and '.join(one['codes'])} [#{n}].",
            f"{len(r['state']['candidates'])} candidates were found [#{n}]. The candidate "
            f"{one['symbol']} had a bid of {one['bid_coin']:g} {one['underlying']} and "
            f"{one['dte_days']:.1f} days to expiry [#{n}].",
        ),
    )


def _states(records: Records) -> Iterator[Question]:
    n = 33
    r = records[n]
    book, vols = r["state"]["portfolio"], r["state"]["vol"]
    btc, eth = book["by_underlying"]["BTC"], book["by_underlying"]["ETH"]
    yield Question(
        "book",
        "structured",
        "What did the book look like at decision 33?",
        (Call("get_decision", {"id": "33"}, ids=(33,)),),
        (
            f"BTC net delta was {signed(btc['net_delta'])} and ETH net delta "
            f"{signed(eth['net_delta'])} [#33]. Margin used was {book['margin_used_pct']:.1f}%, with "
            f"a limit of {r['config_snapshot']['max_margin_used_pct']:g}% [#33].",
            f"Equity was ${book['equity_usd']:,.0f}; in coin, BTC equity {btc['equity_coin']:.4f} "
            f"BTC and ETH equity {eth['equity_coin']:.3f} ETH [#33].",
            f"BTC total delta {signed(btc['total_delta'], 3)}, BTC net delta minus "
            f"{abs(btc['net_delta']):.3f}, limit "
            f"{r['config_snapshot']['max_net_delta_abs']['BTC']:g} [#33].",
            f"| coin | net delta | equity |\n| --- | --- | --- |\n"
            f"| BTC [#33] | {signed(btc['net_delta'], 3)} | {btc['equity_coin']:.4f} |\n"
            f"| ETH [#33] | {signed(eth['net_delta'], 3)} | {eth['equity_coin']:.3f} |\n",
        ),
    )
    yield Question(
        "vol",
        "paraphrase",
        "Was volatility rich at decision 33?",
        (Call("get_decision", {"id": "33"}, ids=(33,)),),
        (
            f"BTC IV was {pct(vols['BTC']['iv_annual'])} against RV {pct(vols['BTC']['rv_annual'])}, "
            f"an IVRV of {vols['BTC']['ivrv']:.2f} [#33]. ETH IV was "
            f"{pct(vols['ETH']['iv_annual'])}, ETH RV {pct(vols['ETH']['rv_annual'])} and ETH IVRV "
            f"{vols['ETH']['ivrv']:.3f} [#33].",
            f"For BTC the 7-day IV was {vols['BTC']['iv_annual']:.3f}, realized volatility "
            f"{vols['BTC']['rv_annual']:.3f} and the 25-delta skew "
            f"{signed(vols['BTC']['skew_25d_annual'] * 100)}% [#33].",
            f"| | IV | RV | IVRV |\n| --- | --- | --- | --- |\n"
            f"| BTC [#33] | {pct(vols['BTC']['iv_annual'])} | {pct(vols['BTC']['rv_annual'])} | "
            f"{vols['BTC']['ivrv']:.2f} |\n| ETH [#33] | {pct(vols['ETH']['iv_annual'])} | "
            f"{pct(vols['ETH']['rv_annual'])} | {vols['ETH']['ivrv']:.2f} |\n",
        ),
    )
    calls = btc["short_calls"]
    yield Question(
        "shorts", "structured", "Which BTC calls were open at decision 33?",
        (Call("get_decision", {"id": "33"}, ids=(33,)),),
        (
            f"{len(calls)} BTC calls were short [#33].\n\n| option | short | delta | captured |\n"
            "| --- | --- | --- | --- |\n" + "".join(
                f"| {c['symbol']} [#33] | {c['amount_coin']:g} | {c['delta']:.3f} | "
                f"{signed(c['captured_frac'] * 100, 1)}% |\n" for c in calls
            ),
            f"The short {calls[0]['symbol']} had {calls[0]['dte_days']:.2f} days left and delta "
            f"{calls[0]['delta']:.3f}, and {pct(calls[0]['captured_frac'])} of its premium captured "
            f"[#33].",
            f"{calls[1]['symbol']} expires on {day_words(calls[1]['expiry'])}; it was opened on "
            f"{day_words(calls[1]['opened_at'])} at an average price of "
            f"{calls[1]['average_price_coin']:g} BTC [#33].",
        ),
    )  # fmt: skip

"""What the numbers of a record and of a tool's result are called: the one table of it.

A row joins the keys under which a number is stored with the words that an answer may use for it.
A key that has no row is called by its own words: ``orders_today`` is "orders today".
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Field(NamedTuple):
    """A kind of number.

    Attributes:
        keys: Leaf keys in JSON that hold it; its limits are in ``LIMIT_KEYS``.
        words: Phrases that name it, longest match first.
        unit: As stored: usd, coin, frac (0-1), pct (0-100), days, hours, s, ms, num, count, tokens.
        exact: No rounding: a strike, a count.
    """

    kind: str
    keys: tuple[str, ...]
    words: tuple[str, ...]
    unit: str
    exact: bool = False


def _field(kind: str, keys: str, words: str, unit: str, *, exact: bool = False) -> Field:
    phrases = tuple(phrase.strip() for phrase in words.split(","))
    return Field(kind, tuple(keys.split()), phrases, unit, exact)


FIELDS = (
    # The market and the account.
    _field("spot", "spot spot_usd index_usd",
           "spot, spot price, index, index price, trading at, traded at, stood at, stands at,"
           " fell to, rose to, drops to, dropped to, at", "usd"),
    _field("strike", "strike_usd strike", "strike", "usd", exact=True),
    _field("mean_strike", "mean_strike_usd", "mean strike, average strike, avg strike", "usd"),
    _field("delivery", "delivery_price_usd", "delivery price, settlement price", "usd"),
    _field("equity", "equity_usd equity_coin equity", "equity", "coin"),
    _field("balance", "balances balance_coin balances_coin", "balance, cash balance", "coin"),
    _field("margin", "margin_used_pct margin_used_frac",
           "margin used, margin, initial margin used, margin usage, of margin", "pct"),
    _field("initial_margin", "initial_margin_coin margin_initial_coin", "initial margin", "coin"),
    _field("margin_balance", "margin_balance_coin", "margin balance", "coin"),
    _field("maintenance", "maintenance_margin_coin", "maintenance margin", "coin"),
    _field("net_delta", "net_delta net_delta_lowest net_delta_highest", "net delta", "num"),
    _field("total_delta", "total_delta", "total delta", "num"),
    _field("position", "amount_coin positions position short_coin",
           "short, position, amount, open amount", "coin"),
    # Volatility.
    _field("iv", "iv_annual", "iv, implied volatility, implied vol, implied", "frac"),
    _field("rv", "rv_annual",
           "rv, realized volatility, realised volatility, realized vol, realised vol, realized,"
           " realised", "frac"),
    _field("ivrv", "ivrv", "ivrv, iv/rv, iv over rv, ratio", "num"),
    _field("skew", "skew_25d_annual", "skew", "frac"),
    _field("atm_iv", "atm_iv_annual", "atm iv, at the money iv, at-the-money iv", "frac"),
    _field("mark_iv", "mark_iv_annual", "mark iv", "frac"),
    _field("bid_iv", "bid_iv_annual", "bid iv", "frac"),
    _field("iv_tenor", "iv_tenor_days", "tenor, iv, implied volatility", "days"),
    _field("rv_window", "rv_window_days", "window, rv, realized volatility, realised volatility",
           "days"),
    _field("rv_samples", "rv_samples", "samples, returns, rv samples", "count", exact=True),
    # One option.
    _field("delta", "delta from_delta", "delta, n(d1)", "num"),
    _field("mean_delta", "mean_delta", "mean delta, average delta, avg delta", "num"),
    _field("dte", "dte_days",
           "dte, days to expiry, days left, to expiry, to go, left, before expiry", "days"),
    _field("hours_to_expiry", "hours_to_expiry", "to expiry, left, hours to expiry", "hours"),
    _field("bid", "bid_coin bid", "bid", "coin"),
    _field("ask", "ask_coin ask", "ask, offer", "coin"),
    _field("mark", "mark_coin mark_price_coin mark", "mark, mark price", "coin"),
    _field("bid_amount", "bid_amount_coin", "bid amount, bid size", "coin"),
    _field("ask_amount", "ask_amount_coin", "ask amount, ask size", "coin"),
    _field("premium", "premium_net_coin",
           "premium, net premium, premium after fee, premium after fees, after the fee,"
           " after fees", "coin"),
    _field("premium", "premium_coin", "premium, premiums, of premium, in premium,"
           " brought in", "coin"),
    _field("yield", "premium_yield_annual premium_yield",
           "yield, premium yield, annual yield, a year, per year, annualised, annualized", "frac"),
    _field("mean_yield", "mean_premium_yield_annual",
           "mean yield, average yield, avg yield, mean premium yield, average premium yield",
           "frac"),
    _field("spread", "spread_frac spread", "spread, bid-ask spread", "frac"),
    _field("open_interest", "open_interest_coin open_interest", "open interest", "coin"),
    _field("captured", "captured_frac",
           "captured, earned, of the premium, of its premium, of premium", "frac"),
    # What was proposed, sent and filled.
    _field("size", "size size_coin amount filled sell_coin buy_coin",
           "size, sized, sold, sell, sells, selling, bought, buy, buys, buying, filled, amount,"
           " opened, rolled, closed, proposed", "coin"),
    _field("candidate_size", "candidate_size", "would sell, candidate size", "coin"),
    _field("price", "price average_price price_coin",
           "price, average price, limit price, at, for, filled at", "coin"),
    _field("average_price", "average_price_coin",
           "average price, average opening price, opened at", "coin"),
    _field("fee", "fee fees_coin fee_coin", "fee, fees", "coin"),
    _field("cash", "cash cash_coin", "cash", "coin"),
    _field("payoff", "payoff", "payoff, delivery", "coin"),
    _field("captured_premium", "captured_premium", "captured, captured premium, in all", "coin"),
    _field("settlement", "settlement_coin",
           "settlement, settlements, delivery, assignment", "coin"),
    _field("net", "net_coin", "net, net cash, net result, net of fees, brought,"
           " brought in", "coin"),
    _field("free_cover", "free_cover_coin", "free cover, cover", "coin"),
    _field("credit", "credit_net_coin", "credit, net credit, debit, net debit", "coin"),
    # Verdicts.
    _field("held", "held_s", "held, held for, old", "s"),
    _field("dwell", "dwell_s roll_dwell_sec roll_dwell_s", "dwell, dwell time, minimum hold", "s"),
    _field("waited", "waited_s", "waited, since the last open, since the last sale", "s"),
    _field("cooldown", "cooldown_s open_cooldown_sec open_cooldown_s",
           "cooldown, cool-down, cooldown time", "s"),
    _field("age", "age_s", "old, age", "s"),
    _field("drift", "drift_s", "drift, clock drift, apart", "s"),
    _field("exposure", "exposure_coin", "exposure, expiry exposure", "coin"),
    _field("collar", "collar_coin", "collar", "coin"),
    _field("floor", "floor_coin", "floor, equity floor", "coin"),
    _field("lot", "lot_coin", "lot", "coin"),
    _field("orders", "orders orders_today", "orders, orders today", "count", exact=True),
    _field("failures", "failures failures_in_a_row",
           "failures, failures in a row, in a row", "count", exact=True),
    _field("intents", "intents", "intents, unresolved orders", "count", exact=True),
    # The scanner.
    _field("candidates", "candidates_count", "candidate, candidates", "count", exact=True),
    _field("open_calls", "",
           "open call, open calls, open short call, open short calls, short calls, calls",
           "count", exact=True),
    _field("candidates_passing", "", "passing, passing candidates, candidates passing,"
           " candidates passed", "count", exact=True),
    _field("candidates_blocked", "", "blocked candidates, candidates blocked", "count", exact=True),
    _field("dropped", "dropped", "dropped, fell, removed", "count", exact=True),
    _field("left", "left", "left, remained, passed, survived, listed", "count", exact=True),
    _field("target_delta", "target_delta", "target delta, target", "num"),
    _field("order_size", "default_order_size", "order size, default order size, default size",
           "coin"),
    # Models.
    _field("cost", "cost_usd today_usd", "cost, costs, spent, spend, model cost, usd, cost today",
           "usd"),
    _field("month_cost", "month_usd", "this month, cost this month, spent this month", "usd"),
    _field("budget_cycle", "llm_budget_cycle_usd", "cycle budget, budget a cycle", "usd"),
    _field("budget_day", "llm_budget_day_usd day_budget_usd",
           "day budget, daily budget, budget a day", "usd"),
    _field("budget_month", "llm_budget_month_usd month_budget_usd",
           "month budget, monthly budget, budget a month", "usd"),
    _field("input_tokens", "input_tokens", "input tokens, tokens in", "tokens", exact=True),
    _field("output_tokens", "output_tokens", "output tokens, tokens out", "tokens", exact=True),
    _field("latency", "latency_ms", "latency, took, answered in", "ms"),
    # Aggregates.
    _field("count", "count total cycles",
           "decision, decisions, cycle, cycles, times, total, in all, altogether, count",
           "count", exact=True),
    _field("share", "share", "share, of all, of decisions, of them, of the decisions", "frac"),
    _field("model_decisions", "model_decisions",
           "model decisions, model asked, asked the model", "count", exact=True),
    _field("cost_unknown", "cost_unknown",
           "unknown cost, unknown costs, cost unknown, without known cost", "count", exact=True),
    _field("fees_unknown", "fees_unknown", "unknown fee, unknown fees", "count", exact=True),
    _field("fills", "fills", "fill, fills", "count", exact=True),
    _field("settlements", "settlements", "settlement, settlements, settled", "count", exact=True),
    _field("calls_sold", "calls_sold", "calls sold, sold calls", "count", exact=True),
    _field("groups", "groups", "group, groups", "count", exact=True),
    _field("run", "run_length", "in a row, run, alike", "count", exact=True),
)  # fmt: skip

LIMIT_KEYS = {
    "max_margin_used_pct": "margin", "margin_used_frac_max": "margin",
    "max_net_delta_abs": "net_delta", "net_delta_abs_max": "net_delta",
    "max_expiry_exposure": "exposure", "exposure_max_coin": "exposure",
    "delta_open_min": "delta", "delta_open_max": "delta",
    "delta_min": "delta", "delta_max": "delta",
    "scan_delta_min": "delta", "scan_delta_max": "delta", "roll_delta": "delta",
    "roll_dte_delta": "delta", "roll_defend_delta": "delta", "defend_delta_min": "delta",
    "expiry_close_delta": "delta", "expiry_close_hours": "hours_to_expiry",
    "dte_open_min_days": "dte", "dte_open_max_days": "dte", "dte_min_days": "dte",
    "dte_max_days": "dte", "scan_dte_min_days": "dte", "scan_dte_max_days": "dte",
    "roll_dte_days": "dte", "roll_capture_min_dte_days": "dte",
    "min_premium_coin": "premium", "premium_min_coin": "premium",
    "price_collar_pct": "collar", "max_daily_loss_pct": "daily_loss",
    "daily_loss_frac_max": "daily_loss", "max_orders_per_day": "orders",
    "orders_per_day_max": "orders", "roll_min_credit_coin": "credit", "credit_min_coin": "credit",
    "roll_max_debit_coin": "credit", "debit_max_coin": "credit",
    "max_market_age_sec": "age", "max_quote_age_sec": "age", "age_max_s": "age",
    "max_clock_drift_sec": "drift", "drift_max_s": "drift",
    "max_failures_in_a_row": "failures", "failures_max": "failures",
    "max_maintenance_pct": "maintenance", "scan_max_spread_pct": "spread",
    "scan_min_open_interest": "open_interest", "scan_min_premium_yield_pct": "yield",
    "min_ivrv": "ivrv", "ivrv_min": "ivrv", "roll_capture_pct": "captured",
    "candidates_max": "candidates", "rv_min_samples": "rv_samples",
    "amount_min_coin": "size",
}  # fmt: skip
"""Keys that hold a limit of a kind. Named "limit", "maximum", "minimum", "floor", "≥" and so on."""

WEAK_WORDS = frozenset(
    ("at", "for", "left", "old", "usd", "amount", "in all", "short", "sold", "sell", "sells",
     "selling", "bought", "buy", "buys", "buying", "filled", "opened", "rolled", "closed",
     "proposed", "of all", "of them", "of decisions", "of the decisions", "held", "window",
     "position", "fill")
)  # fmt: skip
"""Words that name a number only when nothing better does."""

FLIPS = frozenset(
    ("debit", "net debit", "loss", "lost", "paid", "pay", "pays", "cost", "costs", "short", "fell")
)
"""Words that state a negative number as a positive one: a debit of 0.001 is a credit of -0.001."""

_UNITS = (
    ("_usd", "usd"), ("_coin", "coin"), ("_pct", "pct"), ("_frac", "frac"), ("_annual", "frac"),
    ("_days", "days"), ("_hours", "hours"), ("_sec", "s"), ("_seconds", "s"), ("_s", "s"),
    ("_ms", "ms"), ("_tokens", "tokens"),
)  # fmt: skip
_PLAIN_UNITS = {"_min": "", "_max": "", "_abs": ""}

BY_KEY: dict[str, tuple[Field, ...]] = {}
for _each in FIELDS:
    for _key in _each.keys:
        BY_KEY[_key] = (*BY_KEY.get(_key, ()), _each)
BY_KIND: dict[str, Field] = {}
for _each in FIELDS:
    BY_KIND.setdefault(_each.kind, _each)

PHRASES: dict[tuple[str, ...], frozenset[str]] = {}
"""Words to kinds."""
for _each in FIELDS:
    for _phrase in _each.words:
        _words = tuple(re.split(r"[ -]", _phrase))
        PHRASES[_words] = PHRASES.get(_words, frozenset()) | {_each.kind}
PHRASE_WORDS_MAX = max(map(len, PHRASES))


def unit_of(key: str, kinds: tuple[Field, ...]) -> str:
    """Return the unit in which a key's number is stored: by its ending, else its kind's."""
    stem = key
    for ending in _PLAIN_UNITS:
        stem = stem.removesuffix(ending)
    for ending, unit in _UNITS:
        if key.endswith(ending) or stem.endswith(ending):
            return unit
    return kinds[0].unit if kinds else "num"


def limit_side(key: str) -> str:
    """Return ``max`` or ``min`` for a limit's key, "" when it is neither by name."""
    parts = key.split("_")
    return "max" if "max" in parts else "min" if "min" in parts else ""


def own_words(key: str) -> tuple[str, ...]:
    """Return the words of a key without its unit: ``recent_cycles_pct`` is recent cycles."""
    for ending, _ in _UNITS:
        if key.endswith(ending) and len(key) > len(ending):
            key = key.removesuffix(ending)
            break
    return tuple(word for word in key.lower().split("_") if word)


def field_words_text() -> str:
    """Return, short enough for a prompt, how to word numbers so that they can be checked."""
    return (
        "Name each number directly before it or after it with its field's word and unit: spot, "
        "strike, delta, net delta, bid, ask, mark, premium, yield, spread, IV, RV, IVRV, skew, "
        "DTE (days), margin used %, equity, size, price, fee, cost, input tokens, held, dwell, "
        'waited, cooldown. Say "limit", "maximum" or "minimum" before a limit. Name the '
        "instrument or coin before its numbers, and month, action or code beside its count "
        '("3 rolls in November"). Digits, not words; full dates ("5 January 2026", UTC); '
        "percent with %; round, never truncate; keep the sign. No sums, differences or shares of "
        "your own. Put the citation at the end of the clause that it supports."
    )

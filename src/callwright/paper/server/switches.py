"""The test-only header that arms a fault for the method of its own request.

``X-Callwright-Fault: kind[;times=N][;code=N][;fraction=F][;seconds=S]``, kinds as in
``paper.faults``. It does nothing unless the server was started for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from callwright.paper.faults import FaultKind, FaultPlan, Method
from callwright.paper.refusals import OTHER_REJECT
from callwright.paper.server.params import Params, invalid

HEADER = "x-callwright-fault"

CALLS: Mapping[str, Method] = {
    "public/auth": "auth",
    "public/get_time": "time",
    "public/get_expirations": "market",
    "public/get_instruments": "market",
    "public/get_instrument": "market",
    "public/get_book_summary_by_currency": "market",
    "public/get_book_summary_by_instrument": "market",
    "public/ticker": "market",
    "public/get_order_book": "market",
    "public/get_index_price": "market",
    "public/get_index_chart_data": "market",
    "public/get_historical_volatility": "market",
    "private/buy": "buy",
    "private/sell": "sell",
    "private/cancel": "cancel",
    "private/cancel_all": "cancel",
    "private/cancel_all_by_currency": "cancel",
    "private/cancel_all_by_instrument": "cancel",
    "private/cancel_by_label": "cancel",
    "private/get_account_summary": "account",
    "private/get_account_summaries": "account",
    "private/get_margins": "margins",
    "private/get_open_orders": "open_orders",
    "private/get_open_orders_by_currency": "open_orders",
    "private/get_open_orders_by_instrument": "open_orders",
    "private/get_open_orders_by_label": "open_orders",
    "private/get_order_state": "order_state",
    "private/get_order_state_by_label": "orders_by_label",
    "private/get_position": "positions",
    "private/get_positions": "positions",
    "private/get_settlement_history_by_currency": "settlements",
    "private/get_transaction_log": "settlements",
    "private/get_user_trades_by_currency": "trades",
    "private/get_user_trades_by_currency_and_time": "trades",
    "private/get_user_trades_by_instrument": "trades",
    "private/get_user_trades_by_instrument_and_time": "trades",
    "private/get_user_trades_by_order": "trades",
    "paper/advance": "advance",
    "paper/pass_time": "pass_time",
}
"""Which of the exchange's calls a method of the wire asks for, as a fault plan names it."""


def arm(plan: FaultPlan, header: str, method: str) -> None:
    """Arm what the header says for the call behind ``method``.

    Raises:
        ExchangeError: -32602: the header makes no sense, or nothing can be armed for the method.
    """
    kind, _, rest = header.partition(";")
    pairs = (part.partition("=") for part in rest.split(";") if part.strip())
    options = Params({name.strip(): value.strip() for name, _, value in pairs})
    if method not in CALLS:
        raise invalid(HEADER, f"nothing to arm on {method}")
    fraction, seconds = options.number_or_none("fraction"), options.number_or_none("seconds")
    if fraction is not None and not 0 <= fraction <= 1:
        raise invalid(HEADER, "fraction must be 0 to 1")
    try:
        plan.arm(
            cast(FaultKind, kind.strip()),
            CALLS[method],
            times=options.whole_or("times", 1),
            code=options.whole_or("code", OTHER_REJECT),
            fraction=0.5 if fraction is None else float(fraction),
            seconds=10.0 if seconds is None else float(seconds),
        )
    except ValueError as exc:
        raise invalid(HEADER, str(exc)) from exc

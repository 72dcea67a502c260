"""``private/``: balances, positions and margins. Standard margin, segregated by coin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from callwright.domain.instrument import parse_option_name
from callwright.domain.market import MarketView
from callwright.paper.exchange import PaperExchange
from callwright.paper.orders import supported_option
from callwright.paper.records import PositionReport, Summary
from callwright.paper.refusals import INVALID_AMOUNT, ExchangeError
from callwright.paper.schedule import CURRENT
from callwright.paper.server import chains
from callwright.paper.server.credits import MATCHING, NON_MATCHING
from callwright.paper.server.params import Params, invalid
from callwright.paper.server.public import Handler, currencies, currency, specs, wants_options

ZERO = Decimal(0)
_GREEKS = ("delta", "gamma", "theta", "vega")
_USER = {
    "id": 1,
    "username": "paper",
    "email": "paper@localhost",
    "system_name": "paper",
    "type": "main",
    "creation_timestamp": 0,
    "login_enabled": False,
    "security_keys_enabled": False,
    "mmp_enabled": False,
    "interuser_transfers_enabled": False,
    "self_trading_reject_mode": "cancel_maker",
    "self_trading_extended_to_subaccounts": False,
}
_LIMITS = {
    "limits_per_currency": False,
    "non_matching_engine": {
        "rate": round(NON_MATCHING.per_second / NON_MATCHING.cost),
        "burst": round(NON_MATCHING.most / NON_MATCHING.cost),
    },
    "matching_engine": {
        "trading": {"total": {"rate": MATCHING.per_second, "burst": MATCHING.most}},
        "cancel_all": {"rate": MATCHING.per_second, "burst": MATCHING.most},
    },
}


def get_account_summary(exchange: PaperExchange, params: Params) -> object:
    coin = currency(exchange, params)
    is_extended = params.flag("extended")
    summary = _summaries(exchange)[coin]
    return {**_USER, **summary, **_terms((coin,))} if is_extended else summary


def get_account_summaries(exchange: PaperExchange, params: Params) -> object:
    is_extended = params.flag("extended")
    rows = _summaries(exchange)
    if not is_extended:
        return {"summaries": list(rows.values())}
    return {**_USER, "summaries": [{**row, **_terms((coin,))} for coin, row in rows.items()]}


def get_subaccounts(exchange: PaperExchange, params: Params) -> object:
    return [{**_USER, "is_password": False, "receive_notifications": False}]


def get_positions(exchange: PaperExchange, params: Params) -> object:
    coins = currencies(exchange, params)
    if not wants_options(params):
        return []
    return [
        _position(report, exchange.view())
        for report in exchange.positions()
        if parse_option_name(report.instrument_name).underlying in coins
    ]


def get_position(exchange: PaperExchange, params: Params) -> object:
    name = params.text("instrument_name")
    supported_option(name, specs(exchange))
    view = exchange.view()
    for report in exchange.positions():
        if report.instrument_name == name:
            return _position(report, view)
    quote = view.quote(name)
    mark = ZERO if quote is None else quote.mark_coin
    return _position(PositionReport(name, ZERO, ZERO, mark, ZERO, ZERO, ZERO), view)


def get_margins(exchange: PaperExchange, params: Params) -> object:
    name = params.text("instrument_name")
    amount, price = params.number("amount"), params.number("price")
    if not amount > 0:
        raise ExchangeError(INVALID_AMOUNT, f"amount={amount}")
    if not price >= 0:
        raise invalid("price", "must not be negative")
    quote = exchange.margins(name, amount, price)
    return {
        "buy": quote.buy,
        "sell": quote.sell,
        "min_price": quote.min_price,
        "max_price": quote.max_price,
    }


def _terms(coins: Sequence[str]) -> dict[str, object]:
    return {
        "limits": _LIMITS,
        "fees": [
            {
                "currency": coin.lower(),
                "fee_type": "relative",
                "instrument_type": "option",
                "maker_fee": CURRENT.specs[coin].maker_fee_frac,
                "taker_fee": CURRENT.specs[coin].taker_fee_frac,
            }
            for coin in coins
        ],
    }


def _summaries(exchange: PaperExchange) -> dict[str, dict[str, object]]:
    summaries = exchange.account()
    rows = [_position(report, exchange.view()) for report in exchange.positions()]
    return {
        coin: _summary(funds, [row for row in rows if _is_on(row, coin)])
        for coin, funds in summaries.items()
    }


def _is_on(row: Mapping[str, object], coin: str) -> bool:
    return parse_option_name(str(row["instrument_name"])).underlying == coin


def _summary(funds: Summary, positions: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return one coin's row; what happened within a session is not kept, so it is null."""
    coin = funds.currency
    floating = _decimals(positions, "floating_profit_loss")
    row: dict[str, object] = {
        "currency": coin,
        "balance": funds.balance,
        "margin_balance": funds.margin_balance,
        "equity": funds.equity,
        "options_value": funds.options_value,
        "initial_margin": funds.initial_margin,
        "maintenance_margin": funds.maintenance_margin,
        "projected_initial_margin": funds.initial_margin,
        "projected_maintenance_margin": funds.maintenance_margin,
        "available_funds": funds.available_funds,
        "available_withdrawal_funds": funds.available_funds,
        "spot_reserve": 0,
        "additional_reserve": 0,
        "fee_balance": 0,
        "margin_model": "segregated_sm",
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
        "total_pl": _decimals(positions, "total_profit_loss"),
        "session_upl": None,
        "session_rpl": None,
        "options_pl": floating,
        "options_session_upl": None,
        "options_session_rpl": None,
        "futures_pl": 0,
        "futures_session_upl": 0,
        "futures_session_rpl": 0,
    }
    for greek in _GREEKS:
        total = _total(positions, greek)
        row[f"options_{greek}"] = total
        if greek != "delta":
            row[f"options_{greek}_map"] = {chains.index_name(coin): total}
    row["delta_total"] = row["projected_delta_total"] = row["options_delta"]
    row["delta_total_map"] = {chains.index_name(coin): row["options_delta"]}
    return row


def _decimals(rows: Sequence[Mapping[str, object]], name: str) -> Decimal:
    values = [row[name] for row in rows]
    return sum((value for value in values if isinstance(value, Decimal)), ZERO)


def _total(rows: Sequence[Mapping[str, object]], name: str) -> float | None:
    """Return the sum over all positions; None when one of them is not known."""
    values = [row[name] for row in rows]
    known = [value for value in values if isinstance(value, float)]
    return sum(known) if len(known) == len(values) else None


def _position(report: PositionReport, view: MarketView) -> dict[str, object]:
    name, size = report.instrument_name, report.size
    option = parse_option_name(name)
    floating = size * (report.mark_price - report.average_price)
    index_usd = view.underlyings[option.underlying].index_usd
    row: dict[str, object] = {
        "instrument_name": name,
        "kind": "option",
        "direction": "buy" if size > 0 else "sell" if size < 0 else "zero",
        "size": size,
        "average_price": report.average_price,
        "average_price_usd": float(report.average_price) * index_usd,
        "mark_price": report.mark_price,
        "index_price": index_usd,
        # Deribit's word for an instrument that was not settled yet.
        "settlement_price": 0,
        "initial_margin": report.initial_margin,
        "maintenance_margin": report.maintenance_margin,
        "floating_profit_loss": floating,
        "floating_profit_loss_usd": float(floating) * index_usd,
        "realized_profit_loss": report.realized_profit_loss,
        "total_profit_loss": floating + report.realized_profit_loss,
    }
    found = chains.greeks(view, name)
    if found is None:
        return row | dict.fromkeys(_GREEKS)
    return row | {greek: found[greek] * float(size) for greek in _GREEKS}


HANDLERS: Mapping[str, Handler] = {
    f"private/{handler.__name__}": handler
    for handler in (
        get_account_summary,
        get_account_summaries,
        get_subaccounts,
        get_positions,
        get_position,
        get_margins,
    )
}

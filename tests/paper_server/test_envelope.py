"""Requests in every form that clients use, and replies in the one form there is."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import NOW
from callwright.domain.base import to_ms
from callwright.paper.server.dispatch import METHODS
from paper_exchange.steps import CALL, steady
from paper_server.clients import KEY, Wire, exact

NOW_US = to_ms(NOW) * 1000
ENVELOPE = {"jsonrpc", "usIn", "usOut", "usDiff", "testnet"}


def test_the_reply_is_deribits_envelope_with_the_markets_clock() -> None:
    wire = Wire()
    reply = wire.rpc("public/get_time").json()
    assert reply == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": to_ms(NOW),
        "usIn": NOW_US,
        "usOut": NOW_US,
        "usDiff": 0,
        "testnet": True,
    }


def test_time_that_passes_during_a_request_shows_in_its_envelope() -> None:
    reply = Wire().rpc("paper/pass_time", seconds=1.5).json()
    assert (reply["usIn"], reply["usOut"]) == (NOW_US, NOW_US + 1_500_000)
    assert reply["usDiff"] == 1_500_000


def envelope(**parts: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, **parts}).encode()


@pytest.mark.parametrize(
    ("verb", "path", "content"),
    [
        pytest.param("GET", "/api/v2/public/get_time", None, id="get-by-path"),
        pytest.param("GET", "/api/v2/public/get_time/", None, id="get-with-a-slash"),
        pytest.param("POST", "/api/v2/public/get_time", b"", id="post-by-path-empty"),
        pytest.param("POST", "/api/v2/public/get_time", b"{}", id="post-by-path"),
        pytest.param(
            "POST",
            "/api/v2/public/get_time/",
            envelope(method="public/get_time", params={}),
            id="post-by-path-with-all",
        ),
        pytest.param("POST", "/api/v2", envelope(method="public/get_time"), id="post-to-the-root"),
        pytest.param(
            "POST",
            "/api/v2/",
            envelope(method="/public/get_time", params=None),
            id="post-with-a-leading-slash",
        ),
    ],
)
def test_every_form_of_a_request_is_understood(verb: str, path: str, content: bytes | None) -> None:
    response = Wire().send(path, verb=verb, content=content)
    assert response.status_code == 200
    reply = exact(response)
    assert reply["result"] == to_ms(NOW)
    # Plain GET requests have no id, and neither have their replies.
    has_id = bool(content) and b"id" in (content or b"")
    assert set(reply) == ENVELOPE | {"result"} | ({"id"} if has_id else set())


@pytest.mark.parametrize("name", ["a-text", 0, -5, 2**40])
def test_the_id_comes_back(name: object) -> None:
    content = json.dumps({"id": name, "method": "public/test"}).encode()
    assert Wire().send("/api/v2", content=content).json()["id"] == name


def test_numbers_and_booleans_may_be_strings_and_unknown_params_are_ignored() -> None:
    wire = Wire()
    found = wire.send(
        "/api/v2/private/sell",
        verb="GET",
        query={
            "instrument_name": CALL,
            "amount": "0.5",
            "price": "0.0120",
            "type": "limit",
            "post_only": "true",
            "reduce_only": "false",
            "reject_post_only": "True",
            "valid_until": str(to_ms(NOW)),
            "clientOrderId": "x",
            "label": "cw-1",
        },
        headers={"Authorization": f"Bearer {wire.authenticated()}"},
    )
    order = exact(found)["result"]["order"]
    assert order["post_only"] is True
    assert order["reduce_only"] is False
    assert str(order["amount"]) == "0.5"
    assert str(order["price"]) == "0.0120"
    assert order["order_state"] == "open"


@pytest.mark.parametrize(
    ("method", "params", "param"),
    [
        pytest.param("public/ticker", {}, "instrument_name", id="missing"),
        pytest.param("public/ticker", {"instrument_name": None}, "instrument_name", id="null"),
        pytest.param("public/ticker", {"instrument_name": 5}, "instrument_name", id="no-text"),
        pytest.param(
            "public/ticker", {"instrument_name": "x" * 9_999}, "instrument_name", id="long"
        ),
        pytest.param("public/get_instruments", {"currency": "SOL"}, "currency", id="coin"),
        pytest.param("public/get_instruments", {"kind": "swap"}, "kind", id="kind"),
        pytest.param("public/get_instruments", {"expired": "maybe"}, "expired", id="no-boolean"),
        pytest.param("public/get_order_book", {"depth": 7}, "depth", id="depth"),
        pytest.param("private/sell", {}, "contracts", id="no-amount"),
        pytest.param("private/sell", {"amount": "x"}, "amount", id="no-number"),
        pytest.param("private/sell", {"amount": True}, "amount", id="a-boolean-as-number"),
        pytest.param("private/sell", {"amount": "NaN"}, "amount", id="nan"),
        pytest.param("private/sell", {"amount": "1e99"}, "amount", id="huge"),
        pytest.param("private/sell", {"amount": "1e-99"}, "amount", id="tiny"),
        pytest.param("private/sell", {"amount": 1}, "price", id="no-price"),
        pytest.param("private/sell", {"amount": 1, "type": "stop_limit"}, "type", id="stop"),
        pytest.param("private/sell", {"amount": 1, "advanced": "usd"}, "advanced", id="in-usd"),
        pytest.param("private/sell", {"amount": 1, "label": "x" * 65}, "label", id="long-label"),
        pytest.param(
            "private/get_settlement_history_by_currency", {"count": 0}, "count", id="count"
        ),
        pytest.param("paper/advance", {}, "from_ms", id="advance-from-nowhere"),
        pytest.param("paper/pass_time", {"seconds": -1}, "seconds", id="back-in-time"),
    ],
)
def test_wrong_params_are_named(method: str, params: dict[str, Any], param: str) -> None:
    right = {"instrument_name": CALL, "currency": "BTC"} if method != "public/ticker" else {}
    error = Wire().error(method, **{**right, **params})
    assert (error["code"], error["message"]) == (-32602, "Invalid params")
    assert error["data"]["param"] == param
    assert error["data"]["reason"]


@pytest.mark.parametrize(
    ("verb", "path", "content", "code"),
    [
        pytest.param("POST", "/api/v2", b"", -32700, id="nothing"),
        pytest.param("POST", "/api/v2", b"{", -32700, id="torn"),
        pytest.param("POST", "/api/v2", b"\xff\xfe", -32700, id="no-text"),
        pytest.param("POST", "/api/v2", b'{"a": NaN}', -32700, id="nan"),
        pytest.param("POST", "/api/v2", b"[" * 50_000, -32700, id="deep"),
        pytest.param("POST", "/api/v2", b"9" * 5_000, -32700, id="a-huge-number"),
        pytest.param("POST", "/api/v2", b"1e9999999999999999999", -32700, id="a-huge-exponent"),
        pytest.param("POST", "/api/v2", b"[]", -32600, id="a-batch"),
        pytest.param("POST", "/api/v2", b"{}", -32600, id="no-method"),
        pytest.param("POST", "/api/v2", b'{"method": 5}', -32600, id="a-number-as-method"),
        pytest.param("POST", "/api/v2", b'{"method": "buy"}', -32600, id="no-scope"),
        pytest.param("POST", "/api/v2", b'{"id": {}, "method": "public/test"}', -32600, id="id"),
        pytest.param(
            "POST", "/api/v2", b'{"method": "public/test", "params": [1]}', -32602, id="positional"
        ),
        pytest.param(
            "POST", "/api/v2/public/test", b'{"method": "private/buy"}', -32600, id="two-methods"
        ),
        pytest.param("POST", "/api/v2", b"x" * 100_000, -32600, id="large"),
        pytest.param("POST", "/api/v2/public/nothing", b"{}", -32601, id="unknown"),
        pytest.param("GET", "/api/v2/private/withdraw", None, -32601, id="no-such-right"),
        pytest.param("GET", "/api/v2", None, -32600, id="get-the-root"),
        pytest.param("GET", "/", None, -32600, id="elsewhere"),
        pytest.param("GET", "/api/v2x/public/test", None, -32600, id="nearly"),
        pytest.param("PUT", "/api/v2/public/test", b"{}", -32600, id="another-verb"),
        pytest.param("GET", "/api/v2/public/test?" + "a=1&" * 200, None, -32600, id="many-params"),
    ],
)
def test_what_is_no_request_gets_an_error_in_the_envelope(
    verb: str, path: str, content: bytes | None, code: int
) -> None:
    response = Wire().send(path, verb=verb, content=content)
    assert response.status_code == 400
    reply = exact(response)
    assert set(reply) == ENVELOPE | {"error"}
    assert reply["error"]["code"] == code


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://example.com"}, id="another-origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a-picture-in-a-page"),
        pytest.param({"Host": "evil.example:8732"}, id="a-name-of-theirs-for-this-machine"),
    ],
)
def test_web_pages_are_not_served(headers: dict[str, str]) -> None:
    response = Wire().send("/api/v2/public/test", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, 13021)


def test_a_bug_is_an_envelope_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire()
    monkeypatch.setattr(wire.exchange, "time", lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        response = wire.rpc("public/get_time")
    assert response.status_code == 500
    assert exact(response)["error"] == {"code": 11094, "message": "internal_server_error"}
    assert "ZeroDivisionError" in caplog.text


LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([CALL, "BTC", "option", "0.5", "1e99", "-1", "", "asc", "1m", "btc_usd"])
    | st.text(max_size=8)
)
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
PARAMS = st.dictionaries(
    st.sampled_from(
        [
            *("instrument_name", "currency", "kind", "amount", "price", "type", "label"),
            *("time_in_force", "post_only", "reduce_only", "valid_until", "order_id", "count"),
            *("start_timestamp", "end_timestamp", "sorting", "continuation", "query", "depth"),
            *("index_name", "range", "from_ms", "seconds", "extended", "offset", "start_id"),
            *("grant_type", "client_id", "client_secret", "refresh_token", "scope"),
        ]
    ),
    JSON,
    max_size=8,
)
SHARED = Wire(steady(40))


@settings(max_examples=400, deadline=None)
@given(method=st.sampled_from(sorted(METHODS)), params=PARAMS)
def test_no_params_bring_a_method_down(method: str, params: dict[str, Any]) -> None:
    response = SHARED.rpc(method, **params)
    assert response.status_code in (200, 400, 401), response.text
    reply = exact(response)
    assert set(reply) == ENVELOPE | {"id", "result" if response.status_code == 200 else "error"}


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_brings_the_server_down(body: bytes) -> None:
    response = SHARED.send("/api/v2", content=body)
    assert response.status_code == 400
    reply = exact(response)
    assert set(reply) - {"id"} == ENVELOPE | {"error"}
    assert reply["error"]["code"] in (-32700, -32600, -32602)


def test_secrets_come_back_nowhere() -> None:
    wire = Wire()
    wrong = {**KEY, "client_secret": "not-the-secret"}
    for method in ("public/auth", "public/get_time", "private/buy"):
        text = wire.rpc(method, **wrong).text
        assert "secret" not in text.replace("client_secret", "")

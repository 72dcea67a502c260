"""Tokens: who gets one, what it allows, when it is over; and the pools of credits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paper_exchange.steps import CALL
from paper_server.clients import KEY, Wire, exact


def get_positions(wire: Wire, **headers: str) -> int:
    return wire.send("/api/v2/private/get_positions", headers=headers).status_code


def test_client_credentials_give_a_bearer_token_without_a_wallet_right() -> None:
    wire = Wire()
    granted = wire.result("public/auth", **KEY)
    assert set(granted) >= {
        *("access_token", "refresh_token", "expires_in", "scope", "token_type"),
        "enabled_features",
    }
    assert granted["expires_in"] == 900
    assert granted["token_type"] == "bearer"
    assert granted["scope"] == "account:read trade:read_write"
    assert len({granted["access_token"], granted["refresh_token"], ""}) == 3
    assert wire.result("public/auth", **KEY)["access_token"] != granted["access_token"]


@pytest.mark.parametrize("scheme", ["bearer", "Bearer", "BEARER"])
def test_the_header_may_be_written_in_any_case(scheme: str) -> None:
    wire = Wire()
    token = wire.authenticated()
    assert get_positions(wire, Authorization=f"{scheme} {token}") == 200


def test_the_token_may_be_a_param() -> None:
    wire = Wire()
    body = json.dumps({"params": {"access_token": wire.authenticated()}}).encode()
    assert wire.send("/api/v2/private/get_positions", content=body).status_code == 200


@pytest.mark.parametrize("header", ["", "bearer", "bearer wrong", "Basic cGFwZXI6cGFwZXI="])
def test_without_a_good_token_nothing_private_is_answered(header: str) -> None:
    wire = Wire()
    wire.authenticated()
    for method in ("private/get_positions", "private/buy", "private/cancel_all"):
        response = wire.send(f"/api/v2/{method}", headers={"Authorization": header})
        assert response.status_code == 401
        assert exact(response)["error"] == {
            "code": 13009,
            "message": "unauthorized",
            "data": {"reason": "invalid_token"},
        }


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"client_secret": "other"}, id="secret"),
        pytest.param({"client_id": "other"}, id="id"),
        pytest.param({"client_secret": "ünïcode"}, id="no-ascii"),
        pytest.param({"grant_type": "refresh_token", "refresh_token": "x"}, id="refresh-token"),
    ],
)
def test_wrong_credentials_get_no_token(wrong: dict[str, str]) -> None:
    response = Wire().rpc("public/auth", **{**KEY, **wrong})
    assert response.status_code == 401
    assert response.json()["error"] == {"code": 13004, "message": "invalid_credentials"}


def test_signatures_are_not_spoken_here() -> None:
    error = Wire().error("public/auth", **{**KEY, "grant_type": "client_signature"})
    assert (error["code"], error["data"]["param"]) == (-32602, "grant_type")


def test_a_token_ends_and_its_refresh_token_works_once() -> None:
    wire = Wire()
    granted = wire.result("public/auth", **KEY)
    header = f"bearer {granted['access_token']}"
    wire.clock.now += 899.9
    assert get_positions(wire, Authorization=header) == 200
    wire.clock.now += 0.1
    assert get_positions(wire, Authorization=header) == 401

    refresh = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    fresh = wire.result("public/auth", **refresh)
    assert get_positions(wire, Authorization=f"bearer {fresh['access_token']}") == 200
    assert wire.error("public/auth", **refresh)["code"] == 13004
    wire.clock.now += 9_000
    late = {"grant_type": "refresh_token", "refresh_token": fresh["refresh_token"]}
    assert wire.error("public/auth", **late)["code"] == 13004


def test_market_time_does_not_age_a_token() -> None:
    wire = Wire()
    wire.authenticated()
    wire.result("paper/pass_time", seconds=3_000)
    assert wire.result("private/get_positions") == []


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("account:read trade:read_write", "account:read trade:read_write"),
        ("account:read_write trade:read_write", "account:read trade:read_write"),
        ("trade:read account:read", "account:read trade:read"),
        ("account:read", "account:read"),
        ("session:desk expires:60", "account:read trade:read_write"),
        ("account:read wallet:none", "account:read"),
    ],
)
def test_a_scope_is_never_more_than_the_keys_own(asked: str, granted: str) -> None:
    assert Wire().result("public/auth", **KEY, scope=asked)["scope"] == granted


def test_a_wallet_right_is_refused() -> None:
    assert Wire().error("public/auth", **KEY, scope="wallet:read_write")["code"] == -32602


def test_a_token_that_may_only_read_cannot_trade() -> None:
    wire = Wire()
    wire.token = wire.result("public/auth", **KEY, scope="account:read trade:read")["access_token"]
    assert wire.result("private/get_positions") == []
    order: dict[str, Any] = {"instrument_name": CALL, "amount": 0.1, "price": 0.0055}
    assert wire.error("private/sell", **order)["code"] == 13021
    assert wire.error("private/cancel_all")["code"] == 13021
    assert not wire.exchange.open_orders()
    assert not wire.exchange.positions()


def test_many_tokens_push_the_oldest_out() -> None:
    wire = Wire()
    first = wire.authenticated()
    for _ in range(300):
        wire.result("public/auth", **KEY)
    assert get_positions(wire, Authorization=f"bearer {first}") == 401


def test_credits_run_out_and_come_back_in_two_pools() -> None:
    wire = Wire(rate_limit=True)
    wire.authenticated()
    for _ in range(99):
        wire.result("public/test")
    assert wire.error("public/test") == {"code": 10028, "message": "too_many_requests"}
    cancel = [wire.error("private/cancel", order_id="BTC-9")["code"] for _ in range(21)]
    assert cancel == [10004] * 20 + [10028]
    # 10,000 credits a second at 500 each; five orders a second.
    wire.clock.now += 0.0625
    assert wire.result("public/test")
    assert wire.error("public/test")["code"] == 10028
    wire.clock.now += 0.1875
    assert wire.error("private/cancel", order_id="BTC-9")["code"] == 10004
    # Simulated time is free.
    assert wire.result("paper/info")


def test_without_the_option_nobody_is_slowed_down() -> None:
    wire = Wire()
    for _ in range(150):
        wire.result("public/test")

"""The wire: which hosts, which replies are believed, tokens, and the one POST of an order."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from pydantic import SecretStr

from builders import NOW, dec
from callwright.domain.orders import OrderRequest
from callwright.errors import (
    CallwrightError,
    ConfigError,
    DataInvalid,
    OrderRejected,
    OrderStateUnknown,
    VenueUnavailable,
)
from callwright.venues.deribit import client as client_module
from callwright.venues.deribit.client import (
    READ_ATTEMPTS,
    DeribitClient,
    scope_may_withdraw,
)
from callwright.venues.deribit.envelope import BODY_BYTES_MAX
from callwright.venues.deribit.rate import NoThrottle
from callwright.venues.deribit.simulated import open_simulated
from paper_servers import serving
from venues.rigs import a_remote_venue, a_rig
from venues.stubs import (
    CLIENT_ID,
    CLIENT_SECRET,
    NOW_MS,
    TOKEN,
    Refusal,
    Seconds,
    StubDeribit,
    a_client,
    a_deribit,
)

LOOPBACK = "http://127.0.0.1:8732/api/v2"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True):
        yield


def a_request(**changes: Any) -> OrderRequest:
    fields = {
        "label": "cw-test-0",
        "instrument_name": "BTC-9JAN26-106000-C",
        "side": "sell",
        "amount_coin": dec("0.5"),
        "price_coin": dec("0.0055"),
        "valid_until": NOW + timedelta(seconds=10),
    }
    return OrderRequest(**(fields | changes))


def an_order(**changes: Any) -> dict[str, Any]:
    fields = {
        "order_id": "7",
        "instrument_name": "BTC-9JAN26-106000-C",
        "direction": "sell",
        "order_state": "filled",
        "amount": dec("0.5"),
        "filled_amount": dec("0.5"),
        "creation_timestamp": 1_767_600_000_000,
        "price": dec("0.0055"),
        "average_price": dec("0.0055"),
        "label": "cw-test-0",
        "commission": dec("0.00015"),
    }
    return fields | changes


async def get_time(client: DeribitClient) -> Any:
    return (await client.read("public/get_time", {}, int)).result


def response(
    status: int = 200, *, content: bytes = b"", headers: dict[str, str] | None = None
) -> Callable[[dict[str, Any]], httpx.Response]:
    # Given as a stream, since content given as such counts as read already.
    return lambda params: httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def raising(error: Exception) -> Callable[[dict[str, Any]], Any]:
    def answer(params: dict[str, Any]) -> Any:
        raise error

    return answer


JSON = {"content-type": "application/json"}
GARBAGE = {
    "redirect": (response(302, headers={"location": "https://www.deribit.com/"}), 1),
    "oversized": (response(content=b" " * (BODY_BYTES_MAX + 1), headers=JSON), 1),
    "html": (response(content=b"<html>", headers={"content-type": "text/html"}), 1),
    "no-content-type": (response(content=b"{}"), 1),
    "compressed": (response(content=b"{}", headers={**JSON, "content-encoding": "br"}), 1),
    "not-json": (response(content=b"{", headers=JSON), 1),
    "not-an-envelope": (response(content=b"[1]", headers=JSON), 1),
    "nan": (response(content=b'{"id": 1, "result": NaN, "testnet": true}', headers=JSON), 1),
    "no-result": (response(content=b'{"id": 3, "testnet": true}', headers=JSON), 1),
    "another-id": (
        response(content=b'{"id": 77, "result": 1, "usOut": 5, "testnet": true}', headers=JSON),
        1,
    ),
    "mainnet": (
        response(content=b'{"id": 1, "result": 1, "usOut": 5, "testnet": false}', headers=JSON),
        1,
    ),
    "no-testnet": (response(content=b'{"id": 1, "result": 1, "usOut": 5}', headers=JSON), 1),
    "502": (response(502, content=b"bad gateway", headers={"content-type": "text/html"}), 3),
    "429": (response(429, content=b"slow", headers={"content-type": "text/plain"}), 3),
    "read-timeout": (raising(httpx.ReadTimeout("late")), 3),
    "disconnected": (raising(httpx.RemoteProtocolError("gone")), 3),
    "write-error": (raising(httpx.WriteError("pipe")), 3),
}
BEFORE_SENDING = {
    "refused": raising(httpx.ConnectError("no")),
    "connect-timeout": raising(httpx.ConnectTimeout("late")),
    "no-free-connection": raising(httpx.PoolTimeout("full")),
}


@pytest.mark.parametrize(("answer", "posts"), GARBAGE.values(), ids=GARBAGE)
def test_a_read_believes_no_other_reply(answer: Any, posts: int) -> None:
    stub = StubDeribit({"public/get_time": answer})
    with pytest.raises(VenueUnavailable):
        asyncio.run(get_time(a_client(stub)))
    assert stub.count("public/get_time") == posts


@pytest.mark.parametrize("answer", [a for a, _ in GARBAGE.values()], ids=GARBAGE)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_without_a_trustworthy_answer_is_unknown_and_never_sent_again(
    answer: Any, side: str
) -> None:
    stub = StubDeribit({f"private/{side}": answer})
    with pytest.raises(OrderStateUnknown, match="cw-test-0"):
        asyncio.run(a_deribit(stub).place(a_request(side=side)))
    assert stub.count(f"private/{side}") == 1


@pytest.mark.parametrize("answer", BEFORE_SENDING.values(), ids=BEFORE_SENDING)
def test_without_a_connection_nothing_was_sent(answer: Any) -> None:
    stub = StubDeribit({"private/sell": answer, "private/cancel": answer})
    venue = a_deribit(stub)
    with pytest.raises(VenueUnavailable, match="cw-test-0"):
        asyncio.run(venue.place(a_request()))
    with pytest.raises(VenueUnavailable, match="cancel of 7"):
        asyncio.run(venue.cancel("7"))
    assert (stub.count("private/sell"), stub.count("private/cancel")) == (1, 1)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((c, OrderStateUnknown) for c in (10040, 10041, 10047, 11051, 11094, 13028)),
        *((c, VenueUnavailable) for c in (10028, 10066, 13009, 13004)),
        *((c, OrderRejected) for c in (10009, 10043, 11054, 13020, 13021, 13888, -32602, 99999)),
    ],
)
def test_each_code_of_an_order_has_its_error_and_one_post(code: int, error: type) -> None:
    stub = StubDeribit({"private/sell": raising(Refusal(code))})
    with pytest.raises(error) as failed:
        asyncio.run(a_deribit(stub).place(a_request()))
    assert type(failed.value) is error
    assert failed.value.venue_code == code  # type: ignore[attr-defined]
    assert stub.count("private/sell") == 1


@pytest.mark.parametrize(
    "wrong", [{"label": "other"}, {"amount": dec(1)}, {"direction": "buy"}, {"order_state": "?"}]
)
def test_an_answer_about_another_order_is_none(wrong: dict[str, Any]) -> None:
    stub = StubDeribit({"private/sell": {"order": an_order(**wrong), "trades": []}})
    with pytest.raises(OrderStateUnknown, match="cw-test-0"):
        asyncio.run(a_deribit(stub).place(a_request()))


@pytest.mark.parametrize("code", [10028, 10040, 10041, 10047, 11051, 13028])
def test_a_read_is_tried_three_times_where_it_may_pass(code: int) -> None:
    stub = StubDeribit({"public/get_time": raising(Refusal(code))})
    with pytest.raises(VenueUnavailable) as failed:
        asyncio.run(get_time(a_client(stub)))
    assert failed.value.venue_code == code
    assert stub.count("public/get_time") == READ_ATTEMPTS


def test_a_read_that_passes_on_the_third_try_is_an_answer() -> None:
    left = [httpx.ReadTimeout("late"), Refusal(10028)]

    def answer(params: dict[str, Any]) -> int:
        if left:
            raise left.pop()
        return 5

    assert asyncio.run(get_time(a_client(StubDeribit({"public/get_time": answer})))) == 5


def test_a_definite_refusal_of_a_read_is_not_repeated() -> None:
    stub = StubDeribit({"public/get_time": raising(Refusal(13020))})
    with pytest.raises(VenueUnavailable):
        asyncio.run(get_time(a_client(stub)))
    assert stub.count("public/get_time") == 1


def test_a_result_of_another_shape_is_invalid() -> None:
    with pytest.raises(DataInvalid, match="public/get_time"):
        asyncio.run(get_time(a_client(StubDeribit({"public/get_time": "noon"}))))


def test_this_machine_need_not_call_itself_a_testnet() -> None:
    stub = StubDeribit({"public/get_time": 5})
    stub.envelope = {}
    assert asyncio.run(get_time(a_client(stub, url=LOOPBACK))) == 5


@pytest.mark.parametrize(
    "url",
    [
        "https://www.deribit.com/api/v2",
        "http://test.deribit.com/api/v2",
        "https://test.deribit.com.example.org/api/v2",
        "https://test.deribit.com@example.org/api/v2",
        "https://test.deribit.com./api/v2",
        "http://10.0.0.1/api/v2",
    ],
)
def test_other_hosts_are_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ConfigError):
        a_client(StubDeribit(), url=url)


# Tokens.


def test_the_token_is_renewed_at_80_percent_of_its_life() -> None:
    clock, stub = Seconds(), StubDeribit({"private/get_positions": []})
    client = a_client(stub, clock=clock)

    async def positions() -> None:
        await client.read("private/get_positions", {}, list)

    asyncio.run(positions())
    assert stub.requests[-1].headers["authorization"] == f"bearer {TOKEN}"
    clock.now += 719
    asyncio.run(positions())
    assert stub.count("public/auth") == 1
    clock.now += 1
    asyncio.run(positions())
    assert stub.count("public/auth") == 2
    assert stub.asked[0][1]["grant_type"] == "client_credentials"
    assert client.granted_scope == "account:read trade:read_write"


def test_nothing_private_is_asked_of_public_methods() -> None:
    stub = StubDeribit({"public/get_time": 5})
    asyncio.run(get_time(a_client(stub)))
    assert stub.count("public/auth") == 0
    assert "authorization" not in stub.requests[0].headers


def test_requests_at_once_share_one_token() -> None:
    stub = StubDeribit({"private/get_positions": []})
    client = a_client(stub)

    async def many() -> None:
        await asyncio.gather(*(client.read("private/get_positions", {}, list) for _ in range(5)))

    asyncio.run(many())
    assert stub.count("public/auth") == 1


@pytest.mark.parametrize(("code", "reason"), [(13009, "invalid_token"), (13004, "invalid_token")])
def test_a_read_renews_a_token_that_expired_underway_once(code: int, reason: str) -> None:
    left = [Refusal(code, reason=reason)]

    def answer(params: dict[str, Any]) -> list[Any]:
        if left:
            raise left.pop()
        return []

    stub = StubDeribit({"private/get_positions": answer})
    asyncio.run(a_client(stub).read("private/get_positions", {}, list))
    assert (stub.count("public/auth"), stub.count("private/get_positions")) == (2, 2)

    stub = StubDeribit({"private/get_positions": raising(Refusal(code, reason=reason))})
    with pytest.raises(VenueUnavailable) as failed:
        asyncio.run(a_client(stub).read("private/get_positions", {}, list))
    assert failed.value.venue_code == code
    assert (stub.count("public/auth"), stub.count("private/get_positions")) == (2, 2)


def test_an_order_on_a_token_that_expired_is_not_sent_again() -> None:
    left = [Refusal(13009, reason="invalid_token")]

    def answer(params: dict[str, Any]) -> Any:
        if left:
            raise left.pop()
        return {"order": an_order(), "trades": []}

    stub = StubDeribit({"private/sell": answer})
    venue = a_deribit(stub)
    with pytest.raises(VenueUnavailable):
        asyncio.run(venue.place(a_request()))
    assert stub.count("private/sell") == 1
    assert asyncio.run(venue.place(a_request())).state == "filled"
    assert stub.count("public/auth") == 2


def test_a_wrong_key_says_what_to_check() -> None:
    stub = StubDeribit({"public/auth": raising(Refusal(13004, "invalid_credentials"))})
    with pytest.raises(VenueUnavailable, match="invalid_credentials") as failed:
        asyncio.run(a_deribit(stub).account())
    assert "DERIBIT_CLIENT_ID" in failed.value.remedy
    with pytest.raises(VenueUnavailable, match="cw-test-0"):
        asyncio.run(a_deribit(stub).place(a_request()))
    assert stub.count("private/sell") == 0


def test_a_key_that_may_withdraw_may_look_but_not_trade() -> None:
    stub = StubDeribit({"private/get_positions": []})
    stub.scope = "account:read trade:read_write wallet:read_write"
    client = a_client(stub)
    venue = a_deribit(stub)
    asyncio.run(client.read("private/get_positions", {}, list))
    with pytest.raises(VenueUnavailable, match="withdraw"):
        asyncio.run(venue.place(a_request()))
    assert stub.count("private/sell") == 0
    assert asyncio.run(venue.granted_scope()) == stub.scope


# Secrets.


def echoing(params: dict[str, Any]) -> Any:
    raise Refusal(13004, f"bad {params}", reason=f"{CLIENT_SECRET} {CLIENT_ID}", param=CLIENT_ID)


def every_failure() -> Iterator[tuple[str, StubDeribit]]:
    said = f"{CLIENT_SECRET} {CLIENT_ID} {TOKEN}"
    whole = response(content=said.encode(), headers={"content-type": f"text/{CLIENT_SECRET}"})
    yield "auth-echoes", StubDeribit({"public/auth": echoing})
    for name, (answer, _) in GARBAGE.items():
        yield f"auth-{name}", StubDeribit({"public/auth": answer})
        yield f"order-{name}", StubDeribit({"private/sell": answer})
    yield "auth-misshapen", StubDeribit({"public/auth": {"access_token": 5, "x": said}})
    yield "order-echoes", StubDeribit({"private/sell": raising(Refusal(10009, said, reason=said))})
    cut = "x" * 190 + said
    yield "order-cuts", StubDeribit({"private/sell": raising(Refusal(10009, cut, reason=cut))})
    yield "order-unreadable", StubDeribit({"private/sell": {"order": said}})
    yield "strange-type", StubDeribit({"private/sell": whole})


@pytest.mark.parametrize(
    "stub", [s for _, s in every_failure()], ids=[n for n, _ in every_failure()]
)
def test_no_secret_is_in_any_error(stub: StubDeribit) -> None:
    venue = a_deribit(stub)
    with pytest.raises(CallwrightError) as failed:
        asyncio.run(venue.place(a_request()))
    told = "".join(traceback.format_exception(failed.value))
    told += f"{failed.value!r} {failed.value.remedy} {venue._client!r} {vars(failed.value)}"
    for secret in (CLIENT_SECRET, CLIENT_ID, TOKEN):
        assert secret[:9] not in told


def test_a_strangers_text_cannot_reach_the_terminal_raw() -> None:
    stub = StubDeribit({"private/sell": raising(Refusal(10009, "\x1b[2J\r\nfine" + "x" * 9_999))})
    with pytest.raises(OrderRejected) as failed:
        asyncio.run(a_deribit(stub).place(a_request()))
    assert failed.value.message.isprintable()
    assert len(failed.value.message) < 500


# Against a real server.


def test_proxies_of_the_environment_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with a_rig("over-http", tmp_path) as rig:
        assert rig.run(rig.venue.account()).coins


def test_tokens_of_the_server_that_expire_are_renewed(tmp_path: Path) -> None:
    with serving(tmp_path, token_seconds=1) as server, asyncio.Runner() as runner:
        venue = a_remote_venue(server.url)
        first = runner.run(venue.account())
        runner.run(asyncio.sleep(1.1))
        assert runner.run(venue.account()) == first
        runner.run(venue.aclose())


def test_nobody_there_is_unavailable_and_says_how_to_start_one() -> None:
    with pytest.raises(VenueUnavailable, match=r"127\.0\.0\.1:1") as failed:
        a_remote_venue("http://127.0.0.1:1")
    assert "callwright paper serve" in failed.value.remedy


def test_a_simulation_runs_on_this_machine_only() -> None:
    with pytest.raises(ConfigError):
        open_simulated(
            "https://test.deribit.com/api/v2",
            account_id="x",
            client_id=SecretStr("x"),
            client_secret=SecretStr("x"),
            underlyings=("BTC",),
        )


def test_an_order_passes_both_crash_points_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    monkeypatch.setattr(client_module, "reach", reached.append)
    with a_rig("over-http", tmp_path) as rig:
        rig.run(rig.venue.account())
        assert reached == []
        rig.run(rig.venue.place(a_request()))
        assert reached == ["after_post_bytes", "after_accept"]
        reached.clear()
        rig.faults.arm("lose_reply", "sell")
        with pytest.raises(OrderStateUnknown):
            rig.run(rig.venue.place(a_request()))
        assert reached == ["after_post_bytes"]


class NotedThrottle(NoThrottle):
    """Notes what waited for its credits."""

    def __init__(self) -> None:
        self.waited: list[str] = []

    async def wait(self, method: str) -> None:
        self.waited.append(method)


def test_every_request_waits_for_its_credits() -> None:
    stub, throttle = StubDeribit({"public/get_time": NOW_MS}), NotedThrottle()

    async def ask() -> None:
        client = a_client(stub, throttle=throttle)
        await client.read("public/get_time", {}, int)
        await client.authenticate()
        await client.aclose()

    asyncio.run(ask())
    assert throttle.waited == [method for method, _ in stub.asked]
    assert throttle.waited == ["public/get_time", "public/auth"]


def test_the_rights_of_a_key_are_asked_without_narrowing_them() -> None:
    stub = StubDeribit()
    stub.scope = "account:read trade:read_write wallet:read_write"

    async def ask() -> str:
        client = a_client(stub)
        try:
            return await client.rights_of_key()
        finally:
            await client.aclose()

    assert scope_may_withdraw(asyncio.run(ask()))
    assert "scope" not in stub.asked[0][1]

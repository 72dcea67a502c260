"""One venue's JSON-RPC over HTTP: tokens, patience and the one POST of an order.

Talks to testnets and to this machine, follows no redirect and no proxy of the environment. Reads
are tried three times; orders are posted exactly once, whatever happens to them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
import stamina
from pydantic import SecretStr

from callwright.crashpoints import reach
from callwright.domain.hosts import is_loopback, require_testnet_url
from callwright.errors import DataInvalid, OrderStateUnknown, VenueUnavailable
from callwright.venues.deribit.envelope import (
    BODY_BYTES_MAX,
    HEADERS,
    Reply,
    decode_result,
    encode_request,
    plain,
    read_reply,
)
from callwright.venues.deribit.errors import (
    TOO_MANY_REQUESTS,
    Failure,
    NoAnswer,
    NotSent,
    Refused,
    of_change,
    of_read,
)
from callwright.venues.deribit.rate import NoThrottle, Throttle

TIMEOUTS = httpx.Timeout(connect=5.0, read=10.0, write=5.0, pool=5.0)
ANSWER_S_MAX = 30.0
"""One request, however slowly its bytes drip."""
CONNECTIONS_MAX = 4
"""Enough for a cycle's tickers at once; every request looks at each of them first."""
READ_ATTEMPTS = 3
READ_S_MAX = 45.0
"""All attempts of one read, with the pauses between them."""
REFRESH_AT_FRAC = 0.8
"""A token is renewed after this part of its life, so that none runs out under a request."""
SCOPE = "account:read trade:read_write"

# A read that is tried again is no news, and one that fails for good is an error.
stamina.instrumentation.set_on_retry_hooks([])

# Nothing of the request can have left: there was no connection to send it on.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_CRASH_POINTS = {
    "http11.send_request_body.complete": "after_post_bytes",
    "http11.receive_response_headers.complete": "after_accept",
}


class Answer(NamedTuple):
    """A decoded result, and the venue's clock when it answered, in milliseconds."""

    result: Any
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Token:
    value: SecretStr
    refresh_at: float


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float
    scope: str = ""


def scope_may_withdraw(scope: str) -> bool:
    """Return whether a scope lets its holder move money away, which no desk's key may."""
    return "wallet:read_write" in scope.split()


class DeribitClient:
    """A key's connection to one venue; use it from one event loop until ``aclose``.

    Args:
        base_url: Up to and including ``/api/v2``.
        throttle: None: that of the venue's table; a paper server on this machine counts nothing.
        timeouts: Of connecting, reading, writing and waiting for a connection.
        transport: In place of the network, for tests.
        clock: Seconds that only grow.

    Raises:
        ConfigError: The host is neither a testnet nor this machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: SecretStr,
        client_secret: SecretStr,
        throttle: Throttle | None = None,
        timeouts: httpx.Timeout = TIMEOUTS,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = require_testnet_url(base_url).rstrip("/")
        self.host = urlsplit(base_url).hostname or ""
        self._is_loopback = is_loopback(self.host)
        self._key = client_id, client_secret
        self._throttle = throttle or (NoThrottle() if self._is_loopback else Throttle())
        self._timeouts = timeouts.as_dict()
        self._transport = transport
        self._clock = clock
        self._http: httpx.AsyncBaseTransport | None = None
        self._addresses: dict[str, httpx.URL] = {}
        self._auth_lock = asyncio.Lock()
        self._token: _Token | None = None
        self._last_id = 0
        self.granted_scope: str | None = None
        """What the key was granted last; None before the first private request."""
        self.last_ms = 0
        """The venue's clock in its last answer; zero before the first."""

    def __repr__(self) -> str:
        return f"DeribitClient({self.host})"

    async def aclose(self) -> None:
        """Close the connections and forget the token; a later request opens new ones."""
        http, self._http = self._http, None
        # A lock that somebody waited for belongs to its event loop.
        self._auth_lock, self._token = asyncio.Lock(), None
        if http is not None:
            await http.aclose()

    @property
    def may_withdraw(self) -> bool:
        """Whether the key can move money away, which no desk's key may."""
        return scope_may_withdraw(self.granted_scope or "")

    async def rights_of_key(self) -> str:
        """Return all that the key may do, whatever a desk asks for; for a check of the set-up.

        Raises:
            VenueUnavailable: The key is wrong, or the venue does not answer.
        """
        try:
            return (await self._granted(scope=None)).scope
        except Failure as exc:
            raise of_read("public/auth", exc) from exc

    async def authenticate(self) -> str:
        """Return the scope that the key is granted, for a check of the set-up.

        Raises:
            VenueUnavailable: The key is wrong, or the venue does not answer.
        """
        try:
            await self._bearer()
        except Failure as exc:
            raise of_read("public/auth", exc) from exc
        return self.granted_scope or ""

    async def read(self, method: str, params: Mapping[str, object], kind: Any) -> Answer:
        """Ask for something that changes nothing, up to three times.

        Raises:
            VenueUnavailable: No trustworthy answer came, or the venue refuses to say.
            DataInvalid: The answer has another shape, or the market does not exist.
            MarketExhausted: A recorded paper market is over.
        """
        try:
            reply = await self._persistently(method, params)
        except Failure as exc:
            raise of_read(_named(method, params), exc) from exc
        try:
            return Answer(decode_result(reply.result, kind), reply.at_ms)
        except (msgspec.DecodeError, ArithmeticError) as exc:
            raise DataInvalid(f"{_named(method, params)}: {plain(self._masked(str(exc)))}") from exc

    async def change(
        self, method: str, params: Mapping[str, object], kind: Any, *, what: str
    ) -> Answer:
        """Send something that changes the account, exactly once.

        Args:
            what: Names it in errors: ``order cw-1f…-0``.

        Raises:
            VenueUnavailable: It surely was not accepted.
            OrderRejected: The venue refused it.
            OrderStateUnknown: It may have been carried out.
        """
        try:
            token = await self._bearer()
        except Failure as exc:
            error = of_read(what, exc)
            raise (
                error if isinstance(error, VenueUnavailable) else VenueUnavailable(str(error))
            ) from exc
        if self.may_withdraw and method in ("private/buy", "private/sell"):
            raise VenueUnavailable(
                f"{what}: not sent, the key has a right to withdraw",
                remedy="make a key without wallet right: account:read and trade:read_write",
            )
        try:
            reply = await self._post(method, params, token)
        except Failure as exc:
            if isinstance(exc, Refused) and exc.is_stale_token:
                # The next request gets a new token; this one is not sent again.
                self._forget(token)
            raise of_change(what, exc) from exc
        try:
            return Answer(decode_result(reply.result, kind), reply.at_ms)
        except (msgspec.DecodeError, ArithmeticError) as exc:
            raise OrderStateUnknown(
                f"{what}: the answer cannot be read: {plain(self._masked(str(exc)))}"
            ) from exc

    async def once(self, method: str, params: Mapping[str, object], kind: Any) -> Answer:
        """Make one attempt; for what is neither an order nor harmless to repeat.

        Raises:
            Failure: It came to nothing.
        """
        reply = await self._post(method, params, None)
        try:
            return Answer(decode_result(reply.result, kind), reply.at_ms)
        except (msgspec.DecodeError, ArithmeticError) as exc:
            raise NoAnswer(f"the answer cannot be read: {plain(self._masked(str(exc)))}") from exc

    # Attempts.

    async def _persistently(self, method: str, params: Mapping[str, object]) -> Reply:
        is_private = method.startswith("private/")
        renewed = False
        async for attempt in stamina.retry_context(
            on=_passes,
            attempts=READ_ATTEMPTS,
            timeout=READ_S_MAX,
            wait_initial=0.1,
            wait_max=2.0,
            wait_jitter=0.2,
        ):
            with attempt:
                token = await self._bearer() if is_private else None
                try:
                    return await self._post(method, params, token)
                except Refused as exc:
                    if token is None or not exc.is_stale_token or renewed:
                        raise
                    renewed = True
                    self._forget(token)
                    return await self._post(method, params, await self._bearer())
        raise AssertionError("a retry context returns or raises")

    async def _post(
        self, method: str, params: Mapping[str, object], token: SecretStr | None
    ) -> Reply:
        """Make one request.

        Raises:
            Failure: It came to nothing; no other exception of the network leaves here.
        """
        await self._throttle.wait(method)
        self._last_id += 1
        request_id = self._last_id
        headers = dict(HEADERS)
        if token is not None:
            headers["authorization"] = f"bearer {token.get_secret_value()}"
        is_order = method in ("private/buy", "private/sell")
        extensions: dict[str, Any] = {"timeout": self._timeouts}
        if is_order:
            extensions["trace"] = _crash_points
        request = httpx.Request(
            "POST",
            self._address(method),
            content=encode_request(request_id, method, params),
            headers=headers,
            extensions=extensions,
        )
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                response = await self._connections().handle_async_request(request)
                body = await _bounded_body(response)
        except _BEFORE_SENDING as exc:
            why = type(exc).__name__
            raise NotSent(f"no connection to {self.host} ({why})", passes=True) from exc
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as exc:
            why = type(exc).__name__
            raise NoAnswer(f"no answer from {self.host} ({why})", passes=True) from exc
        try:
            reply = read_reply(
                response.status_code,
                response.headers,
                body,
                request_id=request_id,
                is_loopback=self._is_loopback,
                mask=self._masked,
            )
        except Refused as exc:
            if exc.code == TOO_MANY_REQUESTS:
                self._throttle.refused(method)
            raise
        self.last_ms = reply.at_ms
        return reply

    def _connections(self) -> httpx.AsyncBaseTransport:
        if self._http is None:
            # The transport alone: no cookies, redirects or proxies, and half of a client's time.
            self._http = self._transport or httpx.AsyncHTTPTransport(
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
                ),
            )
        return self._http

    def _address(self, method: str) -> httpx.URL:
        found = self._addresses.get(method)
        if found is None:
            found = self._addresses[method] = httpx.URL(f"{self._url}/{method}")
        return found

    # Tokens.

    async def _bearer(self) -> SecretStr:
        async with self._auth_lock:
            if self._token is None or self._clock() >= self._token.refresh_at:
                self._token = None
                self._token = await self._authenticated()
            return self._token.value

    async def _authenticated(self) -> _Token:
        asked_at = self._clock()
        grant = await self._granted(scope=SCOPE)
        if not (grant.access_token.isascii() and grant.access_token.isprintable()):
            raise NoAnswer("public/auth: no token in the answer")
        if not grant.expires_in > 0:
            raise NoAnswer("public/auth: the token is over already")
        self.granted_scope = grant.scope
        life_s = grant.expires_in * REFRESH_AT_FRAC
        return _Token(SecretStr(grant.access_token), asked_at + life_s)

    async def _granted(self, *, scope: str | None) -> _Grant:
        client_id, client_secret = self._key
        params: dict[str, object] = {
            "grant_type": "client_credentials",
            "client_id": client_id.get_secret_value(),
            "client_secret": client_secret.get_secret_value(),
        }
        if scope is not None:
            params["scope"] = scope
        reply = await self._persistently("public/auth", params)
        try:
            grant: _Grant = decode_result(reply.result, _Grant)
        except msgspec.DecodeError:
            # The error may quote what it could not read, and that may be a token.
            raise NoAnswer("public/auth: no token in the answer") from None
        return grant

    def _forget(self, token: SecretStr) -> None:
        # Another request may have renewed it meanwhile.
        if self._token is not None and self._token.value == token:
            self._token = None

    def _masked(self, text: str) -> str:
        secrets = [*self._key] + ([self._token.value] if self._token else [])
        for secret in secrets:
            value = secret.get_secret_value()
            # A word as short as the paper server's default key hides nothing.
            if len(value) >= 8:
                text = text.replace(value, "***")
        return text


def _named(method: str, params: Mapping[str, object]) -> str:
    """Return a request's method with what it is about: ``public/ticker BTC-9JAN26-97000-C``."""
    about = (params.get(name) for name in ("instrument_name", "currency", "index_name"))
    return " ".join([method, *(str(value) for value in about if value is not None)][:2])


def _passes(error: Exception) -> bool:
    return isinstance(error, Failure) and error.passes


async def _crash_points(event: str, info: Mapping[str, object]) -> None:
    point = _CRASH_POINTS.get(event)
    if point is not None:
        reach(point)


async def _bounded_body(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        async for chunk in response.stream:
            size += len(chunk)
            if size > BODY_BYTES_MAX:
                raise NoAnswer(f"the answer is larger than {BODY_BYTES_MAX} bytes")
            chunks.append(chunk)
    finally:
        await response.stream.aclose()
    return b"".join(chunks)

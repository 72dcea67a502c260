"""A paper server on this machine as a venue: Deribit's words, and a market that stands still.

Its records must equal those of the exchange in process, so what a record takes from the market
(name, depth model, refused rows, time) comes from the server. Its clock is the server's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import msgspec
from pydantic import SecretStr

from callwright.domain.base import from_ms
from callwright.domain.hosts import require_loopback_url
from callwright.domain.market import IndexHistory, MarketView, UnderlyingMarket
from callwright.errors import CallwrightError, ConfigError, DataInvalid, VenueUnavailable
from callwright.venues.deribit.client import TIMEOUTS, DeribitClient
from callwright.venues.deribit.envelope import (
    HEADERS,
    Milliseconds,
    decode_result,
    encode_request,
    read_reply,
)
from callwright.venues.deribit.errors import Failure, of_read
from callwright.venues.deribit.parse_market import added, history_of
from callwright.venues.deribit.rows import IndexPoint, PaperInfo
from callwright.venues.deribit.venue import DeribitVenue

API_PATH = "/api/v2"
START_REMEDY = "start it with `callwright paper serve`, or unset PAPER_URL to trade in process"


class SimulatedDeribit(DeribitVenue):
    """Implements ``Venue``, ``SteppedMarket`` and ``Clock`` on a paper server.

    Args:
        client: Of a host that is this machine.
        account_id: Stable name of the account.
        base_url: Of the client, for what is asked before an event loop runs.
        info: What the server said when it was opened.
    """

    history_range = "all"

    def __init__(
        self, client: DeribitClient, account_id: str, *, base_url: str, info: PaperInfo
    ) -> None:
        super().__init__(client, account_id)
        self._base_url = base_url
        self._saw(info)

    @property
    def source(self) -> str:  # type: ignore[override]
        """Name of the server's market."""
        return self.info.market

    @property
    def depth_model(self) -> str:  # type: ignore[override]
        """The server's words for how sizes come about."""
        return self.info.depth_model

    # Clock and SteppedMarket.

    def now(self) -> datetime:
        """Return the server's clock as it was seen last."""
        return from_ms(max(self._client.last_ms, self.info.now_ms))

    def step_time(self) -> datetime:
        """Return the market time of the present step, as it was seen last."""
        return from_ms(self.info.step_time_ms)

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass on the server; at most until the market's next step.

        Raises:
            ValueError: The seconds are negative or not a number.
            VenueUnavailable: The server does not answer.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"cannot sleep {seconds} seconds")
        if not seconds:
            return
        before_ms = self.info.now_ms
        passed_ms = max(1, round(min(seconds, 1e9) * 1000))
        failure: Failure | None = None
        for _ in range(2):
            try:
                answer = await self._client.once(
                    "paper/pass_time", {"seconds": passed_ms / 1000}, PaperInfo
                )
            except Failure as exc:
                # The time may have passed although the answer was lost: ask before it passes twice.
                failure = exc
                await self._look()
                if self.info.now_ms > before_ms:
                    return
            else:
                self._saw(answer.result)
                return
        assert failure is not None
        raise of_read("paper/pass_time", failure) from failure

    async def advance(self) -> datetime:
        """Move to the market's next step and return its time.

        Repeating it after an error is harmless: the server moves only from the step named.

        Raises:
            MarketExhausted: A recorded market has no further snapshot.
            DataInvalid: The next snapshot cannot be trusted; nothing has changed.
            VenueUnavailable: The server does not answer; the market may have moved.
        """
        from_step_ms = self.info.step_time_ms
        answer = await self._client.read("paper/advance", {"from_ms": from_step_ms}, PaperInfo)
        self._saw(answer.result)
        return self.step_time()

    def skip_step(self) -> datetime:
        """Move to the next step before an event loop runs; as ``advance``."""
        found = _ask(self._base_url, "paper/advance", {"from_ms": self.info.step_time_ms})
        self._saw(found)
        return self.step_time()

    async def _look(self) -> None:
        self._saw((await self._client.read("paper/info", {}, PaperInfo)).result)

    def _saw(self, info: PaperInfo) -> None:
        self.info = info
        self._client.last_ms = max(self._client.last_ms, info.now_ms)

    # What a record takes from the market.

    async def venue_time(self) -> datetime:
        """Return the server's clock, which does not run while one waits for an answer."""
        found = await self._client.read("public/get_time", {}, Milliseconds)
        return from_ms(found.result)

    async def market(self, underlyings: Sequence[str]) -> MarketView:
        """Return the market of the present step; its time is that of the newest index point.

        The step, not the server's clock: waiting within a step makes no other market, and a frozen
        feed shows by its age.
        """
        view = await super().market(underlyings)
        histories = [market.history.times_ms for market in view.underlyings.values()]
        if not all(map(len, histories)):
            raise DataInvalid("the paper server shows no index history")
        as_of = from_ms(min(int(times_ms[-1]) for times_ms in histories))
        return replace(
            view,
            as_of=as_of,
            underlyings={
                name: _as_recorded(market, as_of, self.info.dropped_rows.get(name, {}))
                for name, market in view.underlyings.items()
            },
        )

    async def _history(self, underlying: str, index_name: str) -> IndexHistory:
        # Every step has its own.
        found = await self._client.read(
            "public/get_index_chart_data",
            {"index_name": index_name, "range": self.history_range},
            list[IndexPoint],
        )
        return history_of(underlying, found.result)


def _as_recorded(
    market: UnderlyingMarket, as_of: datetime, dropped: Mapping[str, int]
) -> UnderlyingMarket:
    chain = market.chain
    if dropped:
        chain = replace(chain, dropped_rows=added(chain.dropped_rows, dropped))
    return replace(market, index_as_of=as_of, chain=chain)


def open_simulated(
    url: str,
    *,
    account_id: str,
    client_id: SecretStr,
    client_secret: SecretStr,
    underlyings: tuple[str, ...],
    timeouts: httpx.Timeout = TIMEOUTS,
) -> SimulatedDeribit:
    """Return the account of a paper server, which is asked where its market stands.

    Args:
        url: With or without ``/api/v2`` at its end.
        underlyings: The coins that the desk trades; the server must have them.

    Raises:
        ConfigError: The host is not this machine, or the market lacks a coin.
        VenueUnavailable: No paper server answers there.
    """
    base_url = require_loopback_url(url).rstrip("/")
    if not base_url.endswith(API_PATH):
        base_url += API_PATH
    info = _ask(base_url, "paper/info", {}, timeouts=timeouts)
    missing = [name for name in underlyings if name not in info.underlyings]
    if missing:
        raise ConfigError(
            f"the paper server at {urlsplit(base_url).netloc} has no {', '.join(missing)}",
            remedy=f"set UNDERLYINGS to some of {', '.join(info.underlyings)}",
        )
    client = DeribitClient(
        base_url, client_id=client_id, client_secret=client_secret, timeouts=timeouts
    )
    return SimulatedDeribit(client, account_id, base_url=base_url, info=info)


def _ask(
    base_url: str,
    method: str,
    params: Mapping[str, object],
    *,
    timeouts: httpx.Timeout = TIMEOUTS,
) -> PaperInfo:
    """Make one synchronous request of the simulation.

    Raises:
        CallwrightError: As ``DeribitClient.read``; it carries how to start a server.
    """
    where = urlsplit(base_url).netloc
    try:
        with httpx.Client(timeout=timeouts, follow_redirects=False, trust_env=False) as http:
            response = http.post(
                f"{base_url}/{method}", content=encode_request(1, method, params), headers=HEADERS
            )
        reply = read_reply(
            response.status_code,
            response.headers,
            response.content,
            request_id=1,
            is_loopback=True,
        )
        info: PaperInfo = decode_result(reply.result, PaperInfo)
        return info
    except httpx.HTTPError as exc:
        raise VenueUnavailable(
            f"no paper server answers at {where} ({type(exc).__name__})", remedy=START_REMEDY
        ) from exc
    except Failure as exc:
        raise _with_remedy(of_read(f"{method} at {where}", exc)) from exc
    except msgspec.DecodeError as exc:
        raise VenueUnavailable(
            f"what answers at {where} is no paper server", remedy=START_REMEDY
        ) from exc


def _with_remedy(error: CallwrightError) -> CallwrightError:
    if isinstance(error, VenueUnavailable) and not error.remedy:
        error.remedy = START_REMEDY
    return error

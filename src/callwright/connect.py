"""From settings to an exchange: the embedded one, one behind a paper server, or a testnet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from callwright.clock import WallClock
from callwright.config import Settings
from callwright.errors import ConfigError
from callwright.lock import sole_writer
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.paper.markets import open_source
from callwright.paper.source import MarketSource
from callwright.paper.store import PaperStore
from callwright.ports import Clock, SteppedMarket, Venue
from callwright.venues.paper import PaperVenue

PAPER_FILE = "paper.db"


@dataclass(frozen=True)
class Connection:
    """An exchange account that a desk can trade on.

    Attributes:
        market_name: What is traded there, for people.
        stepped: The market, if it moves only when told to.
        is_fresh: Whether a simulated account was never used; a testnet's never counts as fresh.
        skip_step: Moves a simulated market one step on, before a loop runs.
        exchange: The exchange itself where it is embedded.
    """

    market_name: str
    venue: Venue
    clock: Clock
    stepped: SteppedMarket | None
    is_fresh: bool
    skip_step: Callable[[], object] | None
    exchange: PaperExchange | None = None


def open_market(settings: Settings) -> MarketSource:
    """Return the market that the settings name.

    Raises:
        ConfigError: There is no such market.
    """
    return open_source(settings.market, step=settings.step_length())


def open_exchange(
    settings: Settings,
    stack: ExitStack,
    *,
    source: MarketSource | None = None,
    durable: bool = True,
    faults: FaultPlan | None = None,
) -> PaperExchange:
    """Return the embedded exchange of the settings' home; ``stack`` closes it.

    Raises:
        ConfigError: The market does not exist, or the home's books belong to another one.
        StorageError: The books cannot be used, or another process has them open.
    """
    # Not the account's lock: a desk that trades through a server may share the server's home.
    stack.enter_context(sole_writer(settings.callwright_home, PAPER_FILE))
    exchange = PaperExchange(
        source or open_market(settings),
        PaperStore(settings.callwright_home / PAPER_FILE, durable=durable),
        deposits={coin: settings.paper_deposit[coin] for coin in settings.underlyings},
        faults=faults,
    )
    stack.callback(exchange.close)
    return exchange


def embedded_market(settings: Settings) -> MarketSource | None:
    """Return the market of the embedded exchange; None when the exchange is elsewhere.

    Asked before a home is made, so that settings which cannot work leave nothing behind.

    Raises:
        ConfigError: There is no such market, or the keys of a testnet are missing.
    """
    if settings.is_embedded:
        return open_market(settings)
    if settings.venue != "paper":
        testnet_key(settings)
    return None


def shared_account(settings: Settings) -> str | None:
    """Return what names the account at an exchange that several homes can reach; else None."""
    if settings.is_embedded:
        return None
    if settings.paper_url is not None and settings.venue == "paper":
        url, (key, _) = settings.paper_url, settings.paper_credentials()
    else:
        url, (key, _) = settings.deribit_base_url, testnet_key(settings)
    return f"{urlsplit(url).netloc} {key.get_secret_value()}"


def connect(
    settings: Settings,
    stack: ExitStack,
    source: MarketSource | None,
    *,
    durable: bool = True,
    faults: FaultPlan | None = None,
) -> Connection:
    """Return the exchange account that the settings name.

    Args:
        source: What ``embedded_market`` returned.

    Raises:
        ConfigError: A host is refused.
        VenueUnavailable: A paper server does not answer.
    """
    if source is None:
        if settings.venue == "paper" and settings.paper_url is not None:
            return _paper_server(settings, settings.paper_url)
        return _testnet(settings)
    exchange = open_exchange(settings, stack, source=source, durable=durable, faults=faults)
    venue = PaperVenue(exchange, settings.account_name)
    return Connection(
        market_name=source.name,
        venue=venue,
        clock=venue,
        stepped=venue,
        is_fresh=exchange.is_fresh,
        skip_step=exchange.advance,
        exchange=exchange,
    )


def _paper_server(settings: Settings, url: str) -> Connection:
    from callwright.venues.deribit.simulated import open_simulated

    client_id, client_secret = settings.paper_credentials()
    venue = open_simulated(
        url,
        account_id=settings.account_name,
        client_id=client_id,
        client_secret=client_secret,
        underlyings=settings.underlyings,
    )
    return Connection(
        market_name=venue.info.market,
        venue=venue,
        clock=venue,
        stepped=venue,
        is_fresh=venue.info.is_fresh,
        skip_step=venue.skip_step,
    )


def testnet_key(settings: Settings) -> tuple[SecretStr, SecretStr]:
    """Return the key of the testnet.

    Raises:
        ConfigError: There is none.
    """
    client_id, client_secret = settings.deribit_client_id, settings.deribit_client_secret
    if client_id is None or client_secret is None:
        raise ConfigError(
            "VENUE=deribit-testnet needs DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET",
            remedy="make a key at test.deribit.com with account:read and trade:read_write, no "
            "wallet right, and write both into .env",
        )
    return client_id, client_secret


def _testnet(settings: Settings) -> Connection:
    from callwright.venues.deribit.venue import DeribitVenue

    client_id, client_secret = testnet_key(settings)
    venue = DeribitVenue.connect(
        settings.deribit_base_url,
        account_id=settings.account_name,
        client_id=client_id,
        client_secret=client_secret,
    )
    return Connection(
        market_name="Deribit testnet",
        venue=venue,
        clock=WallClock(),
        stepped=None,
        is_fresh=False,
        skip_step=None,
    )

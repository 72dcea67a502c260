"""Which hosts may ever be talked to: testnets and this machine, nothing else.

The parsed host is compared, never the text of the URL, so user info, suffixes, trailing dots,
look-alike letters and odd spellings of an IP address cannot smuggle another host in.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from callwright.errors import ConfigError

TESTNET_HOSTS = frozenset({"test.deribit.com"})
"""Trading hosts without real money; a mainnet host is not a configuration."""


def require_testnet_url(url: str) -> str:
    """Return ``url`` if its host is a testnet (https) or loopback (http or https).

    Raises:
        ConfigError: Any other host or scheme, or a URL that hides its host.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as exc:
        raise ConfigError(f"{url!r} is not a URL", remedy=_REMEDY) from exc
    if parts.username is not None or parts.password is not None:
        raise ConfigError("a venue URL must not carry user info", remedy=_REMEDY)
    if host in TESTNET_HOSTS and parts.scheme == "https":
        return url
    if is_loopback(host) and parts.scheme in ("http", "https"):
        return url
    raise ConfigError(
        f"refusing host {host!r} ({parts.scheme or 'no scheme'}): only testnets are traded on",
        remedy=_REMEDY,
    )


def require_loopback_url(url: str) -> str:
    """Return ``url`` if its host is this machine; the paper exchange runs nowhere else.

    Raises:
        ConfigError: Any other host or scheme, or a URL that hides its host.
    """
    require_testnet_url(url)
    if is_loopback(urlsplit(url).hostname or ""):
        return url
    raise ConfigError(
        f"{url} is not on this machine", remedy="use an address such as http://127.0.0.1:8732"
    )


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine, by name or by canonical IP literal."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_REMEDY = "use https://test.deribit.com/api/v2, or a loopback address such as http://127.0.0.1:8080"

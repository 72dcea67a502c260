"""Where a model may be asked: scheme, host and every address of it, before anything is sent.

OpenAI's own API needs https. A server in ``LLM_BASE_URL`` may be on this machine or in a private
network only when the user says so, and the cloud's metadata services never.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from callwright.errors import ConfigError

OPENAI_BASE_URL = "https://api.openai.com/v1"

_PRIVATE = tuple(
    ip_network(net)
    for net in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
)
_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"))
)
"""Metadata services of the clouds: whoever reaches them can read credentials."""


@dataclass(frozen=True)
class Endpoint:
    """A server that was checked as far as its URL shows.

    Attributes:
        is_tls: https; without it only private addresses are connected to.
        allow_private: Addresses of this machine and of private networks may be connected to.
        private_only: Only those may: there is no key to send anywhere else.
    """

    base_url: str
    host: str
    is_tls: bool
    allow_private: bool
    private_only: bool

    @property
    def is_openai(self) -> bool:
        return self.host == "api.openai.com"

    def refusal(self, address: str) -> str | None:
        """Return why this address of the host may not be connected to, None when it may."""
        try:
            ip = _unwrapped(ip_address(address.partition("%")[0]))
        except ValueError:
            return f"{address} is no IP address"
        if ip in _METADATA or ip.is_link_local:
            return f"{ip} is link-local or a metadata service"
        if any(ip in net for net in _PRIVATE if net.version == ip.version):
            if self.allow_private:
                return None
            return f"{ip} is private; LLM_ALLOW_PRIVATE_NETWORK=true permits that"
        if not ip.is_global or ip.is_multicast:
            return f"{ip} is no public address"
        if self.private_only:
            return f"{ip} is public, and there is no OPENAI_API_KEY"
        if not self.is_tls:
            return f"{ip} is public, and LLM_BASE_URL is not https"
        return None


def endpoint_of(base_url: str | None, *, allow_private: bool, has_key: bool) -> Endpoint:
    """Return the endpoint of ``LLM_BASE_URL``, or OpenAI's own without one.

    Raises:
        ConfigError: Another scheme than http and https, a URL that hides its host or carries user
            info, an address that is refused, or no key where one is needed.
    """
    url = OPENAI_BASE_URL if base_url is None else base_url.rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as exc:
        raise ConfigError("LLM_BASE_URL is not a URL", remedy=_REMEDY) from exc
    if parts.username is not None or parts.password is not None:
        raise ConfigError("LLM_BASE_URL must not carry user info", remedy=_REMEDY)
    if (
        parts.scheme not in ("http", "https")
        or not host
        or set(url) & {"\\", " "}
        or not url.isprintable()
    ):
        raise ConfigError(
            "LLM_BASE_URL is neither http:// nor https:// with a host", remedy=_REMEDY
        )
    if parts.query or parts.fragment:
        raise ConfigError("LLM_BASE_URL must not have a query or fragment", remedy=_REMEDY)
    if not has_key and (base_url is None or not allow_private):
        raise ConfigError(
            "there is no OPENAI_API_KEY",
            remedy="set it; only a server on a private network (LLM_BASE_URL with "
            "LLM_ALLOW_PRIVATE_NETWORK=true) is asked without a key",
        )
    is_tls = parts.scheme == "https"
    if not is_tls and not allow_private:
        raise ConfigError("LLM_BASE_URL is not https", remedy=_REMEDY)
    endpoint = Endpoint(
        base_url=url,
        host=host,
        is_tls=is_tls,
        allow_private=allow_private,
        private_only=not has_key,
    )
    if _is_literal(host):
        why = endpoint.refusal(host)
        if why is not None:
            raise ConfigError(f"LLM_BASE_URL is refused: {why}", remedy=_REMEDY)
    return endpoint


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(ip, IPv6Address):
        return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _nat64(ip)
    return ip


def _nat64(ip: IPv6Address) -> IPv4Address | IPv6Address:
    if ip in ip_network("64:ff9b::/96"):
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


_REMEDY = (
    "use https://host/v1 of an OpenAI-compatible server, or http://127.0.0.1:8080/v1 with "
    "LLM_ALLOW_PRIVATE_NETWORK=true"
)

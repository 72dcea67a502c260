"""Who may ask for what: client credentials, bearer tokens and their scopes.

Tokens live in memory, on the wall clock; after a restart everybody authenticates again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from pydantic import SecretStr

from callwright.paper.refusals import (
    FORBIDDEN,
    INVALID_CREDENTIALS,
    UNAUTHORIZED,
    ExchangeError,
)
from callwright.paper.server.params import Params, invalid

SCOPES = ("account:read", "trade:read_write")
"""What the key may do, as a desk's key should: no wallet right."""

_GRANTS = ("client_credentials", "refresh_token")
_TOKENS_MAX = 256


@dataclass(frozen=True, slots=True)
class Token:
    """What one token allows, until a time of the monotonic clock."""

    scopes: tuple[str, ...]
    expires_at: float


class Sessions:
    """Tokens of one key.

    Args:
        client_id, client_secret: The key.
        token_seconds: Lifetime of an access token; a refresh token lives ten times as long.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        client_id: SecretStr,
        client_secret: SecretStr,
        *,
        token_seconds: int = 900,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = (client_id, client_secret)
        self._seconds = token_seconds
        self._clock = clock
        self._access: dict[str, Token] = {}
        self._refresh: dict[str, Token] = {}

    def grant(self, params: Params) -> dict[str, object]:
        """Return new tokens (``public/auth``).

        Raises:
            ExchangeError: 13004 wrong credentials or refresh token, -32602 another grant type.
        """
        grant = params.choice("grant_type", _GRANTS)
        if grant == "client_credentials":
            given = params.text("client_id"), params.text("client_secret")
            # Both are compared in full, so that time tells nothing.
            right = [
                compare_digest(ours.get_secret_value().encode(), theirs.encode(errors="replace"))
                for ours, theirs in zip(self._key, given, strict=True)
            ]
            if not all(right):
                raise ExchangeError(INVALID_CREDENTIALS)
            scopes = _granted(params.text_or("scope", ""))
        else:
            known = self._refresh.pop(params.text("refresh_token"), None)
            if known is None or known.expires_at <= self._clock():
                raise ExchangeError(INVALID_CREDENTIALS)
            scopes = known.scopes
        return {
            "access_token": self._issue(self._access, scopes, self._seconds),
            "expires_in": self._seconds,
            "refresh_token": self._issue(self._refresh, scopes, 10 * self._seconds),
            "scope": " ".join(scopes),
            "token_type": "bearer",
            "enabled_features": [],
        }

    def authorize(self, header: str, params: Params, *, to_trade: bool) -> None:
        """Let a private request pass, or refuse it.

        Raises:
            ExchangeError: 13009 no token, or one that is unknown or over; 13021 it may not trade.
        """
        kind, _, value = header.partition(" ")
        given = value.strip() if kind.lower() == "bearer" else ""
        token = self._access.get(given or params.text_or("access_token", ""))
        if token is None or token.expires_at <= self._clock():
            raise ExchangeError(UNAUTHORIZED, "invalid_token")
        if to_trade and "trade:read_write" not in token.scopes:
            raise ExchangeError(FORBIDDEN, "trade:read_write is needed")

    def _issue(self, tokens: dict[str, Token], scopes: tuple[str, ...], seconds: int) -> str:
        now = self._clock()
        for old in [name for name, token in tokens.items() if token.expires_at <= now]:
            del tokens[old]
        while len(tokens) >= _TOKENS_MAX:
            del tokens[next(iter(tokens))]
        name = secrets.token_urlsafe(32)
        tokens[name] = Token(scopes, now + seconds)
        return name


def _granted(asked: str) -> tuple[str, ...]:
    """Return the key's scopes, narrowed to those that were asked for; never more."""
    words = asked.split()
    if any(word.startswith("wallet:") and not word.endswith(":none") for word in words):
        raise invalid("scope", "the key has no wallet right")
    granted = []
    for own in SCOPES:
        area, right = own.split(":")
        if own in words or (right == "read" and f"{area}:read_write" in words):
            granted.append(own)
        elif f"{area}:read" in words:
            granted.append(f"{area}:read")
    # Words such as session:NAME or expires:N name no right, so the key's own hold.
    return tuple(granted) or SCOPES

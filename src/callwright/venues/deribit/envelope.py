"""JSON-RPC 2.0 as Deribit speaks it: one request out, one reply judged.

Decimals go out with all their digits, as numbers. A reply is believed only when everything about it
is as it should be; from a host that is not this machine it must call itself a testnet's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec

from callwright.venues.deribit.errors import NoAnswer, Refused

BODY_BYTES_MAX = 16 * 1024 * 1024
"""A whole coin's instruments are about 1 MB."""

HEADERS = {
    "accept": "application/json",
    # What is not compressed cannot unfold into more than was read.
    "accept-encoding": "identity",
    "content-type": "application/json",
}

MS_MAX = 253_402_300_799_999
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MS_MAX)]
"""Since 1970, up to the end of the calendar."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TEXT_LENGTH_MAX = 200


class _RpcError(msgspec.Struct):
    code: int
    message: str = ""
    data: Any = None


class _Envelope(msgspec.Struct, rename={"out_us": "usOut"}):
    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _RpcError | None = None
    out_us: Annotated[int, msgspec.Meta(ge=0, le=MS_MAX * 1000)] | None = None
    testnet: bool | None = None


_ENVELOPES = msgspec.json.Decoder(_Envelope)


class Reply(NamedTuple):
    """A result as raw JSON, and the venue's clock when it answered, in milliseconds."""

    result: bytes
    at_ms: int


def encode_request(request_id: int, method: str, params: Mapping[str, object]) -> bytes:
    """Return the body of one request."""
    return _ENCODER.encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def read_reply(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    request_id: int,
    is_loopback: bool,
    mask: Callable[[str], str] = lambda text: text,
) -> Reply:
    """Return the result of a reply that can be trusted.

    Args:
        mask: Hides secrets in what the venue says: it may repeat what it was sent.

    Raises:
        Refused: The venue answered with an error.
        NoAnswer: Anything else that is not the reply to this request.
    """
    fleeting = status >= 500 or status == 429
    if 300 <= status < 400:
        raise NoAnswer(f"HTTP {status}: redirects are not followed")
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise NoAnswer(f"HTTP {status}: not JSON", passes=fleeting)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer(f"HTTP {status}: compressed, which was not asked for")
    try:
        envelope = _ENVELOPES.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise NoAnswer(f"HTTP {status}: no JSON-RPC reply", passes=fleeting) from exc
    if not is_loopback and envelope.testnet is not True:
        raise NoAnswer(f"HTTP {status}: the reply does not come from a testnet")
    if status >= 500:
        # Something broke in the middle of it; what it says about the request is worth nothing.
        raise NoAnswer(f"HTTP {status}", passes=True)
    if envelope.id != request_id:
        raise NoAnswer(f"HTTP {status}: the reply is to another request")
    if envelope.error is not None:
        raise _refused(envelope.error, mask)
    if status != 200 or envelope.result is msgspec.UNSET or envelope.out_us is None:
        raise NoAnswer(f"HTTP {status}: neither a result nor an error")
    return Reply(bytes(envelope.result), envelope.out_us // 1000)


def decode_result(result: bytes, kind: Any) -> Any:
    """Return a result as rows of our own types.

    Raises:
        msgspec.DecodeError: It is not of that shape.
    """
    return _decoder(kind).decode(result)


def plain(text: str) -> str:
    """Return a stranger's text fit for a message: printable, on one line, short."""
    return "".join(c if c.isprintable() else "?" for c in text[:_TEXT_LENGTH_MAX])


def _refused(error: _RpcError, mask: Callable[[str], str]) -> Refused:
    data = error.data if isinstance(error.data, dict) else {}
    # Masked before it is cut: half a secret would not be found.
    reason, param = (plain(mask(str(data.get(key) or ""))) for key in ("reason", "param"))
    text = f"{error.code} {plain(mask(error.message))}"
    facts = " ".join(word for word in (param, reason) if word)
    return Refused(error.code, f"{text}: {facts}" if facts else text, reason=reason, param=param)


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> Any:
    # Where a field may be a number or a word, the number keeps its digits.
    return msgspec.json.Decoder(kind, float_hook=Decimal)

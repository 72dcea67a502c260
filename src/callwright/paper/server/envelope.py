"""Reading requests and writing replies: JSON-RPC 2.0 as Deribit speaks it.

Decimals are written with all their digits and floats with the fewest that read back the same, so a
number is the same on both sides. There is no NaN: it becomes null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from callwright.paper.refusals import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    ExchangeError,
)
from callwright.paper.server.params import Params

ROOT = "/api/v2"
Id = int | str | None

_METHOD = re.compile(r"/*([a-z_]+/[a-z_0-9]+)/*", re.ASCII)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ID_LENGTH_MAX = 256


class RpcRequest(NamedTuple):
    """One request: ``method`` as ``public/ticker``; plain GET requests have no id."""

    method: str
    params: Params
    id: Id


class BadRequest(Exception):
    """A request that names no method; carries the id as far as it is known."""

    def __init__(self, error: ExchangeError, request_id: Id = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.request_id = request_id


def read_get(path: str, query: str) -> RpcRequest:
    """Return the request of ``GET /api/v2/public/ticker?instrument_name=…``.

    Raises:
        BadRequest: The path or the query is not one.
    """
    method = _path_method(path)
    if method is None:
        raise _bad(INVALID_REQUEST, "no method")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError as exc:
        raise _bad(INVALID_REQUEST, "too many params") from exc
    return RpcRequest(method, Params(dict(pairs)), None)


def read_post(path: str, body: bytes) -> RpcRequest:
    """Return the request of a POST to the root or to a method's path.

    Raises:
        BadRequest: Not JSON (-32700), or not one request (-32600, -32602).
    """
    method = _path_method(path)
    if not body and method is not None:
        return RpcRequest(method, Params({}), None)
    try:
        envelope: Any = _DECODER.decode(body)
    except (msgspec.DecodeError, InvalidOperation, RecursionError, UnicodeError) as exc:
        raise _bad(PARSE_ERROR, "not JSON") from exc
    if not isinstance(envelope, dict):
        raise _bad(INVALID_REQUEST, "one object is one request; there are no batches")
    request_id = envelope.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, int | str | None):
        raise _bad(INVALID_REQUEST, "id must be a number or a string")
    if isinstance(request_id, str) and len(request_id) > _ID_LENGTH_MAX:
        raise _bad(INVALID_REQUEST, "id is too long")
    named = envelope.get("method")
    if named is not None or method is None:
        match = _METHOD.fullmatch(named) if isinstance(named, str) else None
        if match is None:
            raise _bad(INVALID_REQUEST, "no method", request_id)
        if method not in (None, match[1]):
            raise _bad(INVALID_REQUEST, "path and envelope name two methods", request_id)
        method = match[1]
    values = envelope.get("params")
    if not isinstance(values, dict | None):
        raise _bad(INVALID_PARAMS, "param=params must be an object", request_id)
    return RpcRequest(method, Params(values or {}), request_id)


def _path_method(path: str) -> str | None:
    """Return the method that a path names; None for the root itself."""
    rest = path.removeprefix(ROOT)
    if not path.startswith(ROOT) or (rest and not rest.startswith("/")):
        raise _bad(INVALID_REQUEST, f"the API is at {ROOT}")
    if not rest.strip("/"):
        return None
    match = _METHOD.fullmatch(rest)
    if match is None:
        raise _bad(INVALID_REQUEST, "no method")
    return match[1]


def _bad(code: int, reason: str, request_id: Id = None) -> BadRequest:
    return BadRequest(ExchangeError(code, reason), request_id)


def encode(value: object) -> bytes:
    """Return JSON; a ``msgspec.Raw`` inside is copied as it is."""
    return _ENCODER.encode(value)


def result_body(result: object, request_id: Id, *, in_us: int, out_us: int) -> bytes:
    """Return the reply that carries a result; the times are the exchange's clock."""
    return encode({**_head(request_id), "result": result, **_tail(in_us, out_us)})


def error_body(error: ExchangeError, request_id: Id, *, in_us: int, out_us: int) -> bytes:
    """Return the reply that carries a refusal."""
    described: dict[str, object] = {"code": error.code, "message": error.message}
    data = error_data(error)
    if data:
        described["data"] = data
    return encode({**_head(request_id), "error": described, **_tail(in_us, out_us)})


def error_data(error: ExchangeError) -> Mapping[str, str]:
    """Return Deribit's ``{reason, param}``; a reason that begins ``param=`` names the param."""
    if not error.reason.startswith("param="):
        return {"reason": error.reason} if error.reason else {}
    param, _, why = error.reason.removeprefix("param=").partition(" ")
    return {"reason": why or "wrong value", "param": param}


def _head(request_id: Id) -> dict[str, object]:
    head: dict[str, object] = {"jsonrpc": "2.0"}
    if request_id is not None:
        head["id"] = request_id
    return head


def _tail(in_us: int, out_us: int) -> dict[str, object]:
    return {"usIn": in_us, "usOut": out_us, "usDiff": out_us - in_us, "testnet": True}

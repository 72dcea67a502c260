"""Fault switches: what goes wrong on the way to the exchange, armed call by call.

A plan is armed by tests and by nobody else. Each fault names the calls it concerns and how many of
them; the exchange asks the plan at the start of every call. Without a plan nothing ever fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Literal, get_args

from callwright.paper.refusals import OTHER_REJECT, TOO_MANY_REQUESTS, ExchangeError

FaultKind = Literal[
    "unavailable",
    "rate_limit",
    "reject",
    "timeout_before",
    "lose_reply",
    "error_after",
    "partial_fill",
    "hide_order",
    "stale_feed",
]
Method = Literal[
    "time",
    "market",
    "buy",
    "sell",
    "cancel",
    "order_state",
    "orders_by_label",
    "open_orders",
    "trades",
    "settlements",
    "positions",
    "account",
    "margins",
    "auth",
    "advance",
    "pass_time",
]
"""The exchange's calls; the last three are the server's own."""

_STOPS: tuple[FaultKind, ...] = ("unavailable", "rate_limit", "reject", "timeout_before")
_ONLY_ON: dict[FaultKind, tuple[Method, ...]] = {
    "partial_fill": ("buy", "sell"),
    "hide_order": ("buy", "sell"),
    "stale_feed": ("market",),
}


class TransportFault(Exception):
    """The caller got no answer from the exchange itself."""


class ConnectionFailed(TransportFault):
    """Connection refused: the request surely did not arrive."""


class RequestTimedOut(TransportFault):
    """No answer in time; the caller cannot tell whether the request arrived.

    Attributes:
        seconds: How long a server keeps the caller waiting.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class ReplyLost(TransportFault):
    """The connection broke after the request was sent; it was carried out."""


class ServerFailed(TransportFault):
    """A 5xx answer; the request was carried out."""


@dataclass(slots=True)
class Fault:
    """One armed switch; see ``FaultPlan.arm``."""

    kind: FaultKind
    method: Method
    times: int
    code: int
    fraction: Decimal
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """The faults of one call: ``before`` it, during it, ``after`` it; the call runs inside it."""

    faults: tuple[Fault, ...] = ()

    def __enter__(self) -> Call:
        self.before()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.after()

    def before(self) -> None:
        """Raise what keeps the call from being carried out."""
        for fault in self.faults:
            match fault.kind:
                case "unavailable":
                    raise ConnectionFailed(f"{fault.method}: connection refused")
                case "timeout_before":
                    raise RequestTimedOut(f"{fault.method}: no answer in time", fault.seconds)
                case "rate_limit":
                    raise ExchangeError(TOO_MANY_REQUESTS)
                case "reject":
                    raise ExchangeError(fault.code, "reason=fault_plan")

    def after(self) -> None:
        """Raise what keeps the answer of a call that was carried out from arriving."""
        for fault in self.faults:
            if fault.kind == "lose_reply":
                raise ReplyLost(f"{fault.method}: connection lost")
            if fault.kind == "error_after":
                raise ServerFailed(f"{fault.method}: 502 bad gateway")

    def fault(self, kind: FaultKind) -> Fault | None:
        """Return the fault of this kind, or None."""
        return next((fault for fault in self.faults if fault.kind == kind), None)


NO_FAULTS = Call()


@dataclass
class FaultPlan:
    """The armed faults, and which orders are hidden until when.

    Give the same plan to a reopened exchange to keep an order hidden over a restart.
    """

    _armed: list[Fault] = field(default_factory=list)
    _hidden_until_ms: dict[str, int] = field(default_factory=dict)

    def arm(
        self,
        kind: FaultKind,
        *methods: Method,
        times: int = 1,
        code: int = OTHER_REJECT,
        fraction: float = 0.5,
        seconds: float = 10.0,
    ) -> None:
        """Make the next ``times`` calls of each of ``methods`` fail.

        Args:
            kind: ``unavailable``, ``rate_limit``, ``reject`` (with ``code``) and
                ``timeout_before``: nothing is carried out. ``lose_reply`` and ``error_after``:
                carried out, the answer is lost. ``partial_fill``: at most ``fraction`` of the
                amount fills at once. ``hide_order``: look-ups by label and of trades do not show
                the order for ``seconds`` of market time. ``stale_feed``: ``market`` keeps
                answering with what it showed before.

        Raises:
            ValueError: The kind does not exist or does not concern a method.
        """
        if kind not in get_args(FaultKind) or not methods or times < 1:
            raise ValueError(f"no such fault: {kind} on {methods} {times} times")
        for method in methods:
            if method not in _ONLY_ON.get(kind, get_args(Method)):
                raise ValueError(f"{kind} does not concern {method}")
            self._armed.append(Fault(kind, method, times, code, Decimal(str(fraction)), seconds))

    def clear(self) -> None:
        """Disarm everything and show every order again."""
        self._armed.clear()
        self._hidden_until_ms.clear()

    def take(self, method: Method) -> Call:
        """Return the faults of a call that begins now, and count it.

        A fault that stops the call leaves the others armed for the next one.
        """
        due = [fault for fault in self._armed if fault.method == method]
        due = next(([fault] for fault in due if fault.kind in _STOPS), due)
        for fault in due:
            fault.times -= 1
        self._armed = [fault for fault in self._armed if fault.times > 0]
        return Call(tuple(due))

    def hide(self, order_id: str, until_ms: int) -> None:
        """Hide an order, and its trades, from look-ups until a market time."""
        self._hidden_until_ms[order_id] = until_ms

    def hides(self, order_id: str, now_ms: int) -> bool:
        """Return whether look-ups leave this order out now."""
        return now_ms < self._hidden_until_ms.get(order_id, now_ms)

"""From a request to the exchange's answer: who may ask, what it costs, which method it is."""

from __future__ import annotations

from collections.abc import Mapping

from callwright.errors import DataInvalid
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import NO_FAULTS, FaultPlan
from callwright.paper.refusals import MARKET_DATA_INVALID, METHOD_NOT_FOUND, ExchangeError
from callwright.paper.server import account, history, public, simulation, switches, trading
from callwright.paper.server.auth import Sessions
from callwright.paper.server.credits import MATCHING, NON_MATCHING, CreditBuckets
from callwright.paper.server.envelope import RpcRequest
from callwright.paper.server.public import Handler

HANDLERS: Mapping[str, Handler] = {
    **public.HANDLERS,
    **account.HANDLERS,
    **trading.HANDLERS,
    **history.HANDLERS,
    **simulation.HANDLERS,
}
_AUTH = "public/auth"
METHODS = frozenset({*HANDLERS, _AUTH})


class Dispatcher:
    """Answers one request at a time.

    Args:
        exchange: The exchange; the caller keeps it and closes it.
        sessions: Who may call ``private/`` methods.
        faults: The exchange's own fault plan, which requests may arm; None ignores their header.
        credits: Pools that requests are paid from; None does not count them.
    """

    def __init__(
        self,
        exchange: PaperExchange,
        sessions: Sessions,
        *,
        faults: FaultPlan | None = None,
        credits: CreditBuckets | None = None,
    ) -> None:
        self.exchange = exchange
        self._sessions = sessions
        self._faults = faults
        self._credits = credits

    def answer(self, request: RpcRequest, headers: Mapping[str, str]) -> object:
        """Return the result of a request.

        Raises:
            ExchangeError: The request was refused.
            TransportFault: A fault: the caller shall not get this answer.
            StorageError: The books cannot be kept.
        """
        method, params = request.method, request.params
        if method not in METHODS:
            raise ExchangeError(METHOD_NOT_FOUND, f"method={method[:64]}")
        is_changing = method in trading.CHANGING
        if method.startswith("private/"):
            header = headers.get("authorization", "")
            self._sessions.authorize(header, params, to_trade=is_changing)
        if self._credits is not None and not method.startswith("paper/"):
            self._credits.take(MATCHING if is_changing else NON_MATCHING)
        if self._faults is not None and switches.HEADER in headers:
            switches.arm(self._faults, headers[switches.HEADER], method)
        try:
            return self._call(request)
        except DataInvalid as exc:
            raise ExchangeError(MARKET_DATA_INVALID, exc.message) from exc

    def _call(self, request: RpcRequest) -> object:
        # The exchange asks the plan itself; these calls are not the exchange's.
        name = switches.CALLS.get(request.method)
        is_ours = name in ("auth", "advance", "pass_time")
        faults = self._faults if is_ours else None
        with NO_FAULTS if faults is None or name is None else faults.take(name):
            if request.method == _AUTH:
                return self._sessions.grant(request.params)
            return HANDLERS[request.method](self.exchange, request.params)

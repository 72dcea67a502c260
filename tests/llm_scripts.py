"""What a scripted model says: reading before it proposes, and every way to go wrong.

A script is asked once for each request and says what to answer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from llm_replies import Call, Disconnect, Endless, Hang, Raw, Reply, Request, Script, Turn

READ_TOOLS = ("get_portfolio", "get_vol_state", "list_candidates")
PROPOSE = "propose_action"


def open_first_passing(results: Mapping[str, Any]) -> dict[str, Any]:
    """Propose the first candidate that passes its prechecks; hold when there is none."""
    listed = results.get("list_candidates")
    for candidate in listed.get("candidates", ()) if isinstance(listed, dict) else ():
        if candidate["passes"]:
            return proposal(
                "OPEN_COVERED_CALL",
                {"underlying": candidate["underlying"], "symbol": candidate["symbol"]},
                "The first candidate that passes.",
            )
    return proposal("DO_NOTHING", {}, "No candidate passes.")


def proposal(action: str, params: Mapping[str, Any], reasoning: str = "") -> dict[str, Any]:
    return {"action": action, "params": dict(params), "reasoning": reasoning}


def propose(arguments: Mapping[str, Any] | str) -> Turn:
    """Return the turn that calls ``propose_action``."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Turn(calls=(Call(PROPOSE, text),))


def well_behaved(
    choose: Callable[[Mapping[str, Any]], Mapping[str, Any]] = open_first_passing,
) -> Script:
    """Read everything that there is to read, then propose what ``choose`` makes of the results."""
    return reads_then(lambda request: propose(choose(request.results())))


def reads_then(last: Script | Reply) -> Script:
    """Read with the three tools, as either protocol shows them; then answer with ``last``."""

    def script(request: Request) -> Reply:
        results = request.results()
        missing = [name for name in READ_TOOLS if name in request.tools and name not in results]
        if PROPOSE not in request.tools and missing:
            return Turn(calls=(Call(missing[0]),))
        if missing:
            return Turn(calls=tuple(Call(name) for name in missing))
        return last(request) if callable(last) else last

    return script


def always(reply: Reply) -> Script:
    """Answer every request with the same."""
    return lambda request: reply


def in_turn(*replies: Script | Reply) -> Script:
    """Answer the first request with the first of ``replies``, and so on; the last one stays."""
    left = list(replies)

    def script(request: Request) -> Reply:
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(request) if callable(reply) else reply

    return script


def counted(before: Callable[[int], None], script: Script) -> Script:
    """Tell ``before`` the number of each request, 1 for the first; then answer as ``script``."""
    numbers = itertools.count(1)

    def told(request: Request) -> Reply:
        before(next(numbers))
        return script(request)

    return told


OPEN_UNKNOWN = proposal(
    "OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": "BTC-25DEC99-1000000-C"}
)


def near_miss(request: Request) -> Reply:
    """Propose a candidate with one digit of its strike changed."""
    listed = request.results()["list_candidates"]["candidates"]
    if not listed:
        return propose(OPEN_UNKNOWN)
    base, day, strike, kind = listed[0]["symbol"].split("-")
    symbol = f"{base}-{day}-{int(strike) + 1}-{kind}"
    return propose(proposal("OPEN_COVERED_CALL", {"underlying": base, "symbol": symbol}))


def two_proposals(request: Request) -> Reply:
    """Propose two different things in one turn."""
    first = json.dumps(proposal("DO_NOTHING", {}, "hold"))
    return Turn(calls=(Call(PROPOSE, first), Call(PROPOSE, json.dumps(OPEN_UNKNOWN))))


def with_size(number: str) -> Script:
    """Propose the first candidate with a number that JSON may or may not know."""

    def script(request: Request) -> Reply:
        good = json.dumps(open_first_passing(request.results()))
        return propose(good.replace('"params": {', f'"params": {{"size": {number}, ', 1))

    return script


MISBEHAVIOURS: Mapping[str, Script] = {
    "malformed": reads_then(propose('{"action": "OPEN_COVERED_CALL", "params": {')),
    "prose": reads_then(Turn(text="I would rather wait for a better moment.")),
    "truncated": reads_then(
        Turn(calls=(Call(PROPOSE, '{"action": "DO_NOTHING", "para'),), truncated=True)
    ),
    "truncated-text": reads_then(
        Turn(text='{"action": "DO_NOTHING", "params": {}, "reasoning": ""}', truncated=True)
    ),
    "refusal": reads_then(Turn(refusal="I cannot help with that.")),
    "cannot-decide": reads_then(propose(proposal("CANNOT_DECIDE", {}, "no data"))),
    "cannot-decide-text": reads_then(
        Turn(text='{"action": "CANNOT_DECIDE", "params": {}, "reasoning": "no data"}')
    ),
    "error-object": reads_then(Turn(text='{"error": true, "error_reason": "no data"}')),
    "empty": reads_then(Turn()),
    "empty-text": reads_then(Turn(text="   ")),
    "nan": reads_then(with_size("NaN")),
    "infinite": reads_then(with_size("1e309")),
    "negative": reads_then(with_size("-5")),
    "unknown-instrument": reads_then(propose(OPEN_UNKNOWN)),
    "near-miss": reads_then(near_miss),
    "unknown-tool": reads_then(Turn(calls=(Call("place_order"),))),
    "300-calls": always(Turn(calls=tuple(Call("get_portfolio") for _ in range(300)))),
    "endless-loop": always(Turn(calls=(Call("get_portfolio"),))),
    "two-proposals": reads_then(two_proposals),
    "two-objects": reads_then(
        Turn(text=f"{json.dumps(OPEN_UNKNOWN)} or {json.dumps(proposal('DO_NOTHING', {}))}")
    ),
    "hang": always(Hang()),
    "slow": always(Endless(chunk=b" ", pause_s=0.05)),
    "429": always(Raw(429, b'{"error": {"message": "slow down"}}', headers={"retry-after": "0"})),
    "500": always(Raw(500, b'{"error": {"message": "oops"}}')),
    "401": always(Raw(401, b'{"error": {"message": "bad key"}}')),
    "redirect": always(Raw(302, b"", headers={"location": "http://127.0.0.1:1/"})),
    "wrong-content-type": always(Raw(200, b"<html>hello</html>", "text/html")),
    "broken-json": always(Raw(200, b'{"id": "x", "outp')),
    "not-an-object": always(Raw(200, b"[1, 2]")),
    "other-object": always(Raw(200, b'{"hello": "world"}')),
    "huge-body": always(Raw(200, b'{"x": "' + b"a" * 8_000_000 + b'"}')),
    "endless-stream": always(Endless()),
    "disconnect": always(Disconnect()),
    "disconnect-in-reply": always(
        Disconnect(
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"'
        )
    ),
}
"""Every way to go wrong, by its name."""


def _same(script: Script) -> Script:
    return script


SCRIPTS: Mapping[str, Callable[[], Script]] = {
    "well-behaved": well_behaved,
    "holds": lambda: well_behaved(lambda results: proposal("DO_NOTHING", {}, "Hold.")),
    **{name: partial(_same, script) for name, script in MISBEHAVIOURS.items()},
}

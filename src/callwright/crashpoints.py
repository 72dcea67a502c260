"""Named places where a test can kill the process, to see what a crash right there leaves behind.

``CALLWRIGHT_CRASH_AT=after_intent`` kills the first time that the place is reached;
``after_intent:3`` the third time. ``stop_requested`` sends SIGTERM to itself instead. A crash can
only stop work, so the variable is harmless wherever it is set; unset, a place costs one comparison.
"""

from __future__ import annotations

import os
import signal

from callwright.errors import ConfigError

VARIABLE = "CALLWRIGHT_CRASH_AT"

POINTS = (
    "started",  # 1: the desk is open, nothing was read
    "before_observe",  # 2: the cycle has begun
    "after_observe",  # 3
    "before_model_call",  # 4
    "during_model_call",  # 5: the request is sent, the answer has begun
    "after_model_reply",  # 6
    "after_decision",  # 7: the brain has answered
    "in_guard",  # 8: before the gates judge
    "before_intent",  # 9
    "after_intent",  # 10: the intent is durable
    "before_post",  # 11: the last checks have passed
    "after_post_bytes",  # 12: the order's bytes are sent
    "after_accept",  # 13: the venue has begun to answer
    "after_reply",  # 14: the answer is known, the intent not updated
    "before_record_row",  # 15
    "before_record_line",  # 16: the row is stored
    "mid_record_line",  # 17: half of the line is written
    "in_reconcile",  # 18: fills are about to be booked
    "in_recovery",  # 19: an unresolved intent is about to be closed at start-up
    "stop_requested",  # 20: SIGTERM while a cycle runs
)
"""The places, in the order of a cycle; the numbers are those of the list of fault points."""


_name, _left = "", 0


def arm(place: str) -> None:
    """Choose where to crash, ``after_intent`` or ``after_intent:3``; empty disarms.

    Raises:
        ConfigError: There is no such place.
    """
    global _name, _left
    name, _, times = place.partition(":")
    if name and (name not in POINTS or not (times or "1").isdecimal() or times == "0"):
        raise ConfigError(
            f"{VARIABLE}={place} names no place to crash at", remedy=f"one of: {', '.join(POINTS)}"
        )
    _name, _left = name, int(times or 1)


def is_next(point: str) -> bool:
    """Return whether reaching ``point`` now would end the process; for half-done work."""
    return point == _name and _left == 1


def reach(point: str) -> None:
    """Note that execution is at ``point``; the process ends here if a test asked for it."""
    if point == _name:
        _strike()


def _strike() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGTERM if _name == "stop_requested" else signal.SIGKILL)


arm(os.environ.get(VARIABLE, ""))

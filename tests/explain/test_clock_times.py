"""A clock time beside a count: it names a filter of that very minute, and nothing longer."""

from __future__ import annotations

import pytest

from callwright.domain.explain import Source
from callwright.explain.evidence import check


def stats(until: str) -> Source:
    where = {"since": "2026-02-15T12:00:00Z", "until": until}
    row = {"keys": {"action": "DO_NOTHING"}, "count": 1, "share": 1.0, "first_id": 167,
           "last_id": 167}  # fmt: skip
    return Source(
        cite="stats-1", tool="decision_stats", arguments={**where, "group_by": ["action"]},
        result={"rows": [row], "groups": 1, "total": 1, "where": where, "notes": []},
        command="callwright decisions stats",
    )  # fmt: skip


MINUTE = stats("2026-02-15T12:01:00Z")
SIX_HOURS = stats("2026-02-15T18:00:00Z")


def flagged(text: str, source: Source) -> list[str]:
    return [each.text for each in check(text, (source,), lambda _: None) if each.problem]


@pytest.mark.parametrize(
    "text",
    [
        "On 15 February at 12:00 UTC: 1 hold [stats-1].",
        "1 hold at 2026-02-15 12:00 [stats-1].",
        "At 12:00 on 15 February 2026 the desk held once [stats-1].",
        "2026-02-15 12:00 UTC: 1 decision did nothing [stats-1].",
    ],
)
def test_the_minute_that_was_asked_for_may_be_named(text: str) -> None:
    assert flagged(text, MINUTE) == []


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("On 15 February at 12:00 UTC: 2 holds [stats-1].", MINUTE),
        ("On 15 February at 12:01 UTC: 1 hold [stats-1].", MINUTE),
        ("On 15 February at 18:00 UTC: 1 hold [stats-1].", MINUTE),
        ("On 16 February at 12:00 UTC: 1 hold [stats-1].", MINUTE),
        ("On 15 February at 12:00 UTC: 1 roll [stats-1].", MINUTE),
        ("On 15 February at 12:00 UTC: 1 hold [stats-1].", SIX_HOURS),
    ],
)
def test_another_time_or_count_is_flagged(text: str, source: Source) -> None:
    assert flagged(text, source)

"""What one decision of a model is made of: calls, prompt tokens, and the part that can be cached.

The model is a scripted server on this machine; what the desk sends to it is what it would send to
any. Tokens are estimated from characters, as the desk's own limits on a prompt are.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.report import Report
from callwright.agents.prompt import estimated_tokens

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from desks import desk_settings, run_desk
from llm_servers import Request, llm_server, well_behaved
from managers import a_manager, manager_settings

CYCLES = 40


def reports() -> Iterator[Report]:
    """Run a desk whose manager opens and closes calls for ten days; return what it asked."""
    with tempfile.TemporaryDirectory(prefix="callwright-bench-") as folder:
        settings = desk_settings(Path(folder))
        with llm_server(well_behaved()) as server:
            manager = a_manager(
                manager_settings(server.url), settings.limits(), settings.policy_settings()
            )
            _, records = run_desk(settings, CYCLES, brain=manager)
        requests = list(server.requests)
    decisions = sum(record.decision_source == "llm" for record in records)
    fixed, whole = map(sum, zip(*map(_lengths, requests), strict=True))
    yield Report(
        f"prompt: {decisions} decisions of a model, by the scripted server",
        {
            "model calls a decision": len(requests) / decisions,
            "prompt tokens a decision": estimated_tokens(whole) / decisions,
            "prompt tokens a call, most": max(
                estimated_tokens(_lengths(request)[1]) for request in requests
            ),
            "prompt tokens a call, median": statistics.median(
                estimated_tokens(_lengths(request)[1]) for request in requests
            ),
            "stable share of the prompt": fixed / whole,
        },
    )


def _lengths(request: Request) -> tuple[int, int]:
    """Return characters of the stable prefix (instructions, tool schemas) and of all of it."""
    fixed = len(request.body["instructions"]) + len(str(request.body["tools"]))
    return fixed, fixed + sum(len(str(item)) for item in request.body["input"])

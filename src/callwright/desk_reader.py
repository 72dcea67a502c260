"""Everything that can be asked about the desk of a home, behind ``ports.DeskReader``.

It reads. No order can leave through it: nothing that it imports can send one, and a test walks the
imports. What it writes is what a model that was asked cost, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callwright.config import Settings
from callwright.domain.desk import DESK_FILE
from callwright.domain.explain import WhatIf, WhatIfAnswer
from callwright.domain.history import (
    DecisionDetail,
    DecisionSearch,
    SearchPage,
    StatsAnswer,
    StatsQuestion,
)
from callwright.errors import ConfigError, QueryInvalid
from callwright.history import (
    decision_stats,
    get_decision,
    open_memory,
    search_decisions,
)
from callwright.memory.database import open_desk_database, read_desk_database
from callwright.memory.reader import DecisionReader
from callwright.memory.snapshots import newest_snapshot
from callwright.ports import DeskReader
from callwright.status import read_status
from callwright.what_if.case import Case, answered_by_rules, case_of, judged


class HomeDeskReader:
    """``ports.DeskReader`` over one home, whose desk may be running; one thread."""

    def __init__(self, settings: Settings, memory: DecisionReader) -> None:
        self._settings = settings
        self._memory = memory

    def search_decisions(self, search: DecisionSearch) -> SearchPage:
        """Return a page of the decisions that match."""
        return search_decisions(self._memory, search)

    def get_decision(self, key: int | str) -> DecisionDetail:
        """Return the decision with this number or ``cycle_id``."""
        return get_decision(self._memory, key)

    def decision_stats(self, question: StatsQuestion) -> StatsAnswer:
        """Return how many decisions, by what."""
        return decision_stats(self._memory, question)

    def get_status(self) -> Mapping[str, Any]:
        """Return mode, brain, model, trading state, limits, positions and the last cycle."""
        return read_status(self._settings)

    def what_if(self, question: WhatIf) -> WhatIfAnswer:
        """Return what the rules would do on the last snapshot with these changes."""
        return answered_by_rules(self._case(question))

    async def what_would_the_model_do(self, question: WhatIf) -> WhatIfAnswer:
        """Return what the model would propose there; a model that failed is an answer."""
        settings = self._settings
        if settings.openai_api_key is None and settings.llm_base_url is None:
            raise QueryInvalid(
                "no model is configured, so none can be asked",
                remedy="set OPENAI_API_KEY or LLM_BASE_URL; what_if answers for the rules",
            )
        case = self._case(question)
        # Only here: whoever asks no model never loads the SDK.
        from callwright.model_brain import model_brain

        with open_desk_database(self._file) as database:
            try:
                brain = model_brain(case.settings, database, purpose="chat")
            except ConfigError as exc:
                raise QueryInvalid(
                    f"the model cannot be asked: {exc.message}", remedy=exc.remedy
                ) from exc
            answer = await brain.decide(case.snapshot, case.scan)
        return judged(case, answer, f"the manager, model {settings.llm_model_name}")

    @property
    def _file(self) -> Path:
        return self._settings.callwright_home / DESK_FILE

    def _case(self, question: WhatIf) -> Case:
        with read_desk_database(self._file) as database:
            seen = newest_snapshot(database)
        if seen is None:
            raise QueryInvalid(
                "no snapshot is stored, so nothing can be asked of one",
                remedy="a desk stores one with every decision that saw a market, unless "
                "SNAPSHOTS_KEPT is 0; records from files have none",
            )
        return case_of(
            question,
            decision_id=seen.decision_id,
            record=seen.record,
            snapshot=seen.snapshot,
            settings=self._settings,
        )


@contextmanager
def open_desk_reader(settings: Settings) -> Iterator[DeskReader]:
    """Open the desk of the settings' home to ask it, for as long as the block runs.

    Raises:
        StorageError: There is none, or it cannot be read.
    """
    with open_memory(settings) as memory:
        yield HomeDeskReader(settings, memory)

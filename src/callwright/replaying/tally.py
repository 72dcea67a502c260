"""What is counted while decisions are made again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from callwright.domain.record import CycleRecord
from callwright.replaying.comparing import Comparison


@dataclass
class Tally:
    """Counts of one replay; fields as in ``report.Report``."""

    decisions: int = 0
    identical: int = 0
    same: int = 0
    first_as_of: str = ""
    last_as_of: str = ""
    recorded_by: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    recorded_versions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    changes: dict[str, None] = field(default_factory=dict)

    def count(self, record: CycleRecord, replayed: CycleRecord, comparison: Comparison) -> None:
        """Count one decision that was made again."""
        self.decisions += 1
        self.identical += comparison.is_identical
        self.same += not (comparison.is_identical or comparison.differs)
        self.first_as_of = self.first_as_of or record.state.as_of
        self.last_as_of = record.state.as_of
        if replayed.failure is not None:
            self.failures[replayed.failure] += 1
        model = (record.llm or {}).get("model")
        is_model = record.decision_source == "llm" and model is not None
        self.recorded_by[f"llm {model}" if is_model else record.decision_source] += 1
        for told, versions in ((record, self.recorded_versions), (replayed, self.versions)):
            version = (told.llm or {}).get("prompt_version")
            if version:
                versions[str(version)] += 1


def by_count(versions: Counter[str]) -> tuple[str, ...]:
    """Return the names, the most frequent first."""
    return tuple(version for version, _ in versions.most_common())

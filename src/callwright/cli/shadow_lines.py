"""What a run shows of the gate: what a shadow would have done, and an alarm when it is raised."""

from __future__ import annotations

from callwright.cli.decision_tables import shadow_words
from callwright.cli.tables import printable
from callwright.domain.record import CycleRecord
from callwright.domain.shadow import gated_shadow_of, objection_of


class GateTeller:
    """Tells of each record what the gate made of it; an alarm once, when it comes up."""

    def __init__(self) -> None:
        self._told = ""

    def hear(self, notice: str) -> None:
        """Take in what was said before the first cycle: it is not said again."""
        self._told += f"{notice}\n"

    def lines(self, record: CycleRecord) -> list[str]:
        """Return what there is to say of a cycle beside its decision."""
        lines = [shadow_line(record)]
        if record.llm is not None:
            objection = objection_of(record.llm)
            if objection not in self._told:
                lines.append(f"ALARM: {printable(objection)}.")
                self.hear(objection)
        return [line for line in lines if line]


def shadow_line(record: CycleRecord) -> str:
    """Return what a model would have done in a cycle that the rules decided; empty without one."""
    shadow = gated_shadow_of(record.llm)
    if shadow is None:
        return ""
    model = (record.llm or {}).get("model") or "the model"
    return printable(f"SHADOW  {model}: {' '.join(shadow_words(shadow))}")

"""Wrong answers made out of the right ones: at least 99 in 100 are caught, every miss is listed.

``make evidence`` prints the table and the misses.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any

from answer_mutations import Answer, mutations
from callwright.explain.evidence import check, problems_text
from callwright.ports import DeskReader
from callwright.tools.sources import Sources
from desk_questions import Question

ROUNDS = 2
CAUGHT_MIN = 0.99


def answers_of(desk: DeskReader, question: Question) -> list[Answer]:
    sources = Sources(desk)
    for call in question.calls:
        if call.error is None:
            asyncio.run(sources.ask(call.tool, json.dumps(call.arguments)))
    out = []
    for number, text in enumerate(question.answers):
        claims = check(text, sources.all, sources.record_of)
        unsupported = [claim for claim in claims if claim.problem]
        assert not unsupported, problems_text(unsupported, text)
        name = f"{question.name}/{number}"
        out.append(Answer(name, text, claims, sources.all, sources.record_of))
    return out


def test_mutated_answers_are_caught(traded: Any, long: Any) -> None:
    chance = random.Random(20260105)
    made: Counter[str] = Counter()
    missed: list[tuple[str, str]] = []
    right: list[Answer] = []
    for home in (traded, long):
        for question in home.questions:
            right += answers_of(home.desk, question)
    seconds = 0.0
    for answer in right:
        for _ in range(ROUNDS):
            for wrong in mutations(answer, chance):
                made[wrong.kind] += 1
                before = time.perf_counter()
                claims = check(wrong.text, answer.sources, answer.record_of)
                seconds += time.perf_counter() - before
                if not any(claim.problem for claim in claims):
                    missed.append((wrong.kind, f"{wrong.name}: {wrong.what}"))
    total, claimed = made.total(), sum(len(answer.claims) for answer in right)
    print(f"\n{len(right)} right answers with {claimed} claims: none flagged")
    print(f"{total} wrong answers: {total - len(missed)} caught ({1 - len(missed) / total:.2%}), "
          f"{1000 * seconds / total:.1f} ms each")  # fmt: skip
    of_kind = Counter(kind for kind, _ in missed)
    for kind, count in made.items():
        print(f"  {kind:28} {count - of_kind[kind]:5} of {count:5}")
    for kind, what in missed:
        print(f"  missed: {kind}: {what}")
    assert total >= 500
    assert total - len(missed) >= CAUGHT_MIN * total

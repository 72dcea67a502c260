"""The page: well-formed, self-contained, and every text in it only text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from callwright.config import load_settings
from callwright.evaluation.page import page, share_text
from callwright.evaluation.running import Report, evaluate
from callwright.evaluation.scoring import Share, wilson
from callwright.evaluation.situations import Situation, all_situations

VOID = {"meta"}
HOSTILE = "<script>alert('x')</script></details>&amp;\"onload='x'"


class Checker(HTMLParser):
    """Follows what is opened and closed, and notes what would fetch or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe", "object", "form"):
            self.wrong.append(tag)
        self.wrong += [n for n, _ in attrs if n.startswith("on") or n in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.wrong == []
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(all_situations(), load_settings())


def test_the_page_is_whole_and_fetches_nothing(report: Report) -> None:
    text = page(report, all_situations(), made="made today")
    checker = checked(text)
    assert text.startswith("<!doctype html>")
    assert 'name="viewport"' in text
    assert "http" not in text.replace("https://", "http").split("<style>")[1].split("</style>")[0]
    assert "url(" not in text
    told = " ".join(checker.texts)
    assert all(situation.name in told for situation in all_situations())
    assert report.suite in told


def test_the_same_report_gives_the_same_page(report: Report) -> None:
    assert page(report, all_situations()) == page(report, all_situations())


def test_hostile_texts_stay_texts(report: Report) -> None:
    situation = all_situations()[0]
    hostile = situation.model_copy(
        update={"about": HOSTILE, "debatable": HOSTILE, "right": {HOSTILE: HOSTILE}}
    )
    trial = (
        report.runs[1]
        .trials[0]
        .model_copy(
            update={
                "answer": HOSTILE,
                "reasoning": HOSTILE,
                "why": HOSTILE,
                "codes": (HOSTILE,),
                "situation": situation.name,
            }
        )
    )
    run = report.runs[1].model_copy(
        update={"brain": HOSTILE, "model": HOSTILE, "stopped": HOSTILE, "trials": (trial,)}
    )
    bad = report.model_copy(update={"runs": (run,), "prompt_versions": (HOSTILE,)})
    checker = checked(page(bad, [hostile], made=HOSTILE))
    assert HOSTILE in "".join(checker.texts)


def test_a_failed_answer_is_shown_with_its_code(report: Report) -> None:
    situation: Situation = all_situations()[0]
    trial = report.runs[1].trials[0].model_copy(
        update={
            "answer": None, "failure": "LLM_TIMEOUT", "failure_message": "too late",
            "valid": False, "legal": False, "sensible": False, "right": False,
        }
    )  # fmt: skip
    run = report.runs[1].model_copy(update={"trials": (trial,)})
    told = "".join(checked(page(report.model_copy(update={"runs": (run,)}), [situation])).texts)
    assert "LLM_TIMEOUT" in told
    assert "failed" in told


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (wilson(62, 105), "59% (49–68)"),
        (wilson(0, 10), "0% (0–28)"),
        (Share(share=None, low=None, high=None), "—"),
    ],
)
def test_a_share_and_its_interval(share: Share, text: str) -> None:
    assert share_text(share) == text

"""What is said where no template answers: what could not be used, and what can be asked instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from callwright.explain.questions import Asked
from callwright.explain.questions_what_if import is_supposing
from callwright.explain.templates_look import Look, when_asked
from callwright.explain.templates_record import brief
from callwright.explain.templates_words import cited, listed, plain

EXAMPLES = (
    "Why did you not trade yesterday?",
    "Summarize your last 10 decisions",
    "When did the risk engine last block you, and why?",
    "How often did you roll in November, and what did it cost?",
    "What positions do you hold and why?",
    "What would you do if BTC fell 10%?",
    "Why are you picking the 97k strike every time?",
    "How many denials by code since Monday?",
    "What failed, and how often?",
    "Why decision 33?",
    "Why did you roll on 13 January?",
    "What did the last cycle do?",
    "Are you using LLM mode now?",
    "What did the model cost this week?",
    "Would the rules have done the same?",
    "What is my net delta limit?",
    "What changed in settings?",
    "What would you do if I had no BTC?",
    "How much premium did you collect last month?",
    "What was my equity on 1 February?",
    "Which decisions mention contango?",
)
"""What can be asked without a model; the first are shown with every question not understood."""

EXAMPLES_SHOWN = 6
_SHORT_MAX = 5
_COMMAND = re.compile(
    r"(?:please +|can you +|could you +|you must +)*(?:now +)?"
    r"(?P<verb>halt|resume|stop|pause|start|"
    r"raise|lower|increase|decrease|set|change|buy|sell|close|roll|open|cancel|switch|turn|"
    r"disable|enable|reduce|liquidate)\b(?! +(?:often|many))"
)
_FOLLOWING = re.compile(r"(?:and|but|also|then|so)\b|(?:why|how|when|how come|what about \w+)\?*$")
_POINTING = re.compile(r"\b(?:it|that|this|they|them|those|these)\b")


def examples(first: str, shown: Sequence[str] = EXAMPLES) -> str:
    """Return what can be asked; questions to type claim nothing, so the check leaves them out."""
    lines = "\n".join(f'callwright chat "{each}"' for each in shown)
    return f"{first}\n\n```\n{lines}\n```"


def command_of(text: str) -> str | None:
    """Return the verb of a text that gives an order instead of asking."""
    clean = " ".join(text.lower().split())
    match = _COMMAND.match(clean)
    return match["verb"] if match and not clean.endswith("?") else None


def no_command() -> list[str]:
    """Say that chat changes nothing, and what does."""
    return [
        "Chat changes nothing: it reads the records, and no question sends an order or moves a "
        "limit.",
        "`callwright halt` stops the desk and `callwright resume` lets it go on; limits are "
        "changed in the configuration.",
    ]


async def not_understood(asked: Asked, look: Look) -> list[str]:
    """Say why there is no answer, what can be asked, and what a search for the words finds."""
    if is_supposing(asked.text.lower()) and "would" in asked.concepts and not asked.decisions:
        return _no_change(asked)
    if _is_following(asked.text):
        return [
            "Without a model each question stands alone: what was said before is not known here. "
            "Ask it whole, with the coin, the option, the date or the decision.",
            _some(),
        ]
    if asked.left:
        first = (
            f"I cannot answer that. No template uses this part of it: {_listed(asked.left)}. "
            "An answer without it would be to another question."
        )
    elif asked.unused:
        first = (
            f"I have no template for this question, and I do not guess. Not understood: "
            f"{_listed(asked.unused)}."
        )
    else:
        first = "I have no template for this question, and I do not guess."
    return [first, *await _found(asked, look), _some()]


def _some() -> str:
    return examples("I can answer, among others:", (*EXAMPLES[:EXAMPLES_SHOWN], "what can I ask?"))


def _no_change(asked: Asked) -> list[str]:
    first = "I cannot ask that: "
    if not asked.changes.is_nothing:
        left = _listed(asked.left) if asked.left else "part of it"
        first += f"the rules can be asked on the last snapshot only, and not with {left}."
    else:
        first += "no change that I understand is in it."
    return [
        f"{first} What can be different is a coin that is not held, a balance in coin, a spot "
        "price, or a number of limits, scanner and rules.",
        examples(
            "For instance:",
            (
                "What would you do if I had no BTC?",
                "What would you do with 2 BTC?",
                "What would you do if BTC fell 10%?",
                "What would you do if ETH were at 3,000?",
                "What if the net delta limit were 0.3?",
            ),
        ),
    ]


async def _found(asked: Asked, look: Look) -> list[str]:
    if not re.search(r"[^\W_]{3,}", asked.text):
        return []
    page = await look.search(when_asked(asked), text=asked.text[:400], limit=3)
    if any("no word to search for" in note for note in page.result["notes"]):
        return []
    hits = page.result["hits"]
    if not hits or not page.result["total"]:
        return [f"A search for its words finds no decision {cited(page)}."]
    lines = [brief(await look.decision(hit["id"])) for hit in hits]
    blocks = [f"A search for its words finds {cited(page)}:\n\n{listed(lines)}"]
    if any("some of them" in note for note in page.result["notes"]):
        blocks.append("No decision has all of the words; these have some.")
    return blocks


def _is_following(text: str) -> bool:
    clean = " ".join(text.lower().split())
    words = re.findall(r"[a-z0-9']+", clean)
    if len(words) > _SHORT_MAX:
        return False
    return bool(_FOLLOWING.match(clean) or (_POINTING.search(clean) and words))


def _listed(words: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(spoken(word) for word in words))


def spoken(word: str) -> str:
    """Return a word of a question; a number that nobody read must not look like a claim."""
    return "a number" if re.search(r"\d", word) else plain(word)

"""A conversation in a terminal: questions, a few commands, and Ctrl-C that stops an answer only."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from callwright.chatting import new_session
from callwright.chatting.conversation import Chat
from callwright.cli.chat_screen import cost_line, safe, screen_of
from callwright.domain.explain import ChatAnswer
from callwright.errors import CallwrightError

HISTORY_FILE = "chat_history"
HISTORY_LENGTH = 1_000
PROMPT = "ask> "
HELP = """\
Ask in plain English. What is cited in brackets can be looked up.
/status          how the desk stands
/decision 33     one decision, whole
/sources         what the last answer looked at, with the commands that show the same
/cost            what the last answer and this conversation cost
/new             begin a new conversation
/help, /quit     this text; leave (or Ctrl-D). Ctrl-C stops an answer."""


class Conversation:
    """What a terminal conversation remembers between questions."""

    def __init__(self, chat: Chat, shown: Collection[str]) -> None:
        self._chat = chat
        self._screen = screen_of(sys.stdout, shown=shown, is_conversation=True)
        self._console = Console()
        self._answers: list[ChatAnswer] = []

    def greet(self) -> None:
        """Say who answers."""
        chat = self._chat
        who = (
            f"the model {chat.model}" if chat.mode == "llm" else "fixed templates, without a model"
        )
        self._say(f"Answers come from {who}. Testnet and research only. /help shows what there is.")
        for note in chat.notes:
            self._say(note)

    def take(self, line: str) -> bool:
        """Answer a line; return False when the conversation is over."""
        word, _, rest = line.strip().partition(" ")
        if not word:
            return True
        try:
            if not word.startswith("/"):
                self._answers.append(self._screen.answer(self._chat, line.strip()))
            elif word in ("/quit", "/exit", "/q"):
                return False
            else:
                self._command(word, rest.strip())
        except CallwrightError as exc:
            self._say(f"{exc.message}. {exc.remedy}".strip(". ") + ".", style="red")
        except KeyboardInterrupt:
            self._say("Stopped. Ctrl-D or /quit leaves.", style="yellow")
        return True

    def _command(self, word: str, rest: str) -> None:
        if word == "/help":
            self._say(HELP)
        elif word == "/status":
            from callwright.cli.control import status_table

            self._console.print(status_table(self._chat.desk.get_status()))
        elif word == "/decision" and rest:
            from callwright.cli.decision_tables import detail_view
            from callwright.cli.tables import print_uncut

            print_uncut(
                self._console, *detail_view(self._chat.desk.get_decision(rest.strip("[]#")))
            )
        elif word == "/sources":
            self._sources()
        elif word == "/cost":
            self._cost()
        elif word == "/new":
            self._chat.begin_anew(new_session())
            self._answers.clear()
            self._say("A new conversation.")
        else:
            self._say(f"There is no {safe(word)[:40]} here. {HELP}", style="yellow")

    def _sources(self) -> None:
        sources = self._answers[-1].sources if self._answers else ()
        for source in sources:
            line = Text(safe(f"[{source.cite}] {source.command}"))
            self._console.print(line, soft_wrap=True)
        if not sources:
            self._say("The last answer looked at nothing." if self._answers else "Nothing yet.")

    def _cost(self) -> None:
        if not self._answers:
            self._say("Nothing yet.")
            return
        self._say(f"Last answer: {cost_line(self._answers[-1].llm)}")
        costs = [answer.llm.get("cost_usd") for answer in self._answers if answer.llm]
        known = sum(cost for cost in costs if cost is not None)
        unknown = sum(cost is None for cost in costs)
        if len(costs) > unknown:
            self._say(f"This conversation: {known:.6f} USD in {len(costs) - unknown} answers.")
        if unknown:
            self._say(f"Answers of this conversation whose cost nobody knows: {unknown}.")

    def _say(self, text: str, *, style: str = "") -> None:
        self._console.print(Text(safe(text)), style=style)


def converse(chat: Chat, home: Path, *, shown: Collection[str]) -> None:
    """Read questions until the end of the input, and answer each."""
    conversation = Conversation(chat, shown)
    is_person = sys.stdin.isatty()
    if is_person:
        conversation.greet()
    with _history(home / HISTORY_FILE) if is_person else _nothing():
        while True:
            try:
                line = input(PROMPT if is_person else "")
            except EOFError:
                if is_person:
                    print()
                return
            except KeyboardInterrupt:
                print("\nCtrl-D or /quit leaves.")
                continue
            if not conversation.take(line):
                return


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _history(path: Path) -> Iterator[None]:
    """Remember lines between conversations, for this user only; without readline it is nothing."""
    try:
        import readline
    except ImportError:
        yield
        return
    readline.set_history_length(HISTORY_LENGTH)
    with suppress(OSError):
        readline.read_history_file(path)
    try:
        yield
    finally:
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            readline.write_history_file(path)

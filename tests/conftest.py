"""What holds for every test.

No setting of whoever runs them is seen: not the environment's, nor those of an ``.env`` or a
``callwright.toml`` in the folder where pytest was started. Hypothesis draws at random here, and
always the same examples in CI, so that CI never wavers. No example has a deadline: a busy machine
is no defect of the code.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import pytest
from hypothesis import settings

import recording
from callwright.config import Settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Let vcrpy match and write as the recording does whose test is running."""
    current = recording.current()
    vcr.register_matcher("same_body", current.same_body)
    vcr.register_serializer("yaml", current)


def pytest_configure(config: pytest.Config) -> None:
    """Forget every setting in the environment; a model that is recorded needs its key."""
    is_recorded = config.getoption("--record-mode") not in (None, "none")
    for name in Settings.model_fields:
        if not (is_recorded and name == "openai_api_key"):
            os.environ.pop(name.upper(), None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Go to an empty folder: what is read or written by a relative name is the tests' own."""
    folder = tempfile.TemporaryDirectory(prefix="callwright-tests-")
    session.config.add_cleanup(folder.cleanup)
    home = os.getcwd()
    session.config.add_cleanup(lambda: os.chdir(home))
    os.chdir(folder.name)

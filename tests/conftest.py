"""Hypothesis draws at random here, and always the same examples in CI, so that CI never wavers.

No example has a deadline: a busy machine is no defect of the code.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

import recording

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Let vcrpy match and write as the recording does whose test is running."""
    current = recording.current()
    vcr.register_matcher("same_body", current.same_body)
    vcr.register_serializer("yaml", current)

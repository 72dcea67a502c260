"""Hypothesis draws at random here, and always the same examples in CI, so that CI never wavers."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings

import recording

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Let vcrpy match and write as the recording does whose test is running."""
    current = recording.current()
    vcr.register_matcher("same_body", current.same_body)
    vcr.register_serializer("yaml", current)

"""Hypothesis draws at random here, and always the same examples in CI, so that CI never wavers."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

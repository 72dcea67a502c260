"""One small recording for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorded_demos import make


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("recording"))

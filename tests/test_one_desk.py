"""One desk for each account: two homes cannot trade the same paper server or key."""

from __future__ import annotations

from pathlib import Path

import pytest

from callwright.bootstrap import open_desk
from callwright.errors import StorageError
from desks import desk_settings
from paper_servers import serving


def test_two_homes_cannot_share_a_paper_server(tmp_path: Path) -> None:
    with serving(tmp_path / "exchange") as server:
        one = desk_settings(tmp_path / "one", paper_url=server.url)
        two = desk_settings(tmp_path / "two", paper_url=f"{server.url}/api/v2")
        with (
            open_desk(one, durable=False),
            pytest.raises(StorageError, match="another callwright"),
            open_desk(two),
        ):
            pass
        with open_desk(two, durable=False):
            pass

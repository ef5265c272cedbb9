"""Where the sources of a book lie and where its builds go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from book.errors import BookError

__all__ = ["BookPaths"]


@dataclass(frozen=True)
class BookPaths:
    """The folders of one book and of one build of it.

    Parameters
    ----------
    root : Path
        Folder that holds ``_toc.yml``, ``_config.yml``, ``chapters``, ``geomem``, and ``book/pages``.
    build : Path
        Folder of this build; everything written by the pipeline lies below it.
    """

    root: Path
    build: Path

    @classmethod
    def of(cls, root: Path, seed: int = 0, profile: str = "quick") -> BookPaths:
        """The default build folder, ``_build/full`` for another profile, and in it ``seed-<seed>`` for another seed."""
        root = root.resolve()
        if not (root / "_toc.yml").is_file():
            raise BookError(f"There is no _toc.yml in {root}; run this from the folder that holds the book.")
        build = root / "_build"
        build = build if profile == "quick" else build / profile
        return cls(root, build if seed == 0 else build / f"seed-{seed}")

    @property
    def package(self) -> Path:
        return self.root / "geomem"

    @property
    def pages(self) -> Path:
        return self.root / "book" / "pages"

    @property
    def reference(self) -> Path:
        return self.root / "book" / "reference"

    @property
    def constraints(self) -> Path:
        return self.root / "constraints.txt"

    @property
    def runs(self) -> Path:
        return self.build / "run"

    @property
    def source(self) -> Path:
        return self.build / "source"

    @property
    def html(self) -> Path:
        return self.build / "html"

    def chapter(self, slug: str) -> Path:
        return self.root / "chapters" / f"{slug}.md"

    def run(self, slug: str) -> Path:
        return self.runs / slug

    def unfinished_run(self, slug: str) -> Path:
        return self.runs / f".{slug}.tmp"

    def failure(self, slug: str) -> Path:
        """Sentence left by an execution that failed; removed by the next one that succeeds."""
        return self.runs / f".{slug}.failed"

    def toc_files(self) -> list[str]:
        """Every document named in ``_toc.yml``, in reading order, without suffix."""
        return list(_files(yaml.safe_load((self.root / "_toc.yml").read_text("utf-8"))))

    def slugs(self) -> list[str]:
        """The chapters, in reading order."""
        prefix = "chapters/"
        slugs = [name.removeprefix(prefix) for name in self.toc_files() if name.startswith(prefix)]
        if not slugs:
            raise BookError("_toc.yml names no chapter; a chapter's entry reads 'file: chapters/<slug>'.")
        for slug in slugs:
            if not self.chapter(slug).is_file():
                raise BookError(f"_toc.yml names chapters/{slug}, but chapters/{slug}.md does not exist.")
        return slugs


def _files(entry):
    """Yield the documents of a table of contents, parents before children."""
    for key in ("root", "file"):
        if key in entry:
            yield str(entry[key]).removesuffix(".md")
    for key in ("parts", "chapters", "sections"):
        for child in entry.get(key, ()):
            yield from _files(child)

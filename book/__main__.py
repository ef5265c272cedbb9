"""The command line: ``python -m book --help``."""

from __future__ import annotations

import functools
import http.server
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from book.check import check as check_site
from book.check import check_before_rendering
from book.errors import BookError
from book.execute import execute as execute_chapters
from book.execute import stale_chapters
from book.lock import locked
from book.paths import BookPaths
from book.records import add_identifiers, read_publication
from book.render import render as render_site
from book.status import print_costs, print_status
from book.verify import verify as verify_figure

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console()

Seed = Annotated[int, typer.Option(min=0, help="Seed of every chapter; another seed gets its own build folder.")]
Jobs = Annotated[int, typer.Option(min=1, help="Chapters executed at a time.")]
Force = Annotated[bool, typer.Option("--force", help="Execute fresh chapters too.")]


class Profile(StrEnum):
    """``quick`` makes the site; ``full`` takes as long as it takes, and its results are archived."""

    quick = "quick"
    full = "full"


@app.callback()
def main(
    context: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder that holds _toc.yml.")] = Path("."),
) -> None:
    context.obj = root


def command(function):
    """Register a command; a :class:`BookError` ends it with its sentences and exit code 1."""

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except BookError as error:
            for sentence in error.sentences:
                console.print(sentence, style="bold red", markup=False, highlight=False, soft_wrap=True)
            if error.details:
                console.print(Text.from_ansi(error.details), soft_wrap=True)
            raise typer.Exit(1) from None

    return app.command()(guarded)


@command
def build(context: typer.Context, seed: Seed = 0, jobs: Jobs = 2) -> None:
    """Execute stale chapters, render the site, check it."""
    paths = BookPaths.of(context.obj, seed)
    with locked(paths.build):
        execute_chapters(paths, _parameters(seed), jobs=jobs, console=console)
        _publish(paths, seed)
    print_costs(paths, console)
    console.print(f"Open {(paths.html / 'index.html').as_uri()}", soft_wrap=True)


@command
def execute(
    context: typer.Context,
    chapter: Annotated[str | None, typer.Argument(help="One chapter; all of them by default.")] = None,
    seed: Seed = 0,
    jobs: Jobs = 2,
    force: Force = False,
    profile: Annotated[Profile, typer.Option(help="Full: no budget, in a build folder of its own.")] = Profile.quick,
) -> None:
    """Execute stale chapters, or one of them, and publish nothing."""
    paths = BookPaths.of(context.obj, seed, profile.value)
    parameters = _parameters(seed, profile)
    with locked(paths.build):
        done = execute_chapters(paths, parameters, only=chapter, jobs=jobs, force=force, console=console)
    console.print(f"Executed {', '.join(done)}." if done else "Nothing to execute: all fresh.")


@command
def render(context: typer.Context, seed: Seed = 0) -> None:
    """Render and check the site from fresh runs."""
    paths = BookPaths.of(context.obj, seed)
    with locked(paths.build):
        _publish(paths, seed)


@command
def check(context: typer.Context, seed: Seed = 0) -> None:
    """Check the chapters' prose, the runs, and the site."""
    paths = BookPaths.of(context.obj, seed)
    console.print(check_site(paths, read_publication(paths)), soft_wrap=True)


@command
def status(context: typer.Context, seed: Seed = 0) -> None:
    """List each chapter: fresh or stale and why, last seconds, memory."""
    paths = BookPaths.of(context.obj, seed)
    print_status(paths, _parameters(seed), console)


@command
def verify(context: typer.Context, figure: str, seed: Seed = 0) -> None:
    """Execute a figure's chapter again and compare its arrays."""
    paths = BookPaths.of(context.obj, seed)
    verify_figure(paths, figure, _parameters(seed), console)


@command
def identifiers(
    context: typer.Context,
    add: Annotated[bool, typer.Option("--add", help="Write new identifiers to book/reference/ids.txt.")] = False,
    seed: Seed = 0,
) -> None:
    """List the identifiers of published figures; they are permanent."""
    paths = BookPaths.of(context.obj, seed)
    for slug in add_identifiers(paths, read_publication(paths), write=add):
        console.print(slug if not add else f"added {slug}")


@command
def serve(context: typer.Context, seed: Seed = 0, port: int = 8000) -> None:
    """Serve the site on this machine."""
    paths = BookPaths.of(context.obj, seed)
    if not (paths.html / "index.html").is_file():
        raise BookError("There is no site yet; run python -m book build.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=paths.html)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        console.print(f"http://127.0.0.1:{port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


@command
def clean(context: typer.Context) -> None:
    """Remove every build."""
    shutil.rmtree(BookPaths.of(context.obj).build, ignore_errors=True)


def _parameters(seed: int, profile: Profile = Profile.quick) -> dict:
    return {"profile": profile.value, "seed": seed}


def _publish(paths: BookPaths, seed: int) -> None:
    stale = {slug: why for slug, why in stale_chapters(paths, _parameters(seed)).items() if why}
    if stale:
        raise BookError(*(f"Chapter {slug} is stale ({why}); execute it first." for slug, why in stale.items()))
    publication = read_publication(paths)
    check_before_rendering(paths, publication)
    with console.status("Jupyter Book renders the pages"):
        render_site(paths, publication)
    console.print(check_site(paths, publication), soft_wrap=True)


if __name__ == "__main__":
    app(prog_name="python -m book")

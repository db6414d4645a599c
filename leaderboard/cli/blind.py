"""The commands `blind ...`: pairs for the tab "Which is closer?" made ahead, ranks from its votes.

The board is the one that `SEMCOMP_DATABASE_URL` or `SEMCOMP_DATA_DIR` names. The commands import
what they need themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import opened_board, split_names, split_numbers

blind = typer.Typer(
    help="The blind comparison: make its pairs, rank by its votes",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@blind.command()
def ranks(
    votes: Annotated[
        Path | None,
        typer.Option(help="raw votes as downloaded, instead of the board's", metavar="CSV"),
    ] = None,
    class_code: Annotated[
        str | None, typer.Option("--class", help="only the votes of this class", metavar="CODE")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for ranks.md, ranks.csv and votes.csv")
    ] = None,
) -> None:
    """Rank the codecs by visitors' votes: Bradley-Terry, intervals by bootstrap over visits."""
    from leaderboard.analysis import tables as analysis
    from leaderboard.blind import tables
    from leaderboard.blind.ranks import ranks_of
    from semcomp.errors import SemcompError
    from semcomp.files import write_file

    if votes is not None and class_code is not None:
        raise typer.BadParameter("give either --votes or --class")
    if votes is not None:
        try:
            found = tables.read_votes(votes.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SemcompError(f"cannot read {votes}: {error}") from error
    else:
        with opened_board() as store:
            found = store.votes(class_code)
    ranked = ranks_of(found)
    text = f"{ranked.votes} votes of {ranked.visits} visits count, of {len(found)} in all.\n"
    if ranked.votes:
        text += f"\n{analysis.markdown(tables.ranks_text(ranked))}"
    if not ranked.enough and class_code is None:
        text += f"\nThe board shows no ranks yet: {tables.still_needed(ranked)}.\n"
    print(text, end="")
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, content in (
                ("ranks.md", text),
                ("ranks.csv", analysis.csv(tables.ranks_frame(ranked))),
                ("votes.csv", tables.votes_csv(found)),
            ):
                write_file(out / name, content.encode())
        except OSError as error:
            raise SemcompError(f"cannot write into {out}: {error}") from error


@blind.command()
def prepare(
    pictures: Annotated[
        str | None,
        typer.Option(
            help="samples, kodak, cid22 or folders, separated by commas [default: those three, as "
            "far as they are at hand or can be downloaded]"
        ),
    ] = None,
    codecs: Annotated[
        str | None, typer.Option(help="separated by commas [default: those on the board of Kodak]")
    ] = None,
    rates: Annotated[str, typer.Option(help="bits per pixel, separated by commas")] = "0.1,0.2,0.4",
    credit: Annotated[
        str | None,
        typer.Option(help="whose a folder's pictures are, and their licence: it is shown"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder [default: `blind` beside the board]", metavar="DIR")
    ] = None,
    most_mb: Annotated[int, typer.Option(min=1, help="megabytes the folder may take")] = 1000,
) -> None:
    """Make pairs of decoded pictures of equal bytes; goes on where it was stopped.

    A picture takes two to three minutes and 8 to 20 MB.
    """
    from leaderboard.blind.pairs import blind_folder
    from leaderboard.blind.prepare import ALL, sources
    from leaderboard.blind.prepare import prepare as make
    from leaderboard.codecs import CODECS
    from semcomp.files import ASSETS

    folder = out or blind_folder()
    board = {path.stem for path in (ASSETS / "results" / "kodak").glob("*.json")}
    found = (
        sources(split_names(pictures), credit)
        if pictures
        else sources(ALL, credit, lambda line: print(line, flush=True))
    )
    names = split_names(codecs) if codecs else [name for name in CODECS if name in board]
    count = make(
        found,
        names,
        folder,
        rates=split_numbers("--rates", rates),
        most_bytes=most_mb * 1_000_000,
        report=lambda line: print(line, flush=True),
    )
    print(f"{folder}: {count} pictures are ready")

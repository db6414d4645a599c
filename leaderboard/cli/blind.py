"""The commands `blind ...`: pairs for the tab "Which is closer?" made ahead, ranks from its votes.

The board is the one that `SEMCOMP_DATABASE_URL` or `SEMCOMP_DATA_DIR` names. The commands import
what they need themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import opened_board

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

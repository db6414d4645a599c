"""The commands `submit` and `submission`: results of a method go to the board's reviewers.

With its receipt an entry is looked up or taken back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import opened_board

if TYPE_CHECKING:
    from leaderboard.data.problems import Rejected
    from leaderboard.store.records import Entry
    from leaderboard.submissions.inspection import Inspected
    from leaderboard.submissions.shape import DatasetShape


def submit(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="results as CSV or JSON, or a ZIP of reconstructions and bitstreams or of files "
            "that are decoded here",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        Path | None,
        typer.Option(
            help="JSON that describes the method [default: what FILE itself carries]",
            metavar="FILE.json",
            show_default=False,
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="only say what is wrong")] = False,
    template: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            help="write files to fill in (csv, json or zip) into a folder",
            metavar="FORMAT DIR",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="kodak, cid22, or a folder of pictures [default: as the method's description "
            "says, else kodak]",
            show_default=False,
        ),
    ] = None,
    replaces: Annotated[
        str | None,
        typer.Option(help="receipt of an entry of yours that this one replaces"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON, on stdout")] = False,
) -> None:
    """Check results of a method and submit them; every problem is told at once, exit code 1.

    They go straight into the board's database on this machine or at SEMCOMP_DATABASE_URL. The
    limits of files and entries in an hour hold for the page and the API, not here.
    """
    from leaderboard.data.datasets import KODAK
    from leaderboard.data.problems import Rejected
    from leaderboard.submissions.template import write_template

    if (file is None) == (template is None):
        raise typer.BadParameter("name a FILE to submit, or --template FORMAT DIR")
    try:
        if template is not None:
            for path in write_template(*template, _shape(dataset or KODAK)):
                print(f"{path}: fill it in, then run: python -m leaderboard submit FILE --check")
            return
        assert file is not None
        inspected = _inspect(file, method, dataset)
    except Rejected as rejected:
        _tell(rejected, as_json)
        raise typer.Exit(1) from rejected
    if check:
        _say(inspected, as_json)
        return
    _store(inspected, file, replaces, as_json)


def submission(
    receipt: Annotated[
        str,
        typer.Argument(
            help="as `submit` gave it; - reads it from standard input",
            envvar="SEMCOMP_RECEIPT",
            show_default=False,
        ),
    ],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="take the entry back")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
) -> None:
    """Look up an entry of yours by its receipt, or withdraw it."""
    token = sys.stdin.readline().strip() if receipt == "-" else receipt
    with opened_board() as store:
        entry = store.withdraw(token) if withdraw else store.lookup(token)
    print(json.dumps(entry.to_json(), indent=1, ensure_ascii=False) if as_json else _lines(entry))


def _shape(dataset: str) -> DatasetShape:
    """The data set to check against; the official ones need no pictures."""
    from leaderboard.submissions.shape import DatasetShape

    shapes = DatasetShape.official()
    if dataset in shapes:
        return shapes[dataset]
    from leaderboard.data.datasets import load_dataset

    return DatasetShape.of(load_dataset(dataset))


def _inspect(file: Path, method: Path | None, dataset: str | None) -> Inspected:
    """Check a file with the description at hand. Raises Rejected with the problems of both."""
    from leaderboard.data.datasets import KODAK
    from leaderboard.data.problems import Problem, Rejected
    from leaderboard.submissions import inspection
    from leaderboard.submissions.inspection import inspect
    from leaderboard.submissions.method import Method, dataset_of
    from leaderboard.submissions.shape import DatasetShape

    problems: list[Problem] = []
    described: Any = None
    description: Method | None = None
    try:
        if method is None:
            described = inspection.carried_description(file)
        else:
            described = inspection.read_description(method)
        if method is described is None:
            problems.append(
                Problem("method", None, "nothing", "--method FILE.json (see --template csv DIR)")
            )
        else:
            description = Method.from_json(described)
    except Rejected as rejected:
        problems += rejected.problems
    shape = _shape(dataset or dataset_of(described, DatasetShape.official()) or KODAK)
    try:
        # Without a description the results are checked all the same, under no name.
        inspected = inspect(file, description or Method("unnamed", dataset=shape.name), shape)
    except Rejected as rejected:
        problems += rejected.problems
    if problems:
        raise Rejected(problems)
    return inspected


def _store(inspected: Inspected, file: Path, replaces: str | None, as_json: bool) -> None:
    from leaderboard.store.errors import StoreError
    from leaderboard.store.limits import OPERATOR

    try:
        with opened_board() as store:
            receipt = store.add(inspected, file, submitter=OPERATOR, replaces=replaces)
    except StoreError as error:
        if not as_json:
            raise
        print(json.dumps({"problems": [], "error": str(error)}, indent=1))
        raise typer.Exit(1) from error
    if as_json:
        answer = {"receipt": receipt.token, **receipt.entry.to_json()}
        print(json.dumps(answer, indent=1, ensure_ascii=False))
        return
    _say(inspected, as_json)
    print(f"Entry {receipt.entry.id} is {receipt.entry.state}.")
    print(f"Receipt: {receipt.token}")
    print("Keep it: with it, and only with it, you can look up, replace or withdraw the entry:")
    print("python -m leaderboard submission RECEIPT [--withdraw]")


def _tell(rejected: Rejected, as_json: bool) -> None:
    """Every problem: on stderr for people, on stdout for programs."""
    if as_json:
        print(json.dumps({"problems": [each.to_json() for each in rejected.problems]}, indent=1))
        return
    count = len(rejected.problems)
    typer.echo(f"error: {count} problem{'s' * (count > 1)}; nothing was submitted", err=True)
    for problem in rejected.problems:
        typer.echo(f"  {problem}", err=True)


def _say(inspected: Inspected, as_json: bool) -> None:
    """What was found right."""
    if as_json:
        data = {"problems": [], **inspected.to_json()}
        print(json.dumps(data, indent=1, ensure_ascii=False))
        return
    points = inspected.points if inspected.results is None else inspected.results.rows
    print(f"{inspected.method.name}: no problems. {inspected.kind}, {len(points)} points.")
    for line in inspected.incomplete:
        print(f"  incomplete: {line}")
    if inspected.incomplete:
        print("  It can be submitted, and stands on the board as incomplete, without a rank.")


def _lines(entry: Entry) -> str:
    lines = [f"Entry {entry.id}, {entry.method.name} ({entry.kind}): {entry.state}"]
    if entry.progress is not None:
        lines.append("  {} of {} points scored".format(*entry.progress))
    if entry.reason:
        lines.append(f"  {entry.reason}")
    lines += [f"  incomplete: {line}" for line in entry.incomplete]
    if entry.superseded_by is not None:
        lines.append(f"  replaced by entry {entry.superseded_by}")
    return "\n".join(lines)

"""The commands `table` and `figures`: results in, files for a README, a paper or a browser out.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semcomp.files import ASSETS

from .arguments import split_names, split_numbers

if TYPE_CHECKING:
    import pandas

Folder = Annotated[Path, typer.Option(help="folder of results files", metavar="DIR")]
Out = Annotated[Path, typer.Option(help="folder to write into", metavar="DIR")]
Metrics = Annotated[str, typer.Option(help="scores, separated by commas")]
Names = Annotated[str | None, typer.Option(help="only these, separated by commas [default: all]")]
Published = Annotated[
    bool, typer.Option(help="show published curves over the same pictures beside the results")
]

_ALL = "ms_ssim,si_ssim,si_ssim_2,ssim,psnr,ssimulacra2,lpips"
SUMMARY = "psnr,ms_ssim,si_ssim,si_ssim_2,ssimulacra2,lpips"
"""Scores whose BD-rates a summary shows."""
RESULTS = ASSETS / "results"


def table(
    out: Out,
    results: Annotated[
        list[Path] | None,
        typer.Option(
            help="folder of results files; several for tables of each and of all together "
            "[default: those in assets/results]",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    metrics: Metrics = SUMMARY,
    anchor: Annotated[str, typer.Option(help="codec that BD-rates compare with")] = "bpg",
    method: Annotated[str, typer.Option(help="interpolation: pchip or akima")] = "pchip",
    rates: Annotated[
        str, typer.Option(help="rates of the last table, bits per pixel")
    ] = "0.25,0.5,0.75,1",
    codecs: Names = None,
    published: Published = True,
) -> None:
    """Rank the codecs by BD-rate and list scores at equal rates: Markdown, CSV and HTML."""
    from leaderboard.analysis import tables
    from leaderboard.analysis.curves import METHODS, missing_pictures
    from leaderboard.analysis.look import METRIC_NAMES
    from leaderboard.data.datasets import OFFICIAL, title_of

    if method not in METHODS:
        raise typer.BadParameter(f"no interpolation {method!r}: use {' or '.join(METHODS)}")
    at = split_numbers("rates", rates)
    wanted = _metrics(metrics)
    folders = results or [each for name in OFFICIAL if (each := RESULTS / name).is_dir()]
    frames = read_frames(folders, published, codecs, keep=anchor)
    whole = {
        name: each
        for name, each in frames.items()
        if anchor in set(each["codec"]) and not missing_pictures(each, anchor)
    }
    if whole and len(whole) < len(frames):
        left = " or ".join(title_of(name) for name in frames if name not in whole)
        print(f"{anchor} is not measured on {left}: left out")
        frames = whole
    parts = []
    for dataset, frame in frames.items():
        stem, where = (f"{dataset}-", f", {title_of(dataset)}") if len(frames) > 1 else ("", "")
        scores = _measured(frame, wanted)
        summary = tables.summary(frame, scores, anchor, method)
        parts.append((f"BD-rate against {anchor}, {method}{where}", tables.summary_text(summary)))
        _write(out / f"{stem}summary.csv", tables.csv(summary))
        for metric in scores:
            ranking = tables.ranked(frame, metric, anchor, method)
            heading = f"BD-rate against {anchor}, {METRIC_NAMES[metric]}, {method}{where}"
            parts.append((heading, tables.as_text(ranking)))
            _write(out / f"{stem}table-{metric}.csv", tables.csv(ranking))
        equal = tables.equal_rates(frame, scores, at)
        parts.append((f"Mean scores at equal rates{where}", tables.as_text(equal)))
        _write(out / f"{stem}rates.csv", tables.csv(equal))
    text = "\n".join(f"## {heading}\n\n{tables.markdown(each)}" for heading, each in parts)
    if any((frame["kind"] == "published").any() for frame in frames.values()):
        text += (
            "\nPublished means are compared with the anchor's means per quality setting, "
            "all others picture by picture.\n"
        )
    _write(out / "table.md", text)
    titles = " and ".join(map(title_of, frames)) if len(frames) == 1 else "every data set"
    _write(out / "table.html", tables.html_page(f"Codecs on {titles}", parts))


def figures(
    results: Folder,
    out: Out,
    metrics: Metrics = _ALL,
    codecs: Names = None,
    rates: Annotated[str, typer.Option(help="range in view, bits per pixel")] = "0,1.6",
    decibels: Annotated[
        bool, typer.Option(help="scores in dB, -10·log10(1 − s), where they are not already")
    ] = True,
    average: Annotated[
        str, typer.Option(help="pictures matched by rate, or by quality setting as in papers")
    ] = "rate",
    published: Published = True,
) -> None:
    """Draw rate-distortion curves: a page (HTML, works offline) and a picture (PNG) per metric.

    rd.png holds the first two metrics side by side.
    """
    from leaderboard.analysis import figures as drawing
    from leaderboard.analysis.curves import AVERAGES
    from leaderboard.analysis.look import look_of
    from leaderboard.data.published import source_of

    if average not in AVERAGES:
        raise typer.BadParameter(f"no average {average!r}: use {' or '.join(AVERAGES)}")
    view = split_numbers("rates", rates)
    if len(view) != 2 or not 0 <= view[0] < view[1]:
        raise typer.BadParameter(f"rates {rates!r}: expected two ascending, such as 0,1.6")
    frame, sources, dataset = read_frame(results, published, codecs)
    scores = _measured(frame, _metrics(metrics))
    # Named codecs are all in view; else published curves beyond the first wait in the legend.
    chosen = None if codecs is None else list(dict.fromkeys(frame["codec"]))
    options: dict[str, Any] = {
        "codecs": chosen,
        "rates": (view[0], view[1]),
        "log_scale": decibels,
        "average": average,
    }
    _write(out / "plotly.min.js", drawing.plotly_js())
    for metric in scores:
        figure = drawing.rd_figure(frame, metric, title=dataset, **options)
        silent = set(frame.loc[frame["kind"] == "published", "codec"])
        missing = {
            look_of(codec).label: f"not shown, {reason}"
            for codec, reason in figure.layout.meta["left_out"].items()
            if codec not in silent
        }
        drawn = {trace.meta["codec"] for trace in figure.data}
        cited = {
            look_of(each.name).label: source_of(each) for each in sources if each.name in drawn
        }
        _write(out / f"{metric}.html", drawing.page(figure, missing | cited))
        _write(out / f"{metric}.png", drawing.png(drawing.rd_chart(frame, [metric], **options)))
    _write(out / "rd.png", drawing.png(drawing.rd_chart(frame, scores[:2], **options)))


def read_frames(
    folders: Sequence[Path], published: bool, codecs: str | None = None, keep: str | None = None
) -> dict[str, pandas.DataFrame]:
    """Rows by data set (`read_frame`); for several folders those over all pictures last."""
    from leaderboard.data.datasets import TOGETHER
    from leaderboard.data.results import read_folder, to_frame, together

    frames = {}
    for folder in folders:
        frame, _, dataset = read_frame(folder, published, codecs, keep)
        frames[dataset] = frame
    if len(frames) > 1:
        joined = to_frame(together([read_folder(folder) for folder in folders]))
        known = set.intersection(*(set(frame["codec"]) for frame in frames.values()))
        frames[TOGETHER.join(frames)] = joined[joined["codec"].isin(known)]
    return frames


def read_frame(
    folder: Path, published: bool, codecs: str | None, keep: str | None = None
) -> tuple[pandas.DataFrame, list[Any], str]:
    """(rows, published curves among them, data set) of a folder of results.

    Published curves join only where their mean is over as many pictures of the same data set.
    """
    from leaderboard.analysis.curves import pictures
    from leaderboard.data.published import read_published
    from leaderboard.data.results import ResultsError, read_folder, to_frame

    measured = read_folder(folder)
    datasets = sorted({each.dataset for each in measured})
    if len(datasets) > 1:
        raise ResultsError(
            f"{folder} holds results of {' and '.join(datasets)}: keep a folder per data set"
        )
    count = len(pictures(to_frame(measured)))
    others = read_published(dataset=datasets[0], pictures=count) if published else []
    every = [*measured, *others]
    if codecs is not None:
        names = [*split_names(codecs), *([keep] if keep else [])]
        unknown = sorted(set(names) - {each.name for each in every})
        if unknown:
            raise ResultsError(
                f"no results of {', '.join(unknown)}: there are "
                f"{', '.join(each.name for each in every)}"
            )
        every = [each for each in every if each.name in names]
    return to_frame(every), [each for each in others if each in every], datasets[0]


def _metrics(text: str) -> list[str]:
    from leaderboard.data.results import METRICS

    names = split_names(text)
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise typer.BadParameter(
            f"no metric {', '.join(unknown) or 'named'}: use some of {', '.join(METRICS)}"
        )
    return names


def _measured(frame: pandas.DataFrame, metrics: list[str]) -> list[str]:
    """The metrics that any row has; says which are left out."""
    from leaderboard.analysis.curves import NoCurve

    measured = [metric for metric in metrics if frame[metric].notna().any()]
    for metric in metrics:
        if metric not in measured:
            print(f"no results have {metric}: left out")
    if not measured:
        raise NoCurve(f"no results have {' or '.join(metrics)}")
    return measured


def _write(path: Path, content: str | bytes) -> None:
    """Write a file whole, making its folder, and say so."""
    from leaderboard.data.results import ResultsError
    from semcomp.files import write_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}; name a folder that can be written"
        ) from error
    print(path)

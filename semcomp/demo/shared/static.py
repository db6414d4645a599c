"""What the browser runs and shows: scripts, style sheets and HTML, each a file in `static/`."""

from functools import cache
from importlib.resources import files


@cache
def static(name: str, package: str = "semcomp.demo") -> str:
    """The text of a package's file `static/NAME`, such as `viewer.js`.

    A name between two @ in it is a place the caller fills.
    """
    return (files(package) / "static" / name).read_text(encoding="utf-8")

"""The lesson as one page in one file: it needs no server and no network, and prints well."""

from collections.abc import Sequence
from html import escape

from .book import SCRIPT, STYLE
from .step import Step

TITLE = "Semantic image compression, in eight steps"
PAGE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1e293b; background: #fff; margin: 0 auto;
  max-width: 76rem; padding: 1rem; color-scheme: light; }
body > h1 { font-size: 1.6rem; margin: 0 0 1rem; } .lesson.step { margin: 0 0 2rem; }
.answers li { margin: 0 0 .6rem; } .answers b { display: block; }
@media print {
  @page { margin: 1.4cm; } body { max-width: none; padding: 0; font-size: 10.5pt; }
  .lesson.step { break-inside: avoid; } .answers { break-before: page; }
}
"""
"""Style of the page around the steps."""


def page(steps: Sequence[Step]) -> str:
    """A whole HTML document of the steps, sliders included; answers stay behind their folds."""
    inner = "".join(step.html() for step in sorted(steps, key=lambda step: step.number))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(TITLE)}</title><style>{STYLE}{PAGE}</style></head>"
        f"<body><h1>{escape(TITLE)}</h1>{inner}<script>{SCRIPT}</script></body></html>"
    )

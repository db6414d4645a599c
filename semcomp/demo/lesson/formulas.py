"""Formulas as MathML, which browsers draw by themselves: no script, no font, no request.

Written in the few signs of TeX that the lesson's formulas need.
"""

import re
from html import escape

from semcomp.errors import SemcompError

_TOKEN = re.compile(r"\\[A-Za-z]+|\\[ ,{}]|\d+(?:\.\d+)?|[A-Za-z]|\S")
_SYMBOLS = {
    **{"alpha": "α", "mu": "μ", "sigma": "σ", "lfloor": "⌊", "rfloor": "⌋", "cdot": "·"},
    **{"times": "×", "in": "∈", "le": "≤", "ge": "≥", "ne": "≠", "sum": "∑", "Rightarrow": "⇒"},
    **{"dots": "…", "approx": "≈"},
}
_IDENTIFIERS = {"alpha", "mu", "sigma"}
_FUNCTIONS = {"log", "exp", "min", "max", "sign"}
_ACCENTS = {"hat": "^", "bar": "¯"}
_SPACES = {"\\,": "0.2em", "\\ ": "0.5em"}


class FormulaError(SemcompError, ValueError):
    """A formula with a sign or an end that is not known here."""


def mathml(formula: str) -> str:
    """A `<math>` element of a formula such as `P_c = \\sum_u \\alpha_u^c \\cdot G(f_u)`.

    Known: letters, numbers, operators, `_ ^ {}`, `\\frac{}{}`, `\\hat{}`, `\\bar{}`, `\\text{}`,
    the names above. Raises FormulaError for anything else.
    """
    text = re.sub(r"\\text\{([^}]*)\}", lambda m: f"\\text{{{m[1].replace(' ', '~')}}}", formula)
    reader = _Reader(_TOKEN.findall(text))
    row = reader.row(None)
    return f'<math display="block"><mrow>{row}</mrow></math>'


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def next(self) -> str:
        if self.at >= len(self.tokens):
            raise FormulaError("the formula ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def row(self, end: str | None) -> str:
        parts = []
        while self.peek() != end:
            parts.append(self.with_scripts())
        if end is not None:
            self.next()
        return "".join(parts)

    def group(self) -> str:
        """The next atom, or everything between braces."""
        if self.peek() == "{":
            self.next()
            return f"<mrow>{self.row('}')}</mrow>"
        return self.atom()

    def with_scripts(self) -> str:
        large = self.peek() == "\\sum"
        base = self.atom()
        scripts: dict[str, str] = {}
        while self.peek() in ("_", "^"):
            sign = self.next()
            scripts[sign] = self.group()
        if not scripts:
            return base
        tags = ("munder", "mover", "munderover") if large else ("msub", "msup", "msubsup")
        tag = tags[2] if len(scripts) == 2 else tags["^" in scripts]
        inner = "".join(scripts[sign] for sign in "_^" if sign in scripts)
        return f"<{tag}>{base}{inner}</{tag}>"

    def atom(self) -> str:
        token = self.next()
        if token in _SPACES:
            return f'<mspace width="{_SPACES[token]}"/>'
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token in "{}_^~":
            raise FormulaError(f"{token!r} stands where it means nothing")
        return f"<mo>{escape('−' if token == '-' else token)}</mo>"

    def command(self, name: str) -> str:
        if name == "frac":
            return f"<mfrac>{self.group()}{self.group()}</mfrac>"
        if name == "text":
            if self.next() != "{":
                raise FormulaError("\\text needs braces")
            words = []
            while (token := self.next()) != "}":
                words.append(" " if token == "~" else token)
            return f"<mtext>{escape(''.join(words))}</mtext>"
        if name in _ACCENTS:
            return f'<mover accent="true">{self.group()}<mo>{_ACCENTS[name]}</mo></mover>'
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi>"
        if name in _SYMBOLS:
            tag = "mi" if name in _IDENTIFIERS else "mo"
            return f"<{tag}>{_SYMBOLS[name]}</{tag}>"
        raise FormulaError(f"\\{name} is not known here")

"""Numbers and foreign text for people."""

from __future__ import annotations

import math
import re

LONGEST = 1000
"""Longer text from an implementation is cut, with a word about how much is missing."""

_DANGEROUS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def safe(text: str) -> str:
    """Text from anywhere, made harmless to show: control characters and direction marks become visible.

    NUL, escapes and the like become control pictures (␀, ␛), direction marks their code point (⟨U+202E⟩), and lone
    surrogates the replacement character.
    """
    return _DANGEROUS.sub(lambda match: _picture(match.group()), text)


def _picture(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd" if code >= 0xD800 and code < 0xE000 else f"⟨U+{code:04X}⟩"


def short(text: str) -> str:
    """Text of bounded length."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text) - LONGEST:,} more characters)"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 deviation`, `1,600 cases`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """A percentage that is never rounded to 0 or 100 unless it is; a dash without a denominator."""
    if whole == 0:
        return "–"
    if part in (0, whole):
        return "100 %" if part else "0 %"
    percentage = 100 * part / whole
    return "< 0.1 %" if percentage < 0.1 else "> 99.9 %" if percentage > 99.9 else f"{percentage:.1f} %"


def number(value: float, digits: int = 3) -> str:
    """A number in few digits; powers of ten where it is very small or large."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.{digits - 1}e}"


def ratio(value: float) -> str:
    """Error ÷ allowed; beyond a thousand million the digits say nothing."""
    return "> 1e9" if 1e9 < value < math.inf else number(value)


def exact(value: float) -> str:
    """A number with all digits that matter in single precision."""
    return f"{value:.9g}" if math.isfinite(value) else number(value)


def seconds(value: float) -> str:
    """A duration: `41.3 s`, `2 min 5 s`."""
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"

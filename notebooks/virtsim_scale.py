# SPDX-License-Identifier: MIT
"""Where values stand on an axis and how they are written: sizes of structures are powers of
two with a zero before them, names have no distance at all."""
from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

LABELS, SLANTED = 20, 14  # upright labels of the y axis, slanted ones of the x axis
CHARACTERS = 44  # of labels side by side along the x axis
EVEN = 12  # values that still get a tick each


@dataclass
class Scale:
    """The values of an axis in their order, and whether they stand side by side evenly."""

    values: list
    unit: str
    even: bool
    log: bool = False

    @staticmethod
    def of(column: pd.Series, unit: str = "", log: bool = False, even: bool = False) -> Scale:
        """Numbers in order of size, names in order of appearance. Few numbers that span more
        than a factor of eight stand evenly: among them are a zero and powers of two."""
        numeric = pd.api.types.is_numeric_dtype(column)
        values = sorted(column.unique()) if numeric else list(dict.fromkeys(column))
        positive = [v for v in values if numeric and v > 0]
        wide = len(positive) > 1 and positive[-1] > 8 * positive[0]
        even = even or not numeric or (wide and len(values) <= EVEN and not log)
        return Scale(values, unit, even, log and not even)

    def at(self, column: pd.Series) -> pd.Series:
        """Where the values stand."""
        return column.map({v: i for i, v in enumerate(self.values)}) if self.even else column

    def text(self, value) -> str:
        """A value as it is written at the axis or in a legend."""
        if self.unit == "bytes" and isinstance(value, (int, float)):
            return size(value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return f"{value:g}" if isinstance(value, float) else str(value)

    def apply(self, axis: Axis) -> None:
        """Ticks and their labels."""
        if self.even:
            longest = max(len(self.text(v)) for v in self.values)
            room = LABELS  # labels that stand clear of each other
            if axis.axis_name == "x":
                room = CHARACTERS // (longest + 1) if longest < 5 else SLANTED
            shown = range(0, len(self.values), -(-len(self.values) // room))
            axis.set_ticks(shown, [self.text(self.values[i]) for i in shown])
            if axis.axis_name == "x" and longest * len(shown) > CHARACTERS:
                for label in axis.get_ticklabels():
                    label.set(rotation=30, ha="right", rotation_mode="anchor")
        elif self.log:
            axis.axes.set_xscale("log", base=2)
            axis.set_major_formatter(FuncFormatter(lambda v, _: self.text(float(v))))
        elif self.unit == "bytes":
            axis.set_major_formatter(FuncFormatter(lambda v, _: size(v)))


def size(value: float) -> str:
    """67108864 as "64 MiB"."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(value) >= scale:
            return f"{value / scale:g} {unit}"
    return f"{value:g} B" if value else "0"


def place(axis: Axis) -> None:
    """Plain numbers at a logarithmic axis; at 1, 2 and 5 where it spans little."""
    low, high = axis.get_view_interval()
    narrow = high < 60 * max(low, 1e-9)
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if narrow else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())

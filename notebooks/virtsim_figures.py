# SPDX-License-Identifier: MIT
"""Tables to figures: `figure([Panel(kind, rows), ...])` with one function for each kind.

A panel's table has the columns that `virtsim_rows.COLUMNS` names; labels of the axes are
in its `attrs`. Legends stand above the data, never on them.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.legend import Legend
from matplotlib.transforms import blended_transform_factory

from virtsim_scale import Scale, place
from virtsim_style import BLUE, COLOURS, GREEN, GREY, HATCHES, LINES, MAP, MARKERS, PALE, SKY
from virtsim_style import TALLEST, VERMILLION, WIDTH, save, style

__all__ = ["DRAW", "Panel", "figure", "save"]

DENSE = 40  # points of a line beyond which marks would hide it
PARTS = 8  # of a stacked bar; what is smaller is drawn together


@dataclass
class Panel:
    """One set of axes: its kind, its rows, and what is to be said instead of the default."""

    kind: str
    rows: pd.DataFrame
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    log: str = ""  # "x", "y" or "xy"
    options: dict = field(default_factory=dict)

    def label(self, axis: str, default: str = "") -> str:
        """The label of an axis: what was asked for, else what the rows say."""
        said = getattr(self, f"{axis}label", "")
        return said or wrap(self.rows.attrs.get(axis, default), 26 if axis == "y" else 60)


def figure(panels: Sequence[Panel], width: str = "single", height: float | None = None) -> Figure:
    """One figure of one or several panels, which are lettered; two columns when it is double.

    Without a height it is as high as what is drawn and the legends above it need."""
    with style():
        columns = 2 if width == "double" and len(panels) > 1 else 1
        names = [f"({letter}) " for letter in "abcdefghijklmnopqrstuvwxyz"]
        titles = [(n if len(panels) > 1 else "") + p.title for n, p in zip(names, panels)]
        cells = list(zip(panels, titles))
        lines = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        plans = [[plan(p, t, WIDTH[width] / len(line)) for p, t in line] for line in lines]
        heights = [max(one.height for one in line) for line in plans]
        out = Figure(figsize=(WIDTH[width], height or min(sum(heights), TALLEST)))
        for row, line in zip(several(out, len(lines), 1, height_ratios=heights), plans):
            for cell, one in zip(several(row, 1, len(line)), line):
                axes = cell.add_subplot()
                DRAW[one.panel.kind](axes, one.panel)
                crown(axes, one)
        return out


def several(parent: FigureBase, rows: int, columns: int, **ratios) -> list[FigureBase]:
    """Parts of a figure, each with a layout of its own; one part is the whole."""
    if rows * columns == 1:
        return [parent]
    return list(parent.subfigures(rows, columns, squeeze=False, **ratios).flat)


@dataclass
class Plan:
    """What stands above a panel's axes, as it was seen when the panel was drawn alone."""

    panel: Panel
    title: str
    columns: int = 0  # of the legend; 0: there is none
    above: float = 0.0  # inches of the legend
    height: float = 0.0  # inches of the whole panel


def plan(panel: Panel, title: str, inches: float) -> Plan:
    """Draws a panel of this width, to see how many names fit into a line of its legend."""
    axes = Figure(figsize=(inches, 4)).add_subplot()
    DRAW[panel.kind](axes, panel)
    out = Plan(panel, title)
    labels = axes.get_legend_handles_labels()[1]
    if len(labels) > 1 or heading(axes):
        for out.columns in range(len(labels), 0, -1):
            box = crown(axes, out).get_window_extent()
            if box.width <= 0.97 * axes.figure.bbox.width:
                break
        out.above = box.height / axes.figure.dpi
    out.height = tall(panel) + out.above + (0.2 if title.strip() else 0.05)
    return out


def heading(axes: Axes) -> str:
    """What a legend's names are values of."""
    return getattr(axes, "virtsim_heading", "")


def tall(panel: Panel) -> float:
    """Inches that a panel needs beneath its legend."""
    if panel.kind in ("breakdown", "time"):
        bars = panel.rows["bar"].unique()
        high = sum(max(0.2, 0.13 * (1 + b.count("\n"))) for b in map(str, bars))
        label = 0.062 * max(map(len, panel.label("y").split("\n")))  # stands beside the bars
        return 0.5 + max(high, label, 0.4)
    if panel.kind == "compare":
        return 0.5 + 0.145 * max(len(panel.rows), 3)
    if panel.kind == "heatmap":
        return 0.6 + min(0.27 * max(panel.rows["y"].nunique(), 4), 3.0)
    return 2.0


# ---- bars ----------------------------------------------------------------------------------


def stacked(axes: Axes, panel: Panel) -> None:
    """Stacked bars, one beneath the other; small parts are drawn as one, sums stay."""
    table, bars = fold(panel.rows), list(dict.fromkeys(panel.rows["bar"]))
    parts = list(dict.fromkeys(table["part"]))
    left = np.zeros(len(bars))
    for i, part in enumerate(parts):
        mine = table[table["part"] == part].groupby("bar")["value"].sum()
        values = np.array([mine.get(b, 0.0) for b in bars])
        rest = part.endswith("smaller parts")
        axes.barh(range(len(bars)), values, left=left, height=0.72, label=part, linewidth=0.3,
                  color=COLOURS[-1] if rest else COLOURS[i % (len(COLOURS) - 1)],
                  hatch=HATCHES[-1] if rest else "", edgecolor="white")  # fmt: skip
        left += values
    axes.set_yticks(range(len(bars)), bars)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_ylabel(panel.label("y"), linespacing=1.3)
    axes.set_xlabel(panel.label("x") or panel.rows.attrs.get("value", "value"))
    axes.set_xlim(0, left.max() * 1.14)
    for y, total in enumerate(left):
        axes.annotate(number(total), (total, y), (2, 0), textcoords="offset points", va="center",
                      fontsize=6.5)  # fmt: skip
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def fold(table: pd.DataFrame) -> pd.DataFrame:
    """At most PARTS parts, those beyond, and what no bar shows, as one."""
    whole = table.groupby("bar")["value"].transform("sum")
    most = (table["value"] / whole).groupby(table["part"]).max().sort_values(ascending=False)
    small = [p for i, p in enumerate(most.index) if i >= PARTS - 1 or most[p] < 0.005]
    if len(small) > 1:
        name = f"{len(small)} smaller parts"
        table = table.assign(part=table["part"].where(~table["part"].isin(small), name))
    order = table.groupby("part")["value"].sum().sort_values(ascending=False)
    ranked = sorted(order.index, key=lambda p: (phase_rank(p), list(order.index).index(p)))
    bars = list(dict.fromkeys(table["bar"]))
    table = table.groupby(["bar", "part"], as_index=False)["value"].sum()
    key = [(ranked.index(p), bars.index(b)) for b, p in zip(table["bar"], table["part"])]
    return table.assign(key=key).sort_values("key").drop(columns="key")


def phase_rank(part: str) -> int:
    """Where in an operation's time a part lies: out of the guest first, into it last."""
    if part.endswith("smaller parts"):
        return 3
    words = part.split(".")
    return 0 if "exit" in words else 2 if "entry" in words else 1


# ---- lines ---------------------------------------------------------------------------------


def lines(axes: Axes, panel: Panel) -> None:
    """Lines with error bars where the rows have low and high."""
    table = panel.rows
    x = Scale.of(table["x"], table.attrs.get("x_unit", ""), "x" in panel.log)
    names = Scale.of(table["series"], table.attrs.get("series_unit", "")) if "series" in table else None
    groups = [(v, table[table["series"] == v]) for v in names.values] if names else [("", table)]
    for i, (value, group) in enumerate(groups):
        group = group.assign(at=x.at(group["x"])).sort_values("at", kind="stable")
        errors = None
        if {"low", "high"} <= set(group) and group["low"].notna().any():
            group["at"] += 0.05 * (i - (len(groups) - 1) / 2) * x.even  # side by side
            errors = [(group["y"] - group["low"]).fillna(0), (group["high"] - group["y"]).fillna(0)]
        line = dict(color=COLOURS[i % 6], linestyle=LINES[i // 2 % 4])
        if len(group) <= DENSE:
            line.update(marker=MARKERS[i % 8])
        # a curve that another one covers shows through: later ones are smaller
        axes.errorbar(group["at"], group["y"], yerr=errors, capsize=1.6, elinewidth=0.7,
                      label=names.text(value) if names else "", markersize=4.6 - 0.35 * min(i, 7),
                      **line)  # fmt: skip
    x.apply(axes.xaxis)
    axes.set_xlabel(panel.label("x", "x"))
    axes.set_ylabel(panel.label("y", "y"))
    if "y" in panel.log:
        axes.set_yscale("log")
    elif table["y"].min() >= 0 and table["y"].min() < 0.6 * table["y"].max():
        axes.set_ylim(bottom=0)
    axes.grid()
    if names:
        axes.virtsim_heading = table.attrs.get("series", "")


def latency(axes: Axes, panel: Panel) -> None:
    """The share of operations that took at most so long."""
    table = panel.rows if "series" in panel.rows else panel.rows.assign(series="")
    for i, (name, group) in enumerate(table.groupby("series", sort=False)):
        group = group.sort_values("ns")
        share = 100 * group["n"].cumsum() / group["n"].sum()
        ns = np.concatenate([[group["ns"].iloc[0]], group["ns"]])
        axes.step(ns, np.concatenate([[0], share]), where="post", color=COLOURS[i % 6],
                  linestyle=LINES[i // 2 % 4], label=name)  # fmt: skip
    if "x" in panel.log or table["ns"].max() > 30 * max(table["ns"].min(), 1e-3) > 0:
        axes.set_xscale("log")
        place(axes.xaxis)
    axes.virtsim_heading = table.attrs.get("series", "")
    axes.set_ylim(0, 101)
    axes.set_xlabel(panel.label("x", "time (ns)"))
    axes.set_ylabel(panel.label("y", "share that is as fast (%)"))
    axes.grid()


# ---- maps ----------------------------------------------------------------------------------


def heatmap(axes: Axes, panel: Panel) -> None:
    """A colour and a number for each pair of two knobs' values."""
    table = panel.rows
    x = Scale.of(table["x"], table.attrs.get("x_unit", ""), even=True)
    y = Scale.of(table["y"], table.attrs.get("y_unit", ""), even=True)
    cells = table.pivot_table(index="y", columns="x", values="value", aggfunc="mean")
    cells = cells.reindex(index=y.values, columns=x.values)
    image = axes.imshow(cells.to_numpy(float), aspect="auto", origin="lower", cmap=MAP)
    axes.set_facecolor("#EEEEEE")  # a pair without a point
    x.apply(axes.xaxis)
    y.apply(axes.yaxis)
    low, high = np.nanmin(cells), np.nanmax(cells)
    middle, digits = (low + high) / 2, 0
    if high > low:  # what tells the cells apart
        digits = int(np.clip(1 - np.floor(np.log10(high - low)), 0, 3))
    if cells.size <= 64:
        for (row, column), value in np.ndenumerate(cells.to_numpy(float)):
            if np.isfinite(value):
                axes.text(column, row, f"{value:.{digits}f}", ha="center", va="center", fontsize=6,
                          color="white" if value < middle else "black")  # fmt: skip
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(panel.rows.attrs.get("value", "value"))
    bar.outline.set_visible(False)
    axes.set_xlabel(panel.label("x", "x"))
    axes.set_ylabel(panel.label("y", "y"))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


# ---- documents -----------------------------------------------------------------------------

VERDICT = {  # colour and marker, by what the row is worth
    "within 10 %": (GREEN, "o"),
    "in range": (GREEN, "D"),
    "outside": (VERMILLION, "s"),
    "illustrative": (GREY, "o"),
    "calibrated": (BLUE, "v"),
    "structure": (SKY, "^"),
}


def compare(axes: Axes, panel: Panel) -> None:
    """Simulation over documents, a row a claim; the documents' range as a bar about 1."""
    table = panel.rows.copy()
    ends = table[["low", "high"]].bfill(axis=1).ffill(axis=1)  # one bound stands for both
    middle = ends.mean(axis=1)
    keep = (middle > 0) & (table["value"] > 0)
    table, ends, middle = table[keep], ends[keep], middle[keep]
    verdict = table["verdict"] if "verdict" in table else pd.Series("", index=table.index)
    at = np.arange(len(table))
    axes.barh(at, (ends["high"] - ends["low"]) / middle, left=ends["low"] / middle, height=0.5,
              color=PALE, label="documents' range")  # fmt: skip
    axes.axvline(1, color=BLUE, linewidth=0.8, zorder=1)
    for word in [v for v in VERDICT if (verdict == v).any()] + [""] * (verdict == "").any():
        colour, marker = VERDICT.get(word, (BLUE, "o"))
        mine = (verdict == word).to_numpy()
        axes.plot((table["value"] / middle)[mine], at[mine], marker, color=colour, label=word or None,
                  linestyle="none")  # fmt: skip
    axes.set_xscale("log")
    place(axes.xaxis)
    wide = axes.figure.bbox.width / axes.figure.dpi > 5
    axes.set_yticks(at, [cut(t, 60 if wide else 32) for t in table["label"]])
    axes.set_ylim(len(table) - 0.5, -0.5)
    if "group" in table:
        for name, rows in pd.Series(at, index=table["group"].array).groupby(level=0, sort=False):
            axes.axhline(rows.iloc[0] - 0.5, color="#999999", linewidth=0.5)
            if len(rows) * 2.4 > len(name):
                axes.annotate(name, (1.0, rows.mean()), (3, 0), ("axes fraction", "data"),
                              "offset points", rotation=270, va="center", fontsize=6.5)  # fmt: skip
    axes.set_xlabel(panel.label("x") or "simulation / documents")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def cut(text: str, most: int) -> str:
    """A label that is not longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


# ---- what all have -------------------------------------------------------------------------


def crown(axes: Axes, one: Plan) -> Legend | None:
    """The legend above the axes and the title above the legend, from the panel's left edge on.

    A blank title keeps their room in the layout, which would otherwise make the axes narrower
    for what begins left of them."""
    legend, points = None, one.above * 72
    if one.columns:
        edge = blended_transform_factory(axes.figure.transSubfigure, axes.transAxes)
        legend = axes.legend(loc="lower left", ncol=one.columns, title=heading(axes),
                             bbox_to_anchor=(0.005, 1.0), bbox_transform=edge,
                             alignment="left")  # fmt: skip
        legend.set_in_layout(False)
    if one.title.strip():
        text = axes.annotate(one.title, (0.01, 1), (0, points + 3), ("subfigure fraction", "axes fraction"),
                             "offset points", fontsize=7.5, annotation_clip=False)  # fmt: skip
        text.set_in_layout(False)
        axes.set_title(" ", pad=points + 3)
    elif one.columns:
        axes.set_title(" ", pad=max(points - 7, 0))
    return legend


def wrap(text: str, most: int) -> str:
    """A label on two lines where it is long, broken at a blank or before a dot."""
    if len(text) <= most or "\n" in text:
        return text
    breaks = [i for i, c in enumerate(text) if c in " ."]
    at = min(breaks, key=lambda i: abs(i - len(text) / 2), default=0)
    return text[:at] + "\n" + text[at:].lstrip() if at else text


def number(value: float) -> str:
    """Three digits, without a power of ten where there need not be one."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.2e}"
    if size >= 100 or value == 0:
        return f"{value:.0f}"
    return f"{value:.{2 if size < 1 else 1 if size >= 10 else 2}f}"


DRAW: dict[str, Callable[[Axes, Panel], None]] = {
    "breakdown": stacked,
    "time": stacked,
    "heatmap": heatmap,
    "sweep": lines,
    "curve": lines,
    "latency": latency,
    "compare": compare,
}

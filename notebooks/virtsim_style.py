# SPDX-License-Identifier: MIT
"""How figures look and how they are written: sizes of a paper's columns, colours that the
colour-blind tell apart, and the same bytes for the same rows."""
from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure  # noqa: E402 (after the choice of the backend)

WIDTH = {"single": 3.33, "double": 7.0}  # inches: a column of two, and both with their gap
TALLEST = 9.0  # inches of a page that a figure and its caption may take

# Okabe and Ito, "Color Universal Design", 2008, in an order whose neighbours differ in lightness.
BLUE, ORANGE, GREEN, SKY = "#0072B2", "#E69F00", "#009E73", "#56B4E9"
VERMILLION, PINK, YELLOW, GREY = "#D55E00", "#CC79A7", "#F0E442", "#7F7F7F"
COLOURS = (BLUE, ORANGE, GREEN, SKY, VERMILLION, PINK, YELLOW, GREY)
PALE = "#C9DDEC"  # a range behind marks
MARKERS = "osD^vPX*"
LINES = ("-", "--", "-.", ":")
HATCHES = ("", "", "", "", "", "", "", "////")  # what is left over is not one of them
MAP = "cividis"  # even in lightness for every kind of colour vision

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "legend.borderaxespad": 0.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "grid.linewidth": 0.4,
    "grid.color": "#D9D9D9",
    "axes.axisbelow": True,
    "hatch.linewidth": 0.4,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "svg.fonttype": "path",  # glyphs are in the file
    "svg.hashsalt": "virtsim",  # names within the file follow from what is drawn
    "pdf.fonttype": 42,  # TrueType, embedded
    "pdf.compression": 6,
}


@contextmanager
def style() -> Iterator[None]:
    """Draws with these settings and no others, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def save(figure: Figure, path: str | os.PathLike) -> str:
    """Writes a figure as .svg, .pdf or .png; a file has its name when it is whole."""
    path = os.fspath(path)
    kind = os.path.splitext(path)[1].lower().lstrip(".")
    if kind not in ("svg", "pdf", "png"):
        raise ValueError(f"{path}: a name that ends in .svg, .pdf or .png is needed")
    maker = f"virtsim, matplotlib {matplotlib.__version__}"
    about = {
        "svg": {"Date": None, "Creator": maker},
        "pdf": {"CreationDate": None, "Creator": maker},
        "png": {"Software": maker},
    }
    data = io.BytesIO()
    with style():
        figure.savefig(data, format=kind, metadata=about[kind])
    write(path, data.getvalue())
    return path


def write(path: str, data: bytes) -> None:
    """Writes a file under another name first; a device or a pipe as it is."""
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        with open(path, "wb") as fh:
            fh.write(data)
        return
    part = path + ".part"
    try:
        with open(part, "wb") as fh:
            fh.write(data)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)

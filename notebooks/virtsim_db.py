# SPDX-License-Identifier: MIT
"""Results of virtsim as pandas tables, and the figures drawn of them.

    import virtsim_db as vs

    db = vs.connect("results/virtsim.db")
    rows = vs.rows(db, "sweep", metric="op:walk.mean", x="ept.nested_tlb.entries")
    vs.save(vs.figure([vs.Panel("sweep", rows)], width="single"), "walk.pdf")

`virtsim_store` opens databases, `virtsim_rows` makes the table behind each kind of figure,
`virtsim_figures` draws it, `virtsim_plot` is what the command `virtsim plot` starts.
Every table is tidy: one row a thing, one column a property. Times are nanoseconds unless
a unit says else. Nothing writes to a database; one of an older schema is brought up to
date in a copy.
"""
from matplotlib.figure import Figure

from virtsim_figures import Panel, figure, save
from virtsim_rows import COLUMNS, rows
from virtsim_store import BadRequest, Database, NoRows, connect, data, make, run

__all__ = [
    "BadRequest",
    "COLUMNS",
    "Database",
    "NoRows",
    "Panel",
    "connect",
    "figure",
    "make",
    "rows",
    "run",
    "save",
    "show",
]


def show(drawn: Figure, name: str):
    """Keeps a notebook's figure as NAME.svg beside its data, and shows it."""
    from IPython.display import SVG

    return SVG(filename=save(drawn, data(f"{name}.svg")))

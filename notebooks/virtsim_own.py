# SPDX-License-Identifier: MIT
"""Rows of one's own for any kind of figure: of a query, or of a CSV file, by the columns that
the kind needs."""
from __future__ import annotations

import pandas as pd

from virtsim_store import BadRequest, NoRows

# kind: (columns that are needed, columns that may be there)
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "breakdown": (("bar", "part", "value"), ()),
    "time": (("bar", "part", "value"), ()),
    "heatmap": (("x", "y", "value"), ()),
    "sweep": (("x", "y"), ("series", "low", "high")),
    "curve": (("x", "y"), ("series",)),
    "latency": (("ns", "n"), ("series",)),
    "compare": (("label", "value", "low", "high"), ("group", "verdict")),
}
NUMBERS = {"value", "low", "high", "ns", "n"}  # columns of numbers, whatever the kind


def of_csv(kind: str, path: str) -> pd.DataFrame:
    """Rows of a file with the kind's columns, or of what `virtsim curve --format csv` prints."""
    try:
        table = pd.read_csv(path)
    except pd.errors.EmptyDataError as e:
        raise NoRows(f"--csv {path}: no rows") from e
    except (OSError, ValueError) as e:
        raise BadRequest(f"--csv {path}: {getattr(e, 'strerror', None) or e}") from e
    if kind == "curve" and "miss_ratio" in table:
        return misses(table)
    return checked(table, kind, f"--csv {path}", "the file")


def misses(table: pd.DataFrame) -> pd.DataFrame:
    """A structure's misses by its size, a line for each number of sets."""
    size = "bytes" if "bytes" in table and table["bytes"].notna().any() else "entries"
    one = table["structure"].nunique() == 1
    sets = ["fully associative" if n == 1 else f"{n:g} sets" for n in table["sets"]]
    out = pd.DataFrame(
        {
            "x": table[size],
            "y": 100 * table["miss_ratio"],
            "series": sets if one else table["structure"] + ", " + pd.Series(sets),
        }
    ).dropna()
    if out.empty:
        raise NoRows("--csv: no size has a miss ratio")
    name = f" of {table['structure'].iloc[0]}" if one else ""
    out.attrs.update(x=f"size{name} ({size})", y="misses (%)", x_unit=size)
    return out


def checked(table: pd.DataFrame, kind: str, option: str, what: str) -> pd.DataFrame:
    """Rows of the user's own: the columns must be there, numbers must be numbers."""
    needed, allowed = COLUMNS[kind]
    lacking = [c for c in needed if c not in table]
    if lacking:
        raise BadRequest(
            f"{option}: {kind} needs the columns {', '.join(needed)}"
            + (f" (and takes {', '.join(allowed)})" if allowed else "")
            + f"; {what} has no {', '.join(lacking)}"
        )
    if table.empty:
        raise NoRows(f"{option}: {what} has no rows")
    for column in NUMBERS & set(table) | ({"y"} & set(table) if kind != "heatmap" else set()):
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = table[column][numbers.isna() & table[column].notna()]
        if len(wrong):
            raise BadRequest(f"{option}: column {column} holds '{wrong.iloc[0]}', no number")
        table[column] = numbers
    table = table.dropna(subset=[c for c in needed if c not in ("low", "high")])
    if table.empty:
        raise NoRows(f"{option}: every row has a NULL where a number is needed")
    table.attrs.update({"value": "value"} if "value" in needed else {"x": "x", "y": "y"})
    if kind == "heatmap":
        table.attrs.update(x="x", y="y")
    return table.reset_index(drop=True)

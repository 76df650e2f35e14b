# SPDX-License-Identifier: MIT
"""What `virtsim plot` starts: a request as one JSON object, figures out.

    {"db": FILE, "output": FILE, "width": "single", "height": null, "panels":
     [{"kind": "sweep", "runs": [1, 2], "title": "...", "x": KNOB, ...}]}

Ends with 0, with 2 for a request that cannot be answered and with 1 when the figure cannot
be written; then a line on stderr says what is wrong.
"""
from __future__ import annotations

import json
import logging
import sys

WORDS = ("title", "xlabel", "ylabel", "log")  # of the panel, not of its rows


def panel(db, request: dict):
    """One panel of the request."""
    import virtsim_db as vs

    said = dict(request)
    kind = said.pop("kind")
    words = {w: said.pop(w) for w in WORDS if w in said}
    table = vs.rows(db, kind, **said)
    crowded(kind, table)
    return vs.Panel(kind, table, **words)


# kind: the column whose values stand beside each other, how many of them can be read, and what
# to do about more
MOST = {
    "breakdown": ("bar", 50, "name fewer runs or operations"),
    "time": ("bar", 50, "name fewer runs, or draw one number of each with 'plot sweep'"),
    "compare": ("label", 60, "--domain narrows it"),
    "sweep": ("series", 16, "--series names one knob, run numbers fewer points"),
    "curve": ("series", 16, "draw fewer of them"),
    "latency": ("series", 16, "name fewer runs or operations"),
}


def crowded(kind: str, table) -> None:
    """Refuses what would be drawn and could not be read."""
    import virtsim_db as vs

    column, most, advice = MOST.get(kind, ("", 0, ""))
    n = len(table) if kind == "compare" else table[column].nunique() if column in table else 0
    if n > most:
        what = {"bar": "bars", "label": "claims"}.get(column, "lines")
        raise vs.BadRequest(f"{kind}: {n} {what} cannot be told apart, {most} can; {advice}")


def draw(request: dict) -> str:
    """Draws and writes; returns what was made."""
    import virtsim_db as vs

    stored = any("csv" not in p for p in request["panels"])
    db = vs.connect(request["db"]) if stored else None
    panels = [panel(db, p) for p in request["panels"]]
    figure = vs.figure(panels, request.get("width", "single"), request.get("height"))
    vs.save(figure, request["output"])
    size = " x ".join(f"{i:.2f}" for i in figure.get_size_inches())
    drawn = ", ".join(f"{p.kind} of {len(p.rows)} rows" for p in panels)
    return f"{request['output']}: {size} in, {drawn}"


def main() -> int:
    """The exit status of the request that is the only argument."""
    logging.disable(logging.WARNING)  # of fonts and caches, which are not the user's matter
    import virtsim_db as vs

    try:
        print(draw(json.loads(sys.argv[1])))
    except (vs.BadRequest, vs.NoRows) as e:
        print(f"virtsim: {e}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as e:
        print(f"virtsim: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

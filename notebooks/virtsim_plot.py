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
    return vs.Panel(kind, vs.rows(db, kind, **said), **words)


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

# SPDX-License-Identifier: MIT
"""The table behind each kind of figure: `rows(db, kind, ...)`, a data frame with the
columns of `COLUMNS[kind]` and labels of the axes in its `attrs`.

A query of one's own stands for any of them: `rows(db, kind, sql="SELECT ...")` needs the
columns by the same names and nothing else.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from virtsim_store import BadRequest, Database, NoRows
from virtsim_metric import metric
from virtsim_own import COLUMNS, checked, misses, of_csv  # noqa: F401 (columns are part of the table)

# Two-sided 95 % of Student's t by degrees of freedom; beyond the table it is the normal's.
T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
    2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
    2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % confidence interval of the mean; NaN for fewer than two values."""
    n = len(values)
    if n < 2:
        return math.nan
    mean = sum(values) / n
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    return (T95[n - 2] if n - 2 < len(T95) else 1.96) * deviation / math.sqrt(n)


def rows(db: Database | None, kind: str, **request) -> pd.DataFrame:
    """The table of a figure. What a request may say beside `runs` (numbers), `sql` and
    `csv` (a file, which needs no database):

    breakdown  of="exit.cpuid" (globs, lists), by="phase"|"account"|"component"
    time       by="component"|"account"|"operation", share=True: per cent of the line
    heatmap    x=KNOB, y=KNOB, metric=METRIC
    sweep      x=KNOB, series=KNOB, metric=METRIC: means over seeds, 95 % intervals
               all three: sweep=NAME instead of runs
    latency    of="access.load"
    curve      (a run with a curve)
    compare    domain="exit", all=True: calibrated and structure rows as well
    """
    if request.get("sql"):
        return checked(db.sql(request["sql"]), kind, "--sql", "the query")
    if request.get("csv"):
        return of_csv(kind, request["csv"])
    table = TABLES[kind](db, **{k: v for k, v in request.items() if v is not None})
    if table.empty:
        raise NoRows(f"{db.path}: nothing to draw for {kind}")
    return table


# ---- labels --------------------------------------------------------------------------------


def knob_label(db: Database, path: str) -> str:
    """A knob's path with its unit, where the path does not end in the unit's name."""
    unit = db.unit(path)
    return path if not unit or path.endswith(unit) else f"{path} ({unit})"


FEW = 4  # bars whose labels name the knobs themselves


def run_labels(db: Database, runs: pd.DataFrame) -> tuple[dict[int, str], str]:
    """A name for each run, which says how it differs from the others, and what the names are
    of: the knobs of a sweep, one a line, or nothing."""
    points = runs["point"].where(~runs["point"].str.startswith("compare "), "")
    settings = [dict(w.partition("=")[::2] for w in p.split() if "=" in w) for p in points]
    paths = list(dict.fromkeys(path for s in settings for path in s))
    differ = [p for p in paths if len({s.get(p) for s in settings}) > 1]
    columns = [c for c in ("workload", "machine") if runs[c].nunique() > 1 and c not in differ]
    words = [[str(r[c]) for c in columns] for _, r in runs.iterrows()]
    same = all(set(s) == set(paths) for s in settings) and not columns and len(runs) > FEW
    for word, setting in zip(words, settings):
        word += [setting.get(p, "-") if same else f"{short(p)}={setting.get(p, '-')}" for p in differ]
    if not any(words):
        words = [[machine] for machine in runs["machine"]]
    label = [(", " if same else "\n").join(word) for word in words]
    label = [
        f"{text} (run {run})" if label.count(text) > 1 else text
        for run, text in zip(runs["run"], label)
    ]
    return dict(zip(runs["run"], label)), "\n".join(short(p) for p in differ) if same else ""


def short(path: str) -> str:
    """A knob's path without its component, where more than two words are left."""
    words = path.split(".")
    return ".".join(words[1:] if len(words) > 2 else words)


# ---- breakdown -----------------------------------------------------------------------------


def flatten(db: Database, run: int, actor: str, op: str) -> pd.DataFrame:
    """All accounts of one operation and of what ran inside it, ps of all of them together.

    A child's parts are scaled by the share of its time that fell into this parent, so that
    the sum is the operation's total. `via` is the child directly beneath the operation.
    """
    part = db.sql("select actor, op, account, total_ps from part where run = ?", [run])
    child = db.sql(
        "select actor, op, child_actor, child, total_ps from child where run = ?", [run]
    )
    total = db.sql("select actor, op, total_ps from op where run = ?", [run])
    total = total.set_index(["actor", "op"])["total_ps"].to_dict()
    parts = {k: list(zip(g["account"], g["total_ps"])) for k, g in part.groupby(["actor", "op"])}
    children = {
        k: list(zip(g["child_actor"], g["child"], g["total_ps"]))
        for k, g in child.groupby(["actor", "op"])
    }
    out: list[tuple[str, str, float]] = []

    def visit(key: tuple[str, str], scale: float, via: str, above: tuple) -> None:
        for account, ps in parts.get(key, []):
            out.append((via, account, ps * scale))
        for who, what, ps in children.get(key, []):
            below, known = (who, what), total.get((who, what), 0)
            if known and below not in above:
                visit(below, scale * ps / known, via or what, (*above, below))
            elif ps:
                out.append((via or what, what, ps * scale))

    visit((actor, op), 1.0, "", ((actor, op),))
    return pd.DataFrame(out, columns=["via", "account", "ps"])


def phase(via: str, account: str, by: str) -> str:
    """What an account is drawn as."""
    if by == "account":
        return account
    if by == "component":
        return account.split(".")[0]
    return via or ".".join(account.split(".")[:2])


def breakdown(
    db: Database, runs: Sequence[int] | None = None, of: str = "exit.*", by: str = "phase"
) -> pd.DataFrame:
    """Mean time of operations, by phase: bars of runs and operations, ns of one operation."""
    choice(by, "--by", ("phase", "account", "component"))
    chosen = db.runs(runs or db.newest(of))
    (labels, heading), out = run_labels(db, chosen), []
    names = db.operations(of)
    for run in chosen["run"]:
        found = db.sql("select actor, op, n from op where run = ? and n > 0", [run])
        for row in found[found["op"].isin(names)].itertuples():
            flat = flatten(db, run, row.actor, row.op)
            flat["part"] = [phase(v, a, by) for v, a in zip(flat["via"], flat["account"])]
            flat["run"], flat["op"], flat["actor"], flat["count"] = run, row.op, row.actor, row.n
            out.append(flat)
    if not out:
        raise NoRows(f"{db.path}: run {', '.join(map(str, chosen['run']))} has no {of}")
    flat = pd.concat(out)
    several = flat["op"].nunique() > 1
    sums = flat.groupby(["run", "op", "part"], sort=False)["ps"].sum()
    count = flat.drop_duplicates(["run", "op", "actor"]).groupby(["run", "op"])["count"].sum()
    table = sums.reset_index()
    table["value"] = table["ps"] / [count[r, o] for r, o in zip(table["run"], table["op"])] / 1e3
    one_run = len(chosen) == 1
    table["bar"] = [
        o if one_run else labels[r] + (f" {o}" if several else "")
        for r, o in zip(table["run"], table["op"])
    ]
    table = table[table["value"] > 0]
    table.attrs.update(value=f"time of one {'operation' if several else flat['op'].iloc[0]} (ns)")
    table.attrs.update(y="" if one_run or several else heading)
    return table[["bar", "part", "value"]].reset_index(drop=True)


def time(
    db: Database,
    runs: Sequence[int] | None = None,
    sweep: str | None = None,
    by: str = "component",
    share: bool = False,
) -> pd.DataFrame:
    """Where the vCPUs' time went, point by point of a sweep or run by run."""
    choice(by, "--by", ("component", "account", "operation"))
    chosen = db.runs(runs) if runs else db.points(sweep=sweep)
    (labels, heading), out = run_labels(db, chosen), []
    for run in chosen["run"]:
        booked = db.sql("select op, account, total_ps from vcpu_time where run = ?", [run])
        if by == "operation":
            booked["part"] = booked["op"]
        else:
            booked["part"] = [phase("", a, by) for a in booked["account"]]
        sums = booked.groupby("part")["total_ps"].sum().reset_index()
        whole = sums["total_ps"].sum()
        sums["value"] = 100 * sums["total_ps"] / whole if share else sums["total_ps"] / 1e9
        sums["bar"] = labels[run]
        out.append(sums)
    table = pd.concat(out)
    table = table[table["value"] > 0]
    table.attrs.update(value="share of the vCPUs' time (%)" if share else "time of the vCPUs (ms)")
    table.attrs.update(y=heading)
    return table[["bar", "part", "value"]].reset_index(drop=True)


# ---- sweeps --------------------------------------------------------------------------------


def varied(points: pd.DataFrame) -> list[str]:
    """The knobs that a sweep varies, in the order of its points."""
    fixed = ("run", "workload", "seed", "point") + (
        () if "machine=" in points["point"].iloc[0] else ("machine",)
    )
    return [c for c in points if c not in fixed and points[c].nunique() > 1]


def free(points: pd.DataFrame, *taken: str | None) -> list[str]:
    """The knobs that vary and are no axis yet, nor follow from one (--let, --zip)."""
    axes = [t for t in taken if t]
    rest = [p for p in varied(points) if p not in axes]
    return [p for p in rest if not axes or points.groupby(axes)[p].nunique().max() > 1]


def first(points: pd.DataFrame, paths: list[str]) -> str | None:
    """The knob that an axis takes by itself: of numbers, where there is one."""
    numeric = [p for p in paths if pd.api.types.is_numeric_dtype(points[p])]
    return next(iter(numeric + paths), None)


def axis(db: Database, points: pd.DataFrame, path: str, option: str) -> str:
    """Checks a knob of an axis, and gives the points its column."""
    if path not in points:
        points[path] = db.knob(path, points["run"])
    if points[path].nunique() < 2:
        can = ", ".join(varied(points)) or "nothing"
        raise BadRequest(f"{option} {path}: is the same in every point; they vary {can}")
    return path


def heatmap(
    db: Database,
    runs: Sequence[int] | None = None,
    sweep: str | None = None,
    x: str | None = None,
    y: str | None = None,
    metric: str = "op:walk.mean",
) -> pd.DataFrame:
    """A metric over two knobs; several seeds of one cell are averaged."""
    points = db.points(runs, sweep)
    if x is None:
        x = first(points, free(points, y))
    if x is not None:
        x = axis(db, points, x, "--x")
        y = y or next(iter(free(points, x)), None)
    if x is None or y is None:
        raise BadRequest(f"heatmap: two knobs are needed; the points vary {x or 'nothing'}")
    y = axis(db, points, y, "--y")
    table, label = measured(db, points, metric)
    table = table.groupby([x, y], sort=False)["value"].mean().reset_index()
    out = pd.DataFrame({"x": table[x], "y": table[y], "value": table["value"]})
    out.attrs.update(x=knob_label(db, x), y=knob_label(db, y), value=label)
    out.attrs.update(x_unit=db.unit(x), y_unit=db.unit(y))
    return out


def lines(
    db: Database,
    runs: Sequence[int] | None = None,
    sweep: str | None = None,
    x: str | None = None,
    series: str | None = None,
    metric: str = "op:walk.mean",
) -> pd.DataFrame:
    """A metric over one knob, a line for each value of another; points that differ in the
    seed alone are one, with the 95 % confidence interval of their mean."""
    points = db.points(runs, sweep)
    if x is None:
        x = first(points, free(points, series))
    if x is None:
        raise BadRequest("sweep: no knob differs between the points; --x names one")
    x = axis(db, points, x, "--x")
    rest = [axis(db, points, series, "--series")] if series else free(points, x)
    table, label = measured(db, points, metric)
    out = []
    for key, group in table.groupby(rest + [x], sort=False, dropna=False):
        values, key = list(group["value"]), key if isinstance(key, tuple) else (key,)
        mean, half = sum(values) / len(values), half_width(values)
        name = key[0] if len(rest) == 1 else ", ".join(f"{short(p)}={k}" for p, k in zip(rest, key))
        out.append((key[-1], mean, name, mean - half, mean + half, len(values)))
    frame = pd.DataFrame(out, columns=["x", "y", "series", "low", "high", "seeds"])
    frame.attrs.update(x=knob_label(db, x), y=label, x_unit=db.unit(x))
    if len(rest) == 1:
        frame.attrs.update(series=knob_label(db, rest[0]), series_unit=db.unit(rest[0]))
    return frame


def measured(db: Database, points: pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    """Points with the metric's value, those that have one; and the label of its axis."""
    values, label = metric(db, name, list(points["run"]))
    table = points.assign(value=[values.get(r, math.nan) for r in points["run"]])
    table = table.dropna(subset=["value"])
    if table.empty:
        raise NoRows(f"{db.path}: no point has {name}")
    return table, label


# ---- distributions, documents --------------------------------------------------------------


def latency(
    db: Database, runs: Sequence[int] | None = None, of: str = "access.load"
) -> pd.DataFrame:
    """Histograms of durations, a series for each run and operation."""
    chosen = db.runs(runs or db.newest(of))
    (labels, heading), names, out = run_labels(db, chosen), db.operations(of), []
    for run in chosen["run"]:
        found = db.sql("select op, low_ps, sum(n) as n from histogram where run = ? "
                       "group by op, low_ps order by op, low_ps", [run])  # fmt: skip
        found = found[found["op"].isin(names)]
        label = labels[run].replace("\n", ", ")
        if len(names) == 1:
            found["series"] = label
        else:
            found["series"] = found["op"] + (f" {label}" if len(chosen) > 1 else "")
        out.append(found)
    table = pd.concat(out)
    if table.empty:
        raise NoRows(f"{db.path}: run {', '.join(map(str, chosen['run']))} has no {of}")
    table["ns"] = table["low_ps"] / 1e3
    what = names[0] if len(names) == 1 else "operation"
    table.attrs.update(x=f"time of one {what} (ns)", y=f"{what}: share that is as fast (%)")
    if len(names) == 1:
        table.attrs.update(series=heading.replace("\n", ", "))
    return table[["ns", "n", "series"]].reset_index(drop=True)


def curve(db: Database, runs: Sequence[int] | None = None) -> pd.DataFrame:
    """Misses of a structure by its size, as `virtsim curve` stored them with a run."""
    newest = [db.one("select max(run) from curve")]
    chosen = db.runs(runs or [n for n in newest if n])["run"] if runs or newest[0] else []
    marks = ", ".join(str(int(n)) for n in chosen)
    table = db.sql(
        "select structure, sets, entries, 1.0 * misses / nullif(hits + misses, 0) as miss_ratio "
        f"from curve where run in ({marks}) order by run, structure, sets, entries"
    )
    if table.empty:
        raise NoRows(f"{db.path}: no curve is stored; 'virtsim curve' makes one")
    return misses(table)


def compare(
    db: Database,
    runs: Sequence[int] | None = None,
    domain: str | None = None,
    all: bool = False,
) -> pd.DataFrame:
    """What `virtsim compare` found, one row a claim: the newest run's."""
    if runs:
        raise BadRequest("compare: takes no run numbers; --domain narrows it")
    table = db.sql(
        "select claim_id, domain as 'group', subject || ': ' || metric as label, low, high, value, "
        "relation, basis, verdict, c.unit from comparison x join claim c using (claim_id) where "
        "run = (select max(run) from comparison y where y.claim_id = x.claim_id) "
        "order by domain, claim_id"
    )
    if table.empty:
        raise NoRows(f"{db.path}: no comparison is stored; 'virtsim compare --db' makes it")
    if domain:
        if domain not in set(table["group"]):
            raise NoRows(f"--domain {domain}: nothing is compared; there are "
                         + ", ".join(sorted(set(table["group"]))))  # fmt: skip
        table = table[table["group"] == domain]
    table = table if all else table[table["basis"] == "predicted"]
    return table.reset_index(drop=True)


def choice(value: str, option: str, allowed: Sequence[str]) -> None:
    """Refuses a word that is not one of them."""
    if value not in allowed:
        raise BadRequest(f"{option} {value}: one of {', '.join(allowed)} is needed")


TABLES: dict[str, Callable[..., pd.DataFrame]] = {
    "breakdown": breakdown,
    "time": time,
    "heatmap": heatmap,
    "sweep": lines,
    "latency": latency,
    "curve": curve,
    "compare": compare,
}

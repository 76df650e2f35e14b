# SPDX-License-Identifier: MIT
"""Metrics of runs by name, as `--metric` of the program takes them: `op:walk`, `op:walk.p99`,
`part:walk/memory.llc_hit.share`, `counter:ept.walks`, `ratio:op:walk.n/op:access.load.n`,
`op:irq@vcpu1/guest`.

Without an actor they are rows of the database's view `metric`: the name is only brought into the form
that the view has. With one, the rows of the actors that it fits are added up.
"""
from __future__ import annotations

from collections.abc import Sequence

from virtsim_store import BadRequest, Database, NoRows

STATISTICS = {
    "op": ("mean", "p50", "p90", "p99", "n", "total"),
    "part": ("mean", "n", "total", "share"),
    "counter": (),
}


def metric(db: Database, name: str, runs: Sequence[int]) -> tuple[dict[int, float], str]:
    """The metric of each run that has it, and the label of its axis with the unit."""
    if not name.startswith("ratio:"):
        return term(db, name, runs)
    above, below = terms(name)
    (over, over_label), (under, under_label) = term(db, above, runs), term(db, below, runs)
    values = {run: v / under[run] for run, v in over.items() if under.get(run)}
    return values, f"{over_label} / {under_label}"


def terms(name: str) -> tuple[str, str]:
    """The two metrics of "ratio:A/B": the second begins with its kind."""
    body = name.removeprefix("ratio:")
    for kind in STATISTICS:
        above, slash, below = body.rpartition(f"/{kind}:")
        if slash and above:
            return above, f"{kind}:{below}"
    raise BadRequest(f"--metric {name}: ratio:A/B needs two metrics, e.g. "
                     "ratio:op:walk.n/op:access.load.n")  # fmt: skip


def term(db: Database, name: str, runs: Sequence[int]) -> tuple[dict[int, float], str]:
    """A metric that is no ratio."""
    kind, _, what = name.partition(":")
    if kind not in STATISTICS or not what:
        raise BadRequest(f"--metric {name}: op:NAME, part:OP/ACCOUNT, counter:NAME or ratio:A/B is needed")
    what, at, actor = what.partition("@")
    if at:
        if not actor:
            raise BadRequest(f"--metric {name}: @ is followed by an actor, such as @vcpu0/host or @'nic*'")
        return of_actors(db, full(db, kind, what), actor, runs)
    rows = db.sql("select run, value, unit from metric where metric = ?", [full(db, kind, what)])
    if rows.empty:
        near = db.near(f"select distinct metric from metric where metric like '{kind}:%'", full(db, kind, what))
        raise NoRows(f"{db.path}: no run has the metric {name}{near}")
    wanted = set(runs)
    pairs = zip(rows["run"], rows["value"], strict=True)
    values = {run: value for run, value in pairs if run in wanted and value is not None}
    return values, label(kind, what, rows["unit"].iloc[0])


def of_actors(db: Database, name: str, actor: str, runs: Sequence[int]) -> tuple[dict[int, float], str]:
    """A metric by its full name, of the actors that a pattern fits, and the label of its axis."""
    kind, _, what = name.partition(":")
    stem, last = split(kind, what)
    if kind == "counter":
        found = db.sql("select run, sum(value) value from counter where name = ? and actor glob ? group by run",
                       [stem, actor])  # fmt: skip
        unit = db.one("select unit from counter where name = ? limit 1", [stem]) or ""
    else:
        op, _, within = stem.partition("/")
        found = db.sql("""select run, sum(n) n, sum(total_ps) / 1e3 total, count(*) actors, max(p50_ps) / 1e3 p50,
                       max(p90_ps) / 1e3 p90, max(p99_ps) / 1e3 p99 from op
                       where op = ? and actor glob ? and n > 0 group by run""", [op, actor])  # fmt: skip
        if last.startswith("p") and (found["actors"] > 1).any():
            raise BadRequest(f"--metric {name}@{actor}: {actor} fits several actors, whose percentiles "
                             "have no sum; name one")  # fmt: skip
        found["mean"] = found["total"] / found["n"]
        if within:
            inner = db.sql("""select run, sum(n) n, sum(total_ps) / 1e3 total from (
                           select run, n, total_ps from part where op = ?1 and actor glob ?2 and account = ?3
                           union all
                           select run, n, total_ps from child where op = ?1 and actor glob ?2 and child = ?3)
                           group by run""", [op, actor, within])  # fmt: skip
            found = found.merge(inner, on="run", suffixes=("_op", ""))
            found["mean"] = found["total"] / found["n_op"]
            found["share"] = found["total"] / found["total_op"]
        found["value"] = found[last]
        unit = "ns"
    if found.empty:
        near = db.near(f"select distinct actor from {'counter' if kind == 'counter' else 'op'}", actor)
        raise NoRows(f"{db.path}: no run has the metric {name} of an actor {actor}{near}")
    wanted = set(runs)
    pairs = zip(found["run"], found["value"], strict=True)
    return {r: v for r, v in pairs if r in wanted}, f"{label(kind, what, unit)}, {actor}"


def full(db: Database, kind: str, what: str) -> str:
    """The name as the view has it: with its statistic, by the operation's own name."""
    stem, last = split(kind, what)
    if kind != "counter":
        op, slash, rest = stem.partition("/")
        own = db.sql("select op from op_alias where alias = ?", [op])["op"]
        known = db.one("select 1 from op where op = ? limit 1", [op])
        there = [o for o in own if db.one("select 1 from op where op = ? and n > 0 limit 1", [o])]
        if not known and len(there) > 1:
            raise BadRequest(f"--metric {kind}:{what}: {op} stands for {', '.join(there)}; name one")
        stem = (there[0] if there and not known else op) + slash + rest
        return f"{kind}:{stem}.{last}"
    return f"{kind}:{stem}"


def split(kind: str, what: str) -> tuple[str, str]:
    """A name and its statistic, which is the mean when none is said."""
    stem, _, last = what.rpartition(".")
    return (stem, last) if stem and last in STATISTICS[kind] else (what, "mean")


def label(kind: str, what: str, unit: str) -> str:
    """What an axis says: "mean of walk (ns)"."""
    if kind == "counter":
        return f"{what} ({unit})"
    stem, last = split(kind, what)
    stem = stem if kind == "op" else "{1} in {0}".format(*stem.partition("/")[::2])
    if last == "n":
        return f"number of {stem}"
    return f"{last} of {stem}" + ("" if last == "share" else f" ({unit})")

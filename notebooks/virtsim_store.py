# SPDX-License-Identifier: MIT
"""A results database as pandas tables: which runs there are, their points and knobs, any query."""
from __future__ import annotations

import atexit
import difflib
import fnmatch
import os
import shlex
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

class NoRows(ValueError):
    """A request that is well formed and finds nothing: what was looked for is the text."""


class BadRequest(ValueError):
    """A request that cannot be answered: where, why and what would be right."""


def program() -> str:
    """The program: VIRTSIM, else `virtsim` of the path, else the build beside this file."""
    built = Path(__file__).resolve().parent.parent / "build" / "virtsim"
    return os.environ.get("VIRTSIM") or shutil.which("virtsim") or str(built)


def run(*arguments: str, db: str | os.PathLike | None = None) -> str:
    """Runs `virtsim ARGUMENTS --db DB` and returns what it prints; its message when it fails."""
    command = [program(), *arguments] + (["--db", str(db)] if db else [])
    env = {"VIRTSIM_HOME": str(home()), **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def home() -> Path:
    """The program's files: VIRTSIM_HOME, else the folder that this one lies in."""
    return Path(os.environ.get("VIRTSIM_HOME") or Path(__file__).resolve().parent.parent)


def data(name: str) -> str:
    """Where a notebook keeps a file: VIRTSIM_NOTEBOOK_DATA, else the current folder."""
    return os.path.join(os.environ.get("VIRTSIM_NOTEBOOK_DATA", "."), name)


def make(name: str, *commands: str) -> Database:
    """A notebook's database, which these commands of the program make if it is not there yet."""
    path = data(name)
    if not os.path.exists(path):
        for command in commands:
            run(*shlex.split(command), db=path)
    return connect(path)


def connect(path: str | os.PathLike) -> Database:
    """Opens a database to read."""
    return Database(path)


class Database:
    """One results database, read only."""

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        if not os.path.exists(self.path):
            raise BadRequest(f"{self.path}: no such database; 'virtsim run' makes one")
        self._open(self.path)
        if self._old():
            self._upgrade()

    def _open(self, path: str) -> None:
        """Connects without the right to write."""
        uri = Path(path).resolve().as_uri() + "?mode=ro"
        self.connection = sqlite3.connect(uri, uri=True)

    def _old(self) -> bool:
        """Whether it lacks what today's have; a file that is no database is refused."""
        try:
            self.connection.execute("select 1 from run limit 1")
            names = self.connection.execute("select name from sqlite_master")
            return not {"metric", "sweep_point", "curve"} <= {name for (name,) in names}
        except sqlite3.Error as e:
            raise BadRequest(f"{self.path}: not a results database ({e})") from e

    def _upgrade(self) -> None:
        """Reads a copy in today's schema, which goes away with the process."""
        folder = tempfile.mkdtemp(prefix="virtsim-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        copy = os.path.join(folder, "upgraded.db")
        self.connection.close()
        run("db", "upgrade", self.path, copy)
        self._open(copy)

    def sql(self, query: str, parameters: Iterable = ()) -> pd.DataFrame:
        """Rows of any query."""
        try:
            return pd.read_sql_query(query, self.connection, params=tuple(parameters))
        except (pd.errors.DatabaseError, sqlite3.Error, TypeError) as e:
            raise BadRequest(f"SQL: {_reason(e)}") from e

    # ---- which runs --------------------------------------------------------------------

    def runs(self, numbers: Sequence[int] | None = None) -> pd.DataFrame:
        """Runs by number (all when none is given), one row each; a missing number is refused."""
        rows = self.sql("select * from run order by run")
        if not numbers:
            return rows
        lacking = sorted(set(numbers) - set(rows["run"]))
        if lacking:
            text = ", ".join(map(str, lacking[:4]))
            text += f" and {len(lacking) - 4} more" if lacking[4:] else ""
            raise BadRequest(f"{self.path}: no run {text}; 'virtsim list runs' shows them")
        return rows.set_index("run").loc[list(dict.fromkeys(numbers))].reset_index()

    def newest(self, pattern: str) -> list[int]:
        """The newest run that has such an operation and is no experiment of `virtsim compare`."""
        names = self.operations(pattern)
        marks = ", ".join("?" * len(names))
        run = self.one(
            "select max(run) from op join run using (run) where n > 0 and "
            f"point not like 'compare %' and op in ({marks})",
            names,
        )
        return [run] if run else []

    def points(
        self, numbers: Sequence[int] | None = None, sweep: str | None = None
    ) -> pd.DataFrame:
        """Runs of a sweep, with a column for each knob that was varied.

        Without numbers and name: those of the newest sweep. Runs that programs of before
        have made belong to no sweep by name; then they are those of one workload whose
        points name the same knobs.
        """
        if numbers:
            chosen = self.runs(numbers)
        elif sweep or self.one("select 1 from sweep_point limit 1"):
            chosen = self._sweep(sweep)
        else:
            chosen = self.runs()
            chosen = chosen[(chosen["point"] != "") & ~chosen["point"].str.startswith("compare ")]
            paths = chosen["point"].map(_paths)
            if len(chosen):
                alike = (paths == paths.iloc[-1]) & (chosen["workload"] == chosen["workload"].iloc[-1])
                chosen = chosen[alike]
        if chosen.empty:
            raise NoRows(f"{self.path}: no points of a sweep; 'virtsim sweep' makes them")
        out = chosen[["run", "workload", "machine", "seed", "point"]].reset_index(drop=True)
        for path in sorted({p for point in chosen["point"] for p in _paths(point)}):
            if path not in out and path != "input":
                out[path] = self.knob(path, out["run"])
        return out

    def _sweep(self, name: str | None) -> pd.DataFrame:
        """Runs of a sweep by its name, in the order of its points; of the newest without one."""
        if name is None:
            name = self.one("select sweep from sweep_point order by run desc, sweep limit 1")
        order = self.sql("select distinct run from sweep_point where sweep = ? order by point", [name])
        if order.empty:
            near = self.near("select distinct sweep from sweep_point", name)
            raise BadRequest(f"{self.path}: no sweep {name}{near}")
        return self.runs([int(r) for r in order["run"]])

    def knob(self, path: str, numbers: Iterable[int]) -> list:
        """The knob's value in each run: a number where all are numbers, else text."""
        if path in ("machine", "seed", "workload", "run"):
            column = "run" if path == "run" else f"run, {path}"
            found = self.sql(f"select {column} from run").set_index("run", drop=False)[path]
        else:
            found = self.sql("select run, value from knob where path = ?", [path])
            found = found.set_index("run")["value"]
        if found.empty:
            near = self.near("select distinct path from knob", path)
            raise BadRequest(f"{path}: no run has such a knob{near}")
        values = [found.get(n) for n in numbers]
        numeric = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
        return values if numeric.isna().any() else numeric.tolist()

    def unit(self, path: str) -> str:
        """The unit of a knob, '' for a choice or a flag."""
        rows = self.sql("select unit from knob where path = ? limit 1", [path])["unit"]
        return "" if rows.empty or rows[0] in ("choice", "flag", "id") else rows[0]

    def operations(self, pattern: str) -> list[str]:
        """Operations of a name: globs, lists by commas, and other manuals' names."""
        known = list(self.sql("select distinct op from op where n > 0 order by op")["op"])
        alias = self.sql("select alias, op from op_alias")
        out: list[str] = []
        for word in pattern.split(","):
            meant = [op for op in known if fnmatch.fnmatchcase(op, word)]
            meant = meant or [op for op in alias.op[alias.alias == word] if op in known]
            if not meant:
                near = self.near("select distinct op from op where n > 0", word)
                raise NoRows(f"{self.path}: no run has an operation {word}{near}")
            out += [op for op in meant if op not in out]
        return out

    def near(self, query: str, word: str) -> str:
        """'; did you mean ...?' with the nearest name the query lists, or ''."""
        names = list(self.sql(query).iloc[:, 0])
        found = [n for n in names if n.startswith(word)][:1]
        found = found or difflib.get_close_matches(word, names, 1)
        return f"; did you mean {found[0]}?" if found else ""

    def one(self, query: str, parameters: Iterable = ()) -> float | None:
        """The first column of the first row; None when there is no row or it is NULL."""
        row = self.connection.execute(query, tuple(parameters)).fetchone()
        return row[0] if row else None


def _reason(error: BaseException) -> str:
    """SQLite's own words, without the query that pandas puts before them."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def _paths(point: str) -> tuple[str, ...]:
    """The knobs that a point ("path=value path=value") names, in its order."""
    return tuple(word.split("=", 1)[0] for word in point.split() if "=" in word)

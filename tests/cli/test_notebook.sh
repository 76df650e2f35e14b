#!/bin/sh
# SPDX-License-Identifier: MIT
# Every notebook runs from start to end on databases that it makes, what it asserts holds, and it draws its figures.
# Two of them execute always; with VIRTSIM_ALL (./dev check --all sets it) all do.
. "$VIRTSIM_HOME/tests/lib.inc"
[ -x /usr/bin/jupyter ] && /usr/bin/python3 -c 'import nbconvert, ipykernel, pandas, matplotlib' 2>/dev/null || exit 77
export VIRTSIM VIRTSIM_HOME VIRTSIM_NOTEBOOK_DATA="$work/data" HOME="$work" MPLCONFIGDIR="$work/mpl" PYTHONDONTWRITEBYTECODE=1
mkdir "$work/data"
always="exits walks"
all=$(cd "$VIRTSIM_HOME/notebooks" && ls -- *.ipynb | sed 's/\.ipynb$//' | tr '\n' ' ')
[ -n "${VIRTSIM_ALL:-}" ] && always=$all
for notebook in $always; do
    set -- "$@" "$VIRTSIM_HOME/notebooks/$notebook.ipynb"
done
ok "every cell executes" /usr/bin/jupyter nbconvert --to notebook --execute "$@" --output-dir "$work"
[ "$got" = 0 ] || tail -30 "$work/err"
/usr/bin/python3 - "$VIRTSIM_HOME/notebooks" "$work" $always <<'PY' >"$work/said"
import ast, glob, json, os, re, sys
source, work, *executed = sys.argv[1:]
for path in sorted(glob.glob(source + "/*.ipynb")):
    name = os.path.basename(path)[:-6]
    cells = json.load(open(path))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    modules = {a.name for t in map(ast.parse, code) for n in ast.walk(t) if isinstance(n, ast.Import) for a in n.names}
    if modules != {"virtsim_db"} or not any("assert " in c for c in code):
        print(name, "imports", modules, "or asserts nothing")
    if any(c.get("outputs") for c in cells):
        print(name, "is committed with what it printed")
    drawn = re.findall(r'\), "(\w+)"\)$', "\n".join(code), re.M)
    if not drawn:
        print(name, "draws nothing")
    for figure in drawn if name in executed else []:
        file = f"{work}/data/{figure}.svg"
        if not os.path.exists(file) or "<svg" not in open(file).read():
            print(name, "has not drawn", figure)
print("looked at all")
PY
equal "they use the module alone, assert and draw" "looked at all" "$(cat "$work/said")"
checks=$((checks + 1))
[ "$(echo "$all" | wc -w)" -ge 4 ] || { failures=$((failures + 1)); echo "FAILED: there are fewer notebooks than that: $all"; }
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# The notebook runs from start to end on a database of its own, and draws its figures.
. "$VIRTSIM_HOME/tests/lib.inc"
[ -x /usr/bin/jupyter ] && /usr/bin/python3 -c 'import nbconvert, ipykernel, pandas, matplotlib' 2>/dev/null || exit 77
export VIRTSIM VIRTSIM_HOME VIRTSIM_NOTEBOOK_DB="$work/notebook.db" HOME="$work"
ok "every cell executes" /usr/bin/jupyter nbconvert --to notebook --execute "$VIRTSIM_HOME/notebooks/exit_and_walk.ipynb" --output-dir "$work" --output out.ipynb
ok "the exit's figure" test -s "$work/exit.svg"
ok "the walk's figure" test -s "$work/walk.svg"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# The notebooks run from start to end on databases of their own, and draw their figures. Without VIRTSIM_ALL (./dev
# check --all sets it) one of them.
. "$VIRTSIM_HOME/tests/lib.inc"
[ -x /usr/bin/jupyter ] && /usr/bin/python3 -c 'import nbconvert, ipykernel, pandas, matplotlib' 2>/dev/null || exit 77
export VIRTSIM VIRTSIM_HOME VIRTSIM_NOTEBOOK_DB="$work/notebook.db" VIRTSIM_CROSSOVER_DB="$work/crossover.db" HOME="$work"
ok "every cell executes" /usr/bin/jupyter nbconvert --to notebook --execute "$VIRTSIM_HOME/notebooks/exit_and_walk.ipynb" --output-dir "$work" --output out.ipynb
ok "the exit's figure" test -s "$work/exit.svg"
ok "the walk's figure" test -s "$work/walk.svg"
[ -n "${VIRTSIM_ALL:-}" ] || finish || exit 1
[ -n "${VIRTSIM_ALL:-}" ] || exit 0
ok "every cell of the second executes" /usr/bin/jupyter nbconvert --to notebook --execute "$VIRTSIM_HOME/notebooks/shadow_and_ept.ipynb" --output-dir "$work" --output out2.ipynb
ok "the crossover's figure" test -s "$work/crossover.svg"
finish

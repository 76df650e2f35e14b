#!/bin/sh
# SPDX-License-Identifier: MIT
# bench/staircase measures this machine and sets a simulated one beside it: every row has both.
. "$VIRTSIM_HOME/tests/lib.inc"
program=$(dirname "$VIRTSIM")/bench/staircase
[ -x "$program" ] || exit 77
cd "$VIRTSIM_HOME" || exit 1
"$program" haswell_ep_native 96 >"$work/rows" 2>"$work/notes"
checks=$((checks + 1))
if ! awk -F, 'NR == 1 { if ($0 != "kib,page,measured_ns,simulated_ns") exit 1; next }
    NF != 4 || $3 <= 0 || $4 <= 0 { exit 1 }
    { n[$2]++; if ($1 == 16 && ($4 < 1.5 || $4 > 1.6)) exit 1 } # 4 cycles of 2600 MHz
    END { if (n["4K"] != 6 || n["2M"] != 6) exit 1 }' "$work/rows"; then
    failures=$((failures + 1))
    echo "FAILED: bench/staircase: rows"
    cat "$work/rows"
fi
checks=$((checks + 1))
if "$program" haswell_ep_native 1 2>/dev/null; then
    failures=$((failures + 1))
    echo "FAILED: bench/staircase takes a footprint below its smallest"
fi
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# Figures in the hand-written pages are those that the program gives; what a page says in words about them holds.
. "$VIRTSIM_HOME/tests/lib.inc"
pages="docs/window.md docs/scheduling.md docs/workloads.md docs/labs/page-walk-caches.md docs/labs/shadow-vs-ept.md"
if [ -n "${VIRTSIM_ALL:-}" ]; then # page tables of 32 GiB, sixteen times
    pages="$pages docs/numa.md docs/validation.md"
else
    left_out numa_figures
fi
for page in $pages; do
    ok "$page says what is measured" "$VIRTSIM_HOME/tools/measured" --check "$page"
    [ "$got" = 0 ] || cat "$work/out"
    checks=$((checks + 1))
    if [ "$(grep -c 'measured: 0 figures' "$work/out")" != 0 ]; then
        failures=$((failures + 1))
        echo "FAILED: $page has no figures that are measured"
    fi
done
# a page that says something else is found
mkdir -p "$work/tree/tools" "$work/tree/docs"
cp "$VIRTSIM_HOME/tools/measured" "$work/tree/tools/"
cat >"$work/tree/docs/page.md" <<'MD'
<!-- runs
virtsim run workloads/gups.lua --set workload.count=100 --set workload.footprint=1MiB --db a.db
-->
It made <!-- measured a.db: SELECT count(*) FROM run -->7<!-- end --> runs.
MD
"$work/tree/tools/measured" --check docs/page.md >"$work/out"
equal "a page that says something else is found" 1 $?
equal "and named" 1 "$(grep -c '^docs/page.md: says' "$work/out")"
ok "is written anew" "$work/tree/tools/measured" docs/page.md
equal "with what is measured" 1 "$(grep -c 'It made .*-->1<!-- end --> runs' "$work/tree/docs/page.md")"
finish

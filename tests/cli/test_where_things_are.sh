#!/bin/sh
# SPDX-License-Identifier: MIT
# Where databases are: named by --db, by VIRTSIM_DB, or made where one works, and said.
. "$VIRTSIM_HOME/tests/lib.inc"
printf 'guest(function(cpu) cpu:compute(1000) end)\n' >"$work/w.lua"
mkdir "$work/here" && cd "$work/here" || exit 1

unset VIRTSIM_DB
ok "a run without a name" "$VIRTSIM" run ../w.lua --quiet
equal "makes one here" 1 "$(ls results/virtsim.db 2>/dev/null | wc -l)"
equal "and says so, and how to have another" 1 "$(grep -c "made results/virtsim.db.*VIRTSIM_DB" "$work/err")"
ok "the next run" "$VIRTSIM" run ../w.lua --quiet
equal "finds it, and says nothing" "" "$(cat "$work/err")"
ok "one that is named" "$VIRTSIM" run ../w.lua --quiet --db own.db
equal "is no surprise" "" "$(cat "$work/err")"
ok "nothing stored, nothing made" "$VIRTSIM" run ../w.lua --quiet --no-store
rm -rf results
refused "a failed run" 2 "" "$VIRTSIM" run nothing.lua --quiet
equal "makes nothing" 0 "$(ls results 2>/dev/null | wc -l)"

export VIRTSIM_DB="$work/env.db"
ok "VIRTSIM_DB names one" "$VIRTSIM" run ../w.lua --quiet
ok "for every command: sweep" "$VIRTSIM" sweep ../w.lua --quiet --vary cpu.window=0,32
equal "in it" 3 "$("$VIRTSIM" list runs --format csv | sed 1d | wc -l)"
ok "show" "$VIRTSIM" show 1
ok "diff" "$VIRTSIM" diff 2 3
ok "explain" "$VIRTSIM" explain timeline --run 1
"$VIRTSIM" compare --no-run --domain exit >/dev/null 2>&1
equal "compare" 0 "$(ls results 2>/dev/null | wc -l)"
ok "--db comes first" "$VIRTSIM" run ../w.lua --quiet --db "$work/first.db"
equal "which holds it" 1 "$("$VIRTSIM" list runs --db "$work/first.db" --format csv | sed 1d | wc -l)"
equal "nothing is made beside" 0 "$(ls results 2>/dev/null | wc -l)"
refused "one that is none" 2 "$work/w.lua: " env VIRTSIM_DB="$work/w.lua" "$VIRTSIM" show 1
VIRTSIM_DB=
ok "an empty name is none" "$VIRTSIM" run ../w.lua --quiet
equal "it is made here" 1 "$(ls results/virtsim.db 2>/dev/null | wc -l)"

# nothing is silent for long: lines where stderr is no terminal, at most so many seconds apart
long="../w.lua"
cp ../w.lua "$work/soon.lua"
printf 'guest(function(cpu) local r = cpu:map { bytes = 64 << 20 } for _ = 1, 90 do cpu:random { region = r, count = 50000 } end end)\n' >"$work/w.lua"
VIRTSIM_PROGRESS=0.2 "$VIRTSIM" run $long --no-store >/dev/null 2>"$work/err"
ok "a run says how far it is" test "$(grep -c '^virtsim: running: .* ms simulated' "$work/err")" -ge 2
VIRTSIM_PROGRESS=0.2 "$VIRTSIM" sweep $long --vary guest.page_size=4K,2M --db "$work/long.db" >/dev/null 2>"$work/err"
ok "a sweep too, while its first point runs" test "$(grep -c '^virtsim: [01] of 2 points' "$work/err")" -ge 1
"$VIRTSIM" run "$work/soon.lua" --no-store >/dev/null 2>"$work/err"
equal "what ends soon says nothing" 0 "$(grep -c 'running:' "$work/err")"
VIRTSIM_PROGRESS=0.2 "$VIRTSIM" run $long --no-store --quiet >/dev/null 2>"$work/err"
equal "--quiet says nothing" "" "$(cat "$work/err")"
finish

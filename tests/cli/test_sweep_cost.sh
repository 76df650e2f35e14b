#!/bin/sh
# SPDX-License-Identifier: MIT
# What a point costs beside its simulation: at most 12 million instructions of all processes. Part of ./dev check --all.
. "$VIRTSIM_HOME/tests/lib.inc"
[ -n "${VIRTSIM_ALL:-}" ] || { echo "skipped: part of ./dev check --all"; exit 77; }
not_sanitized "its instructions are counted"
printf 'param { name = "n", default = 1, min = 1, text = "loads" }\nguest(function(cpu, p) local m = cpu:map { bytes = 65536 } cpu:random { region = m, count = p.n, op = "load" } end)\n' >"$work/tiny.lua"
# memory is cleared and copied by vectors: valgrind counts REP STOSB, which some processors prefer, byte by byte
export GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=1073741824:glibc.cpu.x86_rep_movsb_threshold=1073741824
instructions() { # of a sweep of so many points
    valgrind --tool=callgrind --callgrind-out-file="$work/cg.$1.%p" "$VIRTSIM" sweep "$work/tiny.lua" --quiet --vary "workload.n=1:$1:+1" \
        --set host.memory=1GiB --set guest.memory=256MiB --db "$work/$1.db" >/dev/null 2>"$work/err"
    cat "$work/cg.$1."* | sed -n 's/^totals: //p' | awk "{ n += \$1 } END { printf \"%d\\n\", n }"
}
few=$(instructions 2) many=$(instructions 8)
each=$(((many - few) / 6))
echo "$each instructions a point"
# 10,360 thousand where this was written
ok "a point takes at most 12 million instructions" test "$each" -gt 1000000 -a "$each" -le 12000000
finish

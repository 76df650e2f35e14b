#!/bin/bash
# SPDX-License-Identifier: MIT
# Law: a command starts soon: the smallest run and the list of machines take few instructions of the host, which are the
# same on every machine. Counted by valgrind.
. "$VIRTSIM_HOME/tests/lib.inc"
not_sanitized "its instructions are counted"

# few "what" THOUSANDS command...: the command takes at most so many thousand instructions
few() {
    what=$1
    most=$2
    shift 2
    checks=$((checks + 1))
    n=$(cd "$work" && valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
        sed -n 's/.*Collected : //p')
    if [ "${n:-999999999}" -gt "${most}000" ]; then
        failures=$((failures + 1))
        echo "FAILED: $what takes ${n:-?} instructions, more than $most thousand"
    fi
}

echo "guest(function(cpu) cpu:cpuid(0) end)" >"$work/smallest.lua"
smallest=("$VIRTSIM" run "$work/smallest.lua" --set=host.memory=1GiB --set=guest.memory=256MiB --quiet --db="$work/s.db")
ok "makes a database" "${smallest[@]}"
# 13,090 and 13,280 thousand where this was written, with 1091 knobs: what libraries and the lengths of paths add is not ours
few "the smallest run, stored" 13300 "${smallest[@]}"
few "the smallest run, its database new" 13500 "$VIRTSIM" run "$work/smallest.lua" --set=host.memory=1GiB --set=guest.memory=256MiB --quiet --db="$work/n.db"
few "list machines" 10000 "$VIRTSIM" list machines
finish

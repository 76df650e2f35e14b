#!/bin/sh
# SPDX-License-Identifier: MIT
# What simulating an exit costs, in instructions of the host, which are the same on every machine: a warm CPUID exit (on
# Arm a read of an identification register) of each architecture takes no more than tools/instructions says it may.
. "$VIRTSIM_HOME/tests/lib.inc"
objdump -p "$VIRTSIM" 2>/dev/null | grep -q 'lib[at]san' && { echo "skipped: instructions of a sanitized program count something else"; exit 77; }
grep -q '^CMAKE_BUILD_TYPE:STRING=\(RelWithDebInfo\|Release\)$' "$(dirname "$VIRTSIM")/CMakeCache.txt" 2>/dev/null || { echo "skipped: instructions of a program that is not optimized"; exit 77; }
ok "an exit takes what it may" "$VIRTSIM_HOME/tools/instructions" --build "$(dirname "$VIRTSIM")" --home "$VIRTSIM_HOME" --only 'CPUID exit' --bars -j 1
equal "three architectures were counted" 3 "$(grep -c '^CPUID exit' "$work/out")"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# What simulating an exit, a packet and a device's translation costs, in instructions of the host, which are the same on
# every machine: a warm CPUID exit (on Arm a read of an identification register) of each architecture, an echo of
# udp_echo, a packet sent in saturation, a translated DMA and two vCPUs that compute beside each other take no more than
# tools/instructions says they may.
. "$VIRTSIM_HOME/tests/lib.inc"
not_sanitized "its instructions are counted"
grep -q '^CMAKE_BUILD_TYPE:STRING=\(RelWithDebInfo\|Release\)$' "$(dirname "$VIRTSIM")/CMakeCache.txt" 2>/dev/null || { echo "skipped: instructions of a program that is not optimized"; exit 77; }
ok "an exit, a packet and a translation take what they may" "$VIRTSIM_HOME/tools/instructions" --build "$(dirname "$VIRTSIM")" --home "$VIRTSIM_HOME" --only 'CPUID exit|echo|packet|translated|compute' --bars -j 1
equal "three architectures were counted" 3 "$(grep -c '^CPUID exit' "$work/out")"
for what in echo packet 'address of a DMA' '1000 instructions, two'; do
    equal "$what was counted" 1 "$(grep -c "^$what" "$work/out")"
done
finish

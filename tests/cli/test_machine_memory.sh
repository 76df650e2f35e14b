#!/bin/sh
# SPDX-License-Identifier: MIT
# The memory of a machine: as large as host.memory says, and no larger.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/m.db
cd "$VIRTSIM_HOME" || exit 1
touch=workloads/page_touch.lua

walk="run $touch --db $db --quiet --set guest.zero_page.clear.taken=0 --machine skylake_sp_native"
# shellcheck disable=SC2086 # words
ok "48 MiB of 64" "$VIRTSIM" $walk --set host.memory=64MiB --set workload.footprint=48MiB
# shellcheck disable=SC2086 # words
refused "72 MiB of 64" 2 "host.memory = 67108864" "$VIRTSIM" $walk --set host.memory=64MiB --set workload.footprint=72MiB
# shellcheck disable=SC2086 # words
ok "1.25 GiB of 1.5" "$VIRTSIM" $walk --set host.memory=1536MiB --set workload.footprint=1280MiB --set guest.page_size=2M
refused "too small for a guest" 2 "guest.memory = 16777216" "$VIRTSIM" run $touch --set host.memory=16MiB --set guest.memory=16MiB --db "$db"
finish

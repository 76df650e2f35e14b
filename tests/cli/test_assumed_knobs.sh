#!/bin/sh
# SPDX-License-Identifier: MIT
# list knobs --assumed ranks what a stored run assumes by the time that it prices there.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/a.db
run() { ok "a run of $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/exit_microbench.lua" --db "$db" --quiet "$@"; }
ranked() { "$VIRTSIM" list knobs --assumed --db "$db" --format csv "$@" | sed 1d; }
share() { ranked "$@" | awk -F, -v knob="$knob" '{ gsub(/"/, "") } $1 == knob { print $5 }'; }
run --set workload.reason=cpuid
run --set workload.reason=pause --set vmcs.control.pause_exiting=1 --machine skylake_sp_native
run --set workload.reason=cpuid --set vmcs.instruction.vmwrite=2200
equal "the largest share comes first" "$(ranked --run 1 | awk -F, '{ print $5 }' | sort -gr)" "$(ranked --run 1 | awk -F, '{ print $5 }')"
equal "what was measured is not among them" 0 "$(ranked --run 1 | grep -vc assumed)"
equal "nor what prices nothing there" 0 "$(ranked --run 2 | grep -c vmcs)"
knob=vmcs.instruction.vmwrite
equal "a knob that prices more decides more" yes "$(awk -v a="$(share --run 1)" -v b="$(share --run 3)" 'BEGIN { print((a > 0 && b > 10 * a && b < 100) ? "yes" : a " " b) }')"
equal "the newest run where none is named" "$(share --run 3)" "$(share)"
booked=$(sqlite3 "$db" "select sum(total_ps) / 1e9 from part where run = 3 and account = 'vmcs.instruction.vmwrite'")
equal "its time is the run's" yes "$(awk -v a="$booked" -v b="$(ranked --run 3 | awk -F, '{ gsub(/"/, "") } $1 == "vmcs.instruction.vmwrite" { print $6 }')" 'BEGIN { d = a - b; print d * d < 1e-5 ? "yes" : a " " b }')"
refused "a run that is not there" 2 "no run 9" "$VIRTSIM" list knobs --assumed --run 9 --db "$db"
refused "a run of nothing" 2 "a run is needed" "$VIRTSIM" list knobs --assumed --run x --db "$db"
refused "of accounts" 2 "are of knobs" "$VIRTSIM" list accounts --assumed --db "$db"
refused "a run without a question" 2 "it is missing" "$VIRTSIM" list knobs --run 1 --db "$db"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# A VMRUN that the architecture refuses ends a run by its name; clean bits make the others cheaper.
. "$VIRTSIM_HOME/tests/lib.inc"
w=$VIRTSIM_HOME/workloads/exit_microbench.lua
refused "without the VMRUN intercept no guest runs" 2 "VMEXIT_INVALID, the VMRUN intercept bit is clear" \
    "$VIRTSIM" run "$w" --machine zen2_rome_kvm --set svm.intercept.vmrun=0 --no-store --quiet
mean() { # MACHINE OPTION...: ps of a hypercall's exit
    rm -f "$work/c.db"
    "$VIRTSIM" run "$w" --quiet --db "$work/c.db" --set workload.reason=vmcall --set workload.count=50 -m "$@" >/dev/null
    sqlite3 "$work/c.db" "select total_ps / n from op where op = 'exit.vmmcall'"
}
groups() { sqlite3 "$work/c.db" "select coalesce(sum(value), 0) from counter where name = 'svm.clean_groups'"; }
clean=$(mean zen2_rome_kvm)
equal "eight of ten groups are clean: all but V_TPR and CR2" 400 "$(groups)"
all=$(mean zen2_rome_kvm --set svm.cap.vmcb_clean=0)
equal "without clean bits none is" 0 "$(groups)"
equal "and each VMRUN takes longer" yes "$([ "$all" -gt "$clean" ] && echo yes)"
equal "but does the same" "$("$VIRTSIM" run "$w" -m zen2_rome_kvm --no-store --quiet --set workload.count=20 --format csv | grep ',op,' | cut -d, -f1-3)" \
    "$("$VIRTSIM" run "$w" -m zen2_rome_kvm --no-store --quiet --set workload.count=20 --format csv --set svm.cap.vmcb_clean=0 | grep ',op,' | cut -d, -f1-3)"
mean k10_shanghai_kvm >/dev/null
equal "K10 has no clean bits" 0 "$(groups)"
finish

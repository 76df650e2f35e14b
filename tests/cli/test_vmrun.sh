#!/bin/sh
# SPDX-License-Identifier: MIT
# A VMRUN that the architecture refuses ends a run by its name; clean bits make the others cheaper.
. "$VIRTSIM_HOME/tests/lib.inc"
w=$VIRTSIM_HOME/workloads/exit_microbench.lua
refused "without the VMRUN intercept no guest runs" 2 "VMEXIT_INVALID, the VMRUN intercept bit is clear" \
    "$VIRTSIM" run "$w" --machine zen2_rome_kvm --set svm.intercept.vmrun=0 --no-store --quiet
# MOV to CR0 of an illegal value faults in the guest before its intercept is looked at
cr0() { printf 'guest(function(cpu) cpu:write_cr(0, %s) end)\n' "$1" >"$work/cr0.lua"; }
for machine in zen2_rome_kvm skylake_sp_kvm zen2_rome_native; do
    cr0 0xa0050033
    refused "NW without CD on $machine" 1 "#GP, NW is set without CD" "$VIRTSIM" run "$work/cr0.lua" -m $machine --no-store --quiet
    cr0 0x33
    refused "paging off on $machine" 1 "#GP, PG is clear in 64-bit mode" "$VIRTSIM" run "$work/cr0.lua" -m $machine --no-store --quiet
    cr0 0xe0050033
    ok "caches off on $machine" "$VIRTSIM" run "$work/cr0.lua" -m $machine --no-store --quiet
done
exits() { "$VIRTSIM" run "$work/cr0.lua" -m zen2_rome_kvm --no-store --quiet --format csv | grep -c 'exit.cr_write'; }
equal "AMD: a write that changes CR0 exits" 1 "$(exits)"
cr0 0x8005003b
equal "one of TS alone does not" 0 "$(exits)"
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
equal "but does the same" "$("$VIRTSIM" run "$w" -m zen2_rome_kvm --no-store --quiet --set workload.reason=vmcall --set workload.count=20 --format csv | grep ',op,' | cut -d, -f1-3)" \
    "$("$VIRTSIM" run "$w" -m zen2_rome_kvm --no-store --quiet --set workload.reason=vmcall --set workload.count=20 --format csv --set svm.cap.vmcb_clean=0 | grep ',op,' | cut -d, -f1-3)"
mean k10_shanghai_kvm >/dev/null
equal "K10 has no clean bits" 0 "$(groups)"
finish

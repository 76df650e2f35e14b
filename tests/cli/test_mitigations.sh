#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A mitigation is what it does, on the parts that are affected, when KVM does it.
. "$VIRTSIM_HOME/tests/lib.inc"
on="--set hypervisor.mitigations=auto"
run() { # REASON MACHINE [options]
    reason=$1
    shift
    rm -f "$work/m.db"
    "$VIRTSIM" run "$VIRTSIM_HOME/workloads/exit_microbench.lua" --quiet --db "$work/m.db" --set workload.reason=$reason \
        --set workload.count=100 --set workload.warmup=20 -m "$@" >/dev/null || echo failed
}
one() { sqlite3 "$work/m.db" "$1"; }
exits() { one "select sum(n) from op where op like 'exit.%' and actor like '%host'"; }
total() { one "select sum(total_ps) from op where op like 'exit.%' and actor like '%host'"; }
part() { one "select coalesce(sum(n), 0) from part where account = '$1'"; }
counter() { one "select coalesce(sum(value), 0) from counter where name = '$1'"; }
# a loop of 82 instructions, a call and a return of 7: as often as they are run
parts() { echo "rsb $(($(part hypervisor.rsb_fill.stuff) / 82)) ibrs $(part hypervisor.spec_ctrl.ibrs) untrain $(($(part hypervisor.path_in.untrain) / 7)) verw $(part hypervisor.path_out.verw) l1d $(counter hypervisor.l1d_flushes)"; }

for machine in skylake_sp_kvm haswell_ep_kvm cascadelake_kvm zen2_rome_kvm zen3_milan_kvm k10_shanghai_kvm; do
    run vmcall $machine
    equal "$machine: off is off" "rsb 0 ibrs 0 untrain 0 verw 0 l1d 0" "$(parts)"
done
# a hypercall touches nothing that a guest must not see: no conditional flush
run vmcall skylake_sp_kvm
before=$(total)
run vmcall skylake_sp_kvm $on
equal "Skylake-SP: filled, IBRS both ways, VERW" "rsb 100 ibrs 200 untrain 0 verw 100 l1d 0" "$(parts)"
equal "which takes time" yes "$([ "$(total)" -gt $((before + 100 * 500 * 384)) ] && echo yes)"
run vmcall haswell_ep_kvm $on
equal "Haswell: no RETBLEED of its kind" "rsb 100 ibrs 0 untrain 0 verw 100 l1d 0" "$(parts)"
run vmcall cascadelake_kvm $on
equal "Cascade Lake: enhanced IBRS, RDCL_NO, MDS_NO" "rsb 0 ibrs 0 untrain 0 verw 0 l1d 0" "$(parts)"
run vmcall zen2_rome_kvm $on
equal "Zen 2: filled and untrained" "rsb 100 ibrs 0 untrain 100 verw 0 l1d 0" "$(parts)"
run vmcall k10_shanghai_kvm $on
equal "K10: filled" "rsb 100 ibrs 0 untrain 0 verw 0 l1d 0" "$(parts)"
# Arm: the vectors' loop of branches, before an HVC's round trip of 292 ns 25 more (C1089)
run vmcall neoverse_n1_kvm
before=$(total)
equal "Neoverse N1: off is off" 0 "$(part hypervisor.bhb.loop)"
run vmcall neoverse_n1_kvm $on
equal "Neoverse N1: a loop at each exit" 100 "$(part hypervisor.bhb.loop)"
equal "which takes 25 ns" 25 "$((($(total) - before + 50000) / 100000))"
run vmcall neoverse_n1_kvm $on --set cpu.affected.bhb=0
equal "a part that is not affected has none" "$before" "$(total)"
# L1TF: each exit to user space, and none on a part that is not affected
run io_out skylake_sp_kvm $on
equal "user space was asked: each entry empties L1D" 100 "$(counter hypervisor.l1d_flushes)"
equal "which is one operation of the cache" 100 "$(counter memory.l1d.flushes)"
run io_out skylake_sp_kvm $on --set hypervisor.l1d_flush=never
equal "unless never" 0 "$(counter hypervisor.l1d_flushes)"
run vmcall skylake_sp_kvm $on --set hypervisor.l1d_flush=always
equal "always: every entry" 100 "$(counter hypervisor.l1d_flushes)"
run io_out cascadelake_kvm $on --set hypervisor.l1d_flush=always
equal "not on Cascade Lake" 0 "$(counter hypervisor.l1d_flushes)"
run ept_violation broadwell_ep_kvm $on
equal "a violation is one of the unsafe handlers" 100 "$(counter hypervisor.l1d_flushes)"
# what the flush leaves is an empty cache: handler and guest load again
misses() { counter memory.l1d.read_misses; }
run vmcall skylake_sp_kvm $on
warm=$(misses)
run vmcall skylake_sp_kvm $on --set hypervisor.l1d_flush=always
cold=$(misses)
equal "an emptied cache misses: more than ten loads an exit" yes "$([ "$cold" -gt $((warm + 100 * 10)) ] && echo yes)"
equal "and writes back what was dirty" yes "$([ "$(counter memory.l1d.writebacks)" -gt 100 ] && echo yes)"
equal "nothing is unbalanced" 0 "$(one 'select count(*) from unbalanced')"
# IBPB after each exit is an option, whatever the part
run vmcall zen3_milan_kvm --set hypervisor.ibpb_on_exit=1
equal "a barrier after each exit" 100 "$(part hypervisor.path_in.ibpb)"
refused "programs without such steps" 2 "no steps for them" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/exit_microbench.lua" \
    --machine skylake_sp_xen $on --no-store --quiet --set workload.reason=vmcall
refused "Arm has no such barrier" 2 "no steps for them" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/exit_microbench.lua" \
    --machine neoverse_n1_kvm --set hypervisor.ibpb_on_exit=1 --no-store --quiet --set workload.reason=vmcall
finish

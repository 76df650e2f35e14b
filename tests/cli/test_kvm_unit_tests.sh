#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests of kvm-unit-tests' x86/vmexit and arm/micro-bench run under their names, or are refused by name; an
# ioeventfd takes an access off user space, where the hypervisor has such a thing.
. "$VIRTSIM_HOME/tests/lib.inc"
w=$VIRTSIM_HOME/workloads/exit_microbench.lua
db=$work/k.db
bench() { # MACHINE REASON [options]
    m=$1 r=$2
    shift 2
    rm -f "$db"
    ok "$r on $m $*" "$VIRTSIM" run "$w" -m "$m" --set workload.reason="$r" --set workload.count=40 --set workload.warmup=20 --quiet --db "$db" "$@"
}
exits() { sql "select group_concat(substr(op, 6) || ' ' || n, ', ') from (select op, sum(n) n from op where op like 'exit.%' group by op order by op)"; }
ns() { sql "select total(total_ps) / sum(n) / 1000.0 from op where op = '$1'"; }
more() { awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > b) }' && : || echo "FAILED: $1: $2 is not more than $3"; }

# one vCPU: name, exits of 40
while read -r name want; do
    bench skylake_sp_kvm "$name"
    equal "$name" "$want" "$(exits)"
done <<END
cpuid cpuid 40
vmcall vmcall 40
hypercall vmcall 40
inl_from_pmtimer io_instruction 40
inl_from_qemu io_instruction 40
inl_from_kernel io_instruction 40
outl_to_kernel io_instruction 40
mov_from_cr8
mov_to_cr8
self_ipi_sti_nop wrmsr 40
self_ipi_tpr_sti_hlt hlt 40, wrmsr 40
tscdeadline_immed wrmsr 40
tscdeadline preemption_timer 40, wrmsr 40
wr_tsc_adjust_msr wrmsr 40
rd_tsc_adjust_msr rdmsr 40
wr_kernel_gs_base
wr_ibrs_msr
mmio_no_eventfd ept_misconfig 40
mmio_wildcard_eventfd ept_misconfig 40
mmio_datamatch_eventfd ept_misconfig 40
portio_no_eventfd io_instruction 40
portio_wildcard_eventfd io_instruction 40
portio_datamatch_eventfd io_instruction 40
mmio-no-eventfd:pci-mem ept_misconfig 40
pci-mem ept_misconfig 40
pci-io io_instruction 40
END

# an event in the kernel's place of user space; on VMX one of any length is known before the instruction is decoded
user() { sql "select total(value) from counter where name = 'hypervisor.user_exits'"; }
for m in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    case $m in sky*) exit=exit.ept_misconfig ;; zen*) exit=exit.npf.mmio ;; *) exit=exit.data_abort.mmio ;; esac
    bench $m mmio_no_eventfd
    no=$(ns $exit)
    equal "$m: user space is asked" 40.0 "$(user)"
    bench $m mmio_datamatch_eventfd
    match=$(ns $exit)
    equal "$m: of an event it is not" 0.0 "$(user)"
    bench $m mmio_wildcard_eventfd
    any=$(ns $exit)
    more "$m: an event costs less" "$no" "$match"
    case $m in
        sky*) more "$m: of any length less still" "$match" "$any" ;;
        *) equal "$m: length makes no difference" "$match" "$any" ;;
    esac
done
cat >"$work/match.lua" <<'END'
guest(function(cpu)
  cpu:ioeventfd(0x1234, "port", 7)
  cpu:mark("roi")
  cpu:outp(0x1234, 7, 4) cpu:outp(0x1234, 8, 4) cpu:outp(0x1235, 7, 4) cpu:inp(0x1234, 4)
end)
END
rm -f "$db"
ok "a value that is meant, others, another port, a read" "$VIRTSIM" run "$work/match.lua" --quiet --db "$db"
equal "all but the first are user space's" 3.0 "$(user)"
refused "a hypervisor without them" 2 "xen.lua has no step for an event" "$VIRTSIM" run "$w" -m skylake_sp_xen --set workload.reason=mmio_wildcard_eventfd --no-store
ok "bare metal has nobody to tell" "$VIRTSIM" run "$w" -m skylake_sp_native --set workload.reason=mmio_wildcard_eventfd --no-store --quiet

# several vCPUs
bench skylake_sp_kvm ipi
equal "ipi, of one vCPU, is to itself" "wrmsr 40" "$(exits)"
for name in ipi_halt ipi+halt; do
    bench skylake_sp_kvm $name
    equal "$name: the sender's exit and the target's halts" "wrmsr 40" "$(exits | sed 's/.*, //')"
    equal "$name: of two vCPUs" 2 "$(sql "select count(distinct actor) from op where op like 'exit.%'")"
done
bench skylake_sp_kvm ipi --set workload.vcpus=2
equal "ipi, of two" "wrmsr 40" "$(exits | sed 's/.*, //')"
bench zen3_milan_kvm ipi_halt
ok "AMD's target halts, too" test "$(sql "select sum(n) from op where op = 'exit.hlt'")" -ge 38
bench broadwell_ep_kvm ple_round_robin --set host.cpus=1 --set workload.count=2 --set workload.warmup=0
ok "who waits for a turn that cannot come leaves by its loop of PAUSE" test "$(sql "select total(n) >= 8 from op where op = 'exit.pause'")" = 1
bench broadwell_ep_kvm ple_round_robin --set workload.vcpus=4
equal "with a processor for each, turns come in time" 0 "$(sql "select count(*) from op where op = 'exit.pause'")"
bench skylake_sp_kvm cpuid --set workload.vcpus=3
equal "the others are done by all at once" "cpuid 120" "$(exits)"
refused "two are needed" 2 "ipi_halt needs two vCPUs or more" "$VIRTSIM" run "$w" --set workload.reason=ipi_halt --set workload.vcpus=1 --no-store

# Arm's
while read -r name want; do
    bench neoverse_n1_kvm "$name"
    equal "$name" "$want" "$(exits)"
done <<END
hvc hvc64 40
mmio_read_user data_abort.mmio 40
mmio_read_vgic data_abort.mmio 40
eoi
timer_10ms irq 40
ipi_hw sys64.write 40
END
bench neoverse_n1_kvm mmio_read_user
equal "one is user space's" 40.0 "$(user)"
bench neoverse_n1_kvm mmio_read_vgic
equal "one the kernel's" 0.0 "$(user)"
bench neoverse_n1_kvm ipi --set workload.vcpus=2
equal "an SGI that the hypervisor sends: both leave" "irq 40, sys64.write 40" "$(exits)"
refused "what needs an ITS of the guest's" 2 "workload.reason=lpi: the guest's ITS has no command queue" "$VIRTSIM" run "$w" -m neoverse_n1_kvm --set workload.reason=lpi --no-store
refused "x86 has no GIC" 2 "gic.direct_injection" "$VIRTSIM" run "$w" --set workload.reason=ipi_hw --no-store
refused "Arm has no ports" 2 "inp is x86's" "$VIRTSIM" run "$w" -m neoverse_n1_kvm --set workload.reason=inl_from_qemu --no-store
finish

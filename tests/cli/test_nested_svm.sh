#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A hypervisor in a guest (L1) on AMD's processors: VMCB12, which L1 reads and writes without exits, VMCB02, and which of
# L1's instructions leave it: VMRUN always, VMSAVE, VMLOAD, STGI and CLGI where the processor does not virtualize them
# (APM volume 2, 15.33).
. "$VIRTSIM_HOME/tests/lib.inc"

count=20
on() { # WORKLOAD OPTIONS...
    rm -f "$work/n.db"
    ok "$(basename "$1") with ${*:2}" "$VIRTSIM" run "$1" --quiet --db "$work/n.db" --set hypervisor.nesting=1 "${@:2}"
}
nested() { on "$VIRTSIM_HOME/workloads/nested_cpuid.lua" --set workload.count=$count "$@"; }
q() { sqlite3 "$work/n.db" "$1"; }
counter() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
ops() { q "select coalesce(sum(n), 0) from op where op like '$1'"; }
mean() { q "select total_ps / n from op where op = 'exit.cpuid'"; }

nested -m zen3_milan_kvm
equal "each CPUID of L2 is handed to L1" "$count $count" "$(counter svm.nested.exits) $(counter svm.nested.reflected)"
equal "L1's program handles it, in a guest" "vcpu0/l1 $count" "$(q "select actor || ' ' || n from op where op = 'handler.cpu_id'")"
equal "its VMRUN is an exit, and no other instruction of it" "$count $((2 * count))" "$(ops exit.vmrun) $(counter svm.exits)"
equal "each exit has its entry" "$(counter svm.exits)" "$(counter svm.entries)"
equal "VMSAVE, VMLOAD, STGI, CLGI, VMLOAD are carried out in L1" $((5 * count)) "$(counter svm.executed)"
equal "it reads and writes its guest's state without exits" yes "$( (($(counter svm.nested.accesses) > 5 * count)) && echo yes)"
equal "what both share an ASID for: a flush at each change between them" $((2 * count)) "$(counter svm.flushes)"
equal "groups that L1 has not changed are not copied again" $((3 * count)) "$(counter svm.nested.groups_clean)"
equal "the books balance" 0 "$(q "select count(*) from unbalanced")"
whole=$(q "select total_ps from op where op = 'exit.cpuid'")
parts=$(q "with recursive tree(actor, op) as (values ('vcpu0/host', 'exit.cpuid')
             union select c.child_actor, c.child from child c join tree t on t.actor = c.actor and t.op = c.op)
           select sum(p.total_ps) from part p join tree t on t.actor = p.actor and t.op = p.op")
equal "its latency is the sum of the accounts of L0 and L1" "$whole" "$parts"
l2=$(mean)
nested -m zen3_milan_kvm --set hypervisor.nesting=0
equal "without nesting there is no L1" "0 0" "$(q "select count(*) from op where actor like '%/l1'") $(counter svm.nested.exits)"
equal "an exit from L2 costs several from L1" yes "$( ((l2 > 3 * $(mean))) && echo yes)"

# what the processor does not virtualize is an exit each
nested -m zen3_milan_kvm --set svm.cap.vgif=0
equal "without a flag of its own STGI and CLGI leave L1" "$count $count $((4 * count))" "$(ops exit.stgi) $(ops exit.clgi) $(counter svm.exits)"
nested -m zen3_milan_kvm --set svm.cap.virtual_vmload=0
equal "VMSAVE and two VMLOADs likewise" "$count $((2 * count)) $((5 * count))" "$(ops exit.vmsave) $(ops exit.vmload) $(counter svm.exits)"
equal "the host's hypervisor carries them out" $((3 * count)) "$(counter svm.nested.carried_out)"
nested -m k10_shanghai_kvm
equal "a part with neither has seven exits for one of L2" $((7 * count)) "$(counter svm.exits)"
equal "and takes more than twice as long" yes "$( (($(mean) > 2 * l2)) && echo yes)"
equal "the books balance there" 0 "$(q "select count(*) from unbalanced")"

# whose an exit is: VMCB12's vectors and maps decide
printf 'guest(function(cpu) for _ = 1, 5 do cpu:inp(0x80, 1) end cpu:rdmsr(0x1b) cpu:rdmsr(0xc0000102) end)\n' >"$work/io.lua"
on "$work/io.lua" -m zen2_rome_kvm
equal "IN and an MSR of L2 are L1's; one that both pass is nobody's" "6 6 5" "$(counter svm.nested.exits) $(counter svm.nested.reflected) $(q "select n from op where op = 'handler.pio' and actor = 'vcpu0/l1'")"
on "$work/io.lua" -m zen2_rome_kvm --set svm.nested.intercept.ioio_prot=0
equal "where L1 lets the port through, it is L0's alone" "6 1 5" "$(counter svm.nested.exits) $(counter svm.nested.reflected) $(q "select n from op where op = 'handler.pio' and actor = 'vcpu0/host'")"
on "$VIRTSIM_HOME/tests/support/nested_pages.lua" -m zen2_rome_kvm --set host.tick_hz=250
equal "ticks leave L2" yes "$( (($(ops exit.intr) > 1)) && echo yes)"
equal "nobody hands those on: what L1 gets are its missing pages" 16 "$(counter svm.nested.reflected)"
equal "L1's program maps each, then L0 shadows the entry" "16 16 32" "$(q "select value from counter where name = 'hypervisor.pages_mapped' and actor = 'vcpu0/l1'") $(q "select value from counter where name = 'hypervisor.pages_mapped' and actor = 'vcpu0/host'") $(ops exit.npf.fault)"
equal "the books balance, too" 0 "$(q "select count(*) from unbalanced")"
printf 'guest(function(cpu) cpu:mmio(0xfed00000, "load") cpu:instruction("clgi") cpu:instruction("stgi") cpu:instruction("vmload") cpu:instruction("vmrun") cpu:hypercall(0) end)\n' >"$work/mmio.lua"
on "$work/mmio.lua" -m zen2_rome_kvm
equal "L1 emulates L2's device" "vcpu0/l1 1" "$(q "select actor || ' ' || n from op where op = 'handler.mmio'")"
equal "and answers its VMMCALL and VMRUN" "1 1" "$(q "select n from op where op = 'handler.hypercall' and actor = 'vcpu0/l1'") $(q "select n from op where op = 'handler.undefined' and actor = 'vcpu0/l1'")"
walks() {
    rm -f "$work/n.db"
    ok "walks with $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" --quiet --db "$work/n.db" -m zen2_rome_kvm --set workload.footprint=16MiB --set workload.count=3000 --set workload.warmup=0 "$@"
    q "select group_concat(value, ' ') from (select value from counter where actor = 'vcpu0/guest' and name in ('ept.walk.refs_guest', 'ept.walk.refs_nested') order by name)"
}
equal "a walk of L2 has two dimensions, as a guest's" "$(walks)" "$(walks --set hypervisor.nesting=1)"

# what cannot be is refused, by name
no() { refused "$1" 2 "$2" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/nested_cpuid.lua" --no-store --set hypervisor.nesting=1 "${@:3}"; }
no "nesting under shadow paging" "paging.mode = npt" -m zen2_rome_kvm --set paging.mode=shadow
no "AVIC" "svm.avic = 0" -m zen3_milan_kvm --set svm.avic=1 --set svm.cap.x2avic=1
no "last branches" "svm.lbr_virtualization = 1" -m zen3_milan_kvm --set svm.lbr_virtualization=1
no "a VMCB12 that KVM's checks refuse" "does not offer FLUSHBYASID" -m zen3_milan_kvm --set svm.tlb_control=asid
no "and one that breaks the manual's rule" "the VMRUN intercept bit is clear" -m zen3_milan_kvm --set svm.intercept.vmrun=0
finish

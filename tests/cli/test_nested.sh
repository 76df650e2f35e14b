#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A hypervisor in a guest (L1) between the host's (L0) and the program (L2): whose an exit is, and what L1's own program
# costs where its privileged instructions are exits.
. "$VIRTSIM_HOME/tests/lib.inc"

count=20
nested() { # [WORKLOAD] OPTIONS...
    rm -f "$work/n.db"
    ok "a run with $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/nested_cpuid.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm \
        --set workload.count=$count --set hypervisor.nesting=1 "$@"
}
q() { sqlite3 "$work/n.db" "$1"; }
counter() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
ops() { q "select coalesce(sum(n), 0) from op where op like '$1'"; }

nested --set nested.vmcs_shadowing=0
equal "each CPUID of L2 is handed to L1" "$count $count" "$(counter nested.exits) $(counter nested.reflected)"
equal "L1's program handles it, in a guest" "vcpu0/l1 $count" "$(q "select actor || ' ' || n from op where op = 'handler.cpu_id'")"
equal "and enters L2 by an exit of its own" "$count $count" "$(ops exit.vmresume) $(counter nested.entries)"
# what L1's program does of VMREADs and VMWRITEs, each is an exit to L0
reads=$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.vmreads'")
writes=$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.vmwrites'")
equal "it reads and writes its guest's state" yes "$( ((reads > 0 && writes > 0)) && echo yes)"
equal "each of its VMREADs exits" "$reads" "$(ops exit.vmread)"
equal "each of its VMWRITEs exits" "$writes" "$(ops exit.vmwrite)"
equal "the hardware's exits are all of these" $((2 * count + reads + writes)) "$(counter vmcs.exits)"
equal "each exit has its entry" "$(counter vmcs.exits)" "$(counter vmcs.entries)"
equal "the books balance" 0 "$(q "select count(*) from unbalanced")"
# the exit's total is its own parts and those of all that lies in it
whole=$(q "select total_ps from op where op = 'exit.cpuid'")
parts=$(q "with recursive tree(actor, op) as (values ('vcpu0/host', 'exit.cpuid')
             union select c.child_actor, c.child from child c join tree t on t.actor = c.actor and t.op = c.op)
           select sum(p.total_ps) from part p join tree t on t.actor = p.actor and t.op = p.op")
equal "its latency is the sum of the accounts of L0 and L1" "$whole" "$parts"
hardware=$(counter vmcs.exits)
mine() { q "select total_ps / n from op where op = 'exit.cpuid'"; }
l2=$(mine)
# with VMCS shadowing the processor answers those whose bit is clear: as many exits fewer
nested
equal "each access of a shadowed field is one exit fewer" "$(counter nested.shadowed)" $((hardware - $(counter vmcs.exits)))
equal "all that CPUID's handler touches is shadowed" $((reads + writes)) "$(counter nested.shadowed)"
equal "what remains: L2's exit and L1's entry" $((2 * count)) "$(counter vmcs.exits)"
equal "L1's program is the same" "$reads $writes" "$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.vmreads'") $(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.vmwrites'")"
equal "and the whole is shorter" yes "$( (($(mine) < l2)) && echo yes)"
equal "the books balance with shadowing" 0 "$(q "select count(*) from unbalanced")"
nested -m sandybridge_ep_kvm
equal "a part without shadowing has none" "0 $hardware" "$(counter nested.shadowed) $(counter vmcs.exits)"
nested --set hypervisor.nesting=0
l1=$(mine)
equal "without nesting there is no L1" "0 1" "$(q "select count(*) from op where actor like '%/l1'") $(q "select count(*) from op where op = 'handler.cpu_id' and actor = 'vcpu0/host'")"
equal "an exit from L2 costs several from L1" yes "$( ((l2 > 5 * l1)) && echo yes)"
# multiplication is L1's program, not a factor: one more VMREAD is one more exit
sed 's/{ "search", run = 250/{ "more", state = "operands" }, { "search", run = 250/' "$VIRTSIM_HOME/scripts/lua/hypervisors/kvm.lua" >"$work/more.lua"
cat >"$work/m.lua" <<LUA
return { text = "KVM with one more VMREAD at CPUID", cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "$work/more.lua", iommu = "vtd_skylake", nic = "x710" }
LUA
nested -m "$work/m.lua"
equal "a VMREAD more of a field that is not shadowed is an exit more" "$count" "$(ops exit.vmread)"
nested -m "$work/m.lua" --set nested.vmcs_shadowing=0
equal "without shadowing it is one more beside the others" $((reads + count)) "$(ops exit.vmread)"

# an exit that L1 does not ask for never enters it
cat >"$work/io.lua" <<'LUA'
guest(function(cpu) for _ = 1, 5 do cpu:inp(0x80, 1) end end)
LUA
io() {
    rm -f "$work/n.db"
    ok "IN with $*" "$VIRTSIM" run "$work/io.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm --set hypervisor.nesting=1 "$@"
}
io
equal "IN of L2 is L1's" "5 5" "$(counter nested.reflected) $(q "select n from op where op = 'handler.pio' and actor = 'vcpu0/l1'")"
io --set nested.control.io_exiting=0
equal "where L1 lets the port through, it is L0's alone" "5 0 0" "$(counter nested.exits) $(counter nested.reflected) $(q "select count(*) from op where actor = 'vcpu0/l1'")"
equal "L0's program handles it" 5 "$(q "select n from op where op = 'handler.pio' and actor = 'vcpu0/host'")"
# a page that L1 has not mapped is L1's, then L0's, which shadows L1's table; a tick is the host's
rm -f "$work/n.db"
ok "pages and ticks" "$VIRTSIM" run "$VIRTSIM_HOME/tests/support/nested_pages.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm --set hypervisor.nesting=1 --set host.tick_hz=250
equal "ticks leave L2" yes "$( (($(ops exit.external_interrupt) > 1)) && echo yes)"
equal "nobody hands those on: what L1 gets are its missing pages" 16 "$(counter nested.reflected)"
equal "L1's program maps each" 16 "$(q "select n from op where op = 'handler.stage2_fault' and actor = 'vcpu0/l1'")"
equal "and clears it" 16 "$(q "select value from counter where name = 'hypervisor.pages_mapped' and actor = 'vcpu0/l1'")"
equal "then L0 shadows each entry, by a violation of its own" "16 32" "$(q "select value from counter where name = 'hypervisor.pages_mapped' and actor = 'vcpu0/host'") $(ops exit.ept_violation)"
equal "the books balance there" 0 "$(q "select count(*) from unbalanced")"

# L2's walks have two dimensions, not three: EPT02 is one table, as that of a guest without nesting
walks() {
    rm -f "$work/n.db"
    ok "walks with $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm --set workload.footprint=16MiB --set workload.count=3000 --set workload.warmup=0 "$@"
    q "select group_concat(value, ' ') from (select value from counter where actor = 'vcpu0/guest' and name in ('ept.walk.refs_guest', 'ept.walk.refs_nested') order by name)"
}
plain=$(walks)
equal "a walk of L2 has the references of a guest's" "$plain" "$(walks --set hypervisor.nesting=1)"
# and a device that L1 emulates for L2 is L1's user space's
printf 'guest(function(cpu) cpu:mmio(0xfed00000, "load") end)\n' >"$work/mmio.lua"
rm -f "$work/n.db"
ok "a device" "$VIRTSIM" run "$work/mmio.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm --set hypervisor.nesting=1
equal "L1 emulates L2's device" "vcpu0/l1 1" "$(q "select actor || ' ' || n from op where op = 'handler.mmio'")"

# what cannot be is refused, by name
no() { refused "$1" 2 "$2" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/nested_cpuid.lua" --no-store --set hypervisor.nesting=1 "${@:3}"; }
no "nesting on a part of Arm that has no virtual EL2" "el2.cap.nv = 0" -m neoverse_n1_kvm
no "nesting under shadow paging" "paging.mode = ept" -m skylake_sp_kvm --set paging.mode=shadow
no "nesting under a hypervisor without programs for it" "no program for the trap nested.exit" -m skylake_sp_xen
no "nesting on bare metal" "skylake_sp_kvm is such a machine" -m skylake_sp_native
no "pages of several sizes" "host.page_size" -m skylake_sp_kvm --set host.page_size=thp
no "nesting with a log of written pages" "host.dirty_log.method" -m skylake_sp_kvm --set host.dirty_log.method=write_protect
no "a timer that another processor posts" "hypervisor.post_timer = 0" -m skylake_sp_kvm --set vmcs.control.hlt_exiting=0 --set hypervisor.post_timer=1
ping() { refused "$1" 2 "$2" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/ipi_pingpong.lua" --no-store -m skylake_sp_kvm --set hypervisor.nesting=1 "${@:3}"; }
ping "a processor that two vCPUs share" "processor 0 is shared" --set host.cpus=1
ping "two machines" "guest.vms = one" --set guest.vms=each
ping "flushes by hypercall" "guest.shootdown = ipi" --set guest.shootdown=hypercall
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A hypervisor in a guest (L1) at virtual EL2 on Arm's processors: with FEAT_NV each access of its world switch to EL2's
# registers leaves it, with FEAT_NV2 those that VNCR_EL2's page has do not (Arm ARM, D8.11; Linux arch/arm64/kvm:
# emulate-nested.c, hyp/vhe/switch.c, hyp/nvhe/switch.c).
. "$VIRTSIM_HOME/tests/lib.inc"

n=20
printf 'guest(function(cpu) for _ = 1, %d do cpu:hypercall(0) end end)\n' $n >"$work/hvc.lua"
run() { # WORKLOAD NV OPTIONS...
    rm -f "$work/n.db"
    ok "$(basename "$1") with FEAT_NV$2 and ${*:3}" "$VIRTSIM" run "$1" --quiet --db "$work/n.db" -m neoverse_n1_kvm --set hypervisor.nesting=1 --set el2.cap.nv=$2 "${@:3}"
    equal "the books balance" 0 "$(q "select count(*) from unbalanced")"
}
hvc() { run "$work/hvc.lua" "$@"; }
q() { sqlite3 "$work/n.db" "$1"; }
counter() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
of() { q "select coalesce(sum(n), 0) from op where actor = 'vcpu0/$1' and op like '$2'"; }
mean() { q "select total_ps / n from op where op = '$1'"; }

# ---- a hypercall of L2: exits of the processor by feature and by L1's mode ----
hvc 2
equal "each is handed to L1, whose program answers it" "$n $n $n" "$(counter el2.nested.exits) $(counter el2.nested.reflected) $(of l1 handler.hypercall)"
equal "L1's ERET leaves it, and its two writes of CPTR_EL2" "$n $((2 * n)) $((4 * n))" "$(of host exit.eret) $(of host exit.sys64.el2_write) $(counter el2.exits)"
equal "what else is of EL2 is in the page" "$((15 * n)) 0" "$(counter el2.nested.in_page) $(of host exit.sys64.el2_read)"
equal "each exit has its entry, besides the first" $((4 * n + 1)) "$(counter el2.entries)"
equal "L1's own switch is booked, twice for each" $((2 * n)) "$(of l1 nested.switch)"
whole=$(q "select total_ps from op where op = 'exit.hvc64'")
parts=$(q "with recursive tree(actor, op) as (values ('vcpu0/host', 'exit.hvc64')
             union select c.child_actor, c.child from child c join tree t on t.actor = c.actor and t.op = c.op)
           select sum(p.total_ps) from part p join tree t on t.actor = p.actor and t.op = p.op")
equal "its latency is the sum of the accounts of L0 and L1" "$whole" "$parts"
neve=$(mean exit.hvc64)
hvc 1
equal "with FEAT_NV alone those trap: 14 of L1's accesses" "$((14 * n)) $((16 * n)) 0" "$(counter el2.nested.trapped) $(counter el2.exits) $(counter el2.nested.in_page)"
nv=$(mean exit.hvc64)
equal "which takes longer" yes "$( ((nv > neve)) && echo yes)"
hvc 1 --set el2.nested.vhe=0
equal "an L1 without VHE moves EL1's registers, which are its guest's: 107 exits" $((107 * n)) "$(counter el2.exits)"
equal "and changes its level twice" "$((2 * n)) $((2 * n)) $n $n" "$(counter el2.nested.levels_changed) $(of host handler.nested.level) $(of host exit.hvc64.level) $(of host exit.eret.level)"
full=$(mean exit.hvc64)
hvc 2 --set el2.nested.vhe=0
equal "19 of them are left with FEAT_NV2" $((19 * n)) "$(counter el2.exits)"
equal "in the order of their numbers" yes "$( ((full > $(mean exit.hvc64) && $(mean exit.hvc64) > neve)) && echo yes)"
hvc 2 --set hypervisor.nesting=0
equal "without nesting there is no L1" "$n 0 0" "$(counter el2.exits) $(counter el2.nested.exits) $(of l1 %)"

printf 'guest(function(cpu) cpu:mrs("ID_AA64PFR0_EL1") cpu:smc(0) cpu:simd(1) cpu:msr("PMCR_EL0") end)\n' >"$work/each.lua"
run "$work/each.lua" 2
equal "an identification register, SMC and a performance monitor are L1's; a first use of SIMD is L0's" "4 3 1 1" "$(counter el2.nested.exits) $(counter el2.nested.reflected) $(of host exit.fp_asimd) $(of l1 handler.cpu_id)"

# ---- stage 2 on stage 2: L1's pages, then their shadow ----
run "$VIRTSIM_HOME/tests/support/nested_pages.lua" 2 --set host.tick_hz=250
equal "L1's program maps each page, then L0 shadows the entry" "16 16 32" "$(q "select value from counter where name = 'hypervisor.pages_mapped' and actor = 'vcpu0/l1'") $(q "select value from counter where name = 'hypervisor.pages_mapped' and actor = 'vcpu0/host'") $(of host exit.data_abort.fault)"
equal "a fault has one exit more than a hypercall: HPFAR_EL2" 16 "$(of host exit.sys64.el2_read)"
equal "the host's ticks leave L2, and nobody hands those on" "yes 16" "$( (($(of host exit.irq) > 0)) && echo yes) $(counter el2.nested.reflected)"
walks() {
    rm -f "$work/n.db"
    ok "walks with $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" --quiet --db "$work/n.db" -m neoverse_n1_kvm --set workload.footprint=16MiB --set workload.count=3000 --set workload.warmup=0 "$@"
    q "select group_concat(value, ' ') from (select value from counter where actor = 'vcpu0/guest' and name in ('ept.walk.refs_guest', 'ept.walk.refs_nested') order by name)"
}
equal "a walk of L2 has two dimensions, as a guest's" "$(walks)" "$(walks --set hypervisor.nesting=1 --set el2.cap.nv=2)"
printf 'guest(function(cpu) cpu:mmio(0x9000000, "load") end)\n' >"$work/mmio.lua"
run "$work/mmio.lua" 2
equal "L1 emulates L2's device" "vcpu0/l1 1" "$(q "select actor || ' ' || n from op where op = 'handler.mmio'")"

# ---- halts, timers and interrupts ----
wake() { run "$VIRTSIM_HOME/workloads/nested_wake.lua" 2 --set workload.count=$n --set workload.warmup=5 "$@"; equal "each of its timer's interrupts reaches L2 once" $n "$(of guest irq)"; }
wake --set hypervisor.halt_poll_ns=0
equal "each WFI of L2 is one of L1, which sleeps, and then L0" "$((2 * n)) $n $n $n" "$(of host exit.wfx.wfi) $(of l1 handler.halt) $(of l1 halt.sleep) $(of host halt.sleep)"
equal "the virtual timer is the processor's: nobody exits for it" 0 "$(of host exit.sys64.write)"
equal "L1's entry fills a list register, which is in the page; its exit reads ICH_ELRSR_EL2, which is not" "$n" "$(of host exit.sys64.el2_read)"
printf 'guest(function(cpu) for _ = 1, %d do cpu:timer { us = 40 } cpu:cpu_suspend("smc") end end)\n' $n >"$work/suspend.lua"
run "$work/suspend.lua" 2 --set hypervisor.halt_poll_ns=0
equal "CPU_SUSPEND of L2 is L1's halt, and then L1's WFI" "$n $n $n $n" "$(of host exit.smc64) $(of l1 handler.halt) $(of host exit.wfx.wfi) $(of guest irq)"
wake --set workload.busy=400000
equal "a timer that fires while L2 computes is L0's, then L1's, then L2's" "$n $n $n" "$(of host exit.irq) $(counter el2.nested.events) $(of l1 handler.interrupt)"
equal "it is five exits" $((5 * n)) "$(counter el2.exits)"
wake --set el2.nested.trap.wfi=0
equal "where L1 lets WFI pass L0 alone has the halts" "$n $n 0" "$(of host exit.wfx.wfi) $(of host handler.halt) $(of l1 handler.halt)"
equal "and L1 is entered in the exit of the halt" "$n $n 0" "$(counter el2.nested.events) $(of l1 handler.interrupt) $(of host exit.irq)"
wake --set el2.nested.trap.wfi=0 --set el2.trap.wfi=0
equal "both let it pass: the processor waits" "0 $n" "$(of host exit.wfx.wfi) $(of host exit.irq)"
pingpong() { run "$VIRTSIM_HOME/workloads/ipi_pingpong.lua" 2 --set workload.count=$n --set workload.warmup=4 "$@"; equal "each interrupt reaches the other's L2" "$n $n" "$(of guest irq) $(q "select n from op where actor = 'vcpu1/guest' and op = 'irq'")"; }
pingpong --set workload.wait=spin
equal "the write of ICC_SGI1R_EL1 is L1's to emulate, and its own L0's" "$((2 * n)) $n $n" "$(of host exit.sys64.write) $(of l1 handler.msr.write) $(of host handler.msr.write)"
equal "it stops the other one's L2, and is its L1's exit" "$n $n" "$(of host exit.irq) $(of l1 handler.interrupt)"
pingpong --set workload.wait=halt --set workload.think=200000 --set hypervisor.halt_poll_ns=0
equal "L1's halted processor is woken, then its vCPU's thread" "$n $n $n" "$(of host halt.wake) $(of l1 handler.interrupt) $(of l1 halt.wake)"

# ---- what cannot be is refused, by name ----
no() { refused "$1" 2 "$2" "$VIRTSIM" run "$work/hvc.lua" --no-store -m neoverse_n1_kvm --set hypervisor.nesting=1 "${@:3}"; }
no "a part without virtual EL2" "el2.cap.nv = 0"
no "a host without VHE" "el2.vhe = 1" --set el2.cap.nv=2 --set el2.vhe=0
no "a level that there is not" "el2.cap.nv" --set el2.cap.nv=3
printf 'guest(function(cpu) cpu:cpu_off() end) guest(function(cpu) cpu:cpu_on(0) end)\n' >"$work/hvc.lua"
no "processors that L2 turns off" "CPU_OFF of a guest hypervisor's guest are not simulated" --set el2.cap.nv=2
finish

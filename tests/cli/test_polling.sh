#!/bin/sh
# SPDX-License-Identifier: MIT
# A driver that polls (nic.poll): no interrupt, no halt, a packet read as soon as it is seen, a processor that is busy all
# of the time.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db
last="run = (select max(run) from run)"
packets() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" --set workload.packets=200 --set workload.warmup=20 "$@"; }
mean() { sql "select sum(total_ps) / sum(n) from op where op = 'packet.rx' and $last"; }
of_line() { sql "select cast(coalesce(100.0 * (select sum(total_ps) from part where actor like 'vcpu0%' and account = '$1' and $last) / (select total_ps from op where op = 'timeline' and actor = 'vcpu0' and $last), 0) as integer)"; }
for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine: with interrupts" packets -m $machine
    before=$(mean)
    ok "$machine: polling" packets -m $machine --set nic.poll=1
    equal "$machine: no interrupt is sent" 0 "$(sql "select sum(value) from counter where name = 'nic.interrupts' and $last")"
    equal "$machine: none is handled" 0 "$(sql "select coalesce(sum(n), 0) from op where op = 'irq' and $last")"
    equal "$machine: nothing halts" 0 "$(sql "select coalesce(sum(n), 0) from op where op in ('exit.hlt', 'exit.wfx.wfi', 'halt.poll') and $last")"
    equal "$machine: packets are in earlier" 1 "$(($(mean) < before))"
    equal "$machine: nothing of their way in is a wait" "" "$(sql "select coalesce(group_concat(account), '') from part where op = 'packet.rx' and account like 'nic.wait%' and $last")"
    equal "$machine: the processor looks all of the time" 1 "$(($(of_line nic.poll) > 80 && $(of_line os.idle) == 0))"
    equal "$machine: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
done
ok "a timer still ends it" packets --set nic.poll=1 --set workload.rate=2000
refused "a packet that does not come in time" 1 "no packet came for 100 us" packets --set nic.poll=1 --set workload.rate=2000 --set workload.timeout_us=100
ok "two tenants" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/multi_tenant.lua" --quiet --db "$db" --set nic.poll=1 --set workload.tenants=2 --set workload.packets=40
finish

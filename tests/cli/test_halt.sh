#!/bin/bash
# SPDX-License-Identifier: MIT
# What an exit for a halt is made of, on each architecture: the exit itself, which does not depend on how long the halt
# is; polling, which is the host's work; sleep; and the wake-up. Each is an operation of its own and a phase of explain.
. "$(dirname "$0")/../lib.inc"
db=$work/halt.db
last='run = (select max(run) from run)'
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1' and actor = 'vcpu0/host' and n > 0 and $last"; }
# the exit less what is a halt in it
own() { sql "select (select sum(total_ps) from op where op = '$1' and actor = 'vcpu0/host' and $last) - (select sum(c.total_ps) from child c where c.op = '$1' and c.actor = 'vcpu0/host' and c.child like 'halt.%' and $last)"; }
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    exit=exit.hlt
    [ $machine = neoverse_n1_kvm ] && exit=exit.wfx.wfi
    halt="run $VIRTSIM_HOME/workloads/exit_microbench.lua --machine $machine --set workload.reason=hlt --set workload.count=100 --set hypervisor.halt_poll_grow=0 --quiet --db $db"
    for ns in 400000 800000; do
        # shellcheck disable=SC2086 # words
        ok "$machine: halts of $ns ns" "$VIRTSIM" $halt --set workload.halt_ns=$ns
        equal "$machine, $ns ns: each is slept through" 100 "$(sql "select sum(n) from op where op = 'halt.sleep' and $last")"
        equal "$machine, $ns ns: and ends" 100 "$(sql "select sum(n) from op where op = 'halt.wake' and $last")"
        eval "own_$ns=\$(own $exit) sleep_$ns=\$(mean halt.sleep) wake_$ns=\$(mean halt.wake)"
    done
    equal "$machine: the exit itself is as long" "$own_400000" "$own_800000"
    equal "$machine: so is waking" "$wake_400000" "$wake_800000"
    equal "$machine: the sleep is what is longer" 400000000 "$((sleep_800000 - sleep_400000))"
    # shellcheck disable=SC2086 # words
    ok "$machine: a halt shorter than polling" "$VIRTSIM" $halt --set hypervisor.halt_poll_ns=1000000 --set hypervisor.halt_poll_grow=2 --set workload.halt_ns=20000 --set hypervisor.halt_poll_grow_start_ns=500000 --set workload.warmup=5
    equal "$machine: is polled" 100 "$(sql "select sum(n) from op where op = 'halt.poll' and $last")"
    equal "$machine: nobody sleeps" 0 "$(sql "select count(*) from op where op = 'halt.sleep' and n > 0 and $last")"
    equal "$machine: its processor is busy" 1 "$(sql "select count(distinct account) from part where op = 'halt.poll' and account = 'host.polling' and total_ps > 0 and $last")"
    "$VIRTSIM" explain $exit --machine $machine --workload "$VIRTSIM_HOME/workloads/exit_microbench.lua" --set workload.reason=hlt --set workload.halt_ns=400000 --set hypervisor.halt_poll_ns=10000 --set hypervisor.halt_poll_grow=1 --db "$db" > "$work/phases" 2>&1
    for phase in 'exit microcode' sleep wake-up 'path out'; do
        ok "$machine: explain tells of $phase" grep -q "% .*  *$phase\$" "$work/phases"
    done
done
equal "the books balance" 0 "$(sql 'select count(*) from unbalanced')"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# A device's interrupt reaches the vCPU whose function raised it, posted or not; a host that polls for it is busy, and
# only a thread that sleeps is asleep.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db
last="run = (select max(run) from run)"
for n in 2 4; do
    cat >"$work/echo$n.lua" <<LUA
for i = 0, $n - 1 do
  guest { vcpu = i, run = function(cpu)
    for k = 1, 60 do
      if k == 10 and i == 0 then cpu:mark("roi") end
      cpu:recv { count = 1 }
      cpu:compute(400)
      cpu:send { bytes = 64, count = 1 }
    end
  end }
end
LUA
done
# the slowest function's mean latency from wire to program, in per cent of the fastest's
spread() { sql "select cast(100 * max(m) / min(m) as integer) from (select total_ps * 1.0 / n m from op where op = 'packet.rx' and actor like 'nic0/vf%' and n > 0 and $last)"; }
for machine in skylake_sp_kvm zen2_rome_kvm neoverse_n1_kvm skylake_sp_native; do
    for n in 2 4; do
        for post in 0 1; do
            posting="--set vmcs.control.posted_interrupts=$post"
            case $machine in
                skylake*) ;;
                *) # nothing is posted to a guest without AVIC or GICv4.1
                    [ $post = 1 ] && continue
                    posting= ;;
            esac
            for vms in one each; do
                [ $machine$vms = skylake_sp_nativeeach ] && continue
                for interval in 20000 1000000; do # the host polls; it has gone to sleep
                    what="$machine, $n vCPUs, posting $post, guest.vms $vms, a packet each $interval ns"
                    # shellcheck disable=SC2086 # words
                    ok "$what" "$VIRTSIM" run "$work/echo$n.lua" --machine $machine $posting --set guest.vms=$vms --set guest.memory=1GiB --set nic.traffic.interval_ns=$interval --quiet --db "$db"
                    equal "$what: each function has traffic" $n "$(sql "select count(*) from op where op = 'packet.rx' and actor like 'nic0/vf%' and n > 0 and $last")"
                    equal "$what: none waits longer" yes "$([ "$(spread)" -le 150 ] && echo yes || spread)"
                done
            done
        done
    done
done

# what a halt is made of
part() { sql "select coalesce(sum(total_ps), 0) from part where account = '$1' and $last"; }
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }
for machine in skylake_sp_kvm zen2_rome_kvm neoverse_n1_kvm; do
    echo="run $VIRTSIM_HOME/workloads/udp_echo.lua --machine $machine --set workload.packets=200 --quiet --db $db --set workload.timeout_us=100000"
    # shellcheck disable=SC2086 # words
    ok "$machine: short halts" "$VIRTSIM" $echo --set nic.traffic.interval_ns=30000
    equal "$machine: are polled" "0 0" "$(count hypervisor.blocks) $(part host.parked)"
    ok "$machine: for as long as is counted" test "$(($(part host.polling) / 1000 - $(count hypervisor.polled)))" -le "$(count hypervisor.polls)"
    ok "$machine: and that is not nothing" test "$(count hypervisor.polled)" -gt 1000000
    for poll in 0 20000; do
        # shellcheck disable=SC2086 # words
        ok "$machine: long halts, $poll ns of polling" "$VIRTSIM" $echo --set nic.traffic.interval_ns=400000 --set hypervisor.halt_poll_ns=$poll
        ok "$machine: are slept through" test "$(part host.parked)" -gt 50000000000
        polled=$(part host.polling)
        equal "$machine: after the polling that is counted, $poll" "$(count hypervisor.polled)" "$((polled / 1000))"
        # each going to sleep takes what it takes
        equal "$machine: and the way to sleep, $poll" 0 "$(($(part hypervisor.block.schedule_out) % $(count hypervisor.blocks)))"
    done
done
equal "the books balance" 0 "$(sql 'select count(*) from unbalanced')"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# A packet's journey says who worked for it: its parts sum to its latency, nobody's work is hidden in a wait, and what is
# left as a wait says for what. So does a vCPU that finds its transmit ring full.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/j.db
last="run = (select max(run) from run)"
# the mean of a journey's account in ps, 0 where it has none
part() { sql "select cast(coalesce((select sum(total_ps) from part where op = 'packet.$1' and account = '$2' and $last) / (select sum(n) from op where op = 'packet.$1' and $last), 0) as integer)"; }
waits() { sql "select coalesce(group_concat(account), '') from (select distinct account from part where op = 'packet.$1' and account like 'nic.wait%' and $last order by 1)"; }
packets() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" --set workload.packets=100 --set workload.warmup=20 "$@"; }
one="--set nic.moderation_ns=0 --set nic.traffic.interval_ns=50000" # each is answered before the next one comes

for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    for also in "" hypervisor.halt_poll_ns=0 vmcs.control.posted_interrupts=0 host.cpus=1 cpu.window=64; do
        case $machine$also in *native*poll* | *native*posted* | *native*host.cpus* | zen*posted* | neo*posted*) continue ;; esac
        # shellcheck disable=SC2086 # words
        ok "$machine $also: packets one at a time" packets --machine $machine $one ${also:+--set $also}
        equal "$machine $also: the parts sum to the journeys" 0 "$(sql "select count(*) from unbalanced where $last")"
        equal "$machine $also: nothing of the way in is a wait" "" "$(waits rx)"
        equal "$machine $also: nor of the way out, but in the device" "" "$(waits tx | sed 's/nic.wait_\(engine\|descriptor\|link\)//g; s/,//g')"
        for account in nic.guest.interrupt nic.guest.receive; do
            equal "$machine $also: $account has its part" 1 "$(($(part rx $account) > 0))"
        done
    done
done

# more work of an agent's is more of its part, and of no other's
ok "as it is" packets $one
receive=$(part rx nic.guest.receive) handler=$(part rx nic.guest.interrupt) transmit=$(part tx nic.guest.transmit)
ok "a longer interrupt handler" packets $one --set guest.interrupt.handle.instructions=10600
equal "is in the interrupt's part" 1 "$(($(part rx nic.guest.interrupt) > handler + 1500000))"
equal "and not in the driver's" 1 "$(($(part rx nic.guest.receive) < receive + 20000))"
ok "a longer way through the stack" packets $one --set guest.receive.stack.instructions=10700
equal "is in the driver's part" 1 "$(($(part rx nic.guest.receive) > receive + 1500000))"
equal "and not in the interrupt's" 1 "$(($(part rx nic.guest.interrupt) < handler + 20000))"
ok "a slower message" packets $one --set interrupt.message=10250
equal "is the message's part" 1 "$(($(part rx interrupt.message) > 3800000))"
ok "larger packets" packets $one --set workload.bytes=9000
equal "are stored for longer" 1 "$(($(part tx nic.guest.transmit) > 2 * transmit))"

# who waits behind others says so
ok "packets that come two at a time" packets --set nic.traffic.interval_ns=10000
equal "the second one waits for the first" "nic.wait_moderation,nic.wait_program,nic.wait_turn" "$(waits rx)"
cat >"$work/batch.lua" <<'LUA'
guest(function(cpu) for _ = 1, 20 do cpu:send { count = 16 } cpu:wait { us = 50 } end end)
LUA
ok "a batch with one doorbell" "$VIRTSIM" run "$work/batch.lua" --quiet --db "$db" --set nic.traffic.interval_ns=0
equal "packets wait for those behind them" 1 "$(($(part tx nic.wait_batch) > 10 * $(part tx pcie.mmio_write)))"
cat >"$work/busy.lua" <<'LUA'
for i = 0, 1 do
  guest { vcpu = i, run = function(cpu)
    for _ = 1, 40 do
      if i == 1 then cpu:compute(2000000) else cpu:recv { count = 1 } end
    end
  end }
end
LUA
ok "two vCPUs on one processor" "$VIRTSIM" run "$work/busy.lua" --quiet --db "$db" --set host.cpus=1 --set nic.moderation_ns=0 --set nic.traffic.interval_ns=200000
equal "their packets wait for it" 1 "$(($(part rx nic.wait_processor) > 0))"
equal "and the parts sum" 0 "$(sql "select count(*) from unbalanced where $last")"

# a full transmit ring
cat >"$work/send.lua" <<'LUA'
guest(function(cpu) cpu:send { bytes = 64, count = 3000 } end)
LUA
line() { sql "select cast(coalesce(100.0 * sum(total_ps) / (select total_ps from op where op = 'timeline' and actor = 'vcpu0' and $last), 0) as integer) from part where actor like 'vcpu0%' and account = '$1' and $last"; }
send() { "$VIRTSIM" run "$work/send.lua" --quiet --db "$db" --set nic.traffic.interval_ns=0 "$@"; }
for machine in skylake_sp_kvm skylake_sp_native neoverse_n1_kvm; do
    ok "$machine: a wire that is slower than the guest" send --machine $machine --set nic.link.gbps=1 --set nic.tx_buffer=20480
    equal "$machine: the guest waits for the wire" 1 "$(($(line nic.wait_buffer) > 40))"
    equal "$machine: and is not idle" 0 "$(line os.idle)"
    ok "$machine: an engine that is slower" send --machine $machine --set nic.engine=1000000
    equal "$machine: the guest waits for it" 1 "$(($(line nic.engine) > 40))"
    ok "$machine: a small ring and a long way to memory" send --machine $machine --set nic.ring.descriptors=8 --set pcie.upstream=3000000
    equal "$machine: the guest waits for descriptors" 1 "$(($(line nic.wait_ring) + $(line nic.wait_descriptor) > 40))"
    equal "$machine: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
done
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# The load of a machine's packets: a closed loop waits for each answer, so that latency has nothing of the load's own
# phase in it; an open one comes at its rate, whatever the guest does. A workload sets what it needs of the machine by
# defaults { }, and a request's own word goes before it.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/l.db
last="run = (select max(run) from run)"
packets() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" --set workload.packets=400 --set workload.warmup=50 "$@"; }
us() { sql "select (end_ps - roi_ps) / 1000000 from run where $last"; }
mean() { sql "select sum(total_ps) / sum(n) / 1000 from op where op = '$1' and $last"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }
near() { equal "$1" 1 "$(($2 * 50 >= $3 * 49 && $2 * 50 <= $3 * 51))"; } # within 2 %

for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine: a closed loop" packets -m $machine
    one=$(us) rx=$(mean packet.rx) tx=$(mean packet.tx)
    equal "$machine: nothing of it is held back" 0 "$(sql "select count(*) from part where account = 'nic.wait_moderation' and $last")"
    equal "$machine: no request is lost" 0 "$(($(counter nic.rx_dropped) + $(counter nic.rx_missed)))"
    ok "$machine: the other end takes longer" packets -m $machine --set nic.traffic.delay_ns=60000
    near "$machine: each request comes so much later" "$(us)" $((one + 400 * 40))
    near "$machine: in is as long" "$(mean packet.rx)" "$rx"
    near "$machine: and out" "$(mean packet.tx)" "$tx"
    ok "$machine: eight at a time" packets -m $machine --set workload.window=8
    equal "$machine: are more than four times as many" 1 "$(($(us) * 4 < one))"
    ok "$machine: as many as come" packets -m $machine --set workload.rate=100000
    near "$machine: come at their rate" "$(us)" 4000
    rows="select actor, op, n, total_ps from op where $last order by 1, 2"
    sql "$rows" >"$work/rate"
    ok "$machine: the same by the interval" packets -m $machine --set nic.traffic.interval_ns=10000
    sql "$rows" >"$work/interval"
    ok "$machine: is the same" cmp "$work/rate" "$work/interval"
done
last_us=1000000
for rate in 20000 100000 500000; do
    ok "$rate a second" packets --set workload.rate=$rate
    equal "take less time" 1 "$(($(us) < last_us))"
    last_us=$(us)
done
# a driver's own moderation: short intervals where little comes, long ones where much does
each() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" --set workload.packets=1500 --set nic.traffic.bytes=200 "$@"; }
held() { sql "select coalesce(sum(total_ps), 0) / 1500000 from part where op = 'packet.rx' and account = 'nic.wait_moderation' and $last"; }
for machine in skylake_sp_kvm skylake_sp_native neoverse_n1_kvm; do
    ok "$machine: 200,000 a second, every 20 us" each -m $machine --set workload.rate=200000
    fixed=$(counter nic.interrupts)
    ok "$machine: adaptive" each -m $machine --set workload.rate=200000 --set nic.moderation=adaptive
    equal "$machine: has less than half the interrupts" 1 "$(($(counter nic.interrupts) * 2 < fixed))"
    equal "$machine: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
    ok "$machine: 60,000 of 64 bytes a second, every 20 us" each -m $machine --set nic.traffic.bytes=64 --set workload.rate=60000
    held_fixed=$(held)
    ok "$machine: adaptive, 60,000" each -m $machine --set nic.traffic.bytes=64 --set workload.rate=60000 --set nic.moderation=adaptive
    equal "$machine: holds them back for less" 1 "$(($(held) < held_fixed / 2))"
done
ok "more than a guest answers" packets --set workload.rate=20000000 --set workload.packets=2000
equal "are dropped" 1 "$(($(counter nic.rx_dropped) > 0))"
ok "a ring for fewer requests than are under way" packets --set workload.window=64 --set nic.ring.descriptors=8 --set workload.timeout_us=5000
equal "loses some, and they are sent again" 1 "$(($(counter nic.rx_dropped) > 0))"
ok "a program that wants more at once than are under way" packets --set workload.batch=256
cat >"$work/two.lua" <<'LUA'
defaults { ["nic.traffic.interval_ns"] = 0, ["nic.traffic.window"] = 2 }
for i = 0, 1 do
  guest { vcpu = i, run = function(cpu)
    for _ = 1, 40 do
      cpu:recv { count = 1, timeout_ns = 1000000 }
      cpu:send { bytes = 64, count = 1 }
    end
  end }
end
LUA
ok "two functions" "$VIRTSIM" run "$work/two.lua" --quiet --db "$db"
equal "have requests of their own" "40|40" "$(sql "select group_concat(n, '|') from (select n from op where op = 'packet.rx' and $last order by actor)")"

# a recording has what the workload sets
ok "it is recorded" packets --record "$work/e.vst"
"$VIRTSIM" show --db "$db" --format csv >"$work/run" 2>&1
rows="select actor, op, n, total_ps from op where $last order by 1, 2"
sql "$rows" >"$work/first"
ok "and replayed" "$VIRTSIM" replay "$work/e.vst" --quiet --db "$db"
sql "$rows" >"$work/again"
ok "the same" cmp "$work/first" "$work/again"

# defaults { }
one() { printf '%s\nguest(function(cpu) cpu:cpuid(0) end)\n' "$1" >"$work/w.lua"; }
setting() { "$VIRTSIM" run "$work/w.lua" --quiet --db "$db" "$@" && sql "select value || ' ' || set_by from knob where path = 'nic.vfs' and $last" >"$work/setting"; }
one 'defaults { ["nic.vfs"] = 7 }'
ok "a knob of the machine" setting
equal "has the workload's value" "7 defaults" "$(cat "$work/setting")"
ok "unless the request says another" setting --set nic.vfs=9
equal "which goes before it" "9 --set" "$(cat "$work/setting")"
one 'defaults { ["nic.vf"] = 7 }'
refused "a knob that there is not" 2 "nic.vfs" "$VIRTSIM" run "$work/w.lua" --no-store
one 'defaults { ["nic.vfs"] = 700 }'
refused "a value out of bounds" 2 "1..128" "$VIRTSIM" run "$work/w.lua" --no-store
one 'defaults { ["workload.x"] = 7 }'
refused "a parameter" 2 "knobs of the machine" "$VIRTSIM" run "$work/w.lua" --no-store
one 'defaults { 7 }'
refused "no name" 2 "knobs of the machine" "$VIRTSIM" run "$work/w.lua" --no-store
printf 'guest(function(cpu) defaults { ["nic.vfs"] = 7 } end)\n' >"$work/w.lua"
refused "in a guest" 1 "top level" "$VIRTSIM" run "$work/w.lua" --no-store
ok "a window that nobody looks at is said" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --set nic.traffic.interval_ns=9000 --set nic.traffic.window=2 --set workload.packets=5 --no-store
equal "by its name" 1 "$(grep -c "nic.traffic.window=2 has no effect" "$work/err")"
finish

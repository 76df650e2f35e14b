#!/bin/sh
# SPDX-License-Identifier: MIT
# Functions beside each other: what one sends to another goes through the adapter's switch, past the wire, as far as
# addresses, VLANs, spoof checking and rates let it. And a stream: who cuts it into segments, who acknowledges.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/s.db
last="run = (select max(run) from run)"
counter() { sql "select coalesce(sum(value), 0) from counter where name = 'nic.$1' and $last"; }
cat >"$work/talk.lua" <<'LUA'
defaults { ["nic.traffic.interval_ns"] = 0 }
local to = param { name = "to", default = 1, max = 129 }
local vlan = param { name = "vlan", default = 0 }
local from = param { name = "from", default = 128 }
guest(function(cpu, p)
  cpu:recv { count = 1, timeout_ns = 100000 }
  for _ = 1, 20 do
    cpu:transmit { to = p.to, bytes = 200, vlan = p.vlan, from = p.from }
    cpu:wait { us = 20 }
  end
end)
for _ = 1, 2 do
  guest(function(cpu)
    while cpu:recv { count = 1, timeout_ns = 300000 } > 0 do end
  end)
end
LUA
talk() { "$VIRTSIM" run "$work/talk.lua" --quiet --db "$db" --set guest.memory=1GiB "$@"; }
for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine: to another function" talk -m $machine
    equal "$machine: all of it comes" "20 20 0" "$(counter switched) $(counter rx_packets) $(counter tx_packets)"
    equal "$machine: to that one" "nic0/vf1" "$(sql "select actor from op where op = 'packet.rx' and $last")"
    equal "$machine: no bit of it was on the wire" 0 "$(sql "select count(*) from part where op like 'packet.%' and account = 'nic.wire' and total_ps > 0 and $last")"
    equal "$machine: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
done
ok "to everybody" talk --set workload.to=128
equal "three others, of whom two have a driver, and the wire" "60 40 20" "$(counter switched) $(counter rx_packets) $(counter tx_packets)"
ok "to the wire" talk --set workload.to=129
equal "no function" "0 0 20" "$(counter switched) $(counter rx_packets) $(counter tx_packets)"
ok "to a function without a driver" talk --set workload.to=3
equal "is unclaimed" "20 0" "$(counter rx_unclaimed) $(counter rx_packets)"
ok "tenants in VLANs of their own" talk --set nic.vlans=each
equal "reach nobody" "20 0 0" "$(counter filtered) $(counter rx_packets) $(counter tx_packets)"
ok "in machines of their own, too" talk --set nic.vlans=each --set guest.vms=each
equal "none" 0 "$(counter rx_packets)"
ok "another's address" talk --set workload.from=2
equal "is not sent" "20 0" "$(counter spoofed) $(counter rx_packets)"
ok "where nobody checks" talk --set workload.from=2 --set nic.antispoof=0
equal "it is" "0 20" "$(counter spoofed) $(counter rx_packets)"
ok "a VLAN that it is not in" talk --set workload.vlan=5
equal "is not sent either" "20 0" "$(counter spoofed) $(counter rx_packets)"
ok "without the switch" talk --set nic.loopback=0
equal "nobody sends it back" "20 0" "$(counter tx_packets) $(counter rx_packets)"
ok "a recording of it" talk --record "$work/t.vst"
sql "select actor, op, n, total_ps from op where $last order by 1, 2" >"$work/first"
ok "replays" "$VIRTSIM" replay "$work/t.vst" --quiet --db "$db"
sql "select actor, op, n, total_ps from op where $last order by 1, 2" >"$work/again"
ok "the same" cmp "$work/first" "$work/again"
printf 'guest(function(cpu) cpu:transmit { to = 131 } end)\n' >"$work/w.lua"
refused "a function that there is not" 1 "0..130" "$VIRTSIM" run "$work/w.lua" --no-store
printf 'guest(function(cpu) cpu:transmit { segment = 1448, to = 1 } end)\n' >"$work/w.lua"
refused "a stream to a function" 1 "a stream with an address" "$VIRTSIM" run "$work/w.lua" --no-store
printf 'guest(function(cpu) cpu:transmit { } end)\n' >"$work/w.lua"
refused "no NIC" 2 "nic.present" "$VIRTSIM" run "$work/w.lua" -m oracle_tlb --no-store

# rates
cat >"$work/send.lua" <<'LUA'
guest(function(cpu) cpu:send { bytes = 1000, count = 600 } cpu:send { bytes = 1000, count = 600 } end)
LUA
us() { sql "select (end_ps - roi_ps) / 1000000 from run where $last"; }
for mbps in 100 1000; do
    ok "$mbps Mb/s" "$VIRTSIM" run "$work/send.lua" --quiet --db "$db" --set nic.traffic.interval_ns=0 --set nic.rate_mbps=$mbps
    sent=$(counter tx_packets)
    equal "$mbps Mb/s: no more, and hardly less" 1 "$((sent * 8528 * 100 <= $(us) * mbps * 101 && sent * 8528 * 100 >= $(us) * mbps * 97))"
    equal "$mbps Mb/s: packets wait for it" 1 "$(sql "select count(*) from part where op = 'packet.tx' and account = 'nic.wait_rate' and $last")"
done

# streams
stream() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/tcp_stream.lua" --quiet --db "$db" --set workload.segments=1800 --set workload.warmup=900 "$@"; }
for machine in skylake_sp_kvm skylake_sp_native neoverse_n1_kvm; do
    ok "$machine: segments by the adapter" stream -m $machine
    made=$(counter tx_segments) packets=$(sql "select sum(n) from op where op = 'packet.tx' and $last")
    equal "$machine: most are the adapter's" 1 "$((made > 40 * packets))"
    equal "$machine: an acknowledgement for two" 1 "$(($(counter rx_packets) * 20 > 8 * $(counter tx_packets) && $(counter rx_packets) * 20 < 12 * $(counter tx_packets)))"
    busy=$(sql "select sum(total_ps) from part where actor like 'vcpu0%' and account like 'guest.transmit%' and $last")
    ok "$machine: by the kernel" stream -m $machine --set nic.tso=0
    equal "$machine: none is the adapter's" 0 "$(counter tx_segments)"
    equal "$machine: which is more of the kernel's work" 1 "$(($(sql "select sum(total_ps) from part where actor like 'vcpu0%' and account like 'guest.transmit%' and $last") > 5 * busy))"
    ok "$machine: the other way" stream -m $machine --set workload.direction=receive
    equal "$machine: two segments for each acknowledgement" 1 "$(($(counter rx_packets) > 19 * $(counter tx_packets) / 10))"
done
ok "a small window" stream --set workload.window=46 --set workload.write=2
slow=$(us)
ok "a large one" stream --set workload.write=2
equal "is faster" 1 "$(($(us) < slow))"
ok "an acknowledgement for eight" stream --set workload.ack_every=8
equal "is a quarter of them" 1 "$(($(counter rx_packets) < 300))"
ok "jumbo frames" stream --set workload.segment=8948 --set workload.write=7
refused "a segment that no frame holds" 2 "1..9670" stream --set workload.segment=9671
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# Receive coalescing (LRO): an adapter that has it makes large packets of a connection's segments, and the kernel's stack
# runs once for each of those; datagrams are what they were; an adapter without it is refused by the knob's name.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/c.db
last="run = (select max(run) from run)"
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }
stack() { sql "select sum(n) from part where account = 'guest.receive.stack' and $last"; }
stream() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/tcp_stream.lua" --quiet --db "$db" --set workload.direction=receive --set workload.segments=2000 --set workload.warmup=400 "$@"; }
for base in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    m=$work/$base.lua
    printf 'return { text = "ConnectX-5", base = "%s", nic = "connectx5" }\n' "$base" >"$m"
    ok "$base: each segment a packet" stream -m "$m"
    alone=$(stack)
    equal "$base: of which none are put together" "0 0" "$(counter nic.lro_packets) $(counter nic.lro_segments)"
    ok "$base: large packets" stream -m "$m" --set nic.lro=1
    equal "$base: most segments are behind another one" 1 "$(($(counter nic.lro_segments) * 4 > $(counter nic.rx_packets) * 3))"
    equal "$base: each is in one of them" 1 "$(($(counter nic.lro_segments) + $(counter nic.lro_packets) + 64 > $(counter nic.rx_packets)))"
    equal "$base: the stack runs for a fourth of them at most" 1 "$(($(stack) * 4 < alone))"
    equal "$base: each segment's journey ends" 1 "$(($(sql "select n from op where op = 'packet.rx' and n > 0 and $last") > 1700))"
    equal "$base: what it waited for has a name" 1 "$(sql "select total_ps > 0 from part where op = 'packet.rx' and account = 'nic.wait_lro' and $last")"
    equal "$base: nothing is blocked or dropped, and the books balance" "0 0 0" "$(counter nic.dma_blocked) $(counter nic.rx_dropped) $(sql "select count(*) from unbalanced where $last")"
done
m=$work/skylake_sp_kvm.lua
most() { sql "select round(1.0 * (select sum(value) from counter where name = 'nic.rx_packets' and $last) / (select sum(value) from counter where name = 'nic.lro_packets' and $last), 1)"; }
ok "two buffers" stream -m "$m" --set nic.lro=1 --set nic.lro.buffers=2
equal "hold two segments of 1448 bytes" 1 "$(most | awk '{ print ($1 > 1.5 && $1 <= 2.1) }')"
ok "a time of 2 us" stream -m "$m" --set nic.lro=1 --set nic.lro.timeout_ns=2000
equal "ends a packet when a few have come" 1 "$(most | awk '{ print ($1 < 8) }')"
ok "a driver that polls" stream -m "$m" --set nic.lro=1 --set nic.poll=1
equal "gets large packets, too" 1 "$(($(counter nic.lro_segments) * 2 > $(counter nic.rx_packets)))"
rows="select actor, op, n, total_ps from op where op like 'packet.%' and $last order by 1, 2"
echoes() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" -m "$m" --set workload.packets=60 --set workload.warmup=10 "$@"; }
ok "datagrams" echoes
before=$(sql "$rows")
ok "datagrams beside it" echoes --set nic.lro=1
equal "are what they were" "$before" "$(sql "$rows")"
ok "a recording" stream -m "$m" --set nic.lro=1 --record "$work/c.vst"
before=$(sql "$rows")
ok "is replayed" "$VIRTSIM" replay "$work/c.vst" --quiet --db "$db"
equal "with the same segments" "$before" "$(sql "$rows")"
refused "an X710" 2 "nic.has.lro" stream --set nic.lro=1
printf 'return { text = "82599", base = "skylake_sp_kvm", nic = "i82599" }\n' >"$work/i82599.lua"
refused "an 82599's virtual function" 2 "nic.has.lro" stream -m "$work/i82599.lua" --set nic.lro=1
refused "descriptors that wait for others" 2 "nic.write_back.rx = 1" stream -m "$m" --set nic.lro=1 --set nic.write_back.rx=4
refused "more buffers than a ring has" 2 "15 at most" stream -m "$m" --set nic.lro=1 --set nic.lro.buffers=16 --set nic.ring.descriptors=16
refused "no buffer" 2 "1..32" stream -m "$m" --set nic.lro.buffers=0
finish

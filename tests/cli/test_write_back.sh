#!/bin/sh
# SPDX-License-Identifier: MIT
# How an adapter says what it has done: a burst of descriptors in one DMA, at the latest when the vector's interval ends
# or before an interrupt, or a word that says how far a queue has sent. What it costs and what waits is in the database.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/w.db
last="run = (select max(run) from run)"
small() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/small_packets.lua" --quiet --db "$db" --set workload.packets=2000 --set workload.warmup=500 "$@"; }
echoes() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" --set workload.packets=200 --set workload.warmup=20 "$@"; }
# writes of the device in hundredths of a packet that was received or sent
writes() { sql "select 100 * (select sum(n) from op where op = 'dma.write' and $last) / (select sum(n) from op where op like 'packet.%' and $last)"; }
waited() { sql "select coalesce(sum(total_ps), 0) / (select n from op where op = 'packet.rx' and $last) / 1000 from part where account = 'nic.wait_write_back' and op = 'packet.rx' and $last"; }

for machine in skylake_sp_kvm skylake_sp_native neoverse_n1_kvm; do
    ok "$machine: descriptors one by one" small -m $machine
    one=$(writes)
    equal "$machine: a received packet is two writes, a sent one is one" 1 "$((one > 145 && one < 170))"
    equal "$machine: and nothing waits for others" 0 "$(waited)"
    ok "$machine: by bursts" small -m $machine --set nic.write_back.rx=4 --set nic.write_back.tx=8
    equal "$machine: half a write for the payload, less than a fourth for all descriptors" 1 "$(($(writes) < 75))"
    equal "$machine: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
    ok "$machine: by a word" small -m $machine --set nic.write_back.head=1
    equal "$machine: as many writes" 1 "$(($(writes) > one - 5 && $(writes) < one + 5))"
    equal "$machine: the books balance, too" 0 "$(sql "select count(*) from unbalanced where $last")"
done

# who waits for whom
ok "an echo alone" echoes
alone=$(sql "select total_ps / n from op where op = 'packet.rx' and $last")
ok "with bursts" echoes --set nic.write_back.rx=16
equal "is as fast: its interrupt writes back what is there" 1 "$((($(sql "select total_ps / n from op where op = 'packet.rx' and $last") - alone) * 20 < alone))"
for ns in 5000 20000; do
    ok "packets far apart of a driver that polls, $ns ns" echoes --set nic.poll=1 --set workload.rate=10000 --set nic.write_back.rx=4 --set nic.moderation_ns=$ns
    equal "wait until the interval ends" 1 "$(($(waited) > ns * 98 / 100 && $(waited) <= ns * 101 / 100))"
done
ok "a ring that is nearly full of what is kept" small --set workload.op=send --set nic.ring.descriptors=16 --set nic.write_back.tx=15
equal "goes on" 0 "$(sql "select count(*) from unbalanced where $last")"
ok "frames of several descriptors" echoes --set nic.traffic.bytes=9000 --set workload.bytes=9000 --set nic.write_back.rx=32 --set nic.write_back.tx=32
ok "the same by a word" echoes --set nic.traffic.bytes=9000 --set workload.bytes=9000 --set nic.write_back.head=1
ok "several queues, each with its word" echoes --set workload.queues=2 --set workload.flows=16 --set workload.window=16 --set nic.write_back.head=1

# buffers for the receive ring: a doorbell for a fourth of the ring, or as soon as one has none
doorbells() { sql "select value from counter where name = 'nic.doorbells' and $last"; }
ok "buffers by the fourth of a ring" small --set workload.op=receive
few=$(doorbells)
ok "after each batch" small --set workload.op=receive --set nic.refill=1
equal "which its doorbells are" 1 "$(($(doorbells) > 3 * few))"
refused "more than a ring can be without" 2 "take 511 at most" small --set nic.refill=512
refused "more than a ring has" 2 "take 7 at most" echoes --set nic.ring.descriptors=8 --set nic.write_back.rx=8
refused "a word and bursts" 2 "leave nic.write_back.tx = 1" echoes --set nic.write_back.head=1 --set nic.write_back.tx=8
refused "33 of them" 2 "1..32" echoes --set nic.write_back.tx=33
finish

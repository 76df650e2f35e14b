#!/bin/sh
# SPDX-License-Identifier: MIT
# Traffic beyond what the wire, the adapter or the guest can carry ends as on a real link: the wire
# has a rate, buffers and rings have an end, and what does not fit is lost and counted.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
traffic() { rm -f "$db" && timeout 20 "$VIRTSIM" run workloads/udp_echo.lua --quiet --db "$db" "$@"; }
nic() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = 'nic.$1'"; }
# per cent of the time in which the wire carried the packets that were received or lost, 1172.8 ns each
busy() {
    sqlite3 "$db" "select cast(round(100 * 1172.8e3 * (select sum(value) from counter where name in
        ('nic.rx_packets', 'nic.rx_dropped', 'nic.rx_missed')) / (end_ps - roi_ps)) as integer) from run"
}
guest() { cat >"$work/$1.lua"; }
large="--set nic.traffic.bytes=1400 --set workload.bytes=1400 --set workload.packets=1500 --set workload.warmup=1500"
flood="--set nic.traffic.interval_ns=1"

for machine in skylake_sp_native skylake_sp_kvm; do
    on="--machine $machine"
    ok "$machine: packets that come faster than the wire carries them" traffic $on $large --set nic.traffic.interval_ns=500
    equal "$machine: come at the wire's rate" 100 "$(busy)"
    ok "$machine: a slow wire" traffic $on $flood --set nic.link.gbps=1 --set workload.bytes=9682
    ok "$machine: the adapter is slower than the wire" traffic $on $flood --set nic.engine=1000000
    equal "$machine: what its buffer does not hold is missed" 1 "$(($(nic rx_missed) > 10000))"
    equal "$machine: and no ring was full" 0 "$(nic rx_dropped)"
    ok "$machine: the guest is slower than the adapter" traffic $on $flood --set workload.work=100000
    equal "$machine: what has no descriptor is dropped" 1 "$(($(nic rx_dropped) > 10000))"
    ok "$machine: no moderation" traffic $on $flood --set nic.moderation_ns=0 --set nic.engine=0 --set nic.switch=0 --set nic.link.gbps=400
    ok "$machine: the smallest rings and buffers" traffic $on $flood --set nic.ring.descriptors=8 --set nic.rx_buffer=4096 --set nic.tx_buffer=20480
    ok "$machine: a guest that empties the whole ring at once" traffic $on $flood --set nic.ring.descriptors=8 --set workload.batch=256
done
refused "frames larger than the guest's buffers" 2 "1..9682" traffic $flood --set nic.traffic.bytes=9683
ok "the largest frame" traffic $flood --set nic.traffic.bytes=9682

guest senders <<'LUA'
for i = 0, 3 do
    guest { vcpu = i, run = function(cpu)
        for _ = 1, 100 do cpu:send { bytes = 1400, count = 64 } cpu:recv { count = 1, timeout_ns = 1000000 } end
    end }
end
LUA
ok "four functions that send more than the wire carries" timeout 20 "$VIRTSIM" run "$work/senders.lua" $flood --set nic.link.gbps=1 --quiet --db "$work/s.db"
equal "their engine waits for room in the transmit buffer" 1 "$(sqlite3 "$work/s.db" "select count(*) > 0 from part where account = 'nic.wait_buffer'")"
equal "each packet is sent, or still under way" 25600 "$(sqlite3 "$work/s.db" "select sum(value) from counter where name in ('nic.tx_packets', 'open_ops.packet.tx')")"
guest one <<'LUA'
guest(function(cpu) cpu:recv { count = 8 } end)
guest { vcpu = 1, run = function(cpu) cpu:wait { us = 1000 } end }
LUA
ok "a function whose driver is not there" timeout 20 "$VIRTSIM" run "$work/one.lua" $flood --quiet --db "$work/o.db"
equal "receives nothing, and that is counted" 1 "$(sqlite3 "$work/o.db" "select value > 0 from counter where name = 'nic.rx_unclaimed'")"

# the driver's memory is the kernel's and the device's
guest unmap <<'LUA'
guest(function(cpu) cpu:recv { count = 1 } cpu:unmap(0x10000000000, "16MiB") cpu:send { count = 2000 } end)
LUA
ok "the driver's rings are in none of the program's addresses" timeout 20 "$VIRTSIM" run "$work/unmap.lua" --no-store --quiet
guest far <<'LUA'
guest(function(cpu) cpu:unmap(0x20000000000, 1 << 45) cpu:protect(0x20000000000, 1 << 45, "r") end)
LUA
ok "unmapping and protecting what nothing is mapped in takes no time" timeout 20 "$VIRTSIM" run "$work/far.lua" --no-store
guest process <<'LUA'
guest(function(cpu) cpu:recv { count = 1 } cpu:switch(cpu:process()) cpu:send { count = 1 } end)
LUA
refused "sending from another address space" 1 "address space 0" timeout 20 "$VIRTSIM" run "$work/process.lua" --no-store
finish

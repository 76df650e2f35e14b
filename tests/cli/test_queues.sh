#!/bin/sh
# SPDX-License-Identifier: MIT
# Several pairs of queues of one function: the Toeplitz hash of a flow and the driver's table say which queue gets it, a
# flow stays there, each queue has its vector and the vCPU that serves it, and what one vCPU cannot do, several can.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/q.db
last="run = (select max(run) from run)"
echoes() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$db" --set workload.warmup=0 "$@"; }
small() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/small_packets.lua" --quiet --db "$db" --set workload.packets=2000 --set workload.warmup=500 "$@"; }
# queues that got packets, with what each flow's hash says of itself: the hash as the specification defines it
expected() {
    python3 - "$1" "$2" "$3" <<'PY'
import sys
flows, queues, entries = map(int, sys.argv[1:])
key = int("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa", 16)
def toeplitz(data):
    bits = int.from_bytes(data, "big")
    n, h = 8 * len(data), 0
    for i in range(n):
        if bits >> (n - 1 - i) & 1:
            h ^= key >> (320 - 32 - i) & 0xffffffff
    return h
got = [0] * queues
for f in range(flows):
    got[toeplitz(bytes([192, 0, 2, 1, 198, 51, 100, 1]) + (49152 + f).to_bytes(2, "big") + (7).to_bytes(2, "big")) % entries % queues] += 1
print(" ".join(f"q{i}:{n}" for i, n in enumerate(got) if n))
PY
}
# the same of the run: packets by queue in units of what each flow sent
queues() { sql "select group_concat(queue, ' ') from (select substr(actor, instr(actor, '/q') + 1) || ':' || ((n + coalesce((select value from counter c where c.run = op.run and c.actor = op.actor and name = 'open_ops.packet.rx'), 0)) / $1) as queue from op where op = 'packet.rx' and n > 0 and actor like 'nic0/vf0/q%' and $last order by actor)"; }

for flows in 1 2 3 5 8; do
    ok "$flows flows over 4 queues" echoes --set workload.queues=4 --set workload.flows=$flows --set workload.packets=$((flows * 40)) --set workload.rate=50000
    equal "$flows flows: each is on the queue of its hash, all of it" "$(expected $flows 4 128)" "$(queues 40)"
    equal "$flows flows: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
done
ok "over 3 queues" echoes --set workload.queues=3 --set workload.flows=12 --set workload.packets=480 --set workload.rate=50000
three=$(queues 40)
equal "the table has 128 entries" "$(expected 12 3 128)" "$three"
ok "over 3 queues by another table" echoes --set workload.queues=3 --set workload.flows=12 --set workload.packets=480 --set workload.rate=50000 --set nic.rss.entries=64
equal "it has 64" "$(expected 12 3 64)" "$(queues 40)"
equal "which spreads them otherwise" 1 "$([ "$three" != "$(queues 40)" ] && echo 1)"

for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine: 4 queues" echoes -m $machine --set workload.queues=4 --set workload.flows=64 --set workload.window=64 --set workload.packets=400
    equal "$machine: each queue has packets" 4 "$(sql "select count(*) from op where op = 'packet.rx' and actor like 'nic0/vf0/q%' and n > 20 and $last")"
    equal "$machine: each its interrupts, at the vCPU that serves it" 4 "$(sql "select count(*) from op where op = 'irq.delivery' and n > 2 and $last")"
    equal "$machine: the DMAs are one function's" 1 "$(sql "select count(distinct actor) from op where op = 'dma.write' and actor like 'nic0/%' and $last")"
done
ok "a domain of the kernel's own" echoes -m skylake_sp_native --set iommu.enabled=1 --set dma.mode=strict --set workload.queues=4 --set workload.flows=64 --set workload.window=64 --set workload.packets=400
equal "is one for all queues of the function" 0 "$(sql "select coalesce(sum(value), 0) from counter where name in ('nic.dma_blocked', 'iommu.faults') and $last")"

# what one vCPU cannot do, two can, until the wire or the engine cannot
rate() { sql "select cast(1e12 * (select sum(value) from counter where name = 'nic.tx_packets' and $last) / (end_ps - roi_ps) as integer) from run where $last"; }
ok "one queue of a busy program" small --set workload.work=3000
one=$(rate)
ok "two queues" small --set workload.work=3000 --set workload.queues=2 --set workload.flows=64
equal "forward nearly twice as much" 1 "$(($(rate) * 10 > one * 17 && $(rate) < one * 21 / 10))"

# machines and functions
ok "a function for each machine" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/multi_tenant.lua" --quiet --db "$db" --set workload.tenants=3 --set workload.packets=20 --set workload.warmup=5 --set nic.queues=2
equal "whatever queues it has" "nic0/vf0/q0 nic0/vf1/q0 nic0/vf2/q0" "$(sql "select group_concat(actor, ' ') from (select actor from op where op = 'packet.rx' and $last order by actor)")"
ok "5 vCPUs on functions of 2" echoes --set workload.queues=5 --set workload.flows=64 --set workload.window=64 --set nic.queues=2 --set workload.packets=400
equal "the last has one alone" "nic0/vf0/q0 nic0/vf0/q1 nic0/vf1/q0 nic0/vf1/q1 nic0/vf2/q0" "$(sql "select group_concat(actor, ' ') from (select actor from op where op = 'packet.rx' and $last order by actor)")"
refused "more vCPUs than queues" 2 "nic.vfs = 1; --set nic.vfs=2" echoes --set workload.queues=3 --set nic.queues=2 --set nic.vfs=1 --set workload.flows=8
refused "a table of 100" 2 "a power of two" echoes --set nic.rss.entries=100
refused "65 queues" 2 "1..64" echoes --set nic.queues=65
ok "a recording of several queues" echoes --set workload.queues=2 --set workload.flows=8 --set workload.window=8 --set workload.packets=100 --record "$work/r.vst"
rows="select actor, n, total_ps from op where op like 'packet.%' and $last order by 1, 2"
before=$(sql "$rows")
ok "is replayed" "$VIRTSIM" replay "$work/r.vst" --quiet --db "$db"
equal "with the same packets" "$before" "$(sql "$rows")"
finish

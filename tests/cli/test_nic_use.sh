#!/bin/sh
# SPDX-License-Identifier: MIT
# A NIC that nobody uses asks for nothing: no functions, no memory, no IOMMU. Where it is used, a message says what is missing.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/n.db
cd "$VIRTSIM_HOME" || exit 1
# of everybody but the device's own
books() {
    sqlite3 "$db" "select actor, op, n, total_ps from op where run = (select max(run) from run)
        union all select actor, name, value, 0 from counter where run = (select max(run) from run) order by 1, 2" | grep -Ev '^(nic|iommu|pcie)0' | cksum
}

printf ' L 40000000,8\n S 40001000,8\n' >"$work/t.lk"
nine=""
for _ in 1 2 3 4 5 6 7 8 9; do nine="$nine $work/t.lk"; done
cat >"$work/nine.lua" <<'LUA'
param { name = "who", default = 9, min = 0, max = 9, unit = "vCPU", text = "that sends" }
for i = 0, 8 do
  guest { vcpu = i, run = function(cpu, p)
    local r = cpu:map { bytes = "64KiB" }
    cpu:store(r)
    if p.who == i then cpu:send { count = 4 } end
  end }
end
LUA
for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    # shellcheck disable=SC2086 # words
    ok "$machine: nine traces" "$VIRTSIM" replay $nine --machine $machine --quiet --db "$db"
    ok "$machine: nine programs" "$VIRTSIM" run "$work/nine.lua" --machine $machine --quiet --db "$db"
    ok "$machine: of which one sends" "$VIRTSIM" run "$work/nine.lua" --machine $machine --set workload.who=3 --quiet --db "$db"
    refused "$machine: a function more than there are" 2 "--set nic.vfs=9" "$VIRTSIM" run "$work/nine.lua" --machine $machine --set workload.who=4 --db "$db"
    ok "$machine: which does what it says" "$VIRTSIM" run "$work/nine.lua" --machine $machine --set workload.who=8 --set nic.vfs=9 --quiet --db "$db"
    ok "$machine: without a NIC" "$VIRTSIM" run workloads/page_touch.lua --machine $machine --set workload.footprint=2MiB --set nic.present=0 --quiet --db "$db"
    without=$(books)
    for also in nic.vfs=1 nic.ring.descriptors=4096 nic.link.gbps=1; do
        ok "$machine: with one that is not used, $also" "$VIRTSIM" run workloads/page_touch.lua --machine $machine --set workload.footprint=2MiB --set $also --quiet --db "$db"
        equal "$machine: the same books, $also" "$without" "$(books)"
    done
done
ok "nine machines" "$VIRTSIM" run "$work/nine.lua" --set guest.vms=each --set guest.memory=1GiB --quiet --db "$db"
refused "a device of a guest needs DMA remapping" 2 "iommu.enabled" "$VIRTSIM" run workloads/udp_echo.lua --set iommu.enabled=0 --db "$db"
refused "rings that fit nowhere" 2 "nic.ring.descriptors" "$VIRTSIM" run workloads/udp_echo.lua --set guest.memory=8MiB --set nic.ring.descriptors=4096 --db "$db"

# what a buffer holds, and what a ring is
ok "the largest packets" "$VIRTSIM" run workloads/udp_echo.lua --set nic.traffic.bytes=9682 --set workload.bytes=9682 --set workload.packets=200 --quiet --db "$db"
for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine: 9000 bytes in and out" "$VIRTSIM" run workloads/udp_echo.lua -m $machine --set nic.traffic.bytes=9000 --set workload.bytes=9000 --set workload.packets=50 --set workload.warmup=0 --quiet --db "$db"
    equal "$machine: each frame is five buffers' writes, each with its descriptor" yes "$(sqlite3 "$db" "select case when (select sum(n) from op where op = 'dma.write' and run = r) >= 10 * (select sum(n) from op where op = 'packet.rx' and run = r) then 'yes' else 'no' end from (select max(run) r from run)")"
done
ok "the smallest ring sends and receives them" "$VIRTSIM" run workloads/udp_echo.lua --set nic.ring.descriptors=8 --set nic.traffic.bytes=9000 --set workload.bytes=9000 --set workload.packets=50 --set workload.warmup=0 --quiet --db "$db"
refused "larger ones arrive" 2 "1..9682" "$VIRTSIM" run workloads/udp_echo.lua --set nic.traffic.bytes=9683 --db "$db"
refused "larger ones are sent" 2 "9682" "$VIRTSIM" run workloads/udp_echo.lua --set workload.bytes=9683 --db "$db"
printf 'guest(function(cpu) cpu:send { bytes = 9683 } end)\n' >"$work/send.lua"
refused "larger ones are sent by a program" 1 "1..9682" "$VIRTSIM" run "$work/send.lua" --db "$db"
"$VIRTSIM" list knobs --format csv >"$work/knobs"
equal "the bounds say so" 1 "$(grep -c 'nic.traffic.bytes.*1\.\.9682' "$work/knobs")"
refused "a ring of 13" 2 "8 or 16" "$VIRTSIM" run workloads/udp_echo.lua --set nic.ring.descriptors=13 --db "$db"
ok "as many functions as an X710 has" "$VIRTSIM" run workloads/udp_echo.lua --set nic.vfs=128 --set workload.packets=20 --quiet --db "$db"
refused "one more" 2 "1..128" "$VIRTSIM" run workloads/udp_echo.lua --set nic.vfs=129 --db "$db"
for machine in oracle_tlb oracle_cachegrind; do
    refused "$machine: a property of a NIC that is not there" 2 "has no NIC" "$VIRTSIM" run workloads/gups.lua -m $machine --set nic.vfs=2 --db "$db"
    ok "$machine: the same with the NIC" "$VIRTSIM" run workloads/gups.lua -m $machine --set nic.present=1 --set nic.vfs=2 --quiet --db "$db"
done
refused "a ring of 9" 2 "a multiple of 8" "$VIRTSIM" run workloads/udp_echo.lua --set nic.ring.descriptors=9 --db "$db"

# every number of NIC, link and IOMMU works at both of its bounds
echo="run workloads/udp_echo.lua --set workload.packets=40 --set workload.warmup=0 --quiet --db $db"
sed -n 's/^\(nic\|pcie\|iommu\)\(\.[a-z0-9_.]*\),[^,]*,\([0-9][0-9]*\)\.\.\([0-9][0-9]*\),.*/\1\2 \3 \4/p' "$work/knobs" >"$work/bounds"
ok "they are listed" test "$(wc -l <"$work/bounds")" -gt 30
while read -r knob low high; do
    for value in "$low" "$high"; do
        case $knob=$value in # no packets; one a second; where memory lies, and how much: tests/cli/test_pci_config.sh
            pcie.[pv]f.bar*) continue ;;
            nic.traffic.interval_ns=0 | nic.traffic.window=0 | nic.traffic.*_ns=1000000000) continue ;;
        esac
        # shellcheck disable=SC2086,SC2046 # words
        ok "$knob=$value" timeout 60 "$VIRTSIM" $echo --set "$knob=$value" $([ "$knob" != iommu.iotlb.ways ] || [ "$value" = 0 ] || echo --set iommu.iotlb.entries="$value") $([ "$knob=$value" != pcie.sriov.total_vfs=1 ] || echo --set nic.vfs=1) $([ "$knob=$value" != nic.refill=4095 ] || echo --set nic.ring.descriptors=4096) $([ "$knob=$value" != nic.has.rss.entries=64 ] || echo --set nic.rss.entries=64) $([ "$knob=$value" != nic.queues=64 ] || echo --set nic.has.pairs=64) $([ "$knob=$value" != nic.pools=128 ] || echo --set nic.path=host --set nic.vfs=128 --set worker.threads=1 --set host.cpus=2 --set worker.cpu=1)
    done
done <"$work/bounds"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# The adapter's physical function is the host's (nic.physical): guests reach it by its address through the adapter's
# switch, and it them; its driver is a thread that interrupts wake, on a processor of its own or on a guest's.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/p.db
asks() { run_alone tests/digests/workloads/host_echo.lua skylake_sp_kvm count=30 "$@"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and actor like '$2'"; }
ops() { sql "select coalesce(sum(n), 0) from op where op = '$1' and actor like '$2%'"; }
asks nic.physical=echo host.cpus=3 worker.cpu=2
equal "the host reads every frame" 60 "$(ops packet.rx nic0/pf)"
equal "and answers it" 60 "$(ops packet.tx nic0/pf)"
equal "each guest has its answers" "30 30" "$(ops packet.rx nic0/vf0) $(ops packet.rx nic0/vf1)"
equal "the switch took all of them" 120 "$(counter nic.switched nic0)"
equal "and the wire none" 0 "$(counter nic.tx_packets nic0)"
equal "a processor of the host's own takes none from guests" 0 "$(sql "select coalesce(sum(n), 0) from op where op = 'steal'")"
equal "what a frame takes sums up" 0 "$(sql "select count(*) from unbalanced")"
asks nic.physical=echo worker.cpu=0
equal "on a guest's processor, too" "60 30 30" "$(ops packet.rx nic0/pf) $(ops packet.rx nic0/vf0) $(ops packet.rx nic0/vf1)"
equal "which the scheduler gives it" 1 "$(sql "select count(*) > 0 from op where op = 'thread.switch' and actor = 'worker0'")"
asks nic.physical=sink
equal "a sink reads" 60 "$(ops packet.rx nic0/pf)"
equal "and says nothing" 0 "$(ops packet.tx nic0/pf)"
asks nic.physical=none
equal "without a driver nobody reads" "0 60" "$(ops packet.rx nic0/pf) $(counter nic.tx_packets nic0)"
asks nic.physical=echo nic.vlans=each
equal "guests in VLANs of their ports do not reach the host, which is in none" "0 60" "$(ops packet.rx nic0/pf) $(counter nic.filtered nic0)"
for more in iommu.mode=scalable nic.write_back.head=1 pcie.links=2 nic.queues=2 nic.write_back.rx=8; do
    asks nic.physical=echo $more
    equal "$more" 60 "$(ops packet.tx nic0/pf)"
done
run_alone workloads/udp_echo.lua skylake_sp_kvm packets=200 rate=400000 nic.physical=echo worker.threads=1 host.cpus=2 worker.cpu=1
equal "what comes from the wire is the host's by half, and answered to there" 1 "$(sql "select abs(a.n - b.n) <= 2 and a.n > 90 from op a, op b where a.op = 'packet.tx' and b.op = 'packet.tx' and a.actor = 'nic0/pf' and b.actor = 'nic0/vf0'")"
no() { refused "$1" 2 "$2" "$VIRTSIM" run tests/digests/workloads/host_echo.lua --no-store --quiet --set nic.physical=echo "$3" "$4" -m "${5:-skylake_sp_kvm}"; }
no "no thread" "set worker.threads = 1" --set worker.threads=0
no "a driver that polls" "nic.physical, but nic.poll = 1" --set nic.poll=1
no "bare metal" "nic.physical: on bare metal" --set worker.threads=0 skylake_sp_native
printf 'return { text = "82599", base = "skylake_sp_kvm", nic = "i82599" }\n' >"$work/full.lua"
refused "an 82599 whose 64 pools are guests'" 2 "and the physical one has as many (nic.physical)" "$VIRTSIM" run tests/digests/workloads/host_echo.lua --no-store --quiet -m "$work/full.lua" --set nic.physical=echo --set nic.vfs=64 --set nic.queues=2
finish

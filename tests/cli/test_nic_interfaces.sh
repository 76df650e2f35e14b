#!/bin/sh
# SPDX-License-Identifier: MIT
# Guests' interfaces that the host's kernel serves (nic.path = host): by pools of the adapter's queues (VMDq), which it
# sorts frames into, or by the physical function's queue and a bridge in software; beside a function of their own.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/i.db
host="nic.path=host worker.threads=1 host.cpus=4 worker.cpu=3"
asks() { run_alone tests/digests/workloads/switch.lua skylake_sp_kvm "$@"; }
echoes() { run_alone workloads/udp_echo.lua skylake_sp_kvm packets=200 warmup=20 "$@"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and actor like '$2'"; }
ops() { sql "select coalesce(sum(n), 0) from op where op = '$1' and actor like '$2%'"; }
mean() { sql "select total(total_ps) / sum(n) from op where op = '$1'"; }
busy() { sql "select total(total_ps) from op where op = 'host.packet'"; }

# shellcheck disable=SC2086
{
    asks
    function="$(ops packet.rx nic0/vf1) $(ops packet.rx nic0/vf2) $(counter nic.spoofed nic0) $(counter nic.filtered nic0)"
    asks $host nic.pools=3 nic.vfs=3
    equal "pools carry what functions do" "$function" "$(ops packet.rx nic0/if1) $(ops packet.rx nic0/if2) $(counter nic.spoofed nic0) $(counter nic.filtered nic0)"
    equal "and the bridge sees what is everybody's" "$(($(counter nic.rx_packets nic0) - $(ops packet.rx nic0/if)))" "$(counter nic.bridged nic0)"
    equal "what a frame takes sums up" 0 "$(sql "select count(*) from unbalanced")"
    asks $host nic.pools=4 nic.zero_copy=1
    equal "so they do with the guests' own buffers" "$function" "$(ops packet.rx nic0/if1) $(ops packet.rx nic0/if2) $(counter nic.spoofed nic0) $(counter nic.filtered nic0)"
    asks $host
    equal "without pools the adapter switches nothing" "0 24" "$(counter nic.switched nic0) $(counter nic.bridged nic0)"
    asks $host nic.pools=1
    equal "some have pools, others the bridge" 17 "$(($(ops packet.rx nic0/if1) + $(ops packet.rx nic0/if2)))"
    asks $host nic.pools=4 nic.vlans=each
    equal "pools of other VLANs do not reach each other" 0 "$(ops packet.rx nic0/if)"

    echoes
    vf=$(mean packet.rx)
    echoes $host nic.pools=1 nic.vfs=1
    pool=$(mean packet.rx) copied=$(busy)
    equal "each frame is the host's once each way" 400 "$(ops host.packet worker0)"
    equal "each answer is an exit, as the thread sleeps" 200 "$(counter nic.kicks nic0)"
    equal "and each packet an interrupt of the host's" 200 "$(counter nic.interrupts nic0)"
    echoes $host nic.vfs=1
    bridge=$(mean packet.rx) both=$(busy)
    echoes $host nic.vfs=1 nic.pools=1 nic.zero_copy=1
    none=$(busy)
    equal "a function is faster than a pool, and that than the bridge" 1 "$(sql "select $vf < $pool and $pool < $bridge")"
    equal "the adapter's sorting saves the host work, and no copy more" 1 "$(sql "select $none < $copied and $copied < $both")"
    echoes $host nic.vfs=1 rate=800000 work=20000 nic.ring.descriptors=64
    equal "a guest that gives no buffers in time loses frames in the host" 1 "$(sql "select $(counter nic.guest_full nic0) > 100")"
    echoes $host nic.vfs=1 nic.pools=1 rate=2000000 nic.ring.descriptors=64
    equal "under load frames are lost where nobody has a buffer" 1 "$(sql "select $(counter nic.guest_full nic0) + $(counter nic.rx_dropped nic0) > 0")"
    equal "and a thread that is awake is not told by exits" 1 "$(sql "select $(counter nic.kicks nic0) < 100")"
    for more in nic.ring.descriptors=8 iommu.mode=scalable nic.write_back.head=1 nic.write_back.rx=8 guest.vms=each; do
        echoes $host nic.pools=1 $more
        equal "$more" 200 "$(ops packet.rx nic0/if0)"
    done
    run_alone workloads/tcp_stream.lua skylake_sp_kvm segments=200 warmup=20 $host nic.pools=1
    equal "a stream is the adapter's to cut" 1 "$(sql "select $(counter nic.tx_segments nic0) > 100")"
}

no() { name=$1 text=$2 && shift 2 && refused "$name" 2 "$text" "$VIRTSIM" run tests/digests/workloads/switch.lua --no-store --quiet "$@"; }
h="--set=nic.path=host --set=worker.threads=1 --set=host.cpus=4 --set=worker.cpu=3"
# shellcheck disable=SC2086
{
    no "pools of guests' functions" "pools are the host's, take nic.path = host" --set=nic.pools=2
    no "more pools than interfaces" "each of which has one pool at most" $h --set=nic.pools=5
    no "shared buffers of one guest" "give each a pool" $h --set=nic.pools=2 --set=nic.zero_copy=1
    no "VLANs of a bridge" "the host's bridge knows no VLANs" $h --set=nic.vlans=each
    no "no thread" "set worker.threads = 1" --set=nic.path=host
    no "two users of the physical function" "the port of the host's bridge" $h --set=nic.physical=echo
    no "several queues" "an interface has one pair of queues" $h --set=nic.queues=2
    no "a driver that polls" "nic.path = host, but nic.poll = 1" $h --set=nic.poll=1
    no "adaptive moderation" "has no adapter to tell" $h --set=nic.moderation=adaptive
    no "a guest's own IOMMU" "no function of the adapter is a guest's" $h --set=iommu.mode=scalable --set=iommu.first_level=1 --set=dma.viommu=nested
    no "bare metal" "nic.path = host: on bare metal" --set=nic.path=host -m skylake_sp_native
    no "a host without a driver" "hypervisors/xen.lua has no program" $h -m skylake_sp_xen
    printf 'return { text = "ConnectX", base = "skylake_sp_kvm", nic = "connectx5" }\n' >"$work/none.lua"
    no "an adapter without pools" "this adapter has at most 0 pools (nic.has.pools)" $h --set=nic.pools=1 -m "$work/none.lua"
}
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# Adapters by their files: each runs on any host, has what the table of model/sriov_nic/README.md says, works up to its
# limits, and what is asked for beyond them is refused by name.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
run() { "$VIRTSIM" run workloads/udp_echo.lua --no-store --quiet --set workload.packets=20 --set workload.warmup=0 "$@"; }
for nic in i82599 x710 connectx5 ena; do
    for base in skylake_sp_kvm neoverse_n1_native; do
        printf 'return { text = "%s", base = "%s", nic = "%s" }\n' "$nic" "$base" "$nic" >"$work/$nic.$base.lua"
    done
    m=$work/$nic.skylake_sp_kvm.lua
    "$VIRTSIM" run workloads/udp_echo.lua -m "$m" --dry-run --format csv >"$work/knobs"
    knob() { sed -n "s/^$1,\([^,]*\),.*/\1/p" "$work/knobs"; }
    yes() { [ "$1" = 1 ] && echo yes || echo no; }
    most=$(knob nic.has.queues) pairs=$(knob nic.has.pairs) vfs=$(knob pcie.sriov.total_vfs) ring=$(knob nic.has.descriptors) table=$(knob nic.has.rss.entries)
    equal "$nic: the table says what its file says" \
        "| \`$nic\` | $(knob nic.link.gbps) | $vfs | $(knob nic.has.pools) | $pairs | $most | $ring | $table | $(yes "$(knob nic.has.head_write_back)") | $(yes "$(knob nic.tso)") | $(yes "$(knob nic.has.lro)") |" \
        "$(grep "^| \`$nic\`" model/sriov_nic/README.md | sed 's/| no: [^|]* |$/| no |/')"
    for base in skylake_sp_kvm neoverse_n1_native; do
        ok "$nic in $base" run -m "$work/$nic.$base.lua"
    done
    ok "$nic: as many functions as it has" run -m "$m" --set nic.vfs="$vfs"
    refused "$nic: one more" 2 "nic.vfs = $((vfs + 1))" run -m "$m" --set nic.vfs=$((vfs + 1))
    ok "$nic: as many pairs" run -m "$m" --set nic.queues="$pairs" --set nic.vfs=1
    [ "$pairs" = 64 ] || refused "$nic: one more pair" 2 "nic.queues = $((pairs + 1)): this adapter has at most $pairs" run -m "$m" --set nic.queues=$((pairs + 1)) --set nic.vfs=1
    host="--set nic.path=host --set nic.vfs=128 --set pcie.sriov.total_vfs=128 --set worker.threads=1 --set host.cpus=2 --set worker.cpu=1"
    pools=$(knob nic.has.pools)
    # shellcheck disable=SC2086
    ok "$nic: all of its pools" run -m "$m" $host --set nic.pools="$pools"
    # shellcheck disable=SC2086
    [ "$pools" = 128 ] || refused "$nic: one pool more" 2 "this adapter has at most $pools pools (nic.has.pools)" run -m "$m" $host --set nic.pools=$((pools + 1))
    each=$((most / vfs))
    [ "$each" -ge "$pairs" ] || ok "$nic: all of its queues" run -m "$m" --set nic.vfs="$vfs" --set nic.queues="$each"
    [ "$each" -ge "$pairs" ] || refused "$nic: more than all" 2 "(nic.has.queues)" run -m "$m" --set nic.vfs="$vfs" --set nic.queues=$((each + 1))
    ok "$nic: its longest ring" run -m "$m" --set nic.ring.descriptors="$ring" --set guest.memory=1GiB
    [ "$ring" = 4096 ] || refused "$nic: a longer one" 2 "(nic.has.descriptors)" run -m "$m" --set nic.ring.descriptors=$((ring + 8))
    ok "$nic: its table" run -m "$m" --set nic.rss.entries="$table"
    [ "$table" = 512 ] || refused "$nic: a longer table" 2 "(nic.has.rss.entries)" run -m "$m" --set nic.rss.entries=$((2 * table))
    if [ "$(knob nic.has.head_write_back)" = 1 ]; then
        ok "$nic: a word for how far it has sent" run -m "$m" --set nic.write_back.tx=1 --set nic.write_back.head=1
    else
        refused "$nic: a word for how far it has sent" 2 "(nic.has.head_write_back)" run -m "$m" --set nic.write_back.head=1
    fi
done
# what the least frames take: as many as a port of it carries
printf 'return { text = "82599", base = "skylake_sp_native", nic = "i82599" }\n' >"$work/port.lua"
ok "an 82599 at its port's rate" "$VIRTSIM" run workloads/small_packets.lua -m "$work/port.lua" --quiet --db "$work/p.db" --set workload.op=receive --set workload.packets=2000 --set nic.traffic.bytes=18 --set nic.poll=1
equal "misses nothing" 0 "$(sqlite3 "$work/p.db" "select value from counter where name = 'nic.rx_missed'")"
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# A device on another memory node than the processors: where its accesses cross, and pcie-bench's measurements of a
# Broadwell host of two sockets (nothing here was fitted to them).
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/n.db
cd "$VIRTSIM_HOME" || exit 1
bench() { run_alone workloads/pcie_bench.lua broadwell_ep_pciebench pages=2M memory.nodes=2 "$@"; }
latency() { sql "select round(total_ps / 1000.0 / n, 1) from op where op = 'dma.read'"; }
rate() { sql "select round((select value from counter where name = 'dma_engine.bytes') * 8.0 / (select value from counter where name = 'dma_engine.time'), 1)"; }
books() { sql "select coalesce(group_concat(account, ' '), 'none') from (select distinct account from part where account in ('memory.remote', 'memory.dma_llc_remote', 'memory.dma_llc') and actor like 'nic0/%' order by 1)"; }
off() { awk -v got="$1" -v want="$2" 'BEGIN { printf "%+.1f", 100 * (got - want) / want }'; }

# where MEMORY CPU CACHE: the device is on node 0
where() { bench host.data_node="$1" cpu.node="$2" pcie.node=0 cache="$3" window=262144 count=500 warmup=100; }
ok "all on one node, from memory" where 0 0 cold
equal "crosses nothing" none "$(books)"
near=$(latency)
ok "memory elsewhere" where 1 0 cold
equal "crosses to it" memory.remote "$(books)"
equal "there and back" "$(sql "select printf('%.1f', value / 1000.0) from knob where path = 'memory.remote_latency'")" "$(echo "$(latency) $near" | awk '{ printf "%.1f", $1 - $2 }')"
ok "memory elsewhere, in the device's own LLC" where 1 0 warm
equal "does not" memory.dma_llc "$(books)"
ok "the processors elsewhere, memory with the device" where 0 1 cold
equal "crosses nothing either" none "$(books)"
ok "in their LLC" where 0 1 warm
equal "it does" memory.dma_llc_remote "$(books)"
ok "a write with the processors" bench op=write count=200 warmup=0
equal "enters the LLC" memory.dma_llc "$(books)"
ok "a write from another node" bench op=write count=200 warmup=0 pcie.node=1
equal "goes to memory" memory.remote "$(books)"

# registers, messages, the remapping unit and its queue
echo_on() { run_alone workloads/udp_echo.lua skylake_sp_native memory.nodes=2 iommu.enabled=1 dma.mode=strict packets=200 "$@"; }
crossings() { sql "select count(*) from part where account = 'pcie.interconnect'"; }
ok "packets beside the processors" echo_on
equal "cross nothing" 0 "$(crossings)"
rx=$(sql "select total_ps / n from op where op = 'packet.rx'")
ok "packets at another node" echo_on pcie.node=1
equal "are longer under way" 1 "$(sql "select total_ps / n > $rx from op where op = 'packet.rx'")"
equal "and cross" 1 "$(sql "select count(*) > 0 from part where account = 'pcie.interconnect' and op in ('mmio.write', 'packet.rx', 'dma.flush')")"
equal "the unit's tables are on its node" 0 "$(sql "select total(value) from counter where actor = 'iommu0/walker' and name = 'memory.dram.remote'" | cut -d. -f1)"
equal "the books balance" 0 "$(sql 'select count(*) from unbalanced')"

# held out: pcie-bench/data, nfp6000-1.2GHz_bdw-Xeon-E5-2630v4-dell-t430-sX-sY-sZ, device on X, memory on Y, program on Z;
# means of 64-byte reads over 256 KiB, and bandwidths
rows=docs/validation.md
held() { # NAME MEASURED UNIT MEMORY CPU CACHE: latency (ns) or rate (Gb/s) as that page has it
    many=
    [ "$3" = ns ] || many="outstanding=64 count=6000"
    # shellcheck disable=SC2086 # words
    ok "$1" bench host.data_node="$4" cpu.node="$5" pcie.node=0 cache="$6" window=262144 $many
    [ "$3" = ns ] && here=$(latency) || here=$(rate)
    line="| \`$1\`, $6 | $2 $3 | $here | $(off "$here" "$2") % |"
    ok "as the page has it: $line" grep -qF "$line" "$rows"
}
held s0-s0-s0 610.5 ns 0 0 cold
held s0-s0-s0 556.9 ns 0 0 warm
held s0-s1-s0 663.6 ns 1 0 cold
held s0-s1-s0 552.5 ns 1 0 warm
held s0-s1-s1 660.1 ns 1 1 cold
held s0-s1-s1 661.3 ns 1 1 warm
held s0-s0-s0 27.7 Gb/s 0 0 cold
held s0-s0-s0 32.5 Gb/s 0 0 warm
held s0-s1-s1 25.2 Gb/s 1 1 cold
held s0-s1-s1 25.3 Gb/s 1 1 warm

refused "a node that is not there" 2 "pcie.node = 1" "$VIRTSIM" run workloads/pcie_bench.lua -m broadwell_ep_pciebench --set pcie.node=1 --no-store
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# Where an adapter is plugged in: several links, each with its own knobs, at root ports or below a switch.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/l.db
cd "$VIRTSIM_HOME" || exit 1
cat >"$work/two.lua" <<'LUA'
workload "the engines of two functions write at once"
for i = 0, 1 do
  guest { vcpu = i, run = function(cpu)
    local r = cpu:map { bytes = 65536, page = "2M" }
    cpu:stride { region = r, stride = 64, op = "store" }
    cpu:dma { region = r, bytes = 512, count = 1000, op = "write", order = "sequential", outstanding = 64 }
  end }
end
LUA
two() { run_alone "$work/two.lua" haswell_ep_pciebench nic.vfs=2 "$@"; }
took() { sql "select value / 1000 from counter where name = 'dma_engine.time'"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < 1.05 * b && b < 1.05 * a) }'; }
bytes() { sql "select total(value) from counter where name = 'pcie.bytes_up' and actor = '$1'" | cut -d. -f1; }

# contention: a link of its own for each, one for both, or a switch's for both
ok "one link" two
shared=$(took)
ok "two links" two pcie.links=2
own=$(took)
ok "are not in each other's way" awk -v a="$own" -v b="$shared" 'BEGIN { exit !(a < 0.6 * b) }'
equal "each carries its function's half" "$(bytes pcie0)" "$(bytes pcie1)"
ok "two links below a switch whose own is no wider" two pcie.links=2 pcie.port=switch pcie.switch.width=8
ok "take what one link takes: $(took), $shared" near "$(took)" "$shared"
equal "and wait for it" 1 "$(sql "select sum(total_ps) > 0 from part where account = 'pcie.link_busy'")"
ok "below a wider one" two pcie.links=2 pcie.port=switch pcie.switch.width=16
ok "what two take: $(took), $own" near "$(took)" "$own"
ok "one of them at a root port" two pcie.links=2 pcie.port=switch pcie1.port=root pcie.switch.width=8
equal "does not pass the switch" "pcie0" "$(sql "select group_concat(actor) from counter where name = 'pcie.switch.tlps' and value > 0")"
equal "the books balance" 0 "$(sql 'select count(*) from unbalanced')"

# latency of the switch: there and back, and what store and forward adds
bench() { run_alone workloads/pcie_bench.lua haswell_ep_pciebench pages=2M bytes=256 count=100 warmup=0 "$@"; }
latency() { sql "select total_ps / n from op where op = 'dma.read'"; }
part() { sql "select total_ps / (select n from op where op = 'dma.read') from part where op = 'dma.read' and account = '$1'"; }
ok "without" bench
root=$(latency)
ok "with" bench pcie.port=switch
cut=$(latency)
equal "100 ns each way" 200000 "$(part pcie.switch)"
ok "and little else: $cut, $root" test $((cut - root)) -lt 215000
ok "stored" bench pcie.port=switch pcie.switch.forwarding=store_and_forward
ok "takes longer: $(latency), $cut" test "$(latency)" -gt $((cut + 10000))

# knobs of one link, and of all
value() { sql "select value from knob where path = '$1'"; }
ok "a narrow second link" two pcie.links=2 pcie1.width=4
equal "is one row" "8 4" "$(value pcie.width) $(value pcie1.width)"
half=$(took)
ok "slows its function" test "$half" -gt "$own"
ok "all of them narrow" two pcie.links=2 pcie.width=4
ok "slows both" test "$(took)" -gt "$half"
ok "narrow but the first" two pcie.links=2 pcie.width=4 pcie0.width=8
equal "is as a narrow second one" "$half" "$(took)"
cat >"$work/wide.lua" <<'LUA'
return { base = "haswell_ep_pciebench", text = "two links, one of them narrow",
  set = { pcie = { links = { 2, "a test", "assumed" } }, pcie1 = { width = { 4, "a test", "assumed" } }, nic = { vfs = { 2, "a test", "assumed" } } } }
LUA
rm -f "$db"
ok "in a machine file" "$VIRTSIM" run "$work/two.lua" -m "$work/wide.lua" --quiet --db "$db"
equal "it is the same" "$half" "$(took)"
rm -f "$db"
ok "and what a run says of all holds" "$VIRTSIM" run "$work/two.lua" -m "$work/wide.lua" --set pcie.width=8 --quiet --db "$db"
equal "for each" "$own" "$(took)"
rm -f "$db"
ok "a sweep of one link" "$VIRTSIM" sweep "$work/two.lua" -m haswell_ep_pciebench --set nic.vfs=2 --set pcie.links=2 --vary pcie1.width=4,8 --quiet --db "$db"
equal "differs" "$half $own" "$(sql "select group_concat(value / 1000, ' ') from (select value from counter where name = 'dma_engine.time' order by run)")"

# two sockets, a link to each: a function is as near as its link
socket() { run_alone "$work/two.lua" haswell_ep_pciebench nic.vfs=2 pcie.links=2 memory.nodes=2 "$@"; }
ok "both beside the processors" socket
equal "nothing crosses" 0 "$(sql "select count(*) from part where account = 'memory.remote'")"
ok "one at the other socket" socket pcie1.node=1
equal "its function's half crosses" 1000 "$(sql "select sum(n) from part where account = 'memory.remote' and op = 'dma.write'")"

deny() { # WHAT TEXT KNOB=VALUE...
    what=$1 text=$2
    shift 2
    # shellcheck disable=SC2046 # words
    refused "$what" 2 "$text" "$VIRTSIM" run workloads/pcie_bench.lua -m haswell_ep_pciebench --no-store $(for s in "$@"; do echo "--set $s"; done)
}
deny "a link that is not there" "pcie1.width: there is no such link with pcie.links = 1" pcie1.width=4
deny "what is of all links" "set pcie.switch.width" pcie0.switch.width=4
deny "no such property" "did you mean 'pcie.width'" pcie0.widht=4
deny "bounds" "pcie0.width = 64 is outside" pcie0.width=64
deny "lanes" "pcie.switch.width = 3" pcie.switch.width=3
deny "a switch on two nodes" "pcie1.node = 1" pcie.links=2 pcie.port=switch memory.nodes=2 pcie1.node=1
deny "lanes of one link" "pcie1.width = 12: links have 1, 2, 4, 8, 16 or 32 lanes" pcie.links=2 pcie1.width=12
deny "lanes of all" "pcie.width = 12" pcie.links=2 pcie.width=12
equal "are said once" 1 "$(wc -l <"$work/err")"
deny "a payload of one link" "pcie0.mps = 384 is not a power of two" pcie.links=2 pcie0.mps=384
deny "a node of one link" "pcie1.node = 3: there is no such node" pcie.links=2 pcie1.node=3
deny "of what there is one of" "unknown knob 'nic1.present'" nic1.present=0
finish

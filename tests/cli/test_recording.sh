#!/bin/sh
# SPDX-License-Identifier: MIT
# A recording of a run, replayed on the same machine with the same seed, gives the same books; damaged ones are
# refused; several traces run side by side.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/r.db

# the last two runs hold the same rows
rows() {
    for t in op part child counter histogram; do echo "select '$t', * from $t where run = (select max(run) - $1 from run);"; done |
        sqlite3 "$db" | sed 's/^\([a-z]*\)|[0-9]*|/\1 /' | sort
}
same() {
    rows 1 >"$work/before"
    rows 0 >"$work/after"
    ok "$1: there are rows of operations, parts and counters" test "$(cut -d' ' -f1 "$work/before" | uniq | wc -l)" -ge 3
    equal "$1: the same rows" "" "$(comm -3 "$work/before" "$work/after" | head -3)"
}

record() { # name, then what to run
    name=$1
    shift
    ok "record $name" "$VIRTSIM" "$@" --record "$work/$name.vst" --db "$db" --quiet
    ok "replay $name" "$VIRTSIM" replay "$work/$name.vst" --db "$db" --quiet
    same "$name"
}

record exits run workloads/exit_microbench.lua --set workload.count=20 --seed 7
record mix run workloads/exit_mix.lua --set workload.count=50000
record ipi run workloads/ipi_pingpong.lua
record edits run workloads/page_table_edit.lua --machine haswell_ep_kvm --set paging.mode=shadow --set workload.count=20000
record packets run workloads/udp_echo.lua
record shootdown run workloads/tlb_shootdown.lua --machine zen2_rome_kvm
record touch run workloads/page_touch.lua --set host.prefault=0
printf 'guest(function(cpu) cpu:random { region = cpu:map { bytes = "8MiB" }, count = 25000, op = "modify" } end)\n' >"$work/unmarked.lua"
record warm run "$work/unmarked.lua" --warmup 5000 --set cpu.window=64
record trace replay workloads/traces/rowindex.lackey.zst --skip 1000 --limit 50000 --warmup 10000
record two replay workloads/traces/rowindex.lackey.zst workloads/traces/rowindex.lackey.zst --limit 30000
record again replay "$work/ipi.vst"
equal "two traces are two vCPUs" 2 "$(sqlite3 "$db" "select count(distinct actor) from op where actor like 'vcpu%/guest' and run = (select max(run) - 2 from run)")"
equal "the recording's seed is the replay's" 7 "$(sqlite3 "$db" 'select seed from run where run = 2')"
equal "its knobs are set again" recording "$(sqlite3 "$db" "select set_by from knob join run using (run) where workload = 'edits.vst' and path = 'paging.mode'")"
ok "a seed of one's own" "$VIRTSIM" replay "$work/exits.vst" --seed 9 --db "$db" --quiet
equal "is taken" 9 "$(sqlite3 "$db" 'select seed from run order by run desc limit 1')"

# interrupts on their way to a program that has ended end no other one: every shootdown is in the run, and its end in
# the recording; wherever the others' programs end
one() { sqlite3 "$db" "$1 and run = (select max(run) from run)"; }
for machine in skylake_sp_kvm zen2_rome_kvm neoverse_n1_kvm; do
    for window in 0 32 224; do
        how="--machine $machine --set cpu.window=$window"
        # shellcheck disable=SC2086 # words
        record "shootdown_${machine}_$window" run workloads/tlb_shootdown.lua $how --set workload.count=30 --set guest.shootdown=ipi
        equal "$machine $window: three interrupts a shootdown, three at the end" 93 "$(one "select n from op where op = 'handler.msr.write' and actor = 'vcpu0/host'")"
        [ $machine = neoverse_n1_kvm ] && continue # Arm has no shadow paging here
        # shellcheck disable=SC2086 # words
        record "ipi_${machine}_${window}_shadow" run workloads/ipi_pingpong.lua $how --set paging.mode=shadow
    done
done
for policy in hypercall broadcast; do
    machine=skylake_sp_kvm
    [ $policy = broadcast ] && machine=neoverse_n1_kvm
    record "shootdown_$policy" run workloads/tlb_shootdown.lua --machine $machine --set guest.shootdown=$policy --set workload.count=30
done

# interrupts stay within their recording, wherever its vCPUs come to be
irqs="select count(*) || ' vCPUs, ' || sum(n) from op where op = 'irq' and actor like 'vcpu%/guest'"
ok "interrupts alone" "$VIRTSIM" replay "$work/ipi.vst" --db "$db" --quiet
alone=$(one "$irqs")
lackey=workloads/traces/rowindex.lackey.zst
for vms in one each; do
    ok "before a trace, vms=$vms" "$VIRTSIM" replay "$work/ipi.vst" $lackey --set guest.vms=$vms --db "$db" --quiet
    equal "before a trace, vms=$vms: the same interrupts" "$alone" "$(one "$irqs")"
    ok "behind a trace, vms=$vms" "$VIRTSIM" replay $lackey "$work/ipi.vst" --set guest.vms=$vms --db "$db" --quiet
    equal "behind a trace, vms=$vms: the same interrupts" "$alone" "$(one "$irqs")"
    record "twice_$vms" replay "$work/ipi.vst" "$work/ipi.vst" --set guest.vms=$vms --set nic.vfs=8
    equal "two of them, vms=$vms: twice the interrupts" "$(echo "$alone" | awk '{print 2 * $1, $2, 2 * $3}')" "$(one "$irqs")"
done
# machines are remembered: a recording of two brings two, and those of a workload are one each
record workload_each run workloads/udp_echo.lua --set guest.vms=each
ok "two machines and a trace" "$VIRTSIM" replay "$work/twice_each.vst" $lackey --set guest.vms=each --set nic.vfs=8 --db "$db" --quiet

# another machine: regions may come out elsewhere
ok "on a machine with other pages" "$VIRTSIM" replay "$work/warm.vst" --machine zen3_milan_kvm --set guest.page_size=1G --db "$db" --quiet
equal "all of its accesses" 20000 "$(sqlite3 "$db" "select n from op where op = 'access.load' and actor = 'vcpu0/guest' and run = (select max(run) from run)")"
cat >"$work/dropped.lua" <<'LUA'
guest(function(cpu)
    local heap = cpu:map { bytes = "64MiB" }
    cpu:load(heap) cpu:load(heap, 32 * 1048576)
    cpu:invpcid { type = 0, pcid = 0, address = heap }
    cpu:invpcid { type = 0, pcid = 0, address = heap, offset = 32 * 1048576 }
end)
LUA
ok "one page of a region is dropped" "$VIRTSIM" run "$work/dropped.lua" --record "$work/dropped.vst" --db "$db" --quiet
large="--machine skylake_sp_kvm --set guest.page_size=2M --set host.page_size=2M"
# shellcheck disable=SC2086 # words
ok "with larger pages" "$VIRTSIM" run "$work/dropped.lua" $large --db "$db" --quiet
# shellcheck disable=SC2086 # words
ok "with larger pages, replayed" "$VIRTSIM" replay "$work/dropped.vst" $large --db "$db" --quiet
same "INVPCID of a region that lies elsewhere"
cat >"$work/threads.lua" <<'LUA'
local heap
guest(function(cpu) heap = cpu:map { bytes = "64MiB" } cpu:load(heap) cpu:compute(100000) end)
guest { vcpu = 1, shares = 0, run = function(cpu)
    while not heap do cpu:compute(1000) end
    cpu:load(heap, 4096) cpu:load(heap, 32 * 1048576)
end }
LUA
ok "a thread loads what another one mapped" "$VIRTSIM" run "$work/threads.lua" --record "$work/threads.vst" --db "$db" --quiet
# shellcheck disable=SC2086 # words
ok "with larger pages" "$VIRTSIM" run "$work/threads.lua" $large --db "$db" --quiet
# shellcheck disable=SC2086 # words
ok "with larger pages, replayed" "$VIRTSIM" replay "$work/threads.vst" $large --db "$db" --quiet
same "a region of another thread"
ok "beside a trace" "$VIRTSIM" replay "$work/exits.vst" workloads/traces/rowindex.lackey.zst --db "$db" --quiet
equal "on the next vCPU" exits.vst+rowindex.lackey.zst "$(sqlite3 "$db" 'select workload from run order by run desc limit 1')"

# a recording in the guest's own tables
guest=$VIRTSIM_HOME/tests/traces/guest
record guest replay "$guest/boot.qmt.zst" --tables "$guest/boot.pts.zst"

# what a machine lacks is told before simulated time begins, however late the recording asks for it
cat >"$work/late.lua" <<'LUA'
guest(function(cpu)
  local at = cpu:map { bytes = 65536 }
  for i = 1, 3000 do cpu:load(at, i * 8) end
  cpu:stride { region = at, stride = 64, count = 20000 }
  if cpu:has("mrs") then cpu:mrs("CNTVCT_EL0") cpu:wfe() else cpu:invpcid { type = 2 } end
end)
LUA
ok "recorded" "$VIRTSIM" run "$work/late.lua" --machine neoverse_n1_kvm --record "$work/late.vst" --no-store --quiet
ok "recorded" "$VIRTSIM" run "$work/late.lua" --record "$work/invpcid.vst" --no-store --quiet
for vst in "$work/late.vst" "$VIRTSIM_HOME/tests/data/version2.vst"; do # of which only the newer one says what it holds
    rm -f "$work/late.db"
    refused "an instruction of other machines" 2 "wfe is Arm's; this machine is AMD's" "$VIRTSIM" replay "$vst" --machine zen2_rome_kvm --db "$work/late.db"
    equal "every one is named" 2 "$(grep -c "its programs ask for what this machine lacks" "$work/err")"
    equal "no run is begun" 0 "$(ls "$work/late.db" 2>/dev/null | wc -l)"
    ok "a machine that has them replays it" "$VIRTSIM" replay "$vst" --no-store --quiet
    refused "a point of a sweep" 2 "machine=zen2_rome_kvm: $vst: its programs ask for what this machine lacks: mrs" "$VIRTSIM" sweep "$vst" --vary machine=neoverse_n1_kvm,zen2_rome_kvm --db "$work/late.db"
done
refused "packets without an adapter" 2 "no NIC (nic.present = 0)" "$VIRTSIM" replay "$work/packets.vst" --set nic.present=0 --db "$work/late.db"
refused "INVPCID that is undefined" 2 "vmcs.control.invpcid = 0" "$VIRTSIM" replay "$work/invpcid.vst" --set vmcs.control.invpcid=0 --db "$work/late.db"

# damage
head -c 200 "$work/packets.vst" >"$work/cut.vst"
refused "a recording cut short" 2 "cut short" "$VIRTSIM" replay "$work/cut.vst" --db "$db"
size=$(wc -c <"$work/exits.vst")
cp "$work/exits.vst" "$work/bad.vst"
printf 'XXXX' | dd of="$work/bad.vst" bs=1 seek=$((size - 60)) conv=notrunc 2>/dev/null
refused "a block that was changed" 2 "the checksum of the block at byte offset" "$VIRTSIM" replay "$work/bad.vst" --db "$db"
sed 's/cpu.window=64/cpu.window=65/' "$work/warm.vst" >"$work/text.vst"
refused "a text that was changed" 2 "checksum of its header and text" "$VIRTSIM" replay "$work/text.vst" --db "$db"
sed 's/machine=/machyne=/' "$work/warm.vst" >"$work/text.vst"
refused "a key that was changed" 2 "checksum of its header and text" "$VIRTSIM" replay "$work/text.vst" --db "$db"
cp "$work/exits.vst" "$work/old.vst"
printf '\001' | dd of="$work/old.vst" bs=1 seek=4 conv=notrunc 2>/dev/null
refused "a recording of the first version" 2 "record the run again" "$VIRTSIM" replay "$work/old.vst" --db "$db"
zstd -q "$work/exits.vst" -o "$work/exits.vst.zst"
refused "a compressed recording" 2 "read from a plain file" "$VIRTSIM" replay "$work/exits.vst.zst" --db "$db"
piped() { "$VIRTSIM" replay - --db "$db" <"$work/exits.vst"; }
refused "a recording from a pipe" 2 "read from a plain file" piped
equal "and the list says so" 1 "$("$VIRTSIM" list formats --format csv | grep '^vst,' | grep -c 'in a plain file')"
ok "named as what it is" "$VIRTSIM" replay "$work/exits.vst" --trace-format vst --db "$db" --quiet
refused "named as what it is not" 2 "is a recording of a run, vst" "$VIRTSIM" replay "$work/exits.vst" --trace-format lackey --db "$db"
refused "a trace named as a recording" 2 "is not a recording of a run" "$VIRTSIM" replay $lackey --trace-format vst --db "$db"
refused "records cannot be skipped" 2 "replayed as a whole" "$VIRTSIM" replay "$work/exits.vst" --skip 3 --db "$db"
refused "one run is recorded" 2 "records one run" "$VIRTSIM" run workloads/gups.lua --record "$work/x.vst" --seeds 2 --db "$db"
refused "nowhere to write" 2 "No such file" "$VIRTSIM" run workloads/gups.lua --record "$work/no/x.vst" --db "$db"
cat >"$work/fails.lua" <<'LUA'
guest(function(cpu) cpu:cpuid(0); error("enough") end)
LUA
refused "a run that fails" 1 "enough" "$VIRTSIM" run "$work/fails.lua" --record "$work/fails.vst" --db "$db"
equal "leaves no recording" 0 "$(find "$work" -name 'fails.vst*' | wc -l)"
if [ -c /dev/full ]; then
    ln -s /dev/full "$work/full.vst.part"
    refused "a full disk" 1 "No space left" "$VIRTSIM" run workloads/btree.lua --set workload.footprint=16MiB --record "$work/full.vst" --db "$db"
fi
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish

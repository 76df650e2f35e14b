#!/bin/sh
# SPDX-License-Identifier: MIT
# What cannot mean anything is refused before the run, or ends it: never ignored, never without an end.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
small="--set workload.count=1000 --set workload.footprint=1MiB --quiet"
gups="run workloads/gups.lua $small"

# guest NAME 'PROGRAM': NAME.lua
guest() {
    printf 'guest(function(cpu)\n%s\nend)\n' "$2" >"$work/$1.lua"
}
run() { timeout 20 "$VIRTSIM" run "$@"; }
# stops "what" "text" 'PROGRAM': a guest that ends the run, at the place and for the reason in the text
stops() {
    guest stops "$3"
    refused "$1" 1 "$2" run "$work/stops.lua" --no-store
}

# epochs
refused "an epoch shorter than a clock's period" 2 "1ns" timeout 20 "$VIRTSIM" $gups --epoch 1ps --db "$db"
refused "more epochs than a run may have" 2 "more than 100000 epochs" timeout 60 "$VIRTSIM" $gups --set workload.count=2000000 --epoch 1ns --db "$db"
guest idle 'cpu:wait { us = 3000000 }'
ok "idle epochs cost nothing" run "$work/idle.lua" --epoch 1us --machine skylake_sp_native --db "$db"

# instructions
stops "more instructions than an hour has" "stops.lua:2" 'cpu:compute(90000000000000000)'
stops "and those between accesses" "stops.lua:2" 'local r = cpu:map { bytes = 4096 } cpu:stride { region = r, count = 1000, work = 90000000000000 }'
stops "an MSR's index has 32 bits" "ECX" 'cpu:rdmsr(0xffffffffff)'
stops "so has a leaf" "EAX" 'cpu:cpuid(0x100000000)'

# places
stops "a region at 0" "multiple of the page's size" 'cpu:map { bytes = 4096, at = 0 }'
stops "a region inside a page" "multiple of the page's size" 'cpu:map { bytes = 4096, at = 0x400001 }'
stops "a large page inside another" "2097152" 'cpu:map { bytes = "2MiB", at = 0x401000, page = "2M" }'
stops "a region over another" "overlaps" 'cpu:map { bytes = "64KiB", at = 0x400000 } cpu:map { bytes = 4096, at = 0x408000 }'
stops "a region over another that has no frames yet" "overlaps" 'cpu:map { bytes = "64KiB", at = 0x10000400000, backing = "touch" } cpu:map { bytes = 4096, at = 0x10000408000 }'
guest low 'for _, at in ipairs { 0x1000, 0x400000, 0x20000000000, 0x7ffffffe0000 } do
    local r = cpu:map { bytes = "64KiB", at = at, backing = "touch" }
    cpu:stride { region = r, stride = 4096, op = "store" } cpu:unmap(r) cpu:load(r, 4096)
  end
  cpu:map { bytes = 4096, at = 0x411000, backing = "touch" }
  cpu:map { bytes = 4096, at = 0x410000, backing = "touch" } cpu:store(0x410000) cpu:store(0x411000)
  cpu:switch(cpu:process())
  cpu:map { bytes = 4096, at = 0x400000, backing = "touch" } cpu:store(0x400000) cpu:load(0x401000)'
for machine in skylake_sp_native skylake_sp_kvm neoverse_n1_kvm; do
    refused "$machine: a touched region may lie anywhere, in its own address space" 1 "access to 0x401000, which was never mapped" run "$work/low.lua" --machine $machine --no-store
done
stops "not below one" "access to 0x3fff00, which was never mapped" 'cpu:map { bytes = "64KiB", at = 0x400000, backing = "touch" } cpu:load(0x3fff00)'
stops "nor beyond its last page" "access to 0x40f000, which was never mapped" 'cpu:map { bytes = "60KiB", at = 0x400000, backing = "touch" } cpu:load(0x40f000)'
guest next 'local a = cpu:map { bytes = 4096 }
  cpu:map { bytes = 4096, at = a:address() + 8192 }
  local b = cpu:map { bytes = "64KiB" }
  assert(b:address() > a:address() + 8192)'
ok "a region goes beside one with a place of its own" run "$work/next.lua" --no-store
guest again 'local a = cpu:map { bytes = "64KiB", backing = "touch" } cpu:unmap(a) cpu:unmap(a)
  cpu:map { bytes = 4096, at = a:address() }'
ok "what was unmapped is free, and unmapping it again does nothing" run "$work/again.lua" --no-store

# warm-up
refused "two beginnings of the region of interest" 2 "leave --warmup out" timeout 20 "$VIRTSIM" $gups --warmup 10 --db "$db"
guest nomark 'local r = cpu:map { bytes = "64KiB" } cpu:random { region = r, count = 1000 } cpu:random { region = r, count = 200 }'
ok "one beginning" run "$work/nomark.lua" --warmup 10 --db "$work/n.db"
equal "all that comes after the warm-up is measured" 1190 "$(sqlite3 "$work/n.db" "select n from op where op = 'access.load' and actor = 'vcpu0/guest'")"

# numbers the database cannot hold
refused "a seed beyond the database's integers" 2 "--seed" timeout 20 "$VIRTSIM" $gups --seed 18446744073709551615 --db "$db"
refused "too many seeds" 2 "--seeds" timeout 20 "$VIRTSIM" $gups --seeds 4294967297 --db "$db"

# databases
refused "a database without a name" 2 "name" timeout 20 "$VIRTSIM" $gups --db ""
cd "$work" || exit 1
ok "a name is a file's, not a URI" timeout 20 "$VIRTSIM" $gups --db "file:x?mode=memory"
ok "and the file is there" test -f "$work/file:x?mode=memory"
ok "and can be merged" "$VIRTSIM" db merge "$work/uri.db" "file:x?mode=memory"
cd "$VIRTSIM_HOME" || exit 1

# files that are written
mkfifo "$work/pipe"
refused "a recording in a folder's place" 2 "folder" timeout 20 "$VIRTSIM" $gups --no-store --record "$work"
refused "in a device's" 2 "device" timeout 20 "$VIRTSIM" $gups --no-store --record "$work/pipe"
ok "which stays one" test -p "$work/pipe"
printf 'guest(function(cpu) cpu:map { bytes = 4 << 20, backing = "touch", page = "2M" } end)' >"$work/big.lua"
refused "a touched region of other pages than the machine's" 2 "first touches give the machine's pages" "$VIRTSIM" run "$work/big.lua" --no-store
echo precious >"$work/notes"
refused "a recording in other work's place" 2 "no recording" timeout 20 "$VIRTSIM" $gups --no-store --record "$work/notes"
equal "which is left" precious "$(cat "$work/notes")"
refused "a recording without a name" 2 "name" timeout 20 "$VIRTSIM" $gups --no-store --record ""
refused "a picture in a folder's place" 2 "--svg" timeout 20 "$VIRTSIM" explain exit.cpuid --no-store --svg "$work"
refused "a picture without a name" 2 "--svg" timeout 20 "$VIRTSIM" explain exit.cpuid --no-store --svg ""

# parameters
echo 'param { name = "a b=c", default = 1 } guest(function() end)' >"$work/param.lua"
refused "a parameter that --set could not name" 2 "param.lua:1" run "$work/param.lua" --no-store

# explain
for o in "--seeds 2" "--skip 5" "--limit 5" "--trace-format lackey" "--dry-run"; do
    refused "explain $o" 2 "${o%% *}" timeout 20 "$VIRTSIM" explain exit.cpuid $o --no-store
done

# sweeps
sweep() { timeout 100 "$VIRTSIM" sweep workloads/gups.lua $small "$@"; }
refused "a value twice" 2 "given twice" sweep --vary workload.stride=64,64 --db "$work/s.db"
refused "a value twice among many" 2 "given twice" sweep --vary workload.op=load,store,modify --vary workload.work=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,7 --db "$work/s.db"
refused "a value twice, written differently" 2 "given twice" sweep --vary workload.footprint=1MiB,1024KiB --db "$work/s.db"
printf 'guest(function(cpu) cpu:load(' >"$work/cut.lua"
refused "what is wrong with every point" 2 "several points: " "$VIRTSIM" sweep "$work/cut.lua" --vary cpu.clock.mhz=2000,2100,2200 --db "$work/s.db"
equal "is said once" 1 "$("$VIRTSIM" sweep "$work/cut.lua" --vary cpu.clock.mhz=2000,2100,2200 --db "$work/s.db" 2>&1 | grep -c cut.lua)"
refused "machines by two options" 2 "--vary machine" sweep -m skylake_sp_kvm --vary machine=skylake_sp_native --db "$work/s.db"
refused "options of traces" 2 "--skip" sweep --skip 4 --vary cpu.clock.mhz=2000,3000 --db "$work/s.db"
refused "a point that asks for more than there is" 2 "footprint=4TiB" sweep --vary workload.footprint=1MiB,4TiB --db "$work/s.db"
equal "leaves no run" 0 "$([ -f "$work/s.db" ] && sqlite3 "$work/s.db" 'select count(*) from run' || echo 0)"
# what a manifest said before its error is not looked at after it
printf 'input("workloads/gups.lua")\nvari("cpu.clock.mhz", 2000)\n' >"$work/bad.lua"
refused "a manifest's error" 2 "bad.lua:2: 'vari' is not known to a manifest" "$VIRTSIM" sweep --manifest "$work/bad.lua" --db "$work/w.db"

# an inherited SIGCHLD that is ignored
checks=$((checks + 1))
if ! timeout 60 sh -c 'trap "" CHLD && exec "$@"' sh "$VIRTSIM" sweep workloads/gups.lua $small --vary workload.footprint=1MiB,2MiB --db "$work/c.db" >"$work/out" 2>&1; then
    failures=$((failures + 1))
    echo "FAILED: a sweep under an ignored SIGCHLD"
    head -3 "$work/out"
fi
finish

#!/bin/sh
# SPDX-License-Identifier: MIT
# Several threads of one processor: each picosecond of it is somebody's, and a vCPU's line says what it was
# denied. Two vCPUs, a worker of the host, virtual machines beside each other, on three architectures.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/r.db
pair="workloads/overcommit.lua --set workload.rounds=30 --set host.slice_us=300"

# run WORDS...: into a fresh database
run() {
    rm -f "$db"
    "$VIRTSIM" run "$@" --quiet --db "$db"
}
query() { sqlite3 "$db" "$1"; }

# Lines of processors that are not the sum of what their threads had, in picoseconds.
processors="select count(*) from op o where op = 'timeline' and actor glob 'cpu[0-9]*' and total_ps <>
    (select sum(total_ps) from child c where c.actor = o.actor and c.op = 'timeline' and c.child = 'thread.run')"
# Lines of threads that ran there that are not what they had, what was stolen and what they slept.
threads="select count(*) from op o join op r on r.actor = o.actor and r.op = 'thread.run' where o.op = 'timeline' and
    o.actor not glob 'cpu*' and o.total_ps <> r.total_ps + (select total(total_ps) from part p where
    account in ('host.steal', 'host.parked', 'worker.sleep') and p.actor in (o.actor, o.actor || '/host'))"
laws() {
    equal "$1: the processor's line is the sum of its threads" 0 "$(query "$processors")"
    equal "$1: a thread's line is what it ran, was denied and slept" 0 "$(query "$threads")"
    equal "$1: the books balance" 0 "$(query 'select count(*) from unbalanced')"
}

for how in "" "--set workload.sleep=100" "--set guest.vms=each" "--set host.tick_hz=1000" "--set cpu.window=64" \
    "--set vmcs.control.hlt_exiting=0 --set workload.sleep=100" "--set vmcs.control.vpid=0" "--set hypervisor.halt_poll_ns=0 --set workload.sleep=50" \
    "--machine zen2_rome_kvm" "--machine neoverse_n1_kvm" "--machine skylake_sp_xen" \
    "--set worker.threads=1 --set worker.period_us=200"; do
    # shellcheck disable=SC2086 # words
    ok "two on one $how" run $pair --set host.cpus=1 $how
    laws "two on one $how"
    equal "each of them is denied time $how" 2 "$(query "select count(*) from op where op = 'steal' and total_ps > 0 and actor glob 'vcpu*'")"
done
ok "four in a shootdown" run workloads/tlb_shootdown.lua --set workload.count=3 --set workload.warmup=0 --set host.cpus=1 --set host.slice_us=100
laws "four in a shootdown"
ok "who spins for one whose processor it has" run workloads/ipi_pingpong.lua --set workload.count=5 --set workload.warmup=0 --set workload.wait=spin --set host.cpus=1 --set host.slice_us=50
laws "who spins"
equal "each answer takes a slice" 1 "$(query "select min(total_ps / n) > 40000000 from op where op = 'irq.delivery' and n > 0")"

# the guest's own view: what the clock of its hypervisor says is what the books say, and a clock of its own has it too
cat >"$work/clock.lua" <<'X'
local function work(cpu)
  cpu:mark("roi")
  local longest = 0
  for _ = 1, 400 do
    local t, s = cpu:now_ns(), cpu:steal()
    cpu:compute(10000)
    local took, stolen = cpu:now_ns() - t, cpu:steal() - s
    if stolen > took then error("more is stolen than there was: " .. stolen .. " of " .. took) end
    if took - stolen > longest then longest = took - stolen end
  end
  if longest > 60000 then error("time is lost that nobody stole: " .. longest) end
end
guest(work)
guest(work)
X
for how in "" "--machine zen2_rome_kvm" "--machine neoverse_n1_kvm"; do
    # shellcheck disable=SC2086 # words
    ok "a guest reads its steal clock $how" run "$work/clock.lua" --set host.cpus=1 --set host.slice_us=100 $how
    equal "there was some $how" 2 "$(query "select count(*) from counter where name = 'steal.time' and value > 0 and actor glob 'vcpu*'")"
done
sed 's/if longest/if cpu:steal() > 0 then error("stolen") end if longest/' "$work/clock.lua" >"$work/alone.lua"
ok "alone on its processor it is denied nothing" run "$work/alone.lua"

# a kernel that is preemptible: a path of the host loses its processor between two of its steps
ports=$VIRTSIM_HOME/tests/digests/workloads/ports.lua
in_path() { query "select total(value) ${1-} from counter where name = 'sched.preempted_in_path'"; }
for how in "" "--machine zen2_rome_kvm" "--machine neoverse_n1_kvm" "--machine skylake_sp_xen" "--set guest.vms=each" "--set cpu.window=64" \
    "--set worker.threads=1 --set worker.period_us=100" "--set sim.kernel=systemc"; do
    # shellcheck disable=SC2086 # words
    ok "preemptible $how" run "$ports" --set host.cpus=1 --set host.slice_us=20 --set host.preemption=full $how
    laws "preemptible $how"
    equal "paths were stopped $how" 1 "$(in_path '> 5')"
done
# two steps of 200,000 instructions, 38.5 us each: the slice of 20 us ends within the first
long="$ports --set host.cpus=1 --set host.slice_us=20 --set hypervisor.user_space.process.dispatch.instructions=200000 --set hypervisor.user_space.process.device.instructions=200000"
longest() { query "select max(max_ps) ${1-} from op where op = 'thread.run' and actor glob 'vcpu*'"; }
ok "a long path in one go" run $long
equal "keeps the processor to its end" 1 "$(longest '> 77000000')"
equal "and none is stopped" 1 "$(in_path '= 0')"
ok "and between its steps" run $long --set host.preemption=full
equal "keeps it to the end of the step" 1 "$(longest 'between 38500000 and 77000000')"
equal "what is taken from it is stolen, inside of the handler" 1 \
    "$(query "select count(*) = 2 and min(c.n) > 100 from child c where c.op = 'handler.pio' and c.child = 'steal'")"
for v in voluntary full; do
    ok "$v where nothing is shared" "$VIRTSIM" run "$ports" --set host.preemption=$v --quiet --db "$work/alone_$v.db"
done
equal "alone on its processor nobody is stopped" "$(sqlite3 "$work/alone_voluntary.db" "select actor, op, n, total_ps from op order by 1, 2")" \
    "$(sqlite3 "$work/alone_full.db" "select actor, op, n, total_ps from op order by 1, 2")"

# pinning: vcpu.<i>.cpu, and what is not shared is as ever
for n in 1 2; do
    ok "pinned apart, number $n" "$VIRTSIM" run $pair --set vcpu.0.cpu=$((n - 1)) --set vcpu.1.cpu=$((2 - n)) --quiet --db "$work/$n.db"
done
equal "who has a processor alone has no steal, and there are no rows of processors" 0 \
    "$(sqlite3 "$work/1.db" "select count(*) from op where actor glob 'cpu*' or op in ('steal', 'thread.run', 'thread.switch')")"
equal "whatever its number" "$(sqlite3 "$work/1.db" "select total_ps from op where op = 'timeline' and actor = 'vcpu0'")" \
    "$(sqlite3 "$work/2.db" "select total_ps from op where op = 'timeline' and actor = 'vcpu0'")"
little="$pair --set workload.footprint=16KiB --set workload.rounds=100" # both find room in every cache
ok "little memory, apart" run $little
alone=$(query "select max(total_ps) from op where op = 'timeline' and actor glob 'vcpu*'")
ok "pinned together" run $little --set vcpu.1.cpu=0
laws "pinned together"
equal "two on one take twice as long" 1 \
    "$(query "select max(total_ps) > 1.98 * $alone and max(total_ps) < 2.2 * $alone from op where op = 'timeline' and actor = 'cpu0'")"
equal "and no thread has it longer than a slice and an exit" 0 "$(query "select count(*) from op where op = 'thread.run' and actor glob 'vcpu*' and p50_ps > 320000000")"
ok "one that halts gives it to the other" run $pair --set host.cpus=1 --set workload.sleep=1000 --set host.slice_us=100000
equal "long before its slice is over" 0 "$(query "select count(*) from counter where name = 'sched.preempted' and value > 0")"
equal "and polls for nothing while the other is ready" 1 \
    "$(query "select total(total_ps) < 1000000000 from part where account = 'host.polling'")"

# what one leaves behind, the other finds: the TLB and the caches are the processor's
misses() { query "select value from counter where actor = 'vcpu0/guest' and name = 'memory.l2.read_misses'"; }
small="workloads/overcommit.lua --set workload.footprint=512KiB --set workload.rounds=60 --set workload.think=20000 --set host.slice_us=50"
ok "alone in its cache" run $small
one=$(misses)
ok "with another one" run $small --set host.cpus=1
equal "it reads again what the other has pushed out" 1 "$(( $(misses) > 2 * one ))"

# a worker of the host
ok "a worker beside a vCPU" run workloads/exit_mix.lua --set workload.count=20000 --set worker.threads=1 --set worker.period_us=100 --set host.slice_us=20
laws "a worker"
equal "does its pieces" 1 "$(query "select value > 8 from counter where actor = 'worker0' and name = 'worker.items'")"
equal "and takes time from it" 1 "$(query "select total_ps > 0 from op where op = 'steal' and actor = 'vcpu0/host'")"
ok "a worker with a processor of its own" run $pair --set worker.threads=1 --set worker.cpu=2 --set host.cpus=3
equal "takes none" 0 "$(query "select count(*) from op where op = 'steal' and actor glob 'vcpu*'")"
laws "a worker alone"

# both kernels, a recording
ok "SystemC's kernel" "$VIRTSIM" run $pair --set host.cpus=1 --set sim.kernel=systemc --quiet --db "$work/s.db"
ok "and the plain one" run $pair --set host.cpus=1 --record "$work/r.vst"
equal "switch at the same moments" "$(sqlite3 "$work/s.db" "select actor, op, n, total_ps from op order by 1, 2")" "$(query "select actor, op, n, total_ps from op order by 1, 2")"
ok "a recording brings its pins" "$VIRTSIM" replay "$work/r.vst" --quiet --db "$work/p.db"
equal "and replays with the same rows" "$(query "select actor, op, n, total_ps from op order by 1, 2")" "$(sqlite3 "$work/p.db" "select actor, op, n, total_ps from op order by 1, 2")"

# mistakes
refused "a processor that there is not" 2 "vcpu.1.cpu = 7: there are 2 processors" run $pair --set vcpu.1.cpu=7
refused "says what would be right" 2 "0 to 1, or host.cpus = 8" run $pair --set vcpu.1.cpu=7
refused "one for fewer" 2 "vcpu.1.cpu = 1: there is 1 processor (host.cpus = 1); 0 to 0, or host.cpus = 2" run $pair --set host.cpus=1 --set vcpu.1.cpu=1
refused "a vCPU that the run has not" 2 "vcpu.2.cpu" run $pair --set vcpu.2.cpu=0
refused "bare metal" 2 "on bare metal each program has a processor to itself" run $pair --set host.cpus=1 --machine skylake_sp_native
refused "a hypervisor without a scheduler" 2 "has no program.vcpu_switch" run $pair --set host.cpus=1 --machine skylake_sp_vmlatency
refused "workers beyond the processors" 2 "host.cpus = 3" run $pair --set worker.threads=2 --set worker.cpu=1
printf 'guest(function(cpu) cpu:cli() cpu:hlt() end)\nguest(function(cpu) cpu:hlt() end)\n' >"$work/dead.lua"
refused "a halt that nothing ends" 1 "vCPU 0, its interrupts disabled, waits for an interrupt" run "$work/dead.lua" --set host.cpus=1
printf 'guest(function(cpu) cpu:hlt() end)\nguest(function(cpu) cpu:hlt() end)\n' >"$work/dead.lua"
refused "two that wait for each other" 1 "vCPU 0 waits for an interrupt or a packet; vCPU 1 waits for an interrupt or a packet" run "$work/dead.lua" --set host.cpus=1
refused "nor does a worker's time pass for ever" 1 "vCPU 1 waits for an interrupt or a packet" run "$work/dead.lua" --set host.cpus=1 --set worker.threads=1
cat >"$work/cross.lua" <<'LUA'
local region, ready = {}, 0
local function run(me) return function(cpu)
  region[me] = cpu:map { bytes = 4096, page = "base" }
  cpu:store(region[me])
  while not (region[0] and region[1]) do cpu:compute(1000) end
  cpu:load(region[0]) cpu:load(region[1])
  cpu:cli()
  ready = ready + 1
  while ready < 2 do cpu:compute(1000) end
  cpu:protect(region[me], 4096, "r")
  cpu:sti()
end end
guest(run(0))
guest { vcpu = 1, shares = 0, run = run(1) }
LUA
for who in "vCPU 0, its interrupts disabled, waits for vCPU 1 to drop translations" "vCPU 1, its interrupts disabled, waits for vCPU 0 to drop translations"; do
    refused "two that spin for each other on one processor" 1 "$who" run "$work/cross.lua" --set host.cpus=1 --set host.slice_us=100
done
equal "and what was stored before is whole" 1 "$(sqlite3 "$work/s.db" "select count(*) from run")"
finish

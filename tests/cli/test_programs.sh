#!/bin/sh
# SPDX-License-Identifier: MIT
# A hypervisor's programs are data, and a guest kernel's: a file states them, each step is an account and knobs, and what is wrong with a
# file is told with its line.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1

# ---- what is listed is what a run books
"$VIRTSIM" list programs kvm --format csv >"$work/kvm.csv"
equal "the steps of CPUID's program" "path_in read search emulate work copy user_space write path_out" \
    "$(python3 -c 'import csv,sys; print(*[r["step"] for r in csv.DictReader(open(sys.argv[1])) if r["program"] == "cpu_id"])' "$work/kvm.csv")"
refused "a hypervisor that is not shipped" 2 "did you mean 'kvm'" "$VIRTSIM" list programs kwm
equal "and no table is printed without rows" "" "$(cat "$work/out")"
refused "a program's name is none of a hypervisor: which there are" 2 "there are alibaba, binary_translation, ec2_xen" "$VIRTSIM" list programs vcpu_switch
db=$work/t.db
ok "a run" "$VIRTSIM" run workloads/exit_microbench.lua --set workload.reason=cpuid --db "$db" --quiet
equal "a step's account is priced by its knobs" "$(sqlite3 "$db" "select value from knob where path = 'hypervisor.cpu_id.search.instructions'")" \
    "$(sqlite3 "$db" "select p.n / o.n from part p join op o using (run, actor, op) where p.op = 'handler.cpu_id' and p.account = 'hypervisor.cpu_id.search'")"
ok "twice as many" "$VIRTSIM" run workloads/exit_microbench.lua --set workload.reason=cpuid --set hypervisor.cpu_id.search.instructions=500 --db "$db" --quiet
equal "cost twice as long" 2 "$(sqlite3 "$db" "select max(total_ps) / min(total_ps) from part where account = 'hypervisor.cpu_id.search' and op = 'handler.cpu_id'")"
ok "explain names the steps" "$VIRTSIM" explain exit.cpuid --db "$db" --quiet
cp "$work/out" "$work/said"
ok "by name" grep -q "hypervisor.cpu_id.search" "$work/said"
ok "a step is swept" "$VIRTSIM" sweep workloads/exit_microbench.lua --set workload.reason=cpuid --vary hypervisor.cpu_id.search.instructions=1,2 --db "$db" --quiet

# ---- the knobs of before are taken as what they became: one, or several whose sum they were
python3 - "$VIRTSIM_HOME/results/renames.csv" >"$work/old" <<'PY'
import csv, sys
new = {}
for r in csv.DictReader(open(sys.argv[1])):
    if r["kind"] == "knob" and r["old"].startswith(("hypervisor.", "os.")):
        new.setdefault(r["old"], []).append(r["new"])
for old, news in new.items():
    print(old, *news)
PY
set --
while read -r old new; do
    set -- "$@" --set "$old=1"
done <"$work/old"
"$VIRTSIM" run workloads/gups.lua "$@" --dry-run --format csv >"$work/knobs" 2>"$work/err"
equal "all of them at once" 0 $?
equal "each sum is one" "" "$(python3 - "$work/old" "$work/knobs" <<'PY'
import csv, sys
value = {r[0]: r[1] for r in csv.reader(open(sys.argv[2])) if len(r) > 1}
for line in open(sys.argv[1]):
    old, *new = line.split()
    if sum(int(value[n]) for n in new) != 1:
        print(old, [(n, value[n]) for n in new])
PY
)"
ok "there are many" test "$(wc -l <"$work/old")" -gt 100

# ---- two more hypervisors, as files alone
for machine in skylake_sp_kvm skylake_sp_xen skylake_sp_vmlatency; do
    ok "$machine runs" "$VIRTSIM" run workloads/exit_microbench.lua --machine $machine --set workload.count=50 --set workload.warmup=10 --db "$db" --quiet
done
of() { # of MACHINE 'EXPRESSION' OP: of the machine's last run
    sqlite3 "$db" "select $2 from op where op = '$3' and run = (select max(run) from run where machine = '$1')"
}
least=$(of skylake_sp_vmlatency total_ps/n exit.cpuid) kvm=$(of skylake_sp_kvm total_ps/n exit.cpuid) xen=$(of skylake_sp_xen total_ps/n exit.cpuid)
ok "who enters at once is there first" test "$least" -lt "$xen"
ok "each by its own path" test "$xen" -ne "$kvm"
steps() { # steps MACHINE OP: accounts of its handler
    sqlite3 "$db" "select group_concat(a, ' ') from (select distinct account as a from part where op = '$2' and account like 'hypervisor.%' and run = (select max(run) from run where machine = '$1') order by 1)"
}
equal "the least one compares and jumps" "hypervisor.default.dispatch" "$(steps skylake_sp_vmlatency handler.cpu_id)"
for step in request notify block switch answer schedule resume; do
    ok "Xen's device model is in Dom0: $step" grep -q "hypervisor.device_model.$step" <<X
$(steps skylake_sp_xen handler.pio)
X
done
equal "and is asked each time" "$(of skylake_sp_xen 'sum(n)' handler.pio)" "$(sqlite3 "$db" "select sum(n) from part where op = 'handler.pio' and account = 'hypervisor.device_model.switch' and run = (select max(run) from run where machine = 'skylake_sp_xen')")"
# Dom0 and DomU are told apart: the first domain made has the devices, and the processor goes there and back
one() { sqlite3 "$work/domains.db" "$1" | paste -sd' '; }
domains() { # domains MACHINE [OPTION...]: reads of a serial port, their rows in domains.db
    machine=$1
    shift
    rm -f "$work/domains.db"
    "$VIRTSIM" run workloads/exit_microbench.lua --machine "$machine" --set workload.reason=io_in --set workload.port=0x3f8 --set workload.count=20 --set workload.warmup=0 "$@" --db "$work/domains.db" --quiet >/dev/null
}
for name in xen ec2_xen; do
    domains skylake_sp_$name
    equal "$name: the first domain is 0, its guest's the next" "domain.devices 0 domain.guest 1" "$(one "select name || ' ' || value from fact where name like 'domain.%' order by name")"
    equal "$name: Dom0 runs once for each exit that it answers" "20" "$(one "select value from counter where name = 'hypervisor.device_domain'")"
    domains skylake_sp_$name --set workload.port=0x40
    equal "$name: and for none that Xen answers itself" "0" "$(one "select total(value) from counter where name = 'hypervisor.device_domain'" | cut -d. -f1)"
done
domains skylake_sp_kvm
equal "KVM has no domains" "0 0" "$(one "select count(*) from fact where name like 'domain.%' union all select sum(value) from counter where name = 'hypervisor.device_domain'")"
# where a device is emulated is asked by its port
asked() { # asked PORT MACHINE...: exits that went to user space
    "$VIRTSIM" run workloads/exit_microbench.lua --machine "$2" --set workload.reason=io_in --set workload.port="$1" --set workload.count=20 --set workload.warmup=0 "${3:---quiet}" --db "$work/port.db" >/dev/null
    sqlite3 "$work/port.db" "select value > 0 from counter where name = 'hypervisor.user_exits' and run = (select max(run) from run)"
}
equal "the interval timer is KVM's" 0 "$(asked 0x40 skylake_sp_kvm)"
equal "the real-time clock is QEMU's" 1 "$(asked 0x70 skylake_sp_kvm)"
equal "and Xen's own" 0 "$(asked 0x70 skylake_sp_xen)"
equal "unless it is told otherwise" 1 "$(asked 0x40 skylake_sp_kvm --set=hypervisor.in_kernel.pit=0)"
# ---- others differ by their paths: what they do for a port that another program emulates
way() { # way MACHINE STEP...: each step is an account of the exit, and explain names it
    machine=skylake_sp_$1
    shift
    ok "$machine runs" "$VIRTSIM" run workloads/exit_microbench.lua --machine "$machine" --set workload.reason=io_in --set workload.count=50 --set workload.warmup=10 --db "$db" --quiet
    ok "$machine is explained" "$VIRTSIM" explain exit.io_instruction --machine "$machine" --db "$db" --format csv
    cp "$work/out" "$work/said"
    for step; do
        ok "$machine: $step" grep -q "hypervisor\\.$step," "$work/said"
    done
}
way firecracker user_space.put user_space.process.lookup user_space.process.metric
way virtualbox path_in.import user_space.leave_loop user_space.process.emulate user_space.enter_loop
way workstation world_switch.save world_switch.load user_space.driver
way esxi vmkernel_call.call user_space.block
way hyperv user_space.message user_space.root hypercall_of_root.call user_space.dispatch_path
way ec2_xen device_model.request dom0.upcall
way nitro user_space.process.ioctl_return
way alibaba user_space.process.ioctl_return
ok "a small user space is the shorter one" test "$(of skylake_sp_firecracker total_ps/n exit.io_instruction)" -lt "$(sqlite3 "$db" "select total_ps/n from op where op = 'exit.io_instruction' and run = (select max(run) from run where machine = 'skylake_sp_xen')")"
for name in virtualbox vmware_workstation esxi hyperv ec2_xen nitro alibaba; do
    equal "no number of $name is more than assumed" assumed "$("$VIRTSIM" list programs $name --format csv | python3 -c 'import csv,sys; print(*sorted({r["evidence"] for r in csv.DictReader(sys.stdin) if r["evidence"]}))')"
done
equal "Firecracker's kernel part is KVM's, with its evidence" derived "$("$VIRTSIM" run workloads/gups.lua --machine skylake_sp_firecracker --dry-run --format csv | python3 -c 'import csv,sys; print(*[r["evidence"] for r in csv.DictReader(sys.stdin) if r["knob"] == "hypervisor.hypercall.handle.instructions"])')"
# ---- on the way to user space KVM gives the host its MSRs back: each way has its own, and which they are is the version's
way kvm user_space.put_gs user_space.user_return user_space.guest_msrs
equal "Arm has none" "exit put leave_ioctl qemu enter_ioctl load" \
    "$("$VIRTSIM" list programs kvm_arm --format csv | python3 -c 'import csv,sys; print(*[r["step"] for r in csv.DictReader(sys.stdin) if r["program"] == "user_space"])')"
to_user() { # to_user MACHINE [OPTION]: clock cycles of a handler whose device is QEMU's, and of one whose device is KVM's
    for port in 0x70 0x40; do
        "$VIRTSIM" run workloads/exit_microbench.lua --machine "$1" --set workload.reason=io_in --set workload.port=$port --set workload.count=20 --set workload.warmup=5 ${2:+"$2"} --db "$work/msrs.db" --quiet >/dev/null || exit 1
        sqlite3 "$work/msrs.db" "select round(total_ps / n / (select cast(1e6 / value as integer) from knob where path = 'cpu.clock.mhz' and run = op.run)) from op where op = 'handler.pio' and run = (select max(run) from run)"
    done
}
knob() { sqlite3 "$work/msrs.db" "select value from knob where path = 'hypervisor.$1' limit 1"; }
# shellcheck disable=SC2046
new() { set -- $(to_user zen2_rome_kvm) && echo "$1 $2"; }
# shellcheck disable=SC2046
old() { set -- $(to_user zen2_rome_kvm --set=hypervisor.host_registers=msrs) && echo "$1 $2"; }
new=$(new) old=$(old)
equal "an exit that stays in the kernel moves none" "${new#* }" "${old#* }"
more=$(python3 -c 'import sys; print(round(float(sys.argv[1]) - float(sys.argv[2])))' "${old% *}" "${new% *}")
equal "MSR by MSR costs what its reads and writes cost more than VMSAVE and TSC_AUX" "$more" \
    $(($(knob host_msrs.load.cycles) + $(knob host_msrs.put.cycles) - $(knob user_space.save_host.cycles) - $(knob user_space.user_return.cycles) - $(knob user_space.guest_msrs.cycles)))
ok "C1303: the change saved 1800 of 4600 cycles, here 15 % of that less at most" test "$more" -ge 1530 -a "$more" -le 2070
refused "Intel's KVM has one way only" 2 "hypervisor.host_registers: hypervisors/kvm.lua has no steps for them" \
    "$VIRTSIM" run workloads/exit_microbench.lua --machine skylake_sp_kvm --set hypervisor.host_registers=msrs --no-store
# ---- a hypervisor of one's own
own() { # own NAME 'PROGRAMS': a machine with a hypervisor of these programs
    printf 'return {\n  text = "%s",\n  program = {\n%s\n  },\n  paging = { mode = { "ept", "as kvm", "documented" } },\n}\n' "$1" "$2" >"$work/$1_hv.lua"
    printf 'return { base = "skylake_sp_kvm", hypervisor = "%s" }\n' "$work/$1_hv.lua" >"$work/$1.lua"
}
all='    default = { { "read", state = { "flags", "length", "pc" } }, { "go_on", state = "pc=next" } },
    stage2_fault = { { "back", call = "back", when = "missing" } },
    back = { { "map", action = "map" } },'
exits() { "$VIRTSIM" run workloads/exit_microbench.lua --machine "$work/$1.lua" --set workload.reason=cpuid --db "$work/$1.db" --quiet; }
own least "$all"
ok "the least runs" exits least
equal "and executes nothing" 0 "$(sqlite3 "$work/least.db" "select count(*) from part where account like 'hypervisor.%'")"
own more "$all
    cpu_id = { { \"work\", run = 100, source = \"a guess\", grade = \"assumed\" } },"
ok "one with a step runs" exits more
equal "which is its account" 100 "$(sqlite3 "$work/more.db" "select p.n / o.n from part p join op o using (run, actor, op) where p.account = 'hypervisor.cpu_id.work' and p.op = 'handler.cpu_id'")"
equal "its knob is stored" "100 assumed a guess" "$(sqlite3 "$work/more.db" "select value || ' ' || evidence || ' ' || source from knob where path = 'hypervisor.cpu_id.work.instructions'")"
ok "its knob is set" "$VIRTSIM" run workloads/exit_microbench.lua --machine "$work/more.lua" --set hypervisor.cpu_id.work.instructions=7 --set workload.reason=cpuid --db "$db" --quiet
refused "KVM's is not its" 2 "unknown knob 'hypervisor.path_in.common.instructions'" "$VIRTSIM" run workloads/gups.lua --machine "$work/more.lua" --set hypervisor.path_in.common.instructions=7 --db "$db"
"$VIRTSIM" explain exit.cpuid --machine "$work/more.lua" --db "$db" --format csv >"$work/out"
equal "explain grades its step" assumed "$(python3 -c 'import csv,sys; print(*[r["evidence"] for r in csv.DictReader(open(sys.argv[1])) if r["item"] == "hypervisor.cpu_id.work"])' "$work/out")"

# bad WHAT LINE STATUS 'PROGRAMS': refused before anything runs, with the file and the line
bad() {
    own bad "$3"
    refused "$1" 2 "bad_hv.lua:$2: program " "$VIRTSIM" run workloads/gups.lua --machine "$work/bad.lua" --db "$work/none.db"
    cp "$work/err" "$work/said"
    ok "$1: says what would be right" grep -q "$4" "$work/said"
    ok "$1: nothing ran" test ! -e "$work/none.db"
}
bad "an unknown step" 4 '    cpu_id = { { "a", rnu = 5 } },' "did you mean 'run'"
bad "an unknown predicate" 5 '    cpu_id = {
    { "a", action = "work", when = "fats" } },' "did you mean 'fast'"
bad "an unknown cursor" 4 '    cpu_id = { { "a", action = "work", each = "page" } },' "once, around"
bad "a field the world does not have" 4 '    cpu_id = { { "a", state = { "flag" } } },' "did you mean 'flags'"
bad "an unknown program" 4 '    cpu_id = { { "a", call = "timmer" } }, timer = {},' "did you mean 'timer'"
bad "an unknown step of a program" 4 '    cpu_id = { { "a", call = "timer.x" } }, timer = {},' "has no step 'x'"
bad "a circle of calls" 5 '    cpu_id = { { "a", call = "timer" } },
    timer = { { "b", call = "cpu_id" } },' "no circle"
bad "a number without a source" 4 '    cpu_id = { { "a", run = 5 } },' "source"
bad "a negative number" 4 '    cpu_id = { { "a", run = -5, source = "s", grade = "assumed" } },' "whole number"
bad "more data than its area holds" 4 '    cpu_id = { { "a", run = 5, data = 5000, source = "s", grade = "assumed" } },' "data_bytes = 5000 is outside 0..4096"
bad "no number" 4 '    cpu_id = { { "a", run = "many", source = "s", grade = "assumed" } },' "whole number"
bad "two things in a step" 4 '    cpu_id = { { "a", run = 5, action = "work", source = "s", grade = "assumed" } },' "two steps"
bad "a step that does nothing" 4 '    cpu_id = { { "a" } },' "does nothing"
bad "a program that is no list" 4 '    cpu_id = { "a" },' "list of steps"

own big "$all"'
    cpu_id = { { "a", run = 5, code = 60000, source = "s", grade = "assumed" }, { "b", run = 5, code = 6000, source = "s", grade = "assumed" } },'
refused "code beyond its area" 2 "program cpu_id: its steps have 66048 bytes of code, and there is room for 65536" exits big
own none '    stage2_fault = { { "back", call = "back", when = "missing" } }, back = { { "map", action = "map" } },'
refused "a trap without a program" 2 "has no program for the trap cpu_id" exits none

# ---- what a file takes from another
# of_file FILE PROGRAM COLUMN: of the first step that has a number, as it is listed
of_file() { "$VIRTSIM" list programs "$1" --format csv | python3 -c 'import csv,sys; print(next(r[sys.argv[2]] for r in csv.DictReader(sys.stdin) if r["program"] == sys.argv[1] and r["source"]))' "$2" "$3"; }
equal "Xen's way to sleep is listed as KVM's" "kvm" "$(of_file xen block from)"
equal "does what KVM's does" "$(of_file kvm block does)" "$(of_file xen block does)"
equal "is assumed there" "assumed" "$(of_file xen block evidence)"
equal "and says whose it is" "taken from kvm: $(of_file kvm block source), assumed" "$(of_file xen block source)"
equal "QEMU is a file of its own that KVM takes" "qemu $(of_file qemu user_space.process source)" "$(of_file kvm user_space.process from) $(of_file kvm user_space.process source)"
equal "no file repeats a line of another" "" "$(cat scripts/lua/hypervisors/*.lua | grep 'source = ' | sed 's/^ *//' | sort | uniq -d | grep -v '"copy", copy = 0' | head -3)"
taker() { # taker NAME 'PROGRAMS' 'TAKEN': a machine whose hypervisor takes programs from others
    own "$1" "$2"
    sed -i "2i\\  programs = $3," "$work/$1_hv.lua"
}
taker lends '    default = { { "go_on", state = "pc=next" } },
    cpu_id = { { "in", call = "hypercall" }, { "search", as = "kvm.cpu_id.search", run = 77 } },
    stage2_fault = { { "back", call = "back", when = "missing" } },' '{ kvm = { why = "a reason", "hypercall", "path_in", "nested_decide", "path_out", "stub", "rsb_fill", "spec_ctrl", "back", "back_around", "user_space" }, qemu = { "user_space.process" } }'
sed -i '/"path_out", "stub"/s/"path_out", //; s/^    cpu_id = /    path_out = {},\n&/' "$work/lends_hv.lua"
ok "a hypervisor of programs of others runs" exits lends
equal "what was borrowed is assumed" "160 assumed|taken from kvm: 1X064: round trip of a VMCALL under KVM less hardware transition and common path, derived" \
    "$(sqlite3 "$work/lends.db" "select value || ' ' || evidence || '|' || source from knob where path = 'hypervisor.hypercall.handle.instructions'")"
equal "a step that was borrowed is its own length" "77 assumed" "$(sqlite3 "$work/lends.db" "select value || ' ' || evidence from knob where path = 'hypervisor.cpu_id.search.instructions' and source like 'taken from kvm: %'")"
# bad_taker WHAT LINE 'PROGRAMS' 'TAKEN' TEXT
bad_taker() {
    taker bad "$3" "$4"
    refused "$1" 2 "$5" "$VIRTSIM" run workloads/gups.lua --machine "$work/bad.lua" --db "$work/none.db"
    cp "$work/err" "$work/said"
    ok "$1: with its line" grep -q "bad_hv.lua:$2: " "$work/said"
    ok "$1: nothing ran" test ! -e "$work/none.db"
}
bad_taker "a program that the other file lacks" 2 "$all" '{ kvm = { "blok" } }' "programs: kvm has no program 'blok'; did you mean 'block'?"
bad_taker "one that two files give" 2 "$all" '{ kvm = { "block" }, xen = { "block" } }' "'block' is taken from"
bad_taker "a step of a file that is not named" 5 '    cpu_id = { { "a", as = "xen.cpu_id.emulate" } },' '{ kvm = {} }' "takes a step of xen, which this file doesn't name; write programs = { xen = "
bad_taker "a step that the other program lacks" 5 '    cpu_id = { { "a", as = "kvm.cpu_id.serch" } },' '{ kvm = {} }' "kvm has no step 'serch'; did you mean 'search'?"
bad_taker "a list that is no table" 2 "$all" '{ "kvm" }' "write programs = \"FILE\" or programs = { FILE = "
taker bad "$all" '{ kvn = {} }'
refused "a file that is not there" 2 "bad_hv.lua: nothing called 'kvn' in scripts/lua/hypervisors; did you mean 'kvm'" "$VIRTSIM" run workloads/gups.lua --machine "$work/bad.lua" --db "$work/none.db"

# ---- the guest's kernel
run() { # run WORKLOAD ARGUMENT...: a run of its own; its rows are those of of_last
    rm -f "$work/k.db"
    workload=$1
    shift
    "$VIRTSIM" run "workloads/$workload.lua" "$@" --db "$work/k.db" --quiet
}
per() { sqlite3 "$work/k.db" "select p.n / o.n from part p join op o using (run, actor, op) where p.op = '$1' and p.account = '$2'"; }
"$VIRTSIM" list programs linux --format csv >"$work/linux.csv"
equal "the steps of a page fault" "handle frame entry zero" \
    "$(python3 -c 'import csv,sys; print(*[r["step"] for r in csv.DictReader(open(sys.argv[1])) if r["program"] == "page_fault"])' "$work/linux.csv")"
for word in "trap interrupt_command" "trap end_of_interrupt" "trap hypercall" "send doorbell"; do
    ok "there is a step: $word" grep -q "$word" "$work/linux.csv"
done
for machine in skylake_sp_kvm zen3_milan_native neoverse_n1_kvm; do
    ok "$machine takes page faults" run page_touch --machine $machine --set workload.backing=touch --set workload.footprint=1MiB
    equal "$machine: a step is an account" "$(sqlite3 "$work/k.db" "select value from knob where path = 'guest.page_fault.handle.instructions'")" "$(per page_fault guest.page_fault.handle)"
done
ok "a longer path" run page_touch --set workload.backing=touch --set workload.footprint=1MiB --set guest.page_fault.handle.instructions=1800
equal "costs that many" 1800 "$(per page_fault guest.page_fault.handle)"
refused "an unknown one" 2 "unknown knob 'guest.page_fault.handel.instructions'; did you mean 'guest.page_fault.handle.instructions'?" \
    "$VIRTSIM" run workloads/gups.lua --set guest.page_fault.handel.instructions=7 --db "$db"
printf 'return { base = "skylake_sp_kvm", kernel = "least" }\n' >"$work/least_kernel.lua"
ok "another kernel is a part of the machine" run page_touch --machine "$work/least_kernel.lua" --set workload.backing=touch --set workload.footprint=1MiB
equal "with its own path" 60 "$(per page_fault guest.page_fault.handle)"
ok "its driver has its own too" run udp_echo --machine "$work/least_kernel.lua" --set workload.packets=20
equal "by name" "guest.receive.look guest.transmit.fill" "$(sqlite3 "$work/k.db" "select group_concat(a, ' ') from (select distinct account a from part where account like 'guest.receive.%' or account like 'guest.transmit.%' order by 1)")"
# bad_kernel WHAT LINE 'PROGRAMS' TEXT
bad_kernel() {
    printf 'return {\n  base = "linux",\n  program = {\n%s\n  },\n}\n' "$3" >"$work/bad_kernel.lua"
    printf 'return { base = "skylake_sp_kvm", kernel = "%s" }\n' "$work/bad_kernel.lua" >"$work/bad.lua"
    refused "a kernel with $1" 2 "bad_kernel.lua:$2 $4" "$VIRTSIM" run workloads/gups.lua --machine "$work/bad.lua" --db "$work/none.db"
    ok "a kernel with $1: nothing ran" test ! -e "$work/none.db"
}
bad_kernel "an unknown instruction" 4: '    idle = { { "halt", trap = "hlat" } },' "program idle, step 'halt': unknown instruction 'hlat'; did you mean 'halt'?"
bad_kernel "a hypervisor's word" 4: '    idle = { { "halt", state = "pc=next" } },' "program idle, step 'halt': unknown step 'state'"
bad_kernel "an unknown message" 4: '    doorbell = { { "tail", send = "bell" } },' "program doorbell, step 'tail': unknown message 'bell'"
bad_kernel "a program in user space" 4: '    idle = { at = "user", { "halt", trap = "halt" } },' "program idle: a guest's kernel has no programs in user space"
bad_kernel "code in a wrong place" 4: '    idle = { offset = 0x800, { "halt", trap = "halt" } },' "program idle: offset = 0x800: a multiple of 0x10000 from 0x0 on, below 0x40000, but for 0x20000"
bad_kernel "a program less" "" '    idle = false,' "has no program 'idle', which every guest needs"
# what goes round a loop of C's, or may be interrupted, is of a kind where it can
own round "$all"'
    shadow_walk = { { "a", action = "work" } },'
refused "a loop's body that does more" 2 "round_hv.lua: program shadow_walk: it is gone round" exits round
own sleepy "$all"'
    block = { { "a", run = 5, source = "s", grade = "assumed" } },'
refused "a way to sleep that is no time" 2 "sleepy_hv.lua: program block: an event may interrupt it" exits sleepy
own placed "$all"'
    fast_fault = { offset = 0xe00000, { "a", run = 5, data = 64, source = "s", grade = "assumed" } },'
refused "data where a hypervisor has none" 2 "program fast_fault: its steps have 64 bytes of data, and there is room for 0" exits placed
own astray "$all"'
    pio = { { "to_dom0", action = "device_domain" } },'
refused "a way to Dom0 without one back" 2 "astray_hv.lua: 1 steps go to the domain that has the devices (action device_domain), and 0 come back" exits astray
# paths that no trap starts: each is its step's account, priced by its knob
for case in "shadow_walk.step 61 page_touch paging.mode=shadow" "shadow_entry.set 121 page_touch paging.mode=shadow" "flush_target.enqueue 151 tlb_shootdown guest.shootdown=hypercall" "log_page.watch 63 page_touch host.dirty_log.method=write_protect host.dirty_log.interval=100"; do
    set -- $case
    knob=hypervisor.$1.instructions
    ok "$1 runs" run "$3" --set workload.footprint=256KiB --set "$4" --set "${5:-$4}" --set "$knob=$2"
    equal "$1 has its length" 0 "$(sqlite3 "$work/k.db" "select sum(n) % $2 + (sum(n) = 0) from part where account = 'hypervisor.$1'")"
done
# no length of a path is in C, nor in what a component declares; what an instruction becomes when it is translated is no path
lengths() { grep -nE "VS_(NUM|LAT)\(.*\"[a-z_.]*(instructions|code_bytes|data_bytes|block|wake)\"|core\.instructions\(|vs_cpu_instructions\(.*(os|flush|cfg|host_cfg)\b" "$@" | grep -vE 'test_|model/(bt|tcg|translator)/[a-z]*\.def|VS_COUNT\(|cpu\.bulk\.instructions'; }
equal "no path length in C" "" "$(lengths model/*/*.[ch] model/*/*.def sim/*/*.[ch] sim/*/*.def sim/*/*/*.[ch] sim/*/*/*.def)"
finish

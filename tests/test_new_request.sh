#!/bin/sh
# SPDX-License-Identifier: MIT
# What a new instruction of workloads and a new exit reason take: PCONFIG, in a copy of the sources, and how many files
# that touches. Everything that expands the lists compiles with it; with VIRTSIM_ALL (./dev check --all sets it) the
# copy is built, a workload executes it, the run is recorded and the recording replayed.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
mkdir "$work/old" "$work/tree"
tar -cf - CMakeLists.txt cmake include core model sim app scripts workloads results tools | tar -xf - -C "$work/old"
cp -r "$work/old/." "$work/tree"
cd "$work/tree" || exit 1

# a line behind the last one that begins with $2 (and what belongs to it) of file $1
behind() {
    python3 - "$@" <<'PY'
import sys
name, begins, line = sys.argv[1:]
text = open(name).read()
at = text.rindex("\n" + begins) + 1
end = text.index("\n", at) + 1
depth = len(begins) - len(begins.lstrip())
while text[end : end + depth + 1].isspace() and text[end] != "\n":
    end = text.index("\n", end) + 1
open(name, "w").write(text[:end] + line + "\n" + text[end:])
PY
}
code=$(($(sed -n 's/^VS_\(REQUEST\|HIDDEN\) *(\([0-9]*\),.*/\2/p' sim/request/requests.def | sort -n | tail -1) + 1))

# the request: a line and its handler
behind sim/request/requests.def "VS_REQUEST(14, " "VS_REQUEST($code, PCONFIG, pconfig, \"ab\", ONCE, X86, LIST,
           NEEDS('a', \"register\", 0, 0, \"leaf 0 is the only one\")
           BITS('b', \"value\"), 0,
           \"PCONFIG\")"
cat >>sim/request/instructions.c <<'C'

void request_pconfig(struct vs_vcpu *v)
{
    struct vs_trap trap = {.kind = VS_TRAP_PCONFIG, .value = v->request.b, .length = 3};
    privileged(v, &trap, VS_ACC_vcpu_wrmsr, v->p->times.wrmsr);
}
C
files() { diff -rq "$work/old" "$work/tree" | wc -l; }
request=$(files)
equal "files of a new request" 2 "$request"

# the exit reason: what the guest does, VMX's number for it, the hypervisor's program, and which event it is
behind include/virtsim/traps.def "VS_TRAP(" 'VS_TRAP(PCONFIG, "pconfig", "memory encryption is set up: PCONFIG")'
behind model/vmcs/reasons.def "VS_VMX_REASON(" 'VS_VMX_REASON(PCONFIG, 65, "exit.pconfig", PCONFIG, "PCONFIG", "PCONFIG exiting", "PCONFIG", "-", "-")'
sed -i '/^return {/i program.pconfig = exit { read = skip, write = "pc=next", { "emulate", run = 300, code = 1536, data = 384, source = "as kvm_emulate_xsetbv", grade = "assumed" } }' scripts/lua/hypervisors/kvm.lua
sed -i '/^    case VS_TRAP_APIC_WRITE:/i\    case VS_TRAP_PCONFIG:\n        *kind = VS_EV_PCONFIG;\n        return true;' model/vmcs/vmcs_world.c
total=$(files)
equal "files of a new exit reason, its trap new too" 4 $((total - request))

# every expansion compiles
for f in sim/request/run.c sim/request/instructions.c sim/recording/format.c sim/lua/methods.c model/vmcs/vmcs_world.c \
    model/hypervisor/hypervisor.c core/op.c core/program.c; do
    # shellcheck disable=SC2046 # words
    ok "$f compiles" cc -std=c17 -fsyntax-only -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -Iinclude -Isim -Imodel -Icore \
        $(pkg-config --cflags lua5.4 2>/dev/null || pkg-config --cflags lua-5.4) "$f"
done
echo "files touched: a new request $request, a new exit reason $((total - request))"
[ -n "${VIRTSIM_ALL:-}" ] || finish || exit 1
[ -n "${VIRTSIM_ALL:-}" ] || exit 0

launcher=$(command -v ccache)
ok "the copy is configured" cmake -S . -B build -G Ninja -DVIRTSIM_TESTS=OFF -DCMAKE_C_COMPILER_LAUNCHER="$launcher" \
    -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DVIRTSIM_WERROR=ON
ok "and built" ninja -C build virtsim
new=build/virtsim
export VIRTSIM_HOME="$work/tree"
printf 'guest(function(cpu)\n  for _ = 1, 5 do cpu:pconfig(0, 7) end\nend)\n' >"$work/five.lua"
db=$work/t.db
exits() { sqlite3 "$db" "select n from op where op = 'exit.pconfig' and run = (select max(run) from run)"; }
ok "a workload executes it" "$new" run "$work/five.lua" --machine skylake_sp_kvm --record "$work/five.vst" --db "$db" --quiet
equal "it exits each time" 5 "$(exits)"
ok "its recording is replayed" "$new" replay "$work/five.vst" --db "$db" --quiet
equal "and exits each time" 5 "$(exits)"
equal "with the same rows" "" "$(sqlite3 "$db" "select * from (select actor, op, n, total_ps from op where run = 1 except select actor, op, n, total_ps from op where run = 2)")"
ok "its price is a knob" "$new" run "$work/five.lua" --machine skylake_sp_kvm --set hypervisor.pconfig.emulate.instructions=600 --db "$db" --quiet
equal "it is listed" "x86" "$("$new" list requests --format csv | python3 -c 'import csv,sys; print([r["machines"] for r in csv.DictReader(sys.stdin) if r["request"] == "pconfig"][0])')"
refused "an argument out of bounds" 1 "five.lua:2: pconfig: register must be 0..0" sh -c "sed 's/0, 7/1, 7/' '$work/five.lua' >'$work/x'; mv '$work/x' '$work/bad_five.lua'; '$new' run '$work/bad_five.lua' --db '$db'"
refused "elsewhere it is refused, with its line" 2 "five.lua:2: pconfig is x86's; this machine is Arm's" "$new" run "$work/five.lua" --machine neoverse_n1_kvm --db "$db"
refused "and where it was not built in, its recording" 1 "no such request" env VIRTSIM_HOME="$work/old" "$VIRTSIM" replay "$work/five.vst" --db "$work/other.db"
finish

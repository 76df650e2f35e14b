#!/bin/sh
# SPDX-License-Identifier: MIT
# What a knob's bounds allow, a run carries out, or one message refuses it; what they do not is refused by one message.
# VIRTSIM_KNOBS=all does so with three workloads on machines of three vendors, natively too.
. "$VIRTSIM_HOME/tests/lib.inc"
list() { "$VIRTSIM" list knobs --format csv | awk -F, 'NR > 1 && $1 !~ /^workload/' | awk -F, "$1"; }

# below, above, no number, another unit: a message for each, and nothing else
refuse() {
    what=$1
    list "$2" | split -l 250 - "$work/part." # --set has room for 256
    for part in "$work"/part.*; do
        set --
        while IFS= read -r setting; do
            set -- "$@" --set "$setting"
        done <"$part"
        "$VIRTSIM" run workloads/gups.lua --dry-run "$@" >"$work/out" 2>"$work/err"
        equal "$what: status" 2 $?
        equal "$what: a message for each" "$(sed 's/=.*//' "$part" | sort)" "$(sed -n "s/^virtsim: --set: \([^ ]*\) .*/\1/p" "$work/err" | sort)"
        equal "$what: no other" "$(wc -l <"$part")" "$(wc -l <"$work/err")"
        equal "$what: nothing is printed" 0 "$(wc -c <"$work/out")"
        rm "$part"
    done
}
refuse "below the least" '{ split($3, b, "\\.\\."); if ($3 ~ /\.\./) print $1 "=" (b[1] > 0 ? b[1] - 1 : -1) }'
# 2^53 and more: awk counts in doubles
refuse "above the most" '{ split($3, b, "\\.\\."); if ($3 ~ /\.\./) print $1 "=" (b[2] < 2^53 ? sprintf("%.0f", b[2] + 1) : "18446744073709551616") }'
refuse "no number" '{ print $1 "=nonsense" }'
refuse "another unit" '{ print $1 "=" ($4 == "ps" ? "4KiB" : "4ns") }'

cat >"$work/cpu.lua" <<'LUA'
guest(function(cpu)
  local page = cpu:page_bytes()
  local r, t, e = cpu:map { bytes = 16 * page, backing = "host_touch" }, cpu:map { bytes = 16 * page, backing = "touch" }, cpu:map { bytes = 256 * page }
  cpu:stride { region = r, count = 300, stride = 64, op = "store" }
  cpu:stride { region = t, count = 16, stride = page, op = "store" }
  cpu:random { region = e, count = 300, work = 3 }
  cpu:chase { region = e, count = 200 }
  cpu:zipf { region = e, count = 200, op = "modify" }
  cpu:fetch(e, 64)
  cpu:compute(20000)
  cpu:unmap(t, page)
  cpu:load(t)
  cpu:protect(t, page, "r")
  cpu:load(t)
  cpu:rdtsc()
  cpu:wait { us = 5 }
  cpu:timer { us = 20 }
  cpu:compute(100000)
  cpu:dirty_log()
  cpu:stride { region = e, stride = page, count = 64, op = "store" }
  cpu:dirty_log()
  cpu:switch(cpu:process())
  cpu:switch(0)
  cpu:stride { region = e, stride = page, count = 64 }
end)
guest { shares = 0, run = function(cpu) cpu:compute(50000) cpu:ipi(0) cpu:compute(200000) end }
LUA
cat >"$work/x86.lua" <<'LUA'
guest(function(cpu)
  local e = cpu:map { bytes = 65536, backing = "host_touch" }
  cpu:cpuid() cpu:rdmsr(0x10) cpu:wrmsr(0x6e0, 0) cpu:inp(0x60) cpu:outp(0x80, 1) cpu:hypercall(1)
  cpu:pause() cpu:mmio(0xfee00000) cpu:mmio(0xd0000000, "store") cpu:invlpg(e)
  cpu:cli() cpu:compute(100) cpu:sti()
  cpu:write_cr(3) cpu:write_cr(0) cpu:write_cr(4)
  cpu:stride { region = e, count = 100 }
  cpu:host_protect(e, 4096, "r")
  cpu:store(e)
end)
LUA
cat >"$work/nic.lua" <<'LUA'
guest(function(cpu)
  for i = 1, 30 do
    local got = cpu:recv { timeout_ns = 200000 }
    cpu:compute(400)
    cpu:send { count = got > 0 and got or 1 }
  end
  cpu:send { bytes = 1400, count = 20 }
end)
LUA

# A group of settings runs at once, but for sizes of steps, which share a room. Of one that is refused those that the
# messages name, and those of the same step or table, are tried alone and the others again; else it is halved, until
# what is left is one setting that is refused by a message, or is what does not work.
cat >"$work/bounds.py" <<'PY'
import csv, io, os, re, subprocess, sys

work, virtsim, *where = sys.argv[1:]
runs, bad = 0, []
listed = subprocess.run([virtsim, "list", "knobs", "--format", "csv"], capture_output=True, text=True, check=True).stdout
knobs = [k for k in csv.DictReader(io.StringIO(listed)) if not k["knob"].startswith("workload.")]


def bounds(k):
    both = k["bounds"].split("..") if ".." in k["bounds"] else k["bounds"].split("|")
    return [(b, f"{k['knob']}={b}") for b in both if b != k["default"]]


with open(virtsim, "rb") as program: # a sanitizer makes the longest ones ten times as long
    patience = 600 if b"__asan_init" in program.read() else 60


def ends(workload, machine, group):
    """0: it ran; the messages, where it was refused before simulated time; or a text, what is wrong."""
    global runs
    runs += 1
    args = [virtsim, "run", f"{work}/{workload}.lua", "-m", machine, "--no-store", "--quiet"]
    try:
        end = subprocess.run(args + [f"--set={s}" for s in group], capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return f"runs for more than {patience} seconds"
    said = [l for l in end.stderr.splitlines() if not l.startswith("virtsim: warning: ")]
    if end.returncode == 0 and not said:
        return 0
    if end.returncode == 2 and said and all(l.startswith("virtsim: ") for l in said):
        return said
    return f"status {end.returncode}: {said[0] if said else 'and no message'}"


def halve(workload, machine, group):
    got = ends(workload, machine, group)
    if got == 0:
        return
    named = {n.rpartition(".")[0] for n in re.findall(r"\w+(?:\.\w+)+", " ".join(got))} if isinstance(got, list) else set()
    alone = [s for s in group if s.partition("=")[0].rpartition(".")[0] in named]
    if len(group) > 1 and alone:
        for setting in alone:
            halve(workload, machine, [setting])
        rest = [s for s in group if s not in alone]
        if rest:
            halve(workload, machine, rest)
    elif len(group) > 1:
        halve(workload, machine, group[::2])  # neighbours are one component's, which refuse each other
        halve(workload, machine, group[1::2])
    elif not isinstance(got, list):
        bad.append(f"{workload} on {machine} with {group[0]}: {got}")


for w in where:
    workload, machine = w.split(":")
    columns = {}
    for k in knobs:
        for i, (_, setting) in enumerate(bounds(k)):
            columns.setdefault(i, []).append(setting)
    for settings in columns.values():
        sizes = [s for s in settings if re.match(r"(hypervisor|guest)\..*_bytes=0*[1-9]", s)]
        for s in sizes:
            halve(workload, machine, [s])
        settings = [s for s in settings if s not in sizes]
        for i in range(0, len(settings), 200):  # --set has room for 256
            halve(workload, machine, settings[i:i + 200])
print(f"{runs} runs of {len(knobs)} knobs")
sys.exit("\n".join(bad) if bad else 0)
PY
on="cpu:skylake_sp_kvm"
if [ "${VIRTSIM_KNOBS:-}" = all ]; then
    on="cpu:skylake_sp_kvm x86:skylake_sp_kvm nic:skylake_sp_kvm cpu:neoverse_n1_kvm nic:neoverse_n1_kvm cpu:zen2_rome_kvm x86:zen2_rome_kvm cpu:skylake_sp_native"
fi
# shellcheck disable=SC2086 # one word each
ok "both bounds of every knob: a run to its end, or what is wrong" python3 "$work/bounds.py" "$work" "$VIRTSIM" $on
finish

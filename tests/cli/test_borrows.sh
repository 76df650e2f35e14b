#!/bin/sh
# SPDX-License-Identifier: MIT
# What the shipped machines take over from other parts is assumed, listed, and nothing else is listed.
. "$VIRTSIM_HOME/tests/lib.inc"
"$VIRTSIM" list machines --format csv >"$work/machines"
"$VIRTSIM" list borrows --format csv >"$work/borrows"
for m in $(tail -n +2 "$work/machines" | cut -d, -f1); do
    "$VIRTSIM" run workloads/gups.lua --machine "$m" --dry-run --format csv >"$work/$m.csv" 2>"$work/err" ||
        { head -3 "$work/err"; failures=$((failures + 1)); }
done

ok "every law of what is taken over" python3 - "$work" "$VIRTSIM_HOME" <<'PY'
import csv, re, sys

work, home = sys.argv[1:]
bad = []


def rows(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


literature = {r["id"]: r for r in rows(f"{home}/results/literature.csv")}
listed = {}
for r in rows(f"{work}/borrows"):
    listed.setdefault(r["machine"], {})[r["knob"]] = r
machines = {r["machine"]: r for r in rows(f"{work}/machines")}
knobs = {m: {r["knob"]: r for r in rows(f"{work}/{m}.csv")} for m in machines}

# What a row is about, by the platform it names. A row of nobody in this table is nobody's.
ABOUT = {"sandybridge_ep": r"sandybridge_ep|Sandy|E5-2670 0|i7-3930K", "haswell_ep": r"haswell_ep|Haswell|v3 @|hsw",
         "broadwell_ep": r"Broadwell", "skylake_sp": r"skylake_sp|Skylake|SKX|Gold 61",
         "skylake_x": r"skylake_sp|Skylake|SKX|Gold 61", "cascadelake": r"Cascade|CLX",
         "zen2_rome": r"zen2_rome|Zen ?2|Rome", "zen3_vermeer": r"zen3|Zen3", "zen3_milan": r"zen3|Zen3",
         "k10_shanghai": r"K10", "neoverse_n1": r"Neoverse|Graviton2"}
OF_INTEL = ("ept.l1_dtlb.shared", "ept.l2_tlb.large_pages")
ID = re.compile(r"\b(?:[1-7][A-Z]\d{3}\b|C1\d{3}\b|NL\.\w+\.PR\.s\d+\.\d+K)")
for m, all_of_it in knobs.items():
    part = next((p for p in ABOUT if m.startswith(p)), "skylake_sp")
    for k, r in all_of_it.items():
        taken = r["source"].startswith("taken from ")
        if taken and r["evidence"] != "assumed":
            bad.append(f"{m}: {k}: taken over, but {r['evidence']}")
        if taken != (k in listed.get(m, {})):
            bad.append(f"{m}: {k}: " + ("taken over, not listed" if taken else "listed, not taken over"))
        if taken and (listed[m][k]["source"], listed[m][k]["value"]) != (r["source"], r["value"]):
            bad.append(f"{m}: {k}: the list says something else than the run")
        # the other way round, by what is cited: evidence about hardware is about this hardware
        cited = [literature[i]["platform"] for i in ID.findall(r["source"]) if i in literature]
        hardware = k.split(".")[0] in ("cpu", "ept", "memory", "instruction", "iommu") or re.match(r"vmcs\.(exit|entry)|svm\.e", k)
        foreign = cited and not any(re.search(ABOUT[part], p) for p in cited + [r["source"]])
        if (k.startswith("iommu.") and all_of_it["iommu.enabled"]["value"] == "0") or \
                (k in OF_INTEL and all_of_it["cpu.vendor"]["value"] == "intel"):
            continue # a unit that is off; what Intel's parts have in common
        if hardware and foreign and not taken and r["evidence"] != "assumed" and not r["source"].startswith("as "):
            world = {"vmcs": "intel", "svm": "amd"}.get(k.split(".")[0])
            table = all_of_it.get(k.rsplit(".", 1)[0] + ".entries", {"value": "1"})
            if (not world or world == all_of_it["cpu.vendor"]["value"]) and table["value"] != "0":
                bad.append(f"{m}: {k}: {r['evidence']} by {r['source']!r}, which is about {cited}")

# Cases that are known from the manuals, whatever the mechanism.
for m, k, of in (("neoverse_n1_kvm", "ept.guest_pwc.l3.entries", "ivybridge"),
                 ("neoverse_n1_kvm", "ept.walkers", "skylake_sp"), ("neoverse_n1_kvm", "cpu.load_queue", "cortex_a76"),
                 ("skylake_sp_kvm", "ept.l2_tlb.policy", "kabylake"), ("sandybridge_ep_kvm", "ept.l2_tlb.policy", "ivybridge"), ("zen3_milan_kvm", "instruction.cpuid", "zen2_rome"),
                 ("broadwell_ep_kvm", "memory.l2.latency", "haswell_ep"),
                 ("broadwell_ep_kvm", "vmcs.unexplained", "haswell_ep"), ("broadwell_ep_kvm", "iommu.walk.latency", "haswell_ep"),
                 ("cascadelake_kvm", "memory.dram.row_miss", "skylake_sp"), ("cascadelake_kvm", "vmcs.unexplained", "skylake_sp"),
                 ("zen2_rome_kvm", "ept.guest_pwc.l3.entries", "zen1"), ("zen2_rome_kvm", "iommu.walk.latency", "haswell_ep"),
                 ("neoverse_n1_kvm", "iommu.iotlb.entries", "haswell_ep"), ("zen3_milan_kvm", "svm.unexplained", "zen2_rome"), ("zen2_rome_kvm", "svm.instruction.vmload", "k8"),
                 ("zen3_milan_kvm", "memory.dram.row_hit", "zen2_rome"), ("zen3_milan_native", "host.frames", "zen3_vermeer"),
                 ("broadwell_ep_kvm", "ept.l1_dtlb_4k.entries", "haswell_ep"), ("skylake_sp_kvm", "iommu.walk.latency", "haswell_ep"),
                 ("haswell_ep_kvm", "pcie.upstream", "nfp6000")):
    if listed.get(m, {}).get(k, {}).get("from") != of:
        bad.append(f"{m}: {k} is {of}'s, but {listed.get(m, {}).get(k)}")
for m, k in (("skylake_x_native", "memory.dram.row_miss"), ("cascadelake_native", "memory.l2.latency"), ("zen3_milan_native", "memory.llc.latency"),
             ("haswell_ep_kvm", "iommu.walk.latency"), ("haswell_ep_kvm", "vmcs.cap.proc"), ("sandybridge_ep_kvm", "vmcs.unexplained"), ("zen2_rome_kvm", "svm.unexplained"),
             ("skylake_sp_kvm", "vmcs.cap.proc"), ("sandybridge_ep_kvm", "ept.l1_dtlb_4k.entries"), ("zen2_rome_kvm", "cpu.load_queue"),
             ("k10_shanghai_kvm", "cpu.issue_width"), ("skylake_sp_kvm", "memory.dram.row_miss"), ("zen2_rome_native", "memory.dram.row_hit"), ("broadwell_ep_native", "memory.dram.row_miss"), ("neoverse_n1_kvm", "memory.dram.row_conflict"),
             ("neoverse_n1_native", "ept.l2_tlb.latency"), ("haswell_ep_kvm", "instruction.cpuid")):
    if k in listed.get(m, {}) or (m != "sandybridge_ep_kvm" and knobs[m][k]["evidence"] == "assumed"):
        bad.append(f"{m}: {k} is its own or its family's")

# What no part of a vendor has, and what all of them have.
for m, all_of_it in knobs.items():
    vendor = all_of_it["cpu.vendor"]["value"]
    if vendor != "intel" and all_of_it["memory.ddio"]["value"] != "0":
        bad.append(f"{m}: memory.ddio, which only Intel's parts have")
    if vendor == "amd" and (all_of_it["ept.execute_only"]["value"], all_of_it["ept.accessed_dirty"]["value"]) != ("0", "1"):
        bad.append(f"{m}: nested tables that may be executed and not read, or without flags")
if knobs["broadwell_ep_kvm"]["ept.l2_tlb_1g.ways"]["value"] != "4":
    bad.append("broadwell_ep_kvm: CPUID's descriptor C3H has 1 GiB pages in 4 ways")

# The transition of a part is that of its own row: what model/vmcs/README.md's fields take, and the rest.
for m, row in (("sandybridge_ep_kvm", "1X051"), ("haswell_ep_kvm", "1X053"), ("skylake_sp_kvm", "1X061")):
    rest = knobs[m]["vmcs.unexplained"]
    # one field more where IA32_BNDCFGS can be loaded or cleared, which every exit saves then
    bndcfgs = int(knobs[m]["vmcs.cap.exit"]["value"]) >> 55 & 1 or int(knobs[m]["vmcs.cap.entry"]["value"]) >> 48 & 1
    total = int(rest["value"]) + 329 + bndcfgs
    if total != int(literature[row]["low"]) or literature[row]["use"] != "calibrate":
        bad.append(f"{m}: {total} cycles, {row} has {literature[row]['low']}")
    if rest["evidence"] != "derived" or not rest["source"].startswith(row) or row not in machines[m]["calibrated_to"]:
        bad.append(f"{m}: the rest of {row} is {rest}")
# Nothing is a remainder that somebody divided: what a sum leaves is one knob, called so.
for m, all_of_it in knobs.items():
    bad += [f"{m}: {k}: {r['source']}" for k, r in all_of_it.items() if re.search(r"split in half|in half by", r["source"])]
for m, r in machines.items():
    if not r["calibrated_to"]:
        bad.append(f"{m}: calibrated to what?")
if "C1239" not in machines["neoverse_n1_native"]["calibrated_to"]:
    bad.append("neoverse_n1_native has one measurement to be calibrated to, of DRAM")
for m, taken in listed.items():
    for k, r in taken.items():
        if r["stated_in"] == "nowhere":
            bad.append(f"{m}: {k} is taken from {r['from']}; no file of the machine's parts says so in `borrows`")
if len(machines) < 20 or len(listed) < 20:
    bad.append(f"{len(machines)} machines, {len(listed)} that borrow")
if bad:
    sys.exit("\n".join(bad[:40]))
PY
[ -s "$work/err" ] && head -40 "$work/err"

# A statement that nothing is taken for, and a value that no statement is about.
mkdir -p "$work/home/scripts"
cp -r "$VIRTSIM_HOME/scripts/lua" "$work/home/scripts/"
ln -s "$VIRTSIM_HOME/workloads" "$work/home/workloads"
sed -i 's/"ept.l2_tlb.latency"/"ept.l2_tlb.latency", "memory.l1d"/' "$work/home/scripts/lua/cpus/haswell_ep.lua"
VIRTSIM_HOME=$work/home "$VIRTSIM" list borrows --format csv >"$work/out" 2>"$work/err"
equal "a statement nothing is taken for is refused" 2 $?
equal "naming file, knobs and part" "virtsim: cpus/haswell_ep.lua: borrows: no machine takes memory.l1d from skylake_sp; take the line out" "$(cat "$work/err")"
sed -i 's/"ept.l2_tlb.latency", "memory.l1d"/"ept.l1_itlb.shared"/; s/l1_itlb = { shared = { false, manual, "documented" } },//' "$work/home/scripts/lua/cpus/haswell_ep.lua"
VIRTSIM_HOME=$work/home "$VIRTSIM" list borrows --format csv >"$work/out" 2>"$work/err"
equal "what nobody states is shown" 3 "$(grep -c '^haswell_ep_[a-z]*,skylake_sp,ept.l2_tlb.latency,.*,nowhere$' "$work/out")"
printf 'return { base = "vtd_haswell", borrows = { haswell_ep = 7 } }\n' >"$work/home/scripts/lua/iommus/odd.lua"
printf 'return { base = "haswell_ep_kvm", iommu = "odd", set = {} }\n' >"$work/home/scripts/lua/machines/odd.lua"
VIRTSIM_HOME=$work/home "$VIRTSIM" run workloads/gups.lua -m odd --dry-run >"$work/out" 2>"$work/err"
equal "a statement of another form is refused" "2 1" "$? $(grep -c 'iommus/odd.lua: borrows: write borrows = { PART' "$work/err")"

# Whoever sets a knob afterwards answers for it.
"$VIRTSIM" run workloads/gups.lua --machine neoverse_n1_kvm --set memory.dram.row_conflict=70ns --dry-run --format csv 2>&1 |
    grep '^memory.dram.row_conflict,' >"$work/set"
equal "a value given on the command line is not taken over" 0 "$(grep -c 'taken from' "$work/set")"
finish

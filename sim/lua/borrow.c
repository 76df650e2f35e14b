/* SPDX-License-Identifier: MIT */
#include "borrow.h"

#include "effect.h"
#include "virtsim/program.h"

#include <stdio.h>
#include <string.h>

static const char mark[] = "taken from ";

/* Defaults that are somebody's although they are assumed. */
static const struct vs_default_of guesses[] = {
    {"pcie.upstream", VS_SLOT_NIC, "nfp6000", true},
    {"pcie.downstream", VS_SLOT_NIC, "nfp6000", true},
};

/* Of the others the first pattern that fits counts. A knob's default that is not assumed needs a
 * line here. */
static const struct vs_default_of defaults[] = {
    /* what the simulator, its guests and a run choose, and what architectures and programs state */
    {"workload.*", VS_SLOT_CPU, NULL, false},
    {"sim.*", VS_SLOT_CPU, NULL, false},
    {"replay.*", VS_SLOT_CPU, NULL, false},
    {"paging.*", VS_SLOT_CPU, NULL, false},
    {"guest.*", VS_SLOT_CPU, NULL, false},
    {"host.*", VS_SLOT_CPU, NULL, false},
    {"os.*", VS_SLOT_CPU, NULL, false},
    {"dma.*", VS_SLOT_CPU, NULL, false},
    {"shadow.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"cpu.vendor", VS_SLOT_CPU, NULL, false},
    {"cpu.translation", VS_SLOT_CPU, NULL, false},
    {"cpu.affected.*", VS_SLOT_CPU, NULL, false},
    {"hypervisor.technique", VS_SLOT_HYPERVISOR, NULL, false},
    {"deprivileged.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"tcg.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"translator.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"bt.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.l1d_flush", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.ibpb_on_exit", VS_SLOT_HYPERVISOR, NULL, false},
    {"interrupt.apic", VS_SLOT_CPU, NULL, false},
    {"vmcs.control.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"svm.intercept.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"svm.nested.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"svm.tlb_control", VS_SLOT_HYPERVISOR, NULL, false},
    {"svm.avic", VS_SLOT_HYPERVISOR, NULL, false},
    {"svm.lbr_virtualization", VS_SLOT_HYPERVISOR, NULL, false},
    {"svm.pause_filter.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"vmcs.ple_*", VS_SLOT_HYPERVISOR, NULL, false},
    {"vmcs.msr_list.use", VS_SLOT_HYPERVISOR, NULL, false},
    {"vmcs.created_in_time", VS_SLOT_HYPERVISOR, NULL, false},
    {"vmcs.destroyed_in_time", VS_SLOT_HYPERVISOR, NULL, false},
    {"vmcs.vm_functions", VS_SLOT_HYPERVISOR, NULL, false},
    {"vmcs.xss_exiting_bitmap", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.ple_window.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"el2.trap.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"el2.force_broadcast", VS_SLOT_HYPERVISOR, NULL, false},
    {"el2.vhe", VS_SLOT_HYPERVISOR, NULL, false},
    {"el2.nested.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"el2.fp_saved_at_load", VS_SLOT_HYPERVISOR, NULL, false},
    {"gic.direct_injection", VS_SLOT_HYPERVISOR, NULL, false},
    {"ept.mode_based_execute", VS_SLOT_HYPERVISOR, NULL, false},
    {"memory.straddle", VS_SLOT_MEMORY, NULL, false},
    {"memory.writeback", VS_SLOT_MEMORY, NULL, false},
    {"memory.nodes", VS_SLOT_MEMORY, NULL, false},
    {"memory.llc.slices", VS_SLOT_MEMORY, NULL, false},
    {"hypervisor.*.taken", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.in_kernel.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.common.vmcs_access", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.halt_poll*", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.level_vector", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.post_timer", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.host_registers", VS_SLOT_HYPERVISOR, NULL, false},
    {"hypervisor.nesting", VS_SLOT_HYPERVISOR, NULL, false},
    {"nested.*", VS_SLOT_HYPERVISOR, NULL, false},
    {"pcie.generation", VS_SLOT_NIC, NULL, false},
    {"pcie.tlp.*", VS_SLOT_NIC, NULL, false},
    {"pcie.mps", VS_SLOT_NIC, NULL, false},
    {"pcie.mrrs", VS_SLOT_NIC, NULL, false},
    {"pcie.rcb", VS_SLOT_NIC, NULL, false},
    {"pcie.tags", VS_SLOT_NIC, NULL, false},
    {"pcie.flr.us", VS_SLOT_NIC, NULL, false},
    {"pcie.node", VS_SLOT_NIC, NULL, false},
    {"pcie.links", VS_SLOT_NIC, NULL, false},
    {"pcie.port", VS_SLOT_NIC, NULL, false},
    {"pcie.switch.*", VS_SLOT_NIC, NULL, false},
    {"pcie.vf.bar3.address", VS_SLOT_NIC, NULL, false},
    {"pcie.vf.bar0.address", VS_SLOT_NIC, NULL, false},
    {"pcie.pf.bar3.address", VS_SLOT_NIC, NULL, false},
    {"pcie.pf.bar0.address", VS_SLOT_NIC, NULL, false},
    {"ats.enabled", VS_SLOT_NIC, NULL, false},
    {"ats.page_requests", VS_SLOT_NIC, NULL, false},
    {"ats.pasid.width", VS_SLOT_NIC, NULL, false},
    {"iommu.mode", VS_SLOT_IOMMU, NULL, false},
    {"iommu.first_level", VS_SLOT_IOMMU, NULL, false},
    {"nic.vf_stride", VS_SLOT_NIC, NULL, false},
    /* what all parts of a vendor, or all memories of a kind, have in common */
    {"cpu.string_stores", VS_SLOT_CPU, "intel", false},
    {"memory.line", VS_SLOT_MEMORY, "intel", false},
    {"memory.llc.fill", VS_SLOT_MEMORY, "intel", false},
    {"memory.walker.entry", VS_SLOT_MEMORY, "intel", false},
    {"memory.ddio", VS_SLOT_MEMORY, "intel", false},
    {"memory.llc.ddio_ways", VS_SLOT_MEMORY, "intel", false},
    {"memory.dram.banks", VS_SLOT_MEMORY, "ddr4", false},
    {"memory.dram.row", VS_SLOT_MEMORY, "ddr4", false},
    {"ept.execute_only", VS_SLOT_CPU, "intel", false},
    {"ept.accessed_dirty", VS_SLOT_CPU, "intel", false},
    {"ept.l1_dtlb.shared", VS_SLOT_CPU, "intel", false},
    {"ept.l1_dtlb_store.*", VS_SLOT_CPU, "intel", false},
    {"ept.l2_tlb.large_pages", VS_SLOT_CPU, "intel", false},
    {"ept.l2_itlb.entries", VS_SLOT_CPU, "intel", false},
    {"ept.walk_lines.entries", VS_SLOT_CPU, "intel", false},
    {"vmcs.cached", VS_SLOT_CPU, "intel", false},
    {"vmcs.skip_clean_checks", VS_SLOT_CPU, "intel", false},
    {"vmcs.check", VS_SLOT_CPU, "intel", false},
    {"vmcs.instruction.vmread", VS_SLOT_CPU, "intel", false},
    {"svm.cap.*", VS_SLOT_CPU, "amd", false},
    {"el2.cap.*", VS_SLOT_CPU, "neoverse_n1", false},
    /* what one part has */
    {"ept.l2_itlb.large_pages", VS_SLOT_CPU, "zen2_rome", false},
    {"ept.guest_pwc.l3.entries", VS_SLOT_CPU, "ivybridge", false},
    {"vmcs.cap.*", VS_SLOT_CPU, "haswell_ep", false},
    {"vmcs.branch_records", VS_SLOT_CPU, "skylake_sp", false},
    {"vmcs.unexplained", VS_SLOT_CPU, "haswell_ep", false},
    {"svm.unexplained", VS_SLOT_CPU, "zen2_rome", false},
    {"svm.instruction.vmload", VS_SLOT_CPU, "k8", false},
    {"hypervisor.*.*.*", VS_SLOT_HYPERVISOR, "kvm", false}, /* steps: of whose programs they are */
    {"iommu.*", VS_SLOT_IOMMU, "haswell_ep", false},
    {"dma_engine.*", VS_SLOT_NIC, "nfp6000", false},
    {"pcie.width", VS_SLOT_NIC, "nfp6000", false},
    {"pcie.sriov.total_vfs", VS_SLOT_NIC, "x710", false},
    {"pcie.pf.bar0.bytes", VS_SLOT_NIC, "x710", false},
    {"pcie.pf.bar3.bytes", VS_SLOT_NIC, "x710", false},
    {"pcie.vf.bar0.bytes", VS_SLOT_NIC, "x710", false},
    {"pcie.vf.bar3.bytes", VS_SLOT_NIC, "x710", false},
    {"nic.*", VS_SLOT_NIC, "x710", false},
    {"cpu.*", VS_SLOT_CPU, "skylake_sp", false},
    {"ept.*", VS_SLOT_CPU, "skylake_sp", false},
    {"instruction.*", VS_SLOT_CPU, "skylake_sp", false},
    {"memory.*", VS_SLOT_MEMORY, "skylake_sp", false},
};

#define GUESSES (sizeof guesses / sizeof guesses[0])
#define DEFAULTS (sizeof defaults / sizeof defaults[0])

/* The lines that may be a component's: the first word of a pattern is that of its knobs. */
struct lines {
    const char *path; /* of a knob of the component; NULL: of none yet */
    size_t word;      /* bytes of its first word */
    const struct vs_default_of *guess[GUESSES], *line[DEFAULTS];
    size_t n_guesses, n;
};

/* Those of n lines that are about the component, in their order. */
static size_t pick(const struct vs_default_of **out, const struct vs_default_of *line, size_t n,
                   const char *path, size_t word)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (*line[i].pattern == *path && !strncmp(line[i].pattern, path, word)) {
            out[found++] = &line[i];
        }
    }
    return found;
}

/* Makes the lines those of a knob's component, if they are another's: knobs come in order. */
static void take_component(struct lines *l, const char *path)
{
    if (l->path && !strncmp(l->path, path, l->word + 1u)) {
        return;
    }
    l->path = path;
    l->word = strcspn(path, ".");
    l->n_guesses = pick(l->guess, guesses, GUESSES, path, l->word);
    l->n = pick(l->line, defaults, DEFAULTS, path, l->word);
}

/* The first of n lines whose pattern fits a knob of the component, or NULL. */
static const struct vs_default_of *fitting(const struct vs_default_of *const *line, size_t n,
                                           const char *path, size_t word)
{
    for (size_t i = 0; i < n; i++) {
        if (vs_pattern_fits(line[i]->pattern + word, path + word)) {
            return line[i];
        }
    }
    return NULL;
}

/* The line of `guesses` for a knob, or NULL. */
static const struct vs_default_of *guessed(struct lines *l, const char *path)
{
    take_component(l, path);
    return fitting(l->guess, l->n_guesses, path, l->word);
}

/* The line of `guesses` or of `defaults` for a knob, or NULL. */
static const struct vs_default_of *default_of(struct lines *l, const char *path)
{
    const struct vs_default_of *guess = guessed(l, path);
    return guess ? guess : fitting(l->line, l->n, path, l->word);
}

const struct vs_default_of *vs_default_of(const char *path)
{
    struct lines l = {.path = NULL};
    return default_of(&l, path);
}

/* Says whether a path is the prefix or lies below it. */
static bool starts(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    return !strncmp(path, prefix, n) && (!path[n] || path[n] == '.');
}

/* The world switch and interrupt controller of another vendor are nothing that the machine has. */
static bool absent(const char *path, const char *vendor)
{
    static const char *const world[][2] = {
        {"vmcs", "intel"}, {"nested", "intel"}, {"svm", "amd"}, {"el2", "arm"}, {"gic", "arm"}};
    if (starts(path, "interrupt")) {
        return !strcmp(vendor, "arm");
    }
    for (size_t i = 0; i < sizeof world / sizeof world[0]; i++) {
        if (starts(path, world[i][0])) {
            return *vendor && strcmp(vendor, world[i][1]) != 0;
        }
    }
    return false;
}

/* Who uses the value: an adapter and a program are themselves, the rest is the processor's. */
static const char *user(const struct vs_borrow *b, enum vs_slot slot)
{
    const char *own = b->part[slot], *cpu = b->part[VS_SLOT_CPU];
    if (!strcmp(own, "any")) {
        return own;
    }
    if (slot != VS_SLOT_HYPERVISOR && slot != VS_SLOT_NIC && *cpu) {
        return cpu;
    }
    return *own ? own : b->machine;
}

const struct vs_kin *vs_borrow_kin(const struct vs_borrow *b, const char *part, const char *of,
                                   const char *path)
{
    for (size_t i = 0; i < b->n_kin; i++) {
        const struct vs_kin *k = &b->kin[i];
        if (!strcmp(k->part, part) && !strcmp(k->of, of) && starts(path, k->prefix)) {
            return k;
        }
    }
    return NULL;
}

struct vs_stated *vs_borrow_stated(struct vs_stated *stated, size_t n, const char *from,
                                   const char *path)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(stated[i].of, from) && starts(path, stated[i].prefix)) {
            return &stated[i];
        }
    }
    return NULL;
}

/* Whether a step's number is one of another software's program, and its source says so. */
static bool says_so(const struct vs_borrow *b, struct vs_knobs *knobs, const struct vs_knob *knob)
{
    const char *source = knob->desc->source, *path = knob->desc->path;
    char from[64];
    if (strncmp(source ? source : "", mark, sizeof mark - 1) != 0) {
        return false;
    }
    vs_knobs_cite(knobs, path, source, VS_GRADE_assumed);
    struct vs_stated *said = vs_borrow_from(knob, from, sizeof from)
                                 ? vs_borrow_stated(b->stated, b->n_stated, from, path)
                                 : NULL;
    if (said) {
        said->taken++;
    }
    return true;
}

/* Marks a knob's value when it was taken over. `set`: the machine's programs, or NULL. */
static void settle(const struct vs_borrow *b, struct vs_knobs *knobs, const struct vs_knob *knob,
                   const char *vendor, const struct vs_program_set *set, struct lines *lines)
{
    const char *path = knob->desc->path, *of = NULL;
    enum vs_slot slot = VS_SLOT_CPU;
    if (knob->rank == VS_RANK_DEFAULT && says_so(b, knobs, knob)) {
        return;
    }
    if (knob->rank == VS_RANK_DEFAULT) {
        bool assumed = knob->grade == VS_GRADE_assumed;
        const struct vs_default_of *d = assumed ? guessed(lines, path) : default_of(lines, path);
        if ((d && !d->of) || (assumed && !(d && d->guessed_too))) {
            return;
        }
        of = set ? vs_program_set_states(set, knob->desc) : NULL;
        of = of ? of : d ? d->of : "a default";
        slot = d ? d->slot : slot;
    } else {
        for (size_t i = b->n_told; i-- > 0 && !of;) {
            if (!strcmp(b->told[i].path, path)) {
                if (!b->told[i].of) {
                    return;
                }
                of = b->told[i].of;
                slot = b->told[i].slot;
            }
        }
    }
    const char *part = user(b, slot);
    if (!of || !strcmp(of, part) || !strcmp(of, vendor) || !strcmp(of, "any") ||
        !strcmp(part, "any") || absent(path, vendor)) {
        return;
    }
    char source[2048], why[400];
    if (!vs_effect_exists(knobs, path, why, sizeof why)) {
        snprintf(source, sizeof source, "of no effect here: %s", why);
        vs_knobs_cite(knobs, path, source, VS_GRADE_assumed);
        return;
    }
    const char *was = knob->source ? knob->source : knob->desc->source;
    const struct vs_kin *kin = vs_borrow_kin(b, part, of, path);
    if (kin) {
        snprintf(source, sizeof source, "as %s (%s): %s", of, kin->why, was);
    } else {
        snprintf(source, sizeof source, "%s%s: %s, %s", mark, of, was,
                 vs_evidence_name(knob->grade));
    }
    struct vs_stated *said = kin ? NULL : vs_borrow_stated(b->stated, b->n_stated, of, path);
    if (said) {
        said->taken++;
    }
    vs_knobs_cite(knobs, path, source, kin ? knob->grade : VS_GRADE_assumed);
}

void vs_borrow_settle(const struct vs_borrow *b, struct vs_knobs *knobs)
{
    const struct vs_knob *v = vs_knobs_find(knobs, "cpu.vendor");
    char vendor[64] = "";
    if (v) {
        vs_knob_text(v, vendor, sizeof vendor);
    }
    const struct vs_program_set *set = vs_program_set_of(knobs, VS_ROLE_HYPERVISOR);
    struct lines lines = {.path = NULL};
    for (size_t i = 0; i < vs_knobs_count(knobs); i++) {
        settle(b, knobs, vs_knobs_at(knobs, i), vendor, set, &lines);
    }
}

bool vs_borrow_from(const struct vs_knob *knob, char *from, size_t bytes)
{
    size_t n = sizeof mark - 1;
    if (!knob->source || strncmp(knob->source, mark, n) != 0) {
        return false;
    }
    snprintf(from, bytes, "%.*s", (int)strcspn(knob->source + n, ":"), knob->source + n);
    return true;
}

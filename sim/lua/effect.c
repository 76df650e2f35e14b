/* SPDX-License-Identifier: MIT */
#include "effect.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define SECOND "ept|npt|stage2"

/* All lines whose pattern fits hold. `but` names knobs of the pattern that need nothing of it. */
static const struct need {
    const char *pattern, *but; /* as fnmatch(3) has them, "." being an ordinary character */
    const char *knob;
    bool is; /* one of the values; false: none of them */
    const char *values;
    bool of_run; /* a run asks for it, on any machine */
} needs[] = {
    {"ept.nested_*", NULL, "paging.mode", true, SECOND, false},
    {"ept.accessed_dirty", NULL, "paging.mode", true, "ept|stage2", false},
    {"ept.execute_only", NULL, "paging.mode", true, "ept", false},
    {"ept.l2_tlb_1g.*", "ept.l2_tlb_1g.place", "ept.l2_tlb_1g.place", true, "own", false},
    {"ept.l1_dtlb_[21][mg].[wlp]*", NULL, "ept.l1_dtlb.shared", true, "0", false},
    {"ept.l1_itlb_2m.[wlp]*", NULL, "ept.l1_itlb.shared", true, "0", false},
    {"ept.walkers", NULL, "cpu.window", false, "0", true},
    {"ept.walk_queue", NULL, "cpu.window", false, "0", true},
    {"cpu.load_queue", NULL, "cpu.window", false, "0", true},
    {"cpu.issue_width", NULL, "cpu.window", false, "0", true},
    {"cpu.string_stores.width", NULL, "cpu.string_stores", true, "1", false},
    {"shadow.*", NULL, "paging.mode", true, "shadow", false},
    {"hypervisor.shadow_*", NULL, "paging.mode", true, "shadow", false},
    {"hypervisor.*", NULL, "paging.mode", false, "native", false},
    {"hypervisor.halt_poll_*", "hypervisor.halt_poll_ns", "hypervisor.halt_poll_ns", false, "0",
     false},
    {"hypervisor.nested*", NULL, "hypervisor.nesting", true, "1", false},
    {"hypervisor.state.*", NULL, "hypervisor.nesting", true, "1", false},
    {"nested.*", NULL, "hypervisor.nesting", true, "1", false},
    {"el2.nested.*", NULL, "hypervisor.nesting", true, "1", false},
    {"el2.cap.nv", NULL, "hypervisor.nesting", true, "1", false},
    {"vmcs.*", NULL, "paging.mode", false, "native", false},
    {"deprivileged.*", NULL, "hypervisor.technique", true, "trap_and_emulate|binary_translation",
     false},
    {"tcg.*", NULL, "hypervisor.technique", true, "tcg", false},
    {"translator.*", NULL, "hypervisor.technique", true, "tcg|binary_translation", false},
    {"bt.*", NULL, "hypervisor.technique", true, "binary_translation", false},
    {"svm.*", NULL, "paging.mode", false, "native", false},
    {"el2.*", NULL, "paging.mode", false, "native", false},
    {"host.page_size", NULL, "paging.mode", false, "native", false},
    {"host.fault_around", NULL, "paging.mode", false, "native", false},
    {"host.prefault", NULL, "paging.mode", false, "native", false},
    {"host.dirty_log.*", NULL, "paging.mode", false, "native", false},
    {"host.dirty_log.*", "host.dirty_log.method", "host.dirty_log.method", false, "off", false},
    {"hypervisor.fast_fault.*", NULL, "paging.mode", false, "native", false},
    {"host.remote_flush.*", NULL, "paging.mode", false, "native", false},
    {"host.levels", NULL, "paging.mode", true, "ept|npt", false},
    {"host.granule", NULL, "paging.mode", true, "stage2", false},
    {"host.t0sz", NULL, "paging.mode", true, "stage2", false},
    {"host.sl0", NULL, "paging.mode", true, "stage2", false},
    {"host.fragmentation", NULL, "host.page_size", true, "thp", false},
    {"guest.fragmentation", NULL, "guest.page_size", true, "thp", false},
    {"guest.granule", NULL, "guest.format", true, "arm", false},
    {"guest.t[01]sz", NULL, "guest.format", true, "arm", false},
    {"guest.accessed_dirty", NULL, "guest.format", true, "arm", false},
    {"guest.levels", NULL, "guest.format", true, "x86", false},
    {"pcie.switch.*", NULL, "pcie.port", true, "switch", true},
    {"pcie.node", NULL, "memory.nodes", false, "1", true},
    {"memory.remote_latency", NULL, "memory.nodes", false, "1", true},
    {"memory.dram.row_hit", NULL, "memory.dram.page_policy", true, "open", false},
    {"memory.dram.row_conflict", NULL, "memory.dram.page_policy", true, "open", false},
    {"memory.llc.ddio_ways", NULL, "memory.ddio", true, "1", false},
    {"memory.ddio", NULL, "nic.present", true, "1", false},
    {"memory.dma.*", NULL, "nic.present", true, "1", false},
    {"nic.traffic.window", NULL, "nic.traffic.interval_ns", true, "0", true},
    {"nic.moderation_ns", NULL, "nic.moderation", true, "fixed", true},
    {"nic.rss.entries", NULL, "nic.queues", false, "1", true},
    {"nic.traffic.flows", NULL, "nic.queues", false, "1", true},
    {"nic.traffic.per_answer", NULL, "nic.traffic.window", false, "0", true},
    {"nic.*", "nic.present", "nic.present", true, "1", false},
    {"dma_engine.*", NULL, "nic.present", true, "1", false},
    {"dma.*", NULL, "nic.present", true, "1", false},
    {"dma.*", "dma.mode", "iommu.enabled", true, "1", false},
    {"dma.viommu", NULL, "paging.mode", false, "native", false},
    {"dma.deferred.*", NULL, "dma.mode", true, "auto|lazy", false},
    {"dma.receive", NULL, "dma.mode", true, "auto|lazy|strict", false},
    {"iommu.pasid_cache.*", NULL, "iommu.mode", true, "scalable", false},
    {"iommu.first_level", NULL, "iommu.mode", true, "scalable", false},
    {"pcie.*", NULL, "nic.present", true, "1", false},
    {"ats.*", NULL, "nic.present", true, "1", false},
    {"ats.tlb.*", NULL, "ats.enabled", true, "1", false},
    {"ats.invalidation.*", NULL, "ats.enabled", true, "1", false},
    {"ats.page_requests", NULL, "ats.enabled", true, "1", false},
    {"ats.page_requests.group", NULL, "ats.page_requests", false, "0", false},
    {"ats.pasid.width", NULL, "iommu.mode", true, "scalable", false},
    {"guest.transmit.*", NULL, "nic.present", true, "1", false},
    {"guest.receive.*", NULL, "nic.present", true, "1", false},
    {"iommu.*", NULL, "nic.present", true, "1", false},
    {"iommu.*", "iommu.enabled", "iommu.enabled", true, "1", false},
    {"iommu.iec.*", NULL, "iommu.interrupt_remapping", true, "1", false},
};

bool vs_pattern_fits(const char *pattern, const char *path)
{
    size_t n = 0;
    while (pattern[n] == path[n] && pattern[n] && pattern[n] != '*' && pattern[n] != '[') {
        n++;
    }
    if (pattern[n] == '*' && !pattern[n + 1]) {
        return true;
    }
    if (pattern[n] == '*' || pattern[n] == '[') {
        return !fnmatch(pattern, path, 0);
    }
    return pattern[n] == path[n];
}

/* Whether `value` is one of `list`, whose words are joined by bars. */
static bool among(const char *value, const char *list)
{
    size_t n = strlen(value);
    for (const char *w = list; w; w = strchr(w, '|')) {
        w += *w == '|';
        if (!strncmp(w, value, n) && (!w[n] || w[n] == '|')) {
            return true;
        }
    }
    return false;
}

/* Properties of a table or cache without entries are nothing that the machine has. */
static bool of_nothing(const struct vs_knobs *knobs, const char *path, bool in_run, char *why,
                       size_t bytes)
{
    static const char *const sizes[] = {"entries", "size"};
    const char *dot = strrchr(path, '.');
    for (int i = 0; dot && i < 2; i++) {
        char size[256];
        snprintf(size, sizeof size, "%.*s.%s", (int)(dot - path), path, sizes[i]);
        const struct vs_knob *table = vs_knobs_find(knobs, size);
        if (table && !table->value && strcmp(path, size) != 0 &&
            !(in_run && !strcmp(dot, ".place"))) { /* elsewhere than in the table without entries */
            if (why) {
                snprintf(why, bytes, "%s is 0", size);
            }
            return true;
        }
    }
    return false;
}

/* Says whether a knob can have an effect on this machine, and if not why. */
static bool possible(const struct vs_knobs *knobs, const char *path, bool in_run, char *why,
                     size_t bytes)
{
    if (of_nothing(knobs, path, in_run, why, bytes)) {
        return false;
    }
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        const struct need *n = &needs[i];
        char value[64];
        if ((n->of_run && !in_run) || *n->pattern != *path || !vs_pattern_fits(n->pattern, path) ||
            (n->but && vs_pattern_fits(n->but, path))) {
            continue;
        }
        const struct vs_knob *k = vs_knobs_find(knobs, n->knob);
        if (k && among(vs_knob_text(k, value, sizeof value), n->values) != n->is) {
            if (why) {
                snprintf(why, bytes, n->is ? "%s is %s, and must be %s" : "%s is %s", n->knob,
                         value, n->values);
            }
            return false;
        }
    }
    return true;
}

bool vs_effect_exists(const struct vs_knobs *knobs, const char *path, char *why, size_t bytes)
{
    return possible(knobs, path, false, why, bytes);
}

void vs_effect_each_idle(const struct vs_knobs *knobs,
                         void (*visit)(void *ctx, const struct vs_knob *knob, const char *why),
                         void *ctx)
{
    char why[400];
    for (size_t i = 0; i < vs_knobs_count(knobs); i++) {
        const struct vs_knob *k = vs_knobs_at(knobs, i);
        if (k->rank == VS_RANK_CLI && k->set_by && strcmp(k->set_by, "recording") != 0 &&
            !possible(knobs, k->desc->path, true, why, sizeof why)) {
            visit(ctx, k, why);
        }
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * What a transition moves between the registers and the VMCS, and what that costs.
 *
 * Which fields move depends on the controls alone, so it is planned once for each direction and
 * kept until a control changes it: runs of fields that stand side by side, and how many of each
 * class there are. A transition copies the runs and books the counts. It always moves all of them:
 * host software writes fields between exit and entry, and the guest's registers change between
 * entry and exit, so that neither side can be taken for the other's copy.
 */
#include "vmcs/vmcs_impl.h"

/* The class of registers that a group is booked under. */
static enum vs_vmx_class class_of(enum vs_vmcs_group g)
{
    switch (g) {
    case VS_VMCS_G_SEGMENT:
        return VS_VMX_CLASS_SEGMENTS;
    case VS_VMCS_G_DESCRIPTOR:
        return VS_VMX_CLASS_DESCRIPTORS;
    case VS_VMCS_G_CONTROL_REGISTER:
        return VS_VMX_CLASS_CONTROL_REGISTERS;
    case VS_VMCS_G_FLOW:
    case VS_VMCS_G_STATE:
        return VS_VMX_CLASS_FLOW;
    case VS_VMCS_G_TIMER:
    case VS_VMCS_G_APIC:
    case VS_VMCS_G_PML:
        return VS_VMX_CLASS_VIRTUAL;
    case VS_VMCS_G_SYSENTER:
    case VS_VMCS_G_DEBUG:
    case VS_VMCS_G_PAT:
    case VS_VMCS_G_EFER:
    case VS_VMCS_G_PERF:
    case VS_VMCS_G_BNDCFGS:
    case VS_VMCS_G_RTIT:
    case VS_VMCS_G_PKRS:
    case VS_VMCS_G_CET:
    case VS_VMCS_G_PDPTE:
        return VS_VMX_CLASS_MSRS;
    default:
        return VS_VMX_CLASS_NONE;
    }
}

/* Sets of groups are bits; these move at every transition. */
#define ALWAYS_MOVED                                                                               \
    (1u << VS_VMCS_G_SEGMENT | 1u << VS_VMCS_G_DESCRIPTOR | 1u << VS_VMCS_G_CONTROL_REGISTER |     \
     1u << VS_VMCS_G_FLOW | 1u << VS_VMCS_G_STATE | 1u << VS_VMCS_G_SYSENTER)

/* PDPTEs move for PAE guests only: paging with PAE outside IA-32e mode, under EPT. */
static bool pae_guest(const struct vs_vmx *x)
{
    return vs_vmx_proc2(x) & VS_PROC2_EPT && !(VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_GUEST_64) &&
           VS_LIVE(x, GUEST_CR0) >> 31 & 1 && VS_LIVE(x, GUEST_CR4) >> 5 & 1;
}

/* MSRs that entries can load or exits clear are saved whatever the controls say, by a processor
 * that has one of these controls (SDM 3C 27.3.1). */
static bool has_control(const struct vs_vmx *x, uint64_t exit, uint64_t entry)
{
    return (x->config.cap_exit >> 32 & exit) || (x->config.cap_entry >> 32 & entry);
}

/* The groups that an exit saves under the current controls. */
static uint32_t saved_groups(const struct vs_vmx *x)
{
    uint64_t exit = VS_GET(x, EXIT_CONTROLS), proc2 = vs_vmx_proc2(x);
    uint32_t s = ALWAYS_MOVED;
    s |= exit & VS_EXIT_SAVE_DEBUG ? 1u << VS_VMCS_G_DEBUG : 0u;
    s |= exit & VS_EXIT_SAVE_PAT ? 1u << VS_VMCS_G_PAT : 0u;
    s |= exit & VS_EXIT_SAVE_EFER ? 1u << VS_VMCS_G_EFER : 0u;
    s |= exit & VS_EXIT_SAVE_PERF ? 1u << VS_VMCS_G_PERF : 0u;
    s |=
        has_control(x, VS_EXIT_CLEAR_BNDCFGS, VS_ENTRY_LOAD_BNDCFGS) ? 1u << VS_VMCS_G_BNDCFGS : 0u;
    s |= has_control(x, VS_EXIT_CLEAR_RTIT, VS_ENTRY_LOAD_RTIT) ? 1u << VS_VMCS_G_RTIT : 0u;
    s |= has_control(x, 0, VS_ENTRY_LOAD_CET) ? 1u << VS_VMCS_G_CET : 0u;
    s |= has_control(x, 0, VS_ENTRY_LOAD_PKRS) ? 1u << VS_VMCS_G_PKRS : 0u;
    s |= exit & VS_EXIT_SAVE_TIMER ? 1u << VS_VMCS_G_TIMER : 0u;
    s |= proc2 & VS_PROC2_INTERRUPT_DELIVERY ? 1u << VS_VMCS_G_APIC : 0u;
    s |= proc2 & VS_PROC2_PML ? 1u << VS_VMCS_G_PML : 0u;
    s |= pae_guest(x) ? 1u << VS_VMCS_G_PDPTE : 0u;
    return s;
}

/* The groups that an exit loads for the host. */
static uint32_t host_groups(const struct vs_vmx *x)
{
    uint64_t exit = VS_GET(x, EXIT_CONTROLS);
    uint32_t s = ALWAYS_MOVED;
    s |= exit & VS_EXIT_LOAD_PAT ? 1u << VS_VMCS_G_PAT : 0u;
    s |= exit & VS_EXIT_LOAD_EFER ? 1u << VS_VMCS_G_EFER : 0u;
    s |= exit & VS_EXIT_LOAD_PERF ? 1u << VS_VMCS_G_PERF : 0u;
    s |= exit & VS_EXIT_LOAD_CET ? 1u << VS_VMCS_G_CET : 0u;
    s |= exit & VS_EXIT_LOAD_PKRS ? 1u << VS_VMCS_G_PKRS : 0u;
    return s;
}

/* The groups that an entry loads for the guest. */
static uint32_t guest_groups(const struct vs_vmx *x)
{
    uint64_t entry = VS_GET(x, ENTRY_CONTROLS), proc2 = vs_vmx_proc2(x);
    uint32_t s = ALWAYS_MOVED;
    s |= entry & VS_ENTRY_LOAD_DEBUG ? 1u << VS_VMCS_G_DEBUG : 0u;
    s |= entry & VS_ENTRY_LOAD_PAT ? 1u << VS_VMCS_G_PAT : 0u;
    s |= entry & VS_ENTRY_LOAD_EFER ? 1u << VS_VMCS_G_EFER : 0u;
    s |= entry & VS_ENTRY_LOAD_PERF ? 1u << VS_VMCS_G_PERF : 0u;
    s |= entry & VS_ENTRY_LOAD_BNDCFGS ? 1u << VS_VMCS_G_BNDCFGS : 0u;
    s |= entry & VS_ENTRY_LOAD_RTIT ? 1u << VS_VMCS_G_RTIT : 0u;
    s |= entry & VS_ENTRY_LOAD_CET ? 1u << VS_VMCS_G_CET : 0u;
    s |= entry & VS_ENTRY_LOAD_PKRS ? 1u << VS_VMCS_G_PKRS : 0u;
    s |= VS_GET(x, PIN_CONTROLS) & VS_PIN_PREEMPTION_TIMER ? 1u << VS_VMCS_G_TIMER : 0u;
    s |= proc2 & VS_PROC2_INTERRUPT_DELIVERY ? 1u << VS_VMCS_G_APIC : 0u;
    s |= proc2 & VS_PROC2_PML ? 1u << VS_VMCS_G_PML : 0u;
    s |= pae_guest(x) ? 1u << VS_VMCS_G_PDPTE : 0u;
    return s;
}

/* The fields of one direction whose group the controls ask for. */
static void plan(const struct vs_vmx *x, struct vs_vmx_move *m, enum vs_vmx_way way)
{
    const uint16_t *at = way == VS_VMX_LOAD_HOST ? x->host_at : x->guest_at;
    unsigned fields = way == VS_VMX_LOAD_HOST ? x->n_host : x->n_guest;
    uint32_t groups = way == VS_VMX_SAVE_GUEST  ? saved_groups(x)
                      : way == VS_VMX_LOAD_HOST ? host_groups(x)
                                                : guest_groups(x);
    memset(m, 0, sizeof *m);
    m->pae = groups >> VS_VMCS_G_PDPTE & 1;
    for (unsigned i = 0; i < fields; i++) {
        const struct vs_vmcs_field *f = &vs_vmcs_fields[at[i]];
        if (!(groups >> f->group & 1)) {
            continue;
        }
        struct vs_vmx_run *last = m->n_runs ? &m->run[m->n_runs - 1u] : NULL;
        if (last && last->first + last->n == at[i]) {
            last->n++;
        } else {
            m->run[m->n_runs++] = (struct vs_vmx_run){at[i], 1};
        }
        m->n[class_of(f->group)]++;
        m->fields++;
    }
}

/* How the runs are copied: four fields at a time, the last four of a run once more where its length
 * is no multiple; what is shorter than four, one by one. */
static void plan_copies(struct vs_vmx_move *m)
{
    for (unsigned i = 0; i < m->n_runs; i++) {
        unsigned at = m->run[i].first, end = at + m->run[i].n;
        for (; m->run[i].n >= 4u && at < end; at += 4u) {
            m->four[m->n_four++] = (uint16_t)((at + 4u <= end ? at : end - 4u) * sizeof(uint64_t));
        }
        for (; at < end; at++) {
            m->one[m->n_one++] = (uint16_t)(at * sizeof(uint64_t));
        }
    }
}

/* What a direction costs: a sum that the machine states, then each class of fields. */
static void plan_charges(const struct vs_vmx *x, struct vs_vmx_move *m, enum vs_vmx_way way)
{
    static const uint16_t account[VS_VMX_WAYS][VS_VMX_CLASSES] = {
        [VS_VMX_SAVE_GUEST] = {[VS_VMX_CLASS_NONE] = VS_ACC_vmcs_exit_save_guest,
                               [VS_VMX_CLASS_SEGMENTS] = VS_ACC_vmcs_exit_save_segments,
                               [VS_VMX_CLASS_DESCRIPTORS] = VS_ACC_vmcs_exit_save_descriptors,
                               [VS_VMX_CLASS_CONTROL_REGISTERS] =
                                   VS_ACC_vmcs_exit_save_control_registers,
                               [VS_VMX_CLASS_FLOW] = VS_ACC_vmcs_exit_save_flow,
                               [VS_VMX_CLASS_MSRS] = VS_ACC_vmcs_exit_save_msrs,
                               [VS_VMX_CLASS_VIRTUAL] = VS_ACC_vmcs_exit_save_virtual},
        [VS_VMX_LOAD_HOST] = {[VS_VMX_CLASS_NONE] = VS_ACC_vmcs_exit_load_host,
                              [VS_VMX_CLASS_SEGMENTS] = VS_ACC_vmcs_exit_load_segments,
                              [VS_VMX_CLASS_DESCRIPTORS] = VS_ACC_vmcs_exit_load_descriptors,
                              [VS_VMX_CLASS_CONTROL_REGISTERS] =
                                  VS_ACC_vmcs_exit_load_control_registers,
                              [VS_VMX_CLASS_FLOW] = VS_ACC_vmcs_exit_load_flow,
                              [VS_VMX_CLASS_MSRS] = VS_ACC_vmcs_exit_load_msrs},
        [VS_VMX_LOAD_GUEST] = {[VS_VMX_CLASS_NONE] = VS_ACC_vmcs_entry_load_guest,
                               [VS_VMX_CLASS_SEGMENTS] = VS_ACC_vmcs_entry_load_segments,
                               [VS_VMX_CLASS_DESCRIPTORS] = VS_ACC_vmcs_entry_load_descriptors,
                               [VS_VMX_CLASS_CONTROL_REGISTERS] =
                                   VS_ACC_vmcs_entry_load_control_registers,
                               [VS_VMX_CLASS_FLOW] = VS_ACC_vmcs_entry_load_flow,
                               [VS_VMX_CLASS_MSRS] = VS_ACC_vmcs_entry_load_msrs,
                               [VS_VMX_CLASS_VIRTUAL] = VS_ACC_vmcs_entry_load_virtual}};
    static const enum vs_vmx_class order[] = {
        VS_VMX_CLASS_SEGMENTS, VS_VMX_CLASS_DESCRIPTORS, VS_VMX_CLASS_CONTROL_REGISTERS,
        VS_VMX_CLASS_FLOW,     VS_VMX_CLASS_MSRS,        VS_VMX_CLASS_VIRTUAL};
    const struct vs_vmcs_config *c = &x->config;
    const bool save = way == VS_VMX_SAVE_GUEST;
    uint64_t all = save                      ? c->exit_save_guest
                   : way == VS_VMX_LOAD_HOST ? c->exit_load_host
                                             : c->entry_load_guest;
    m->n_charges =
        vs_charge_plan_add(m->charge, 0, (uint16_t)(x->base + account[way][VS_VMX_CLASS_NONE]),
                           all != 0, vs_clock_ps(x->wire.clock, (vs_cycles){all}));
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        uint64_t n = m->n[order[i]], each = save ? c->field_save
                                            : order[i] == VS_VMX_CLASS_CONTROL_REGISTERS
                                                ? c->field_load_cr
                                                : c->field_load;
        m->n_charges = vs_charge_plan_add(m->charge, m->n_charges,
                                          (uint16_t)(x->base + account[way][order[i]]), n,
                                          vs_clock_ps(x->wire.clock, (vs_cycles){n * each}));
    }
}

/* An uncached VMCS costs one reference a field. */
static void touch_fields(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_move *m,
                         enum vs_vmx_way way)
{
    static const uint16_t account[] = {[VS_VMX_SAVE_GUEST] = VS_ACC_vmcs_exit_save_lines,
                                       [VS_VMX_LOAD_HOST] = VS_ACC_vmcs_exit_load_lines,
                                       [VS_VMX_LOAD_GUEST] = VS_ACC_vmcs_entry_load_lines};
    enum vs_ref ref = way == VS_VMX_SAVE_GUEST ? VS_REF_WRITE : VS_REF_READ;
    for (unsigned i = 0; i < m->n_runs; i++) {
        for (unsigned p = m->run[i].first; p < m->run[i].first + (unsigned)m->run[i].n; p++) {
            vs_mem_touches_on(&x->wire.mem, t, vs_vmx_at(x->current, p), 1, ref,
                              (uint16_t)(x->base + account[way]));
        }
    }
}

/* The same where the region is in no one place of this process. */
static void move_apart(struct vs_vmx *x, const struct vs_vmx_move *m, enum vs_vmx_way way)
{
    for (unsigned i = 0; i < m->n_runs; i++) {
        vs_hpa at = vs_vmx_at(x->current, m->run[i].first);
        uint64_t *live = &x->live[m->run[i].first];
        if (way == VS_VMX_SAVE_GUEST) {
            vs_phys_write(x->wire.phys, at, live, m->run[i].n * sizeof *live);
        } else {
            vs_phys_read(x->wire.phys, at, live, m->run[i].n * sizeof *live);
        }
    }
}

/* Copies the listed fields. */
static inline void copy(const struct vs_vmx_move *m, unsigned char *to, const unsigned char *from)
{
    for (const uint16_t *i = m->four, *end = i + m->n_four; i != end; i++) {
        size_t at = *i;
        memcpy(to + at, from + at, 32);
    }
    for (const uint16_t *i = m->one, *end = i + m->n_one; i != end; i++) {
        size_t at = *i;
        memcpy(to + at, from + at, 8);
    }
}

/* The controls that decide what moves. A guest with PAE has its say, too, so that its plans are not
 * kept. */
static inline bool planned(const struct vs_vmx *x, const struct vs_vmx_move *m,
                           const uint64_t w[VS_VMX_WORDS])
{
    _Static_assert(VS_VMX_WORDS == 5, "all of them are compared");
    uint64_t other = (w[0] ^ m->words[0]) | (w[1] ^ m->words[1]) | (w[2] ^ m->words[2]) |
                     (w[3] ^ m->words[3]) | (w[4] ^ m->words[4]);
    return !other && m->fields && (w[0] & VS_ENTRY_GUEST_64 || !pae_guest(x));
}

/* A field of the region that stands at `region`; NULL: it is in no one place of this process. */
static inline uint64_t field(const struct vs_vmx *x, const unsigned char *region, unsigned position)
{
    uint64_t v;
    if (vs_unlikely(!region)) {
        return vs_vmx_get(x, position);
    }
    memcpy(&v, region + position * sizeof v, sizeof v);
    return v;
}

uint64_t vs__vmx_move(struct vs_vmx *x, struct vs_txn *t, enum vs_vmx_way way)
{
    struct vs_vmx_move *m = &x->move[way];
    unsigned char *region = vs_phys_at(x->wire.phys, vs_vmx_at(x->current, 0), VS_REGION_FIELDS);
    const uint64_t words[VS_VMX_WORDS] = {
        field(x, region, VS_VMCS_AT_ENTRY_CONTROLS), field(x, region, VS_VMCS_AT_EXIT_CONTROLS),
        field(x, region, VS_VMCS_AT_PIN_CONTROLS), field(x, region, VS_VMCS_AT_PROC_CONTROLS),
        field(x, region, VS_VMCS_AT_PROC2_CONTROLS)};
    if (vs_unlikely(!planned(x, m, words) || m->pae)) {
        plan(x, m, way);
        plan_copies(m);
        plan_charges(x, m, way);
        memcpy(m->words, words, sizeof words);
    }
    if (vs_unlikely(!region)) {
        move_apart(x, m, way);
    } else if (way == VS_VMX_SAVE_GUEST) {
        copy(m, region, (const unsigned char *)x->live);
    } else {
        copy(m, (unsigned char *)x->live, region);
    }
    if (vs_unlikely(t && !x->config.cached && x->wire.mem.touch)) {
        touch_fields(x, t, m, way);
    }
    if (t) {
        vs_charge_planned(t, m->charge, m->n_charges);
    }
    return m->fields;
}

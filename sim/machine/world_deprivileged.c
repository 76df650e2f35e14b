/* SPDX-License-Identifier: MIT */
/* A guest without privileges in a machine: a page of the monitor's for each vCPU, shadow tables, no
 * help of the processor's with interrupts. */
#include "world.h"

#include "deprivileged/deprivileged.h"

/* Takes its knobs; what the processor's own virtualization would give is not there. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    vs_knobs_load(k, &vs_deprivileged_desc, config);
    p->vpid = true; /* the monitor's pages stay as global ones, the guest's go by MOV to CR3 */
    p->flushes_at_once = true;
    p->deprivileged = true;
}

void vs__world_deprivileged_check(const struct vs_platform *p, const char *technique,
                                  struct vs_errors *errors)
{
    if (!p->shadow) {
        vs_error(errors,
                 "hypervisor.technique = %s needs paging.mode = shadow: a second dimension is "
                 "hardware's",
                 technique);
    }
    if (p->ept.vendor == VS_VENDOR_ARM) {
        vs_error(errors, "hypervisor.technique = %s is for x86: cpu.vendor = intel or amd",
                 technique);
    }
    if (p->xapic) {
        vs_error(errors,
                 "hypervisor.technique = %s needs interrupt.apic = x2apic: the page of an xAPIC is "
                 "emulated under VMX alone",
                 technique);
    }
}

/* Adds what a monitor without hardware cannot do. */
static void check(const struct vs_platform *p, const void *config, struct vs_errors *errors)
{
    (void)config;
    vs__world_deprivileged_check(p, "trap_and_emulate", errors);
}

enum vs_status vs__world_deprivileged_make(struct vs_vcpu *v, struct vs_deprivileged *d,
                                           const struct vs_deprivileged_config *config,
                                           struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    uint64_t page;
    enum vs_status st = vs__world_pages(v, &page, 1, errors);
    if (st) {
        return st;
    }
    struct vs_deprivileged_wiring w = {.ledger = p->ledger,
                                       .clock = v->hw->clock,
                                       .phys = p->phys,
                                       .mem = vs_memory_core_port(&v->hw->core),
                                       .tlb = vs__platform_tlb(v),
                                       .guest_actor = v->guest,
                                       .tag = v->guest_context.vpid};
    vs_deprivileged_init(d, config, &w, (vs_hpa){page});
    vs_ledger_counters(p->ledger, v->host, &vs_deprivileged_desc, d->count);
    v->world = vs_deprivileged_world(d);
    v->state = vs_deprivileged_state(d);
    return VS_OK;
}

/* Gives a vCPU its ports; its page follows. */
static enum vs_status make(struct vs_vcpu *v, struct vs_errors *errors)
{
    return vs__world_deprivileged_make(v, v->world_ctx, v->p->kind_config, errors);
}

/* The guest runs from its first picosecond on; its controller posts nothing, but has a page. */
static enum vs_status start(struct vs_vcpu *v, uint64_t *descriptor, struct vs_errors *errors)
{
    return vs__world_pages(v, descriptor, 1, errors);
}

const struct vs_world_kind vs__world_deprivileged = {
    .name = "a guest without privileges (trap and emulate)",
    .desc = &vs_deprivileged_desc,
    .technique = VS_TECHNIQUE_TRAP_AND_EMULATE,
    .ops = vs_deprivileged_register,
    .config = sizeof(struct vs_deprivileged_config),
    .bytes = sizeof(struct vs_deprivileged),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
};

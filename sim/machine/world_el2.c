/* SPDX-License-Identifier: MIT */
/* Arm's EL2 in a machine: a vCPU structure for each vCPU. Pending interrupts are in the list
 * registers of the processor's interrupt controller (model/gic), whose copies in memory are part of
 * that structure; without GICv4.1 nothing is posted to a running guest: each arrival stops it. */
#include "cpu/nested.h"
#include "world.h"

#include "el2/el2_nested.h"
#include "el2/el2_world.h"

struct el2_config {
    struct vs_el2_config el2; /* first: what most look for */
    struct vs_el2_nested_config nested;
};

struct el2 {
    struct vs_el2 e; /* first, too */
    struct vs_el2_nested nested;
};

/* Takes EL2's knobs, and what follows from them for the machine. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    struct el2_config *both = config;
    const struct vs_el2_config *c = &both->el2;
    vs_knobs_load(k, &vs_el2_desc, &both->el2);
    vs_knobs_load(k, &vs_el2_nested_desc, &both->nested);
    p->vpid = true; /* VMIDs are not optional */
    p->sve = c->sve != 0;
    p->system_register = c->system;
    p->force_broadcast = c->force_broadcast != 0;
}

/* Adds a vector length that SVE does not have; no bit of HCR_EL2 needs another. */
static void check(const struct vs_platform *p, const void *config, struct vs_errors *errors)
{
    const struct vs_el2_config *c = config;
    (void)p;
    if (c->sve % 128u) {
        vs_error(errors,
                 "el2.cap.sve = %llu: SVE's vectors have a multiple of 128 bits, or it is 0",
                 (unsigned long long)c->sve);
    }
}

/* Gives a vCPU its registers and world switch of EL2. */
static enum vs_status make(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vs_el2 *e = v->world_ctx;
    uint64_t page;
    enum vs_status st = vs__world_pages(v, &page, 1, errors);
    if (st) {
        return st;
    }
    struct vs_el2_wiring w = {.ledger = p->ledger,
                              .clock = v->hw->clock,
                              .phys = p->phys,
                              .mem = vs_memory_core_port(&v->hw->core),
                              .guest_actor = v->guest};
    vs_el2_init(e, p->kind_config, &w, (vs_hpa){page});
    vs_ledger_counters(p->ledger, v->host, &vs_el2_desc, e->count);
    v->world = vs_el2_world(e);
    v->state = vs_el2_state_port(e);
    return VS_OK;
}

/* A guest hypervisor at virtual EL2; its guest is what is entered. */
static enum vs_status start_nested(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct el2 *m = v->world_ctx;
    const struct el2_config *c = v->p->kind_config;
    struct vs_nested *n = v->nested;
    uint64_t page[2];
    if (!c->el2.nv) {
        vs_error(
            errors,
            "hypervisor.nesting = 1: the processor has no virtual EL2 (el2.cap.nv = 0): a part "
            "with FEAT_NV has, el2.cap.nv = 1, and one with FEAT_NV2, el2.cap.nv = 2");
        return VS_E_CONFIG;
    }
    if (!c->el2.vhe) {
        vs_error(errors,
                 "hypervisor.nesting = 1: KVM without VHE (el2.vhe = 0) has no guests at "
                 "virtual EL2: el2.vhe = 1; that of the guest hypervisor is el2.nested.vhe");
        return VS_E_CONFIG;
    }
    enum vs_status st = vs__world_pages(v, page, 2, errors);
    if (st) {
        return st;
    }
    m->nested.config = c->nested;
    vs_el2_nested_setup(&m->nested, &m->e, v->host, (vs_hpa){page[0]}, (vs_hpa){page[1]},
                        n->memory->ept12.ept_root);
    n->port = vs_el2_nested_port(&m->nested);
    return VS_OK;
}

/* Brings the vCPU to before its first instruction in the guest. */
static enum vs_status start(struct vs_vcpu *v, uint64_t *page, struct vs_errors *errors)
{
    const struct vs_el2 *e = v->world_ctx;
    enum vs_status st = v->nested ? start_nested(v, errors) : VS_OK;
    if (st) {
        return st;
    }
    vs_el2_enter(v->world_ctx, NULL);
    *page = e->vcpu.v + VS_EL2_AT_LIST;
    return VS_OK;
}

const struct vs_world_kind vs__world_el2 = {
    .name = "EL2",
    .desc = &vs_el2_desc,
    .also = {&vs_el2_nested_desc},
    .vendor = VS_VENDOR_ARM,
    .nests = true,
    .ops = vs_el2_register,
    .facts = vs_el2_facts,
    .config = sizeof(struct el2_config),
    .bytes = sizeof(struct el2),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
};

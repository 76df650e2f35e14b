/* SPDX-License-Identifier: MIT */
/* AMD's SVM in a machine: a VMCB, a save area and the two permission maps for each vCPU; with AVIC
 * a backing page, too, and two tables for each machine. Without it interrupts of a running guest
 * stop it, and its end of interrupt is an MSR that exits. */
#include "world.h"

#include "svm/svm_world.h"

/* In a frame of 2 MiB: the VMCB at its beginning, then */
#define HOST_AT 0x1000u
#define IOPM_AT 0x3000u     /* 12 KiB */
#define MSRPM_AT 0x6000u    /* 8 KiB */
#define PHYSICAL_AT 0x8000u /* AVIC's tables, of vCPU 0 of each machine */
#define LOGICAL_AT 0x9000u

/* Takes SVM's knobs, and what follows from them for the machine. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    const struct vs_svm_config *c = config;
    vs_knobs_load(k, &vs_svm_desc, config);
    p->avic = p->virtualized && c->avic;
    p->vid = p->posted = p->apic_registers = p->avic;
    p->vpid = true; /* ASIDs are not optional */
    p->invpcid = true;
}

/* Adds intercepts that something else needs. */
static void check(const struct vs_platform *p, const void *config, struct vs_errors *errors)
{
    const struct vs_svm_config *c = config;
    if (p->virtualized && !c->intercept_vmmcall && p->os.shootdown == VS__HYPERCALL) {
        vs_error(errors, "guest.shootdown = hypercall needs svm.intercept.vmmcall = 1");
    }
    if (p->avic && !p->xapic && !c->x2avic) {
        vs_error(errors,
                 "svm.avic = 1 with interrupt.apic = x2apic needs svm.cap.x2avic = 1, which "
                 "Zen 4 and newer parts have; or interrupt.apic = xapic");
    }
    if (p->avic && p->shadow) {
        vs_error(errors, "svm.avic = 1 needs paging.mode = npt: AVIC works under nested paging");
    }
}

/* Gives a vCPU its world switch of SVM. */
static enum vs_status make(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vs_svm *s = v->world_ctx;
    struct vs_svm_wiring w = {.ledger = p->ledger,
                              .clock = v->hw->clock,
                              .phys = p->phys,
                              .mem = vs_memory_core_port(&v->hw->core),
                              .tlb = vs__platform_tlb(v),
                              .guest_actor = v->guest};
    (void)errors;
    vs_svm_init(s, p->kind_config, &w);
    vs_ledger_counters(p->ledger, v->host, &vs_svm_desc, s->count);
    v->world = vs_svm_world(s);
    v->state = vs_svm_state_port(s);
    return VS_OK;
}

/* AVIC's pages of a vCPU: its own backing page, and the tables of its machine, which lie beside the
 * VMCB of that machine's first vCPU. */
static void give_avic(struct vs_vcpu *v, uint64_t backing)
{
    const struct vs_platform *p = v->p;
    unsigned first = 0;
    while (p->vcpu[first].vm != v->vm) {
        first++;
    }
    const struct vs_svm *tables = p->vcpu[first].world_ctx;
    struct vs_svm_avic pages = {.backing = {backing},
                                .physical = {tables->vmcb.v + PHYSICAL_AT},
                                .logical = {tables->vmcb.v + LOGICAL_AT},
                                .id = v->index,
                                .last = VS__VCPUS - 1u,
                                .x2apic = !p->xapic};
    vs_svm_avic_setup(v->world_ctx, &pages);
}

/* Gives the vCPU its VMCB and brings it to before its first instruction in the guest. */
static enum vs_status start(struct vs_vcpu *v, uint64_t *descriptor, struct vs_errors *errors)
{
    struct vs_svm *s = v->world_ctx;
    uint64_t page;
    enum vs_status st = vs__world_pages(v, descriptor, 1, errors);
    if (!st && !vs_frames_alloc(v->p->frames, VS_PAGE_2M_SHIFT, &page)) {
        vs_error(errors, "host.memory is too small for the VMCB of vCPU %u", v->index);
        return VS_E_NOMEM;
    }
    if (st) {
        return st;
    }
    vs_svm_setup(s, (vs_hpa){page}, (vs_hpa){page + HOST_AT}, (vs_hpa){page + MSRPM_AT},
                 (vs_hpa){page + IOPM_AT},
                 v->guest_context.vpid ? v->guest_context.vpid : (uint16_t)(v->index + 1u),
                 v->p->shadow ? 0 : v->vm->ept_root);
    if (v->p->avic) {
        give_avic(v, *descriptor);
    }
    (void)v->state.write(v->state.ctx, NULL, VS_STATE_CR3, v->guest_context.cr3);
    if (!vs_svm_enter(s, NULL)) {
        char why[160];
        v->world.why(v->world.ctx, why, sizeof why);
        vs_error(errors, "the guest of vCPU %u cannot be entered: %s", v->index, why);
        return VS_E_CONFIG;
    }
    return VS_OK;
}

const struct vs_world_kind vs__world_svm = {
    .name = "SVM",
    .desc = &vs_svm_desc,
    .vendor = VS_VENDOR_AMD,
    .ops = vs_svm_register,
    .facts = vs_svm_facts,
    .config = sizeof(struct vs_svm_config),
    .bytes = sizeof(struct vs_svm),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
};

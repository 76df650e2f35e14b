/* SPDX-License-Identifier: MIT */
/* AMD's SVM in a machine: a VMCB, a save area and the two permission maps for each vCPU; with AVIC
 * a backing page, too, and two tables for each machine. Without it interrupts of a running guest
 * stop it, and its end of interrupt is an MSR that exits. */
#include "cpu/nested.h"
#include "world.h"

#include "svm/svm_nested.h"
#include "svm/svm_world.h"

/* In a frame of 2 MiB: the VMCB at its beginning, then */
#define HOST_AT 0x1000u
#define IOPM_AT 0x3000u     /* 12 KiB */
#define MSRPM_AT 0x6000u    /* 8 KiB */
#define PHYSICAL_AT 0x8000u /* AVIC's tables, of vCPU 0 of each machine */
#define LOGICAL_AT 0x9000u
#define VMCB01_AT                                                                                  \
    0x10000u /* with a hypervisor in the guest: its own, and the one that it keeps                 \
              */
#define VMCB12_AT 0x20000u

struct svm_config {
    struct vs_svm_config svm; /* first: what most look for */
    struct vs_svm_nested_config nested;
};

struct svm {
    struct vs_svm s; /* first, too */
    struct vs_svm_nested nested;
};

/* Takes SVM's knobs, and what follows from them for the machine. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    struct svm_config *both = config;
    const struct vs_svm_config *c = &both->svm;
    vs_knobs_load(k, &vs_svm_desc, &both->svm);
    vs_knobs_load(k, &vs_svm_nested_desc, &both->nested);
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

/* A VMCB at this place, with its maps beside it. */
static struct vs_svm_nested_pages pages_at(uint64_t page, uint64_t ncr3)
{
    return (struct vs_svm_nested_pages){.vmcb = {page},
                                        .host_area = {page + HOST_AT},
                                        .msrpm = {page + MSRPM_AT},
                                        .iopm = {page + IOPM_AT},
                                        .ncr3 = ncr3};
}

/* The three VMCBs of a hypervisor in the guest; its guest is entered. KVM gives both one ASID. */
static enum vs_status start_nested(struct vs_vcpu *v, uint64_t page, struct vs_errors *errors)
{
    struct svm *m = v->world_ctx;
    const struct svm_config *c = v->p->kind_config;
    struct vs_nested *n = v->nested;
    const uint16_t asid = v->guest_context.vpid ? v->guest_context.vpid : (uint16_t)(v->index + 1u);
    const struct vs_svm_nested_pages p01 = pages_at(page + VMCB01_AT, n->memory->vm.ept_root),
                                     p12 = pages_at(page + VMCB12_AT, n->memory->ept12.ept_root),
                                     p02 = pages_at(page, v->vm->ept_root);
    if (c->svm.lbr) {
        vs_error(errors, "svm.lbr_virtualization = 1: the last branches of a guest hypervisor's "
                         "guest are not simulated: hypervisor.nesting = 0");
        return VS_E_CONFIG;
    }
    m->nested.config = c->nested;
    n->context.vpid = asid;
    if (!vs_svm_nested_setup(&m->nested, &m->s, v->host, &p01, &p12, &p02, asid,
                             v->guest_context.cr3)) {
        vs_error(errors,
                 "the guest's guest of vCPU %u cannot be entered: %s (APM volume 2, 15.5.1)",
                 v->index, m->nested.failed ? m->nested.failed : m->s.invalid);
        return VS_E_CONFIG;
    }
    n->port = vs_svm_nested_port(&m->nested);
    return VS_OK;
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
    if (v->nested) {
        return start_nested(v, page, errors);
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
    .also = {&vs_svm_nested_desc},
    .vendor = VS_VENDOR_AMD,
    .nests = true,
    .ops = vs_svm_register,
    .facts = vs_svm_facts,
    .config = sizeof(struct svm_config),
    .bytes = sizeof(struct svm),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
};

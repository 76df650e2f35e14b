/* SPDX-License-Identifier: MIT */
/* The local APIC and Arm's GIC in a machine. */
#include "irqchip.h"

#include "apic/apic.h"
#include "gic/gic.h"

#define POSTED_VECTOR 0xf2u /* Linux's POSTED_INTR_VECTOR */

/* ---- the local APIC ---- */

/* Takes the local APICs' knobs, and whether their registers are a page of memory (xAPIC). */
static void load_apic(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    const struct vs_apic_config *c = config;
    vs_knobs_load(k, &vs_apic_desc, config);
    p->xapic = c->mode == VS_APIC_XAPIC;
}

/* xAPIC needs a processor whose virtualization of that page is modelled. */
static void check_apic(const struct vs_platform *p, struct vs_errors *errors)
{
    if (p->xapic && p->virtualized && p->ept.vendor != VS_VENDOR_INTEL && !p->avic) {
        vs_error(errors, "interrupt.apic = xapic: on AMD's processors the guest's accesses to the "
                         "page are AVIC's: svm.avic = 1; or x2apic");
    }
}

/* Gives a vCPU its local APIC; page: where its descriptor of posted interrupts lies. */
static void make_apic(struct vs_vcpu *v, const void *config, vs_hpa page)
{
    struct vs_apic *a = v->irq_ctx;
    vs_apic_init(a, config, v->p->ledger, v->hw->clock, v->p->phys, page, POSTED_VECTOR);
    a->id = v->index;
    if (v->p->virtualized) {
        vs_pi_notify(a, POSTED_VECTOR, v->index); /* the processor that runs it */
    }
    vs_ledger_counters(v->p->ledger, v->line, &vs_apic_desc, a->count);
    v->irq = v->p->avic ? vs_apic_avic_port(a) : vs_apic_port(a);
}

static const struct vs_irqchip_kind apic = {
    .name = "the local APIC",
    .actor = "apic",
    .desc = &vs_apic_desc,
    .knobs = "interrupt",
    .config = sizeof(struct vs_apic_config),
    .bytes = sizeof(struct vs_apic),
    .load = load_apic,
    .check = check_apic,
    .facts = vs_apic_facts,
    .make = make_apic,
};

/* ---- Arm's GIC ---- */

/* Takes the GIC's knobs. */
static void load_gic(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    (void)p;
    vs_knobs_load(k, &vs_gic_desc, config);
}

/* Nothing of a GIC can be wrong on its own. */
static void check_gic(const struct vs_platform *p, struct vs_errors *errors)
{
    (void)p;
    (void)errors; /* no knob of it needs another */
}

/* Gives a vCPU its interface of the GIC; page: where the hypervisor keeps its registers. */
static void make_gic(struct vs_vcpu *v, const void *config, vs_hpa page)
{
    struct vs_gic *g = v->irq_ctx;
    struct vs_gic_wiring w = {.ledger = v->p->ledger,
                              .clock = v->hw->clock,
                              .virtual = v->p->virtualized,
                              .system_cycles = v->p->system_register,
                              .mem = vs_memory_core_port(&v->hw->core),
                              .copies = page};
    vs_gic_init(g, config, &w);
    vs_ledger_counters(v->p->ledger, v->line, &vs_gic_desc, g->count);
    v->irq = vs_gic_port(g);
    v->irq.mask(v->irq.ctx, VS_GIC_MASK); /* the kernel lets everything in: gic_cpu_sys_reg_init */
    if (v->irq.load) {
        v->irq.load(v->irq.ctx, NULL); /* the guest runs */
    }
}

static const struct vs_irqchip_kind gic = {
    .name = "the GIC",
    .actor = "gic",
    .desc = &vs_gic_desc,
    .knobs = "gic",
    .config = sizeof(struct vs_gic_config),
    .bytes = sizeof(struct vs_gic),
    .load = load_gic,
    .check = check_gic,
    .facts = vs_gic_facts,
    .make = make_gic,
};

const struct vs_irqchip_kind *const *vs_irqchips(size_t *n)
{
    static const struct vs_irqchip_kind *const all[] = {&apic, &gic};
    *n = sizeof all / sizeof all[0];
    return all;
}

const struct vs_irqchip_kind *vs__irqchip_of(uint64_t vendor)
{
    return vendor == VS_VENDOR_ARM ? &gic : &apic;
}

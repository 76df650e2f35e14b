/* SPDX-License-Identifier: MIT */
/* The architectures that this program contains: an explicit table. */
#include "irqchip.h"
#include "world.h"

#include <assert.h>
#include <string.h>

#define DROPPED 32u /* components at most, of all worlds and interrupt controllers */

const struct vs_world_kind *const *vs_worlds(size_t *n)
{
    static const struct vs_world_kind *const all[] = {
#ifndef VS_WITHOUT_vmcs
        &vs__world_vmx,
#endif
#ifndef VS_WITHOUT_svm
        &vs__world_svm,
#endif
#ifndef VS_WITHOUT_el2
        &vs__world_el2,
#endif
        &vs__world_deprivileged, &vs__world_tcg, &vs__world_bt, NULL,
    };
    *n = sizeof all / sizeof all[0] - 1u;
    return all;
}

const char *vs_world_name(uint64_t technique, uint64_t vendor)
{
    static const char *const name[] = {
        [VS_VENDOR_INTEL] = "vmcs", [VS_VENDOR_AMD] = "svm", [VS_VENDOR_ARM] = "el2"};
    static const char *const software[] = {[VS_TECHNIQUE_TRAP_AND_EMULATE] = "deprivileged",
                                           [VS_TECHNIQUE_TCG] = "tcg",
                                           [VS_TECHNIQUE_BINARY_TRANSLATION] = "bt"};
    return technique == VS_TECHNIQUE_HARDWARE ? name[vendor] : software[technique];
}

const struct vs_world_kind *vs__world_of(uint64_t technique, uint64_t vendor)
{
    size_t n;
    const struct vs_world_kind *const *all = vs_worlds(&n);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->technique == technique && (technique || all[i]->vendor == vendor)) {
            return all[i];
        }
    }
    return NULL;
}

/* What is like each other: of Intel's, AMD's and Arm's architecture. */
static const char *const alike[][3] = {
    {"vmcs.control.hlt_exiting", "svm.intercept.hlt", "el2.trap.wfi"},
    {"vmcs.control.invlpg_exiting", "svm.intercept.invlpg", "el2.trap.tlbi"},
    {"vmcs.control.cr3_load_exiting", "svm.intercept.cr3_write", "el2.trap.vm"},
    {"vmcs.control.rdtsc_exiting", "svm.intercept.rdtsc", NULL},
    {"vmcs.control.pause_loop_exiting", "svm.intercept.pause", NULL},
    {"vmcs.control.pause_exiting", "svm.pause_filter.count", NULL},
    {"vmcs.ple_window", "svm.pause_filter.count", NULL},
    {"vmcs.ple_gap", "svm.pause_filter.threshold", NULL},
    {"vmcs.control.use_msr_bitmaps", "svm.intercept.msr_prot", NULL},
    {"vmcs.control.unconditional_io_exiting", "svm.intercept.ioio_prot", NULL},
    {"vmcs.control.use_io_bitmaps", "svm.intercept.ioio_prot", NULL},
    {"vmcs.control.vpid", "svm.tlb_control", NULL},
    {"vmcs.unexplained", "svm.unexplained", "el2.exit.exception"},
    {"vmcs.entry.fetch", "svm.entry.fetch", "el2.entry.eret"},
    {"vmcs.field.save", "svm.field.save", "el2.pair"},
    {"vmcs.field.load", "svm.field.load", "el2.pair"},
    {"vmcs.field.load_control_register", "svm.field.load_control_register", "el2.system_register"},
    {"vmcs.tlb.flush", "svm.tlb.flush", NULL},
    {NULL, "svm.intercept.cpuid", "el2.trap.id_registers"},
    {"interrupt.message", "interrupt.message", "gic.message"},
    {"interrupt.accept", "interrupt.accept", "gic.acknowledge"},
    {"interrupt.evaluate_virtual", "interrupt.evaluate_virtual", "gic.signal"},
    {"interrupt.eoi", "interrupt.eoi", "gic.eoi"},
    {"interrupt.icr", "interrupt.icr", "gic.sgi"},
};

/* The knob of the vendor's architecture that is like this one; NULL: none is. */
static const char *like(const char *path, uint64_t vendor)
{
    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (alike[i][k] && !strcmp(alike[i][k], path)) {
                return alike[i][vendor];
            }
        }
    }
    return NULL;
}

/* What is found of knobs that the machine's architecture does not have. */
struct settling {
    struct vs_knobs *knobs;
    uint64_t vendor; /* that the machine's file states */
    struct vs_errors *errors;
    const struct vs_component_desc *drop[DROPPED]; /* they go together, when all are known */
    size_t n;
};

/* Adds that a knob which somebody has set is another architecture's, and what to set instead. */
static void refuse(const struct vs_knob *knob, const char *whose, const char *instead,
                   uint64_t vendor, struct vs_errors *errors)
{
    static const char *const processors[] = {"Intel's", "AMD's", "Arm's"};
    const char *same = like(knob->desc->path, vendor);
    if (same) {
        vs_error(errors, "%s: %s is %s's; this machine's processors are %s: %s is like it",
                 knob->set_by, knob->desc->path, whose, processors[vendor], same);
    } else {
        vs_error(errors,
                 "%s: %s is %s's; this machine's processors are %s, which have nothing like it: "
                 "'virtsim list knobs %s.' shows what they have",
                 knob->set_by, knob->desc->path, whose, processors[vendor], instead);
    }
}

/* Notes a component whose knobs go. */
static void note(struct settling *s, const struct vs_component_desc *d)
{
    assert(s->n < DROPPED);
    s->drop[s->n++] = d;
}

/* Says whether the knobs of a component go already. */
static bool noted(const struct settling *s, const struct vs_component_desc *d)
{
    size_t i = 0;
    while (i < s->n && s->drop[i] != d) {
        i++;
    }
    return i < s->n;
}

/* Knobs of a component that the machine's processors do not have: what was asked for is refused,
 * and none is stored. */
static void drop(struct settling *s, const struct vs_component_desc *d, const char *whose,
                 const char *instead)
{
    uint64_t is = vs_knobs_find(s->knobs, "cpu.vendor")->value;
    for (size_t k = 0; k < d->n_knobs; k++) {
        const struct vs_knob *knob = vs_knobs_find(s->knobs, d->knobs[k].path);
        bool told = knob->rank > VS_RANK_MACHINE || (knob->rank && s->vendor == is);
        if (told && knob->set_by) {
            refuse(knob, whose, instead, is, s->errors);
        }
    }
    note(s, d);
}

/* The components that a world consists of, NULL where there are fewer. */
enum { PARTS = 1 + sizeof((struct vs_world_kind *)0)->also / sizeof(void *) };
/* The components of a world: its own, then those it rests on. */
static const struct vs_component_desc *part(const struct vs_world_kind *kind, size_t i)
{
    return i ? kind->also[i - 1] : kind->desc;
}

/* All that a world of hardware consists of. */
static void drop_all(struct settling *s, const struct vs_world_kind *kind, const char *instead)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (part(kind, i)) {
            drop(s, part(kind, i), kind->name, instead);
        }
    }
}

/* The same of a technique's that is not this machine's. Its processors may have it: what their file
 * states of it goes silently. */
static void drop_technique(struct settling *s, const struct vs_component_desc *desc,
                           const char *whose)
{
    char is[32];
    const struct vs_knob *technique = vs_knobs_find(s->knobs, "hypervisor.technique");
    for (size_t k = 0; k < desc->n_knobs; k++) {
        const struct vs_knob *knob = vs_knobs_find(s->knobs, desc->knobs[k].path);
        if (knob->rank > VS_RANK_MACHINE && knob->set_by) {
            vs_error(s->errors,
                     "%s: %s is a knob of %s; this machine has hypervisor.technique = %s",
                     knob->set_by, knob->desc->path, whose, vs_knob_text(technique, is, sizeof is));
        }
    }
    note(s, desc);
}

/* Whether a world consists of this component, among others. */
static bool consists_of(const struct vs_world_kind *kind, const struct vs_component_desc *desc)
{
    for (size_t i = 0; kind && i < PARTS; i++) {
        if (part(kind, i) == desc) {
            return true;
        }
    }
    return false;
}

/* What the world of another technique consists of, and the machine's own does not. */
static void drop_others(struct settling *s, const struct vs_world_kind *kind,
                        const struct vs_world_kind *own)
{
    for (size_t i = 0; i < PARTS; i++) {
        const struct vs_component_desc *of = part(kind, i);
        if (of && !consists_of(own, of) && !noted(s, of)) {
            drop_technique(s, of, kind->name);
        }
    }
}

enum vs_status vs_worlds_settle(struct vs_knobs *knobs, uint64_t vendor, struct vs_errors *errors)
{
    size_t n, before = errors->n;
    struct settling s = {knobs, vendor, errors, {NULL}, 0};
    const struct vs_world_kind *const *world = vs_worlds(&n);
    uint64_t is = vs_knobs_find(knobs, "cpu.vendor")->value,
             technique = vs_knobs_find(knobs, "hypervisor.technique")->value;
    for (size_t i = 0; i < n; i++) {
        if (world[i]->technique != technique) {
            drop_others(&s, world[i], vs__world_of(technique, is));
        } else if (!technique && world[i]->vendor != is) {
            drop_all(&s, world[i], vs_world_name(technique, is));
        }
    }
    const struct vs_irqchip_kind *const *chip = vs_irqchips(&n), *own = vs__irqchip_of(is);
    for (size_t i = 0; i < n; i++) {
        if (chip[i] != own) {
            drop(&s, chip[i]->desc, chip[i]->name, own->knobs);
        }
    }
    vs_knobs_drop(knobs, s.drop, s.n);
    return errors->n > before ? VS_E_CONFIG : VS_OK;
}

enum vs_status vs__world_pages(struct vs_vcpu *v, uint64_t *page, unsigned n,
                               struct vs_errors *errors)
{
    for (unsigned i = 0; i < n; i++) {
        if (!vs_frames_alloc(v->p->frames, VS_PAGE_4K_SHIFT, &page[i])) {
            vs_error(errors, "host.memory is too small for vCPU %u", v->index);
            return VS_E_NOMEM;
        }
    }
    return VS_OK;
}

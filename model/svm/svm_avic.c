/* SPDX-License-Identifier: MIT */
/*
 * AVIC (AMD APM volume 2, 15.29): the guest's APIC registers are a backing page, which the
 * processor reads and writes itself. An IPI finds its targets in the physical APIC ID table, sets
 * the vector in the backing page of each and rings the doorbell of those that run; what it cannot
 * do is left to the hypervisor by two exits of its own. Tables and page are in memory, and every
 * line of them that is touched goes through the core's caches.
 */
#include "svm/svm_impl.h"

#include "virtsim/x2apic.h"

/* An entry of the physical APIC ID table, APM volume 2, figure 15-21. */
#define ENTRY_VALID (UINT64_C(1) << 63)
#define ENTRY_RUNNING (UINT64_C(1) << 62)
#define ENTRY_PAGE UINT64_C(0x000ffffffffff000)
#define LAST_INDEX UINT64_C(0xfff) /* of the pointer to the table: AVIC_PHYSICAL_MAX_INDEX */
#define FIRST_VECTOR 16u
#define IRR_BYTES 0x80u

/* EXITINFO2[63:32] of AVIC_INCOMPLETE_IPI, APM volume 2, table 15-27. */
enum { INVALID_TYPE = 0, NOT_RUNNING = 1, INVALID_TARGET = 2, INVALID_VECTOR = 4 };
/* Destination shorthands of ICR, and all processors as a destination. */
enum { NO_SHORTHAND, SELF, ALL, OTHERS };

void vs_svm_avic_setup(struct vs_svm *s, const struct vs_svm_avic *pages)
{
    s->avic = *pages;
    vs_svm_put(s, VS_VMCB_AVIC_BAR, UINT64_C(0xfee00000));
    vs_svm_put(s, VS_VMCB_AVIC_BACKING, pages->backing.v);
    vs_svm_put(s, VS_VMCB_AVIC_LOGICAL, pages->logical.v);
    vs_svm_put(s, VS_VMCB_AVIC_PHYSICAL, pages->physical.v | pages->last);
    vs_svm_put(s, VS_VMCB_INT_CTL,
               vs_svm_get(s, VS_VMCB_INT_CTL) | VS_SVM_AVIC_ENABLE |
                   (pages->x2apic ? VS_SVM_X2AVIC_ENABLE : 0));
    vs_svm_avic_running(s, NULL, true);
}

/* The entry of a guest's APIC in the physical APIC ID table. */
static vs_hpa entry_of(const struct vs_svm *s, unsigned id)
{
    return vs_svm_at(s->avic.physical, id * 8u);
}

void vs_svm_avic_running(struct vs_svm *s, struct vs_txn *t, bool on)
{
    if (!s->avic.backing.v) {
        return;
    }
    vs_phys_write64(s->wire.phys, entry_of(s, s->avic.id),
                    s->avic.backing.v | ENTRY_VALID | (on ? ENTRY_RUNNING : 0) | s->avic.id);
    if (t) {
        vs_mem_touches_on(&s->wire.mem, t, entry_of(s, s->avic.id), 8, VS_REF_WRITE,
                          (uint16_t)(s->base + VS_ACC_svm_avic_table));
    }
}

bool vs__svm_avic_on(const struct vs_svm *s, bool x2apic)
{
    return s->int_ctl & VS_SVM_AVIC_ENABLE && !(s->int_ctl & VS_SVM_X2AVIC_ENABLE) == !x2apic;
}

void vs__svm_avic_evaluate(struct vs_svm *s, struct vs_txn *t)
{
    if (s->int_ctl & VS_SVM_AVIC_ENABLE) {
        vs_mem_touches_on(&s->wire.mem, t, vs_svm_at(s->avic.backing, VS_APIC_OFFSET(VS_APIC_IRR)),
                          IRR_BYTES, VS_REF_READ, (uint16_t)(s->base + VS_ACC_svm_entry_avic));
    }
}

/* Whether an ICR is for the processor with this APIC's number: x2APIC's formats. */
static bool for_target(uint64_t icr, unsigned from, unsigned id)
{
    uint32_t to = (uint32_t)(icr >> 32);
    bool logical = icr >> 11 & 1u, all = to == UINT32_MAX;
    switch (icr >> 18 & 3u) {
    case SELF:
        return id == from;
    case ALL:
        return true;
    case OTHERS:
        return id != from;
    default:
        break;
    }
    return all || (logical ? to >> 16 == id >> 4 && to >> (id & 15u) & 1u : to == id);
}

/* One target of an IPI: its entry is read, the vector set in its backing page, its doorbell rung.
 * Why the processor cannot, or -1. */
static int to_target(struct vs_svm *s, struct vs_txn *t, unsigned id)
{
    uint64_t entry = vs_phys_read64(s->wire.phys, entry_of(s, id));
    if (t) {
        vs_mem_touches_on(&s->wire.mem, t, entry_of(s, id), 8, VS_REF_READ,
                          (uint16_t)(s->base + VS_ACC_svm_avic_table));
    }
    if (!(entry & ENTRY_VALID)) {
        return INVALID_TARGET;
    }
    if (t) {
        vs_hpa irr = {(entry & ENTRY_PAGE) + VS_APIC_OFFSET(VS_APIC_IRR)};
        vs_mem_touches_on(&s->wire.mem, t, irr, 8, VS_REF_WRITE,
                          (uint16_t)(s->base + VS_ACC_svm_avic_irr));
    }
    if (!(entry & ENTRY_RUNNING)) {
        return NOT_RUNNING;
    }
    s->count[VS_CNT_svm_doorbells] += id != s->avic.id;
    return -1;
}

/* ICR is written: 15.29.4.2. The exit, or 0: all targets have it. */
static uint32_t send(struct vs_svm *s, struct vs_txn *t, uint64_t icr, uint64_t info[2])
{
    unsigned last = (unsigned)(s->on.physical & LAST_INDEX), mode = icr >> 8 & 7u, first = 0;
    int why = mode ? INVALID_TYPE : (icr & 0xffu) < FIRST_VECTOR ? INVALID_VECTOR : -1;
    bool one = (icr >> 18 & 3u) == NO_SHORTHAND && !(icr >> 11 & 1u) && icr >> 32 != UINT32_MAX;
    s->count[VS_CNT_svm_avic_ipis]++;
    if (t) {
        vs_ps d = {s->config.avic_ipi * s->wire.clock.period_ps};
        vs_txn_settle(t);
        vs_charge(t, (uint16_t)(s->base + VS_ACC_svm_avic_ipi), d);
    }
    if (why < 0 && one && icr >> 32 > last) {
        why = INVALID_TARGET;
    }
    for (unsigned id = 0; why != INVALID_TYPE && why != INVALID_VECTOR && id <= last; id++) {
        int failed = for_target(icr, s->avic.id, id) ? to_target(s, t, id) : -1;
        bool first_one = failed >= 0 && why < 0 && (one || failed != INVALID_TARGET);
        first = first_one ? id : first;
        why = first_one ? failed : why;
    }
    info[0] = icr;
    info[1] = (uint64_t)(unsigned)why << 32 | first;
    return why < 0 ? 0 : VS_SVM_AVIC_INCOMPLETE_IPI;
}

/* Writes that are done, of which the hypervisor hears: APM volume 2, table 15-23; Linux avic.c,
 * is_avic_unaccelerated_access_trap. An end of interrupt is one only where it is level-triggered,
 * which nothing here is. */
static bool is_followed(uint32_t reg)
{
    return reg == VS_APIC_ID || reg == VS_APIC_RRR || reg == VS_APIC_LDR || reg == VS_APIC_DFR ||
           reg == VS_APIC_SVR || reg == VS_APIC_ESR ||
           (reg >= VS_APIC_LVT_TIMER && reg <= VS_APIC_INITIAL_COUNT) || reg == VS_APIC_DIVIDE;
}

bool vs__svm_avic_is_done(uint64_t info1)
{
    return info1 >> 32 & 1u && is_followed(vs_apic_register_at((uint32_t)info1 & 0xff0u));
}

uint32_t vs__svm_avic_access(struct vs_svm *s, struct vs_txn *t, uint32_t reg, bool write,
                             uint64_t value, uint64_t info[2])
{
    bool free_write = reg == VS_APIC_TPR || reg == VS_APIC_EOI || reg == VS_APIC_ICR_HIGH ||
                      reg == VS_APIC_SELF_IPI;
    bool faults = reg == VS_APIC_APR || reg == VS_APIC_RRR || reg == VS_APIC_CURRENT_COUNT;
    if (write && reg == VS_APIC_ICR) {
        return send(s, t, value, info);
    }
    if (write ? free_write : !faults) {
        s->count[VS_CNT_svm_avic_accesses]++;
        return 0;
    }
    info[0] = VS_APIC_OFFSET(reg) | (uint64_t)write << 32;
    info[1] = 0;
    return VS_SVM_AVIC_NOACCEL;
}

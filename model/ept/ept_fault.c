/* SPDX-License-Identifier: MIT */
/* Faults of a walk, as each architecture reports them. */
#include "ept_impl.h"

/* Arm: fault status code, ESR_ELx.ISS bits 5:0: address size, translation, access flag, permission;
 * its levels count from the root. */
static uint64_t arm_status(enum vs__ept_why why, unsigned level)
{
    static const unsigned code[] = {
        [VS__ABSENT] = 4, [VS__MALFORMED] = 0, [VS__DENIED] = 12, [VS__UNUSED] = 8};
    return code[why] | (level < 4 ? 4u - level : 0u);
}

bool vs__ept_first_fault(struct vs_ept *e, struct vs_translation *out, uint64_t gva,
                         enum vs_ref ref, const struct vs_radix_format *f, unsigned level,
                         enum vs__ept_why why)
{
    bool absent = why == VS__ABSENT;
    out->fault = VS_FAULT_PAGE;
    if (e->prefetch.running) {
        return false; /* nobody's access */
    }
    out->gva.v = gva;
    if (f->kind == VS_RADIX_X86 && level > f->levels) {
        out->fault = VS_FAULT_GENERAL_PROTECTION; /* non-canonical */
        return false;
    }
    e->count[VS_CNT_ept_page_faults]++;
    if (f->kind == VS_RADIX_STAGE1) { /* and WnR */
        out->qualification = arm_status(why, level) | (ref == VS_REF_WRITE ? 1u << 6 : 0u);
    }
    /* P, W/R, U/S (programs run in user mode), RSVD, I/D */
    out->error_code = (absent ? 0u : 1u) | (ref == VS_REF_WRITE ? 2u : 0u) | 4u |
                      (why == VS__MALFORMED ? 8u : 0u) | (ref == VS_REF_FETCH ? 16u : 0u);
    vs__ept_forget_linear(e, gva);
    return false;
}

/* The translation itself is good, but nothing is held of it: there is no memory to cache. */
bool vs__ept_no_memory(struct vs_translation *out, uint64_t gva, uint64_t hpa)
{
    out->fault = VS_FAULT_NO_MEMORY;
    out->gva.v = gva;
    out->gpa.v = hpa;
    return false;
}

/* SDM 3C table 28-7. Access: a reference to the guest's tables that may write counts as both. */
static uint64_t ept_qualification(const struct vs_ept *e, const struct vs_ept_access *a,
                                  uint64_t raw, uint64_t need)
{
    uint64_t user_execute = e->mbec ? (raw >> 10 & 1u) << 6 : 0;
    return need | (raw & 7u) << 3 | user_execute | 1u << 7 | (a->final ? 1u << 8 : 0u);
}

/* APM volume 2, 15.25.6: EXITINFO1 of a nested page fault. Nested walks are user accesses. */
static uint64_t npf_code(const struct vs_ept_access *a, enum vs__ept_why why, uint64_t need)
{
    return (why == VS__ABSENT ? 0u : 1u) | (need & VS_RIGHT_WRITE ? 2u : 0u) | 4u |
           (why == VS__MALFORMED ? 8u : 0u) | (a->final && a->ref == VS_REF_FETCH ? 16u : 0u) |
           1ull << (a->final ? 32 : 33);
}

bool vs__ept_second_fault(struct vs_ept *e, struct vs_translation *out,
                          const struct vs_ept_access *a, uint64_t gpa,
                          const struct vs_radix_format *f, unsigned level, enum vs__ept_why why,
                          uint64_t raw, uint64_t need)
{
    bool malformed = f->kind == VS_RADIX_EPT_KIND && why == VS__MALFORMED;
    out->fault = malformed ? VS_FAULT_EPT_MISCONFIG : VS_FAULT_EPT_VIOLATION;
    if (e->prefetch.running) {
        return false;
    }
    e->count[malformed ? VS_CNT_ept_misconfigs : VS_CNT_ept_violations]++;
    out->gpa.v = gpa;
    out->gva.v = a->gva;
    out->rights = (uint32_t)need;
    out->table = !a->final;
    switch (f->kind) {
    case VS_RADIX_X86:
        out->qualification = npf_code(a, why, need);
        break;
    case VS_RADIX_STAGE2: /* WnR, S1PTW */
        out->qualification = arm_status(why, level) | (need & VS_RIGHT_WRITE ? 1u << 6 : 0u) |
                             (a->final ? 0u : 1u << 7);
        break;
    default:
        out->qualification = malformed ? 0 : ept_qualification(e, a, raw, need);
    }
    vs__ept_forget_physical(e, gpa);
    vs__ept_forget_linear(e, a->gva);
    return false;
}

uint64_t vs_ept_device_syndrome(const struct vs_ept *e, enum vs_ref ref, unsigned absent_shift)
{
    const struct vs_radix_format *f = &e->second;
    const struct vs_ept_access a = {.final = true, .ref = ref};
    uint64_t need = ref == VS_REF_WRITE ? VS_RIGHT_WRITE : 0;
    unsigned level = 1;
    while (level < f->levels && vs_radix_level_shift(f, level) < absent_shift) {
        level++;
    }
    switch (f->kind) {
    case VS_RADIX_X86:
        return npf_code(&a, VS__MALFORMED, need);
    case VS_RADIX_STAGE2:
        return arm_status(VS__ABSENT, level) | (need ? 1u << 6 : 0u);
    default:
        return 0;
    }
}

/* SDM 3C 29.3.6. The index counts down; below 0 the log is full, and then no flag is set, not even
 * an accessed one, which is not logged. */
bool vs__ept_log(struct vs_ept *e, struct vs_txn *t, uint64_t gpa, const struct vs_ept_access *a,
                 bool dirty, struct vs_translation *out)
{
    if (e->pml.index >= VS_EPT_PML_ENTRIES) {
        e->count[VS_CNT_ept_pml_full] += !e->prefetch.running;
        out->fault = VS_FAULT_PML_FULL;
        out->gpa.v = gpa;
        out->gva.v = a->gva;
        return false;
    }
    if (!dirty) {
        return true;
    }
    vs_hpa at = {e->pml.address + e->pml.index * 8ull};
    e->mem.store(e->mem.ctx, t, at, gpa & ~0xfffull);
    e->pml.index--; /* wraps to 65535 */
    e->count[VS_CNT_ept_pml_logged]++;
    return true;
}

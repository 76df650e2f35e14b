/* SPDX-License-Identifier: MIT */
/* The guest kernel's page fault: a first touch gets a frame, what a program may not do ends it. */
#include "guest/guest.h"

/* error code of a page fault, SDM 3A 4.7 */
#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_RESERVED 8u

/* log2 of the page that a first touch gets. */
static unsigned region_shift(const struct vs_vcpu *v)
{
    /* a trace's pages and touched regions have the machine's page size; around a recorded guest's
     * page others may be mapped already */
    return v->p->recorded ? v->space.format.granule : vcpu_page_shift(v);
}

/* A transparent large page where that is possible. */
static enum vs_status give_frame(struct vs_vcpu *v, uint64_t gva, unsigned *shift, bool back)
{
    if (guest_mm_large(v, gva)) {
        unsigned large = vcpu_large_shift(v);
        bool good = !vs_space_touch(&v->space, gva, large, true, back);
        v->os_count[good ? VS_CNT_os_thp_pages : VS_CNT_os_thp_fallbacks]++;
        if (good) {
            *shift = large;
            return VS_OK;
        }
    }
    return vs_space_touch(&v->space, gva, *shift, true, back);
}

/* Whether that went well; else the run ends. */
static bool touched(struct vs_vcpu *v, uint64_t gva, enum vs_status st)
{
    if (st == VS_E_BOUNDS) {
        vcpu_fail(v, "first touch of 0x%llx: its page tables lie where no memory is",
                  (unsigned long long)gva);
    } else if (st) {
        char why[400];
        vcpu_refuse(v, "first touch of 0x%llx: %s", (unsigned long long)gva,
                    guest_mm_exhausted(v, why, sizeof why));
    }
    return !v->failed;
}

/* Not where another vCPU's handler of the same fault has been first, as this one's vCPU had lost
 * its processor before it came so far. */
bool guest_mm_give_frame(struct vs_vcpu *v, struct guest_work *w)
{
    uint64_t gpa;
    if (vs_space_find(&v->space, w->gva, &gpa)) {
        return false;
    }
    guest_mm_edit_begin(v, &w->tables);
    w->status = give_frame(v, w->gva, &w->shift, w->back);
    guest_mm_upper(v);
    if (!w->status) {
        w->bytes = 1ull << w->shift;
        w->page = w->gva & ~(w->bytes - 1u);
        uint64_t frame;
        if (w->device && vs_space_find(&v->space, w->page, &frame)) {
            w->page = guest_mm_direct(v, frame);
        }
        guest_mm_edit_plan(v, w);
    }
    return !w->status;
}

/* The kernel gives the page a frame; under EPT the new frame may still lack a host page. A device's
 * fault is no exception. */
static bool first_touch(struct vs_vcpu *v, uint64_t gva, bool device)
{
    struct vs_platform *p = v->p;
    struct guest_work w = {.gva = gva,
                           .shift = region_shift(v),
                           .back = p->built.host_prefault != 0,
                           .device = device};
    vs_txn_settle(&v->txn);
    vs_open(&v->txn, VS_OP_PAGE_FAULT);
    v->os_count[VS_CNT_os_page_faults]++;
    if (!device) {
        vcpu_exception(v);
    }
    (void)guest_run(v, GUEST_PAGE_FAULT, &w);
    vs_close(&v->txn);
    return touched(v, gva, w.status);
}

/* Where the guest's tables, as far as they go, hold the entry for an address. */
static uint64_t last_entry(const struct vs_vcpu *v, uint64_t gva)
{
    uint64_t at[VS_RADIX_LEVELS + 1u];
    unsigned level = vs_space_path(&v->space, gva, at);
    return at[level];
}

/* The processor knows where the upper half's tables are. */
static bool knows_upper(const struct vs_vcpu *v)
{
    return v->guest_context.upper == v->space.upper_cr3;
}

void guest_mm_touch_free(void *ctx, vs_gva at)
{
    struct vs_vcpu *v = ctx;
    uint64_t gpa;
    if (v->hw->cpu.count != v->hw->cpu.books[0] || v->failed ||
        (!v->kernel && !guest_mm_spares(v, at.v, 1, "an access")) ||
        vs_space_find(&v->space, at.v, &gpa)) { /* the host's own, or there already */
        return;
    }
    /* what no first touch mends is left for the walk to find */
    if (vs_space_reaches(&v->space, at.v) && !vs_space_held(&v->space, at.v) &&
        !vs_space_malformed(&v->space, at.v, (unsigned)v->p->ept.physical_bits) &&
        vcpu_memory(v, last_entry(v, at.v))) {
        unsigned shift = region_shift(v);
        (void)touched(v, at.v, give_frame(v, at.v, &shift, true));
    }
    if (!knows_upper(v)) { /* no settling: nothing counted depends on it */
        v->guest_context.upper = v->space.upper_cr3;
        vs_ept_context(&v->hw->ept, &v->guest_context);
    }
}

/* The guest's page fault for a right that its own tables do not give: its kernel would end the
 * program. */
static enum vs_fault_end denied(struct vs_vcpu *v, const struct vs_translation *f)
{
    bool write = (f->error_code & PF_WRITE) != 0, fetch = (f->error_code & 16u) != 0,
         arm = vcpu_arm(v);
    vcpu_fail(v, "%s 0x%llx, which is mapped %s: %s 0x%llx",
              write   ? "store to"
              : fetch ? "fetch from"
                      : "access to",
              (unsigned long long)f->gva.v,
              !(f->error_code & PF_PRESENT) ? "without any permission"
              : write                       ? "read-only"
                                            : "without that permission",
              arm ? "permission fault, ESR_EL1.ISS" : "#PF, error code",
              (unsigned long long)(arm ? f->qualification : f->error_code));
    return VS__FAULT_STOP;
}

/* The entry is there and does not allow the access. */
static enum vs_fault_end forbidden(struct vs_vcpu *v, const struct vs_translation *f)
{
    unsigned bits = (unsigned)v->p->ept.physical_bits;
    bool arm = vcpu_arm(v);
    if (!(f->error_code & PF_RESERVED)) {
        return denied(v, f);
    }
    unsigned level = vs_space_malformed(&v->space, f->gva.v, bits);
    vcpu_fail(v,
              "access to 0x%llx: %s in its entry at level %u (addresses have "
              "ept.physical_bits = %u)",
              (unsigned long long)f->gva.v,
              arm ? "Address size fault, an address that is too wide"
                  : "page fault, a reserved bit is set",
              arm ? 4u - level : level, bits);
    return VS__FAULT_STOP;
}

/* Nothing is mapped there yet, or never will be. */
static enum vs_fault_end absent(struct vs_vcpu *v, const struct vs_translation *f)
{
    bool trace = v->request.kind == VS_REQ_TRACE;
    if (!vs_space_reaches(&v->space, f->gva.v)) {
        vcpu_fail(v,
                  "access to 0x%llx, which neither TTBR0 (%u bits) nor TTBR1 (%u bits) "
                  "translates: Translation fault",
                  (unsigned long long)f->gva.v, v->space.format.input_bits,
                  v->space.upper.input_bits);
        return VS__FAULT_STOP;
    }
    uint64_t entry = last_entry(v, f->gva.v);
    if (!vcpu_memory(v, entry)) {
        return vcpu_no_table(v, f->gva.v, entry);
    }
    if (!knows_upper(v)) { /* made by another vCPU */
        guest_mm_upper(v);
        return VS__FAULT_AGAIN;
    }
    if (trace && !v->kernel && !guest_mm_spares(v, f->gva.v, 1, "an access")) {
        return VS__FAULT_STOP;
    }
    /* a program's own addresses are those it mapped; a trace brings its own */
    if (!trace && (f->gva.v < v->space.first_gva || f->gva.v >= v->space.next_gva) &&
        !guest_mm_place_has(v->mm, v->process_now, f->gva.v)) {
        vcpu_fail(v, "access to 0x%llx, which was never mapped", (unsigned long long)f->gva.v);
        return VS__FAULT_STOP;
    }
    if (v->hw->cpu.before_walk || v->free_touches) {
        return VS__FAULT_AGAIN; /* it has a frame since before the walk; whoever walks past that is
                                 * stuck */
    }
    return first_touch(v, f->gva.v, false) ? VS__FAULT_AGAIN : VS__FAULT_STOP;
}

enum vs_fault_end guest_mm_fault(struct vs_vcpu *v, const struct vs_translation *f)
{
    return f->error_code & PF_PRESENT || vs_space_held(&v->space, f->gva.v) ? forbidden(v, f)
                                                                            : absent(v, f);
}

/* Whether the present process has a region there: what the program was given, or said itself. */
static bool has_region(const struct vs_vcpu *v, uint64_t gva)
{
    return vs_space_reaches(&v->space, gva) &&
           ((gva >= v->space.first_gva && gva < v->space.next_gva) ||
            guest_mm_place_has(v->mm, v->process_now, gva));
}

enum vs_page_response guest_mm_wanted(struct vs_vcpu *v, uint64_t gva, bool write)
{
    uint64_t at;
    if (!has_region(v, gva) || vs_space_held(&v->space, gva)) {
        return VS_PAGE_INVALID;
    }
    if (vs_space_find(&v->space, gva, &at)) { /* another has brought it, or may not do that */
        uint64_t entry = vs_phys_read64(v->p->phys, (vs_hpa){last_entry(v, gva)});
        bool writable = vs_radix_rights(&v->space.format, true, entry) & VS_RIGHT_WRITE;
        return write && !writable ? VS_PAGE_INVALID : VS_PAGE_SUCCESS;
    }
    return first_touch(v, gva, true) ? VS_PAGE_SUCCESS : VS_PAGE_FAILURE;
}

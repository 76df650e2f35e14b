/* SPDX-License-Identifier: MIT */
/*
 * INVLPG's relatives and MOV to control registers, as the kernel of an x86 guest (or native system)
 * executes them. Each costs itself and what it drops; where the controls say so it exits, and the
 * hypervisor carries it out.
 */
#include "tlb.h"

#define INVPCID_LENGTH 9u
#define CR_LENGTH 3u
#define NO_FLUSH (1ull << 63)
#define PCID_BITS 0xfffull
/* CR0 and CR4 (SDM 3A 2.5) */
#define CR0_PE 1ull
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
#define CR4_PAE (1ull << 5)
#define CR4_PGE (1ull << 7)
#define CR4_LA57 (1ull << 12)
#define CR4_PCIDE (1ull << 17)
#define CR4_SMEP (1ull << 20)

const char *guest_tlb_lacks(const struct vs_platform *p, bool invpcid)
{
    if (invpcid) {
        return p->virtualized && !p->invpcid ? "#UD, since vmcs.control.invpcid = 0" : NULL;
    }
    return p->svm ? NULL : "is AMD's, with SVM: it needs paging.mode = npt";
}

void guest_tlb_invpcid(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    const struct vs_request *r = &v->request;
    vs_gva at = {r->address};
    struct vs_trap e = {.kind = VS_TRAP_INVALIDATE,
                        .scope = VS_TRAP_CONTEXT,
                        .number = (uint32_t)r->a,
                        .gva = at,
                        .operand = {p->layout.data}, /* the kernel has the descriptor there */
                        .length = INVPCID_LENGTH};
    if (r->a < 2u && r->b && !(v->cr4 & CR4_PCIDE)) {
        vcpu_fail(v, "INVPCID of PCID %llu with CR4.PCIDE clear: #GP", (unsigned long long)r->b);
        return;
    }
    if (guest_tlb_lacks(p, true)) {
        vcpu_refuse(v, "INVPCID: %s", guest_tlb_lacks(p, true));
        return;
    }
    bool left = p->virtualized && vcpu_trap(v, &e, NULL);
    if (p->hosted_tlb) {
        return; /* the hypervisor drops it */
    }
    if (!left) {
        vcpu_own_time(v, VS_ACC_vcpu_invpcid, r->a < 2u ? p->times.invpcid : p->times.invpcid_all);
    }
    vs_txn_settle(&v->txn);
    vs_ept_invpcid(&v->hw->ept, &v->txn, (unsigned)r->a, (uint16_t)r->b, at);
}

void guest_tlb_invlpga(struct vs_vcpu *v)
{
    struct vs_trap e = {.kind = VS_TRAP_INVALIDATE,
                        .scope = VS_TRAP_PAGE_OF_TAG,
                        .gva = {v->request.address},
                        .length = CR_LENGTH};
    if (guest_tlb_lacks(v->p, false)) {
        vcpu_refuse(v, "INVLPGA %s", guest_tlb_lacks(v->p, false));
        return;
    }
    if (!vcpu_trap(v, &e, NULL)) {
        vcpu_fail(v, "INVLPGA does not exit");
    }
}

void guest_tlb_invalidate_page(struct vs_vcpu *v, uint64_t at)
{
    if (vcpu_arm(v)) {
        guest_tlb_tlbi_page(v, at);
    } else {
        guest_tlb_invlpg(v, at);
    }
}

/* ---- control registers ---- */

/* A value that MOV to CR3 refuses with #GP: reserved bits are set. */
static bool bad_cr3(struct vs_vcpu *v, uint64_t value)
{
    uint64_t reserved = ~((1ull << v->p->ept.physical_bits) - 1u);
    reserved &= v->cr4 & CR4_PCIDE ? ~NO_FLUSH : UINT64_MAX;
    if (value & reserved) {
        vcpu_fail(v, "MOV to CR3 = 0x%llx: #GP, reserved bits 0x%llx are set%s",
                  (unsigned long long)value, (unsigned long long)(value & reserved),
                  value & reserved & NO_FLUSH ? " (bit 63 needs CR4.PCIDE: guest.pcid = 1)" : "");
    }
    return (value & reserved) != 0;
}

/* The same of MOV to CR0 (APM volume 2, 3.1.1, SDM 3A 2.5): combinations that are illegal, and
 * paging that 64-bit mode cannot do without. 0: the value it has. */
static bool bad_cr0(struct vs_vcpu *v, uint64_t value)
{
    const char *why = !value                                ? NULL
                      : value >> 32                         ? "bits 63:32 are reserved"
                      : !(value & CR0_PG)                   ? "PG is clear in 64-bit mode"
                      : !(value & CR0_PE)                   ? "PG is set without PE"
                      : value & CR0_NW && !(value & CR0_CD) ? "NW is set without CD"
                                                            : NULL;
    if (why) {
        vcpu_fail(v, "MOV to CR0 = 0x%llx: #GP, %s", (unsigned long long)value, why);
    }
    return why != NULL;
}

/* The same of MOV to CR4: bits that 64-bit mode does not have, or that may not change in it. */
static bool bad_cr4(struct vs_vcpu *v, uint64_t value)
{
    const char *why = value >> 32                   ? "bits 63:32 are reserved"
                      : !(value & CR4_PAE)          ? "PAE is clear in 64-bit mode"
                      : (value ^ v->cr4) & CR4_LA57 ? "LA57 changes in 64-bit mode"
                      : value & ~v->cr4 & CR4_PCIDE && v->guest_context.pcid
                          ? "PCIDE is set while CR3 holds a PCID"
                          : NULL;
    if (why) {
        vcpu_fail(v, "MOV to CR4 = 0x%llx: #GP, %s; it is 0x%llx", (unsigned long long)value, why,
                  (unsigned long long)v->cr4);
    }
    return why != NULL;
}

/* SDM 3A 4.10.4.1: PGE changed or PCIDE cleared: everything, global or not, of every PCID; SMEP
 * set: of the present PCID, at least. All of it goes here in each case. */
static bool cr4_flushes(const struct vs_vcpu *v, uint64_t value)
{
    uint64_t changed = value ^ v->cr4;
    return changed & CR4_PGE || (changed & ~value & CR4_PCIDE) || (changed & value & CR4_SMEP);
}

/* The new CR4 is in force, and the translations go that the change drops. */
static void cr4_changed(struct vs_vcpu *v, uint64_t value)
{
    bool flushes = cr4_flushes(v, value);
    v->cr4 = value;
    v->hw->ept.cfg.global_pages = (value & CR4_PGE) != 0;
    if (!flushes || v->p->hosted_tlb) { /* else the hypervisor has, in its exit */
        return;
    }
    vs_gva none = {0};
    vs_txn_settle(&v->txn);
    vs_ept_flush(&v->hw->ept, &v->txn, VS_FLUSH_VPID, v->guest_context.vpid, 0, 0, none);
}

/* CR8 is the class of the task priority (SDM 3A 11.8.6). */
static void write_cr8(struct vs_vcpu *v, const struct vs_trap *e)
{
    if (e->value > 15u) {
        vcpu_fail(v, "MOV to CR8 = 0x%llx: #GP, bits 63:4 are reserved",
                  (unsigned long long)e->value);
    } else if (!vcpu_write_priority(v, e, (uint8_t)(e->value << 4))) {
        vcpu_charge(v, &v->txn, VS_ACC_vcpu_mov_cr, v->p->times.mov_cr);
    }
}

void guest_mm_write_cr(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    const struct vs_request *r = &v->request;
    uint64_t value = r->a == 4 && !r->b ? v->cr4 : r->b;
    struct vs_trap e = {.kind = VS_TRAP_CONTROL_REGISTER,
                        .number = (uint32_t)r->a,
                        .write = true,
                        .value = value,
                        .length = CR_LENGTH};
    bool x86 = !vcpu_arm(v) && !p->recorded;
    e.owned = r->a == 4 && x86 && p->hosted_tlb && cr4_flushes(v, value);
    if (r->a == 3) {
        bool keep = p->recorded && p->os.replay_mov_cr3;
        if (!x86 || !bad_cr3(v, value)) {
            guest_mm_load_cr3(v, keep ? NO_FLUSH : value);
        }
        return;
    }
    if (x86 && ((r->a == 4 && bad_cr4(v, value)) || (r->a == 0 && bad_cr0(v, value)))) {
        return;
    }
    if (r->a == 8 && x86) {
        write_cr8(v, &e);
        return;
    }
    if (!p->virtualized || !vcpu_trap(v, &e, NULL)) {
        bool flushes = r->a == 4 && x86 && cr4_flushes(v, value);
        vcpu_charge(v, &v->txn, VS_ACC_vcpu_mov_cr,
                    flushes ? p->times.mov_cr_flush : p->times.mov_cr);
    }
    if (r->a == 4 && x86) {
        cr4_changed(v, value);
    }
}

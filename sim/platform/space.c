/* SPDX-License-Identifier: MIT */
/* What the guest program asks of memory management: regions, first touch, protection, address-space
 * reloads. */
#include "vcpu.h"

#define PCID_BITS 0xfffu
#define INVLPG_LENGTH 3u
#define KEEP (1ull << 63) /* MOV to CR3: do not invalidate */

/* Host virtual areas and the direct map of all host memory, in 1 GiB pages. */
static enum vs_status map_host(struct vs_vcpu *v)
{
    struct vs_space *s = &v->host_space;
    static const uint64_t area[] = {VS_HV_CODE, VS_HV_DATA, VS_HV_USER_CODE, VS_HV_USER_DATA};
    enum vs_status st = VS_OK;
    for (unsigned i = 0; i < 4 && !st; i++) {
        /* the kernel's text and data in large pages, user programs in small ones */
        unsigned shift = vs_radix_fit(&s->format, i < 2 ? 21 : 12);
        uint64_t bytes = i < 2 ? VS_HV_AREA_BYTES : 0x10000u;
        for (uint64_t at = 0; at < bytes && !st; at += 1ull << shift) {
            st = vs_space_touch(s, area[i] + at, shift, true, false);
        }
    }
    unsigned direct = vs_radix_fit(&s->format, 30);
    for (uint64_t at = 0; at < vs_phys_size(v->p->phys) && !st; at += 1ull << direct) {
        st = vs_space_map_at(s, VS_HV_DIRECT + at, at, direct, true);
    }
    return st;
}

/* The guest's own kernel: the same areas in its own address space. */
static enum vs_status map_kernel(struct vs_vcpu *v)
{
    enum vs_status st = VS_OK;
    unsigned shift = v->space.format.granule;
    for (uint64_t at = 0; at < 0x40000u && !st; at += 1ull << shift) {
        st = vs_space_touch(&v->space, VS_HV_CODE + at, shift, true, true);
        st = st ? st : vs_space_touch(&v->space, VS_HV_DATA + at, shift, true, true);
    }
    return st;
}

enum vs_status vs__space_make(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    enum vs_status st = vs_space_init_format(&v->space, &p->guest_format, p->phys,
                                             p->virtualized ? &p->vm : NULL, &p->frames);
    st = st ? st : map_kernel(v);
    if (!st && p->virtualized) {
        st = vs_space_init_format(&v->host_space, &p->guest_format, p->phys, NULL, &p->frames);
        st = st ? st : map_host(v);
    }
    if (st) {
        vs_error(errors,
                 "vCPU %u: host.memory or guest.memory is too small for its tables and kernel",
                 v->index);
        return st;
    }
    bool vpid = p->virtualized && p->vpid;
    v->guest_context =
        (struct vs_ept_context){vpid ? (uint16_t)(v->index + 1u) : 0, 0, v->space.cr3,
                                p->virtualized && !p->shadow ? p->vm.ept_root : 0};
    v->host_context = (struct vs_ept_context){0, 0, v->host_space.cr3, 0};
    return VS_OK;
}

static unsigned default_shift(const struct vs_vcpu *v)
{
    return vs_ept_page_shift(v->p->ept.guest_page);
}

static bool out_of_memory(struct vs_vcpu *v, enum vs_status st, const char *what, uint64_t bytes)
{
    const struct vs_platform *p = v->p;
    if (st == VS_E_CONFIG) {
        vs__vcpu_fail(v, "%s: the range overlaps pages of another size or is misaligned", what);
    } else {
        vs__vcpu_fail(v, "%s of %llu bytes: %s = %llu bytes are exhausted; give the machine more",
                      what, (unsigned long long)bytes,
                      p->virtualized ? "guest.memory or host.memory; guest.memory" : "host.memory",
                      (unsigned long long)(p->virtualized ? p->vm.bytes : vs_phys_size(p->phys)));
    }
    return false;
}

uint64_t vs__space_map(struct vs_vcpu *v, const struct vs_request *r)
{
    unsigned shift = r->page_shift ? r->page_shift : default_shift(v);
    uint64_t page = 1ull << shift,
             limit = v->p->virtualized ? v->p->vm.bytes : vs_phys_size(v->p->phys);
    if (r->bytes > limit) {
        vs__vcpu_fail(v, "map of %llu bytes: larger than %s = %llu", (unsigned long long)r->bytes,
                      v->p->virtualized ? "guest.memory" : "host.memory",
                      (unsigned long long)limit);
        return 0;
    }
    uint64_t at =
        vs_space_reserve(&v->space, r->fixed ? r->address & ~(page - 1) : 0, r->bytes, shift);
    bool back = r->backing == VS_BACKING_EAGER && v->p->os.host_prefault;
    for (uint64_t done = 0; r->backing != VS_BACKING_TOUCH && done < r->bytes; done += page) {
        enum vs_status st = vs_space_touch(&v->space, at + done, shift, true, back);
        if (st) {
            out_of_memory(v, st, "map", r->bytes);
            return 0;
        }
    }
    return at;
}

void vs__space_unmap(struct vs_vcpu *v, uint64_t at, uint64_t bytes)
{
    for (uint64_t end = at + bytes; at < end;) {
        unsigned shift = v->space.format.granule;
        uint64_t tables;
        vs__edit_begin(v, &tables);
        if (vs_space_unmap(&v->space, at, &shift)) {
            vs__edit_entry(v, at, tables);
            vs__space_invlpg(v, at);
        }
        at = ((at >> shift) + 1) << shift;
    }
}

void vs__space_protect(struct vs_vcpu *v, uint64_t at, uint64_t bytes, bool writable)
{
    for (uint64_t end = at + bytes; at < end;) {
        unsigned shift = v->space.format.granule;
        uint64_t tables;
        vs__edit_begin(v, &tables);
        if (vs_space_protect(&v->space, at, writable, &shift)) {
            vs__edit_entry(v, at, tables);
            vs__space_invlpg(v, at);
        }
        at = ((at >> shift) + 1) << shift;
    }
}

void vs__space_invlpg(struct vs_vcpu *v, uint64_t at)
{
    struct vs_platform *p = v->p;
    struct vs_vmx_event e = {.kind = VS_EV_INVLPG, .address = at, .length = INVLPG_LENGTH};
    vs_gva g = {at};
    if (p->shadow) {
        vs__vcpu_shadow_invlpg(v, at);
        return;
    }
    if (!p->virtualized || !vs__vcpu_event(v, &e)) {
        vs_ps cost = {p->os.invlpg * v->clock.period_ps};
        vs_cpu_instructions(&v->cpu, 1);
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(p->os_account + VS_ACC_os_invlpg), cost);
    }
    vs_txn_settle(&v->txn);
    vs_ept_invlpg(&v->ept, &v->txn, g);
}

uint64_t vs__space_cr3(const struct vs_vcpu *v)
{
    return v->space.cr3 | v->guest_context.pcid;
}

/* The program has one address space; what a reload costs are the entries it drops. */
void vs__space_mov_cr3(struct vs_vcpu *v, uint64_t value)
{
    uint16_t pcid = (uint16_t)(value & PCID_BITS);
    vs_txn_settle(&v->txn);
    v->guest_context.pcid = pcid;
    if (!v->p->shadow) { /* which sets the shadow's root itself */
        v->guest_context.cr3 = v->space.cr3;
    }
    vs_ept_context(&v->ept, &v->guest_context);
    vs_ept_mov_cr3(&v->ept, &v->txn, pcid, (value & KEEP) != 0);
}

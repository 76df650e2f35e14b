/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in an address space. Programs have all of the lower half (Arm: what TTBR0
 * translates); the guest's kernel has its text, its data, what its drivers share with devices and
 * its map of memory in the upper one (TTBR1), where a recording of a whole guest does not use it:
 *
 * x86: the addresses that Linux leaves to hypervisors (Documentation/arch/x86/x86_64/mm.rst: "guard
 * hole, also reserved for hypervisor"), 8 TiB from -128 TiB with four levels, 4 PiB from -64 PiB
 * with five. A map of memory that does not fit into them lies where Linux has its own.
 *
 * Arm: Linux's linear map is the lower half of what TTBR1 translates and begins with physical
 * address 0 (Documentation/arch/arm64/memory.rst); ours lies above what a machine has memory for.
 *
 * The host has address spaces of its own (VS_HV_CODE and what follows it).
 */
#include "guest/guest.h"

#define GIB (1ull << 30)
#define TIB (1ull << 40)
#define KERNEL_BYTES 0x40000u /* of text, and of data */
#define CODE (4u * GIB)       /* from the start of the kernel's addresses */
#define DATA (CODE + GIB / 4u)
#define DRIVERS TIB
#define DRIVERS_BYTES (TIB / 4u)
#define DIRECT (2u * TIB)
/* The same in a narrow half. */
#define NARROW_DATA (GIB / 4u)
#define NARROW_DRIVERS GIB
#define NARROW_DIRECT (3u * GIB)

#define FIRST TIB                      /* where regions of programs that choose no address begin */
#define FIRST_BITS 42u                 /* of addresses, to have room from there on */
#define HYPERVISORS (8u * TIB)         /* what Linux leaves to hypervisors, four levels */
#define PAGE_OFFSET 0xffff888000000000 /* Linux's map of memory, four levels */
#define HOST_END (VS_HV_USER_DATA + VS_HV_AREA_BYTES)
#define WIDE 48u   /* bits: the host's map of memory lies in the lower half, too */
#define NARROW 34u /* bits: the host's areas lie in the lower half of its own space */

/* Rounded up to gigabytes, the largest pages of a map of memory. */
static uint64_t whole(uint64_t bytes)
{
    return (bytes + GIB - 1u) & ~(GIB - 1u);
}

/* The kernel's addresses from `start` on, with a map of `memory` bytes. */
static void place_kernel(struct vs_layout *l, uint64_t start, uint64_t memory, bool narrow)
{
    l->code = start + (narrow ? 0 : CODE);
    l->data = start + (narrow ? NARROW_DATA : DATA);
    l->drivers = start + (narrow ? NARROW_DRIVERS : DRIVERS);
    l->drivers_end = narrow ? start + NARROW_DIRECT : l->drivers + DRIVERS_BYTES;
    l->direct = start + (narrow ? NARROW_DIRECT : DIRECT);
    l->direct_end = l->direct + whole(memory);
}

/* The kernel of x86, in the upper half of addresses of so many bits. */
static void place_x86(struct vs_layout *l, unsigned bits, uint64_t memory)
{
    place_kernel(l, UINT64_MAX << (bits - 1u), memory, false);
    if (bits == 48u && DIRECT + whole(memory) > HYPERVISORS) {
        l->direct = PAGE_OFFSET;
        l->direct_end = l->direct + whole(memory);
    }
}

/* The kernel of Arm, in the half that TTBR1 translates, 2^upper bytes. */
static void place_arm(struct vs_layout *l, unsigned upper, uint64_t memory)
{
    uint64_t start = UINT64_MAX << upper, half = 1ull << (upper - 1u),
             bytes = NARROW_DIRECT + whole(memory);
    if (half / 2u >= DIRECT + whole(memory)) {
        place_kernel(l, start + half / 2u, memory, false);
    } else { /* the last of the lower half, else from its start */
        place_kernel(l, bytes <= half ? start + half - bytes : start, memory, true);
    }
}

void guest_mm_layout(struct vs_platform *p, struct vs_errors *errors)
{
    unsigned bits = p->guest_format.input_bits, upper = p->upper_format.input_bits;
    bool arm = p->guest_format.kind == VS_RADIX_STAGE1;
    uint64_t memory = p->ept.mode == VS_EPT_NATIVE ? p->built.host_memory : p->ept.guest_memory;
    struct vs_layout *l = &p->layout;
    _Static_assert(HOST_END <= 1ull << (NARROW - 1u), "the host's areas do not fit");
    l->end = 1ull << (arm ? bits : bits - 1u);
    l->first = bits < FIRST_BITS ? 1ull << (bits - 1u) : FIRST;
    l->host_direct = VS_HV_DIRECT;
    if (!arm) {
        place_x86(l, bits, memory);
        return;
    }
    uint64_t most = NARROW_DIRECT + whole(memory),
             host = p->ept.mode == VS_EPT_NATIVE ? 0 : p->built.host_memory;
    l->host_direct = bits < WIDE ? UINT64_MAX << upper : VS_HV_DIRECT;
    if (bits < NARROW) {
        vs_error(errors,
                 "guest.t0sz = %llu: programs and kernels here need addresses of %u bits at least, "
                 "T0SZ 16 to %u",
                 (unsigned long long)p->ept.guest_t0sz, NARROW, 64u - NARROW);
    }
    if (most > 1ull << upper || (bits < WIDE && host > 1ull << upper)) {
        vs_error(
            errors,
            "guest.t1sz = %llu: a kernel's map of %llu bytes of memory needs more than %u bits "
            "of addresses",
            (unsigned long long)p->ept.guest_t1sz,
            (unsigned long long)(host > memory ? host : memory), upper);
        return;
    }
    place_arm(l, upper, memory);
}

/* Some of [at, end) is the guest's kernel's. */
static bool kernels(const struct vs_platform *p, uint64_t at, uint64_t end)
{
    const struct vs_layout *l = &p->layout;
    return (at < l->code + KERNEL_BYTES && end > l->code) ||
           (at < l->data + KERNEL_BYTES && end > l->data) ||
           (at < l->drivers_end && end > l->drivers) || (at < l->direct_end && end > l->direct);
}

bool guest_mm_spares(struct vs_vcpu *v, uint64_t at, uint64_t bytes, const char *what)
{
    uint64_t end = bytes > UINT64_MAX - at ? UINT64_MAX : at + bytes;
    if (!kernels(v->p, at, end)) {
        return true;
    }
    vcpu_fail(v,
              "%s of %llu bytes at 0x%llx: the machine's own kernel is there, with its drivers "
              "and its map of memory (0x%llx to 0x%llx, 0x%llx to 0x%llx)",
              what, (unsigned long long)bytes, (unsigned long long)at,
              (unsigned long long)v->p->layout.code, (unsigned long long)v->p->layout.drivers_end,
              (unsigned long long)v->p->layout.direct, (unsigned long long)v->p->layout.direct_end);
    return false;
}

enum vs_status guest_mm_map_kernel(struct vs_vcpu *v)
{
    enum vs_status st = VS_OK;
    unsigned shift = v->space.format.granule;
    v->space.global = v->p->ept.global_pages != 0;
    for (uint64_t at = 0; at < KERNEL_BYTES && !st; at += 1ull << shift) {
        st = vs_space_touch(&v->space, v->p->layout.code + at, shift, true, true);
        st = st ? st : vs_space_touch(&v->space, v->p->layout.data + at, shift, true, true);
    }
    v->space.global = false;
    v->mm->drivers_next = v->p->layout.drivers;
    return st;
}

enum vs_status guest_mm_share_kernel(struct vs_vcpu *v, struct vs_space *to)
{
    const struct vs_layout *l = &v->p->layout;
    uint64_t page = 1ull << to->format.granule;
    enum vs_status st = VS_OK;
    if (to->upper.levels) {
        return VS_OK; /* Arm: the kernel's half is one */
    }
    to->global = v->p->ept.global_pages != 0;
    for (uint64_t at = 0; at < 2u * KERNEL_BYTES && !st; at += page) {
        uint64_t gva = at < KERNEL_BYTES ? l->code + at : l->data + at - KERNEL_BYTES, gpa, there;
        if (vs_space_find(&v->space, gva, &gpa)) {
            st = vs_space_find(to, gva, &there) && there != gpa
                     ? VS_E_CONFIG
                     : vs_space_map_at(to, gva, gpa, to->format.granule, true);
        }
    }
    to->global = false;
    return st;
}

uint64_t guest_mm_driver(struct vs_vcpu *v, uint64_t bytes, unsigned shift)
{
    uint64_t page = 1ull << shift, at = (v->mm->drivers_next + page - 1u) & ~(page - 1u),
             size = (bytes + page - 1u) & ~(page - 1u);
    if (at > v->p->layout.drivers_end || size > v->p->layout.drivers_end - at) {
        return 0;
    }
    v->mm->drivers_next = at + size + page; /* one unmapped page between areas */
    return at;
}

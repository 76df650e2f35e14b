/* SPDX-License-Identifier: MIT */
#include "ept/space.h"

#include <string.h>

#define FIRST_GVA 0x10000000000u /* regions grow from 1 TiB up, far from what traces use */
#define WRITE_BACK (6u << 3)     /* EPT memory type */

/* ---- second dimension ---- */

static bool zeroed_host_table(struct vs_phys *phys, struct vs_frames *host, uint64_t *at)
{
    static const unsigned char zero[4096];
    vs_hpa h;
    if (!vs_frames_alloc(host, 12, at)) {
        return false;
    }
    h.v = *at;
    vs_phys_write(phys, h, zero, sizeof zero); /* a frame may have been used before */
    return true;
}

static bool ept_table(void *ctx, uint64_t *value, uint64_t *table)
{
    struct vs_vm *vm = ctx;
    vm->tables++;
    return zeroed_host_table(vm->phys, vm->host, value) && (*table = *value, true);
}

enum vs_status vs_vm_init(struct vs_vm *vm, struct vs_phys *phys, struct vs_frames *host,
                          uint64_t bytes, unsigned host_shift, enum vs_frames_order guest_order,
                          uint64_t seed)
{
    memset(vm, 0, sizeof *vm);
    vm->phys = phys;
    vm->host = host;
    vm->bytes = bytes & ~0xfffull;
    vm->host_shift = host_shift;
    enum vs_status s = vs_frames_init(&vm->guest, 0, vm->bytes, guest_order, seed);
    return s ? s : zeroed_host_table(phys, host, &vm->ept_root) ? VS_OK : VS_E_NOMEM;
}

void vs_vm_free(struct vs_vm *vm)
{
    vs_frames_free(&vm->guest);
}

bool vs_vm_is_memory(const struct vs_vm *vm, uint64_t gpa)
{
    return gpa < vm->bytes;
}

bool vs_vm_locate(const struct vs_vm *vm, uint64_t gpa, uint64_t *hpa)
{
    vs_hpa at;
    unsigned level;
    if (!vs_radix_find(vm->phys, &vs_radix_ept, vm->ept_root, gpa, NULL, &at, &level)) {
        return false;
    }
    uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
    *hpa = (vs_phys_read64(vm->phys, at) & VS_RADIX_ADDRESS & ~low) | (gpa & low);
    return true;
}

enum vs_status vs_vm_back(struct vs_vm *vm, uint64_t gpa)
{
    struct vs_radix_alloc alloc = {vm, ept_table, NULL};
    unsigned shift = vm->host_shift;
    vs_hpa at;
    unsigned level;
    uint64_t hpa;
    if (!vs_vm_is_memory(vm, gpa)) {
        return VS_E_BOUNDS;
    }
    if (vs_radix_find(vm->phys, &vs_radix_ept, vm->ept_root, gpa, NULL, &at, &level)) {
        return VS_OK;
    }
    uint64_t page = gpa >> shift << shift;
    while (page + (1ull << shift) > vm->bytes && shift > 12) { /* the last, partial large page */
        shift -= 9;
        page = gpa >> shift << shift;
    }
    if (!vs_frames_alloc(vm->host, shift, &hpa)) {
        return VS_E_NOMEM;
    }
    vm->backed++;
    return vs_radix_map(vm->phys, &vs_radix_ept, vm->ept_root, page, hpa, shift,
                        vs_radix_ept.table_flags | WRITE_BACK, &alloc);
}

/* ---- first dimension ---- */

static uint64_t locate_guest(void *ctx, uint64_t value)
{
    const struct vs_space *s = ctx;
    uint64_t hpa = value;
    if (s->vm) {
        (void)vs_vm_locate(s->vm, value, &hpa); /* tables are backed when they are made */
    }
    return hpa;
}

static bool guest_table(void *ctx, uint64_t *value, uint64_t *table)
{
    static const unsigned char zero[4096];
    struct vs_space *s = ctx;
    if (!s->vm) {
        return zeroed_host_table(s->phys, s->frames, value) && (*table = *value, true);
    }
    if (!vs_frames_alloc(s->frames, 12, value) || vs_vm_back(s->vm, *value)) {
        return false;
    }
    vs_hpa h = {locate_guest(s, *value)};
    *table = h.v;
    vs_phys_write(s->phys, h, zero, sizeof zero);
    return true;
}

static struct vs_radix_alloc tables_of(const struct vs_space *s)
{
    return (struct vs_radix_alloc){(void *)(uintptr_t)s, guest_table, locate_guest};
}

enum vs_status vs_space_init(struct vs_space *s, struct vs_phys *phys, struct vs_vm *vm,
                             struct vs_frames *host)
{
    memset(s, 0, sizeof *s);
    s->phys = phys;
    s->vm = vm;
    s->frames = vm ? &vm->guest : host;
    s->next_gva = FIRST_GVA;
    return guest_table(s, &s->cr3, &s->root) ? VS_OK : VS_E_NOMEM;
}

uint64_t vs_space_reserve(struct vs_space *s, uint64_t at, uint64_t bytes, unsigned page_shift)
{
    uint64_t page = 1ull << page_shift, size = (bytes + page - 1) & ~(page - 1);
    if (!at) {
        at = (s->next_gva + page - 1) & ~(page - 1);
        /* one unmapped page between regions; large pages stay aligned */
        s->next_gva = at + size + page;
    }
    return at;
}

enum vs_status vs_space_map_at(struct vs_space *s, uint64_t gva, uint64_t pa, unsigned page_shift,
                               bool writable)
{
    struct vs_radix_alloc alloc = tables_of(s);
    s->pages++;
    return vs_radix_map(s->phys, &vs_radix_x86_64, s->root, gva, pa, page_shift,
                        vs_radix_x86_64.present | vs_radix_x86_64.user |
                            (writable ? vs_radix_x86_64.write : 0),
                        &alloc);
}

enum vs_status vs_space_touch(struct vs_space *s, uint64_t gva, unsigned page_shift, bool writable,
                              bool back)
{
    uint64_t frame, page = gva >> page_shift << page_shift;
    if (!vs_frames_alloc(s->frames, page_shift, &frame)) {
        return VS_E_NOMEM;
    }
    enum vs_status st = vs_space_map_at(s, page, frame, page_shift, writable);
    for (uint64_t at = frame; !st && back && s->vm && at < frame + (1ull << page_shift);
         at += 1ull << s->vm->host_shift) {
        st = vs_vm_back(s->vm, at);
    }
    return st;
}

static bool leaf_of(const struct vs_space *s, uint64_t gva, vs_hpa *at, unsigned *level)
{
    struct vs_radix_alloc alloc = tables_of(s);
    return vs_radix_find(s->phys, &vs_radix_x86_64, s->root, gva, &alloc, at, level);
}

bool vs_space_unmap(struct vs_space *s, uint64_t gva, unsigned *page_shift)
{
    vs_hpa at;
    unsigned level;
    if (!leaf_of(s, gva, &at, &level)) {
        return false;
    }
    *page_shift = vs_radix_shift(level);
    uint64_t entry = vs_phys_read64(s->phys, at);
    vs_phys_write64(s->phys, at, 0);
    vs_frames_free_one(s->frames, *page_shift,
                       entry & VS_RADIX_ADDRESS & ~((1ull << *page_shift) - 1u));
    return true;
}

bool vs_space_protect(struct vs_space *s, uint64_t gva, bool writable, unsigned *page_shift)
{
    vs_hpa at;
    unsigned level;
    if (!leaf_of(s, gva, &at, &level)) {
        return false;
    }
    uint64_t entry = vs_phys_read64(s->phys, at);
    *page_shift = vs_radix_shift(level);
    vs_phys_write64(s->phys, at,
                    writable ? entry | vs_radix_x86_64.write : entry & ~vs_radix_x86_64.write);
    return true;
}

bool vs_space_locate(const struct vs_space *s, uint64_t gva, uint64_t *gpa, uint64_t *hpa)
{
    vs_hpa at;
    unsigned level;
    if (!leaf_of(s, gva, &at, &level)) {
        return false;
    }
    uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
    *gpa = (vs_phys_read64(s->phys, at) & VS_RADIX_ADDRESS & ~low) | (gva & low);
    *hpa = *gpa;
    return !s->vm || vs_vm_locate(s->vm, *gpa, hpa);
}

/* SPDX-License-Identifier: MIT */
#include "ept/space.h"

#include "ept/slat.h"

#include <string.h>

#define FIRST_GVA 0x10000000000u  /* regions grow from 1 TiB up, far from what traces use */
#define EPT_WRITE_EXECUTE 6u      /* not readable: a misconfiguration */
#define NOWHERE (UINT64_MAX - 7u) /* beyond all memory: reads as 0 */

/* Takes a frame of a size between the two of the allocator from a larger one that is cut. */
static bool take_cut(struct vs_frames *f, struct vs_cut *cut, unsigned shift, uint64_t *out)
{
    unsigned k = shift - 12u;
    if (cut->next[k] == cut->end[k]) {
        if (!vs_frames_alloc_chunk(f, &cut->next[k])) {
            return false;
        }
        cut->end[k] = cut->next[k] + (1ull << 21);
    }
    *out = cut->next[k];
    cut->next[k] += 1ull << shift;
    return true;
}

/* Takes a frame of any size. */
static bool take(struct vs_frames *f, struct vs_cut *cut, unsigned shift, uint64_t *out)
{
    if (vs_frames_alloc(f, shift, out)) { /* of 13 to 20: one that was returned */
        return true;
    }
    return shift > 12 && shift < 21 && take_cut(f, cut, shift, out);
}

/* Tables lie in 2M areas of their own. */
static bool take_table(struct vs_frames *f, struct vs_cut *cut, unsigned shift, uint64_t *out)
{
    return shift == 12 ? vs_frames_alloc_table(f, out) : take_cut(f, cut, shift, out);
}

/* ---- second dimension ---- */

/* Clears frames, which somebody may have used before. */
static void zero(struct vs_phys *phys, uint64_t at, uint64_t bytes)
{
    static const unsigned char none[4096];
    for (vs_hpa h = {at}; h.v < at + bytes; h.v += sizeof none) {
        vs_phys_write(phys, h, none, sizeof none); /* a frame may have been used before */
    }
}

/* `tables` in a row, a power of two of them. */
static bool zeroed_table(struct vs_phys *phys, const struct vs_radix_format *f,
                         struct vs_frames *frames, struct vs_cut *cut, unsigned tables,
                         uint64_t *at)
{
    unsigned shift = f->granule + (unsigned)__builtin_ctz(tables);
    return take_table(frames, cut, shift, at) && (zero(phys, *at, 1ull << shift), true);
}

bool vs__slat_table(void *ctx, uint64_t *value, uint64_t *table)
{
    struct vs_vm *vm = ctx;
    vm->tables++;
    return zeroed_table(vm->phys, &vm->format, vm->host_tables, &vm->table_cut, 1, value) &&
           (*table = *value, true);
}

/* Makes a VM's memory under the EPT format. */
enum vs_status vs_vm_init(struct vs_vm *vm, struct vs_phys *phys, struct vs_frames *host,
                          uint64_t bytes, unsigned host_shift, enum vs_frames_order guest_order,
                          uint64_t seed)
{
    return vs_vm_init_format(vm, &vs_radix_ept, phys, host, bytes, host_shift, guest_order, seed);
}

enum vs_status vs_vm_init_format(struct vs_vm *vm, const struct vs_radix_format *format,
                                 struct vs_phys *phys, struct vs_frames *host, uint64_t bytes,
                                 unsigned host_shift, enum vs_frames_order guest_order,
                                 uint64_t seed)
{
    memset(vm, 0, sizeof *vm);
    vm->format = *format;
    vm->phys = phys;
    vm->host = vm->host_tables = vm->guest_tables = host;
    vm->bytes = bytes & ~0xfffull;
    vm->host_shift = host_shift;
    enum vs_status s = vs_frames_init(&vm->guest, 0, vm->bytes, guest_order, seed);
    if (!s &&
        !zeroed_table(phys, format, host, &vm->table_cut, vs_radix_roots(format), &vm->ept_root)) {
        s = VS_E_NOMEM;
    }
    return s;
}

void vs_vm_place(struct vs_vm *vm, struct vs_frames *data, struct vs_frames *guest_tables)
{
    vm->host = data;
    vm->guest_tables = guest_tables;
}

enum vs_status vs_vm_keep(struct vs_vm *vm, uint64_t bytes, enum vs_frames_order guest_order,
                          uint64_t seed)
{
    vs_frames_free(&vm->guest);
    return vs_frames_init(&vm->guest, bytes, vm->bytes - bytes, guest_order, seed);
}

enum vs_status vs_vm_view(struct vs_vm *view, const struct vs_vm *of)
{
    *view = (struct vs_vm){.format = of->format,
                           .phys = of->phys,
                           .host_tables = of->host_tables,
                           .bytes = of->bytes,
                           .host_shift = of->host_shift};
    return zeroed_table(view->phys, &view->format, view->host_tables, &view->table_cut,
                        vs_radix_roots(&view->format), &view->ept_root)
               ? VS_OK
               : VS_E_NOMEM;
}

void vs_vm_free(struct vs_vm *vm)
{
    vs_frames_free(&vm->guest);
}

bool vs_vm_is_memory(const struct vs_vm *vm, uint64_t gpa)
{
    return gpa < vm->bytes;
}

bool vs_vm_leaf(const struct vs_vm *vm, uint64_t gpa, uint64_t *hpa, unsigned *shift)
{
    struct vs_slat_leaf leaf;
    bool there = vs_slat_find(vm, gpa, &leaf) && vs_vm_is_memory(vm, gpa);
    uint64_t low = (1ull << leaf.shift) - 1u;
    *shift = leaf.shift;
    if (there) {
        *hpa = (leaf.entry & vm->format.address & ~low) | (gpa & low);
    }
    return there;
}

bool vs_vm_locate(const struct vs_vm *vm, uint64_t gpa, uint64_t *hpa)
{
    unsigned shift;
    return vs_vm_leaf(vm, gpa, hpa, &shift);
}

void vs_vm_thp(struct vs_vm *vm, uint32_t fragmented, uint64_t seed)
{
    vm->huge_shift = vs_radix_level_shift(&vm->format, 2);
    vm->fragmented = fragmented;
    vm->seed = seed;
}

/* Whether the host has no contiguous frame when this block is touched first. */
static bool broken(const struct vs_vm *vm, uint64_t block)
{
    uint64_t h = (block + 1u) * 0x9e3779b97f4a7c15u ^ (vm->seed + 1u) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 31) * 0x94d049bb133111ebu;
    return (h >> 33) % 100u < vm->fragmented;
}

/* Where the two tables together lead, which get the page if they lack it. */
static bool merged(struct vs_vm *vm, uint64_t gpa, uint64_t *hpa)
{
    uint64_t between;
    return !vs_vm_back(vm->inner, gpa) && vs_vm_locate(vm->inner, gpa, &between) &&
           !vs_vm_back(vm->outer, between) && vs_vm_locate(vm->outer, between, hpa);
}

/* A page of the guest's tables is backed apart too: the guest's kernel touched its area before. */
static enum vs_status back(struct vs_vm *vm, uint64_t gpa, bool table)
{
    struct vs_frames *from = table ? vm->guest_tables : vm->host;
    struct vs_cut *cut = table ? &vm->guest_table_cut : &vm->cut;
    struct vs_radix_alloc alloc = {vm, vs__slat_table, NULL, 0};
    unsigned shift = vm->host_shift;
    struct vs_slat_leaf leaf;
    uint64_t hpa;
    if (!vs_vm_is_memory(vm, gpa)) {
        return VS_E_BOUNDS;
    }
    if (vs_slat_find(vm, gpa, &leaf)) {
        return VS_OK;
    }
    uint64_t page = gpa >> shift << shift;
    while (page + (1ull << shift) > vm->bytes && shift > vm->format.granule) {
        shift -= vm->format.stride; /* the last, partial large page */
        page = gpa >> shift << shift;
    }
    uint64_t block = vm->huge_shift ? gpa >> vm->huge_shift : 0;
    bool wanted = vm->huge_shift && leaf.shift > vm->format.granule &&
                  (block + 1u) << vm->huge_shift <= vm->bytes,
         huge = wanted && !broken(vm, block) && take(from, cut, vm->huge_shift, &hpa);
    if (vm->inner) {
        if (!merged(vm, page, &hpa)) {
            return VS_E_NOMEM;
        }
    } else if (huge) {
        shift = vm->huge_shift;
        page = block << shift;
    } else if (!(table && shift == 12 ? vs_frames_alloc_table(from, &hpa)
                                      : take(from, cut, shift, &hpa))) {
        return VS_E_NOMEM;
    }
    vm->backed++;
    vm->edits++;
    if (vm->mapped && !vm->mapped(vm->ctx, page, hpa, shift, wanted && !huge)) {
        return VS_E_NOMEM;
    }
    return vs_radix_map(vm->phys, &vm->format, vm->ept_root, page, hpa, shift,
                        vs_radix_leaf_flags(&vm->format, VS_RIGHTS), &alloc);
}

enum vs_status vs_vm_back(struct vs_vm *vm, uint64_t gpa)
{
    return back(vm, gpa, false);
}

enum vs_status vs_vm_device(struct vs_vm *vm, uint64_t gpa)
{
    struct vs_radix_alloc alloc = {vm, vs__slat_table, NULL, 0};
    unsigned shift = vm->format.granule;
    return vm->format.kind != VS_RADIX_EPT_KIND || vs_vm_is_memory(vm, gpa)
               ? VS_E_CONFIG
               : vs_radix_map(vm->phys, &vm->format, vm->ept_root, gpa >> shift << shift, 0, shift,
                              EPT_WRITE_EXECUTE, &alloc);
}

/* ---- first dimension ---- */

/* Where a guest's table lies in the host. */
static uint64_t locate_guest(void *ctx, uint64_t value)
{
    const struct vs_space *s = ctx;
    uint64_t hpa = value;
    if (s->vm && !vs_vm_locate(s->vm, value, &hpa)) {
        return NOWHERE; /* the space's own tables are backed when they are made, others may not be
                         */
    }
    return hpa;
}

/* Takes memory for a table of the space. */
static bool guest_table(void *ctx, uint64_t *value, uint64_t *table)
{
    struct vs_space *s = ctx;
    uint64_t bytes = 1ull << s->format.granule;
    s->tables++;
    if (!s->vm) {
        return zeroed_table(s->phys, &s->format, s->table_frames, &s->table_cut, 1, value) &&
               (*table = *value, true);
    }
    struct vs_vm *vm = s->vm;
    /* where memory is too fragmented for an area of their own they lie among the data */
    if (!take_table(s->frames, &vm->apart_cut, s->format.granule, value) &&
        !take(s->frames, &s->cut, s->format.granule, value)) {
        return false;
    }
    for (uint64_t done = 0; done < bytes; done += 4096) { /* the host's pages may be smaller */
        if (back(vm, *value + done, true)) {
            return false;
        }
        zero(s->phys, locate_guest(s, *value + done), 4096);
    }
    *table = locate_guest(s, *value);
    return true;
}

/* The half of the address space that gva is in: its format and root, and the address in it. */
struct half {
    const struct vs_radix_format *f;
    uint64_t root, at;
    struct vs_radix_alloc tables;
    bool upper;
};

/* The half of the address space that an address is in. */
static struct half half_of(const struct vs_space *s, uint64_t gva)
{
    bool upper = s->upper.levels && gva >> 63;
    const struct vs_radix_format *f = upper ? &s->upper : &s->format;
    return (struct half){
        f,
        upper ? s->upper_root : s->root,
        upper ? gva & ((1ull << f->input_bits) - 1u) : gva,
        {(void *)(uintptr_t)s, guest_table, locate_guest, upper ? s->upper_cr3 : s->cr3},
        upper};
}

bool vs_space_reaches(const struct vs_space *s, uint64_t gva)
{
    return s->upper.levels && gva >> 63 ? ~gva >> s->upper.input_bits == 0
                                        : vs_radix_reaches(&s->format, gva);
}

const struct vs_radix_format *vs_space_format(const struct vs_space *s, uint64_t gva)
{
    return half_of(s, gva).f;
}

void vs_space_upper(struct vs_space *s, const struct vs_radix_format *format)
{
    s->upper = *format;
    s->upper_cr3 = s->upper_root = 0;
}

enum vs_status vs_space_upper_root(struct vs_space *s)
{
    return s->upper_root || guest_table(s, &s->upper_cr3, &s->upper_root) ? VS_OK : VS_E_NOMEM;
}

void vs_space_share_upper(struct vs_space *s, const struct vs_space *from)
{
    s->upper = from->upper;
    s->upper_cr3 = from->upper_cr3;
    s->upper_root = from->upper_root;
}

enum vs_status vs_space_init(struct vs_space *s, struct vs_phys *phys, struct vs_vm *vm,
                             struct vs_frames *host)
{
    return vs_space_init_format(s, &vs_radix_x86_64, phys, vm, host);
}

enum vs_status vs_space_init_format(struct vs_space *s, const struct vs_radix_format *format,
                                    struct vs_phys *phys, struct vs_vm *vm, struct vs_frames *host)
{
    memset(s, 0, sizeof *s);
    s->format = *format;
    s->phys = phys;
    s->vm = vm;
    s->frames = vm ? &vm->guest : host;
    s->table_frames = host;
    s->first_gva = s->next_gva = FIRST_GVA;
    return guest_table(s, &s->cr3, &s->root) ? VS_OK : VS_E_NOMEM;
}

void vs_space_place(struct vs_space *s, struct vs_frames *data)
{
    s->frames = s->vm ? s->frames : data;
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
    uint64_t rights = VS_RIGHT_READ | VS_RIGHT_EXECUTE | (writable ? VS_RIGHT_WRITE : 0);
    if (!vs_space_reaches(s, gva)) {
        return VS_E_BOUNDS;
    }
    if (half_of(s, gva).upper && vs_space_upper_root(s)) {
        return VS_E_NOMEM;
    }
    struct half h = half_of(s, gva);
    uint64_t flags = vs_radix_leaf_flags(h.f, rights);
    flags = s->global || h.upper ? vs_radix_global(h.f, flags) : flags; /* upper: the kernel's */
    s->pages++;
    s->edits++;
    return vs_radix_map(s->phys, h.f, h.root, h.at, pa, page_shift, flags, &h.tables);
}

enum vs_status vs_space_touch(struct vs_space *s, uint64_t gva, unsigned page_shift, bool writable,
                              bool back)
{
    uint64_t frame, page = gva >> page_shift << page_shift;
    if (!vs_space_reaches(s, gva)) {
        return VS_E_BOUNDS;
    }
    if (!take(s->frames, &s->cut, page_shift, &frame)) {
        return VS_E_NOMEM;
    }
    enum vs_status st = vs_space_map_at(s, page, frame, page_shift, writable);
    for (uint64_t at = frame; !st && back && s->vm && at < frame + (1ull << page_shift);
         at += 1ull << s->vm->host_shift) {
        st = vs_vm_back(s->vm, at);
    }
    return st;
}

/* Finds the leaf that maps an address. */
static bool leaf_of(const struct vs_space *s, uint64_t gva, vs_hpa *at, unsigned *level)
{
    struct half h = half_of(s, gva);
    at->v = NOWHERE;
    *level = h.f->levels;
    return vs_space_reaches(s, gva) && (h.root || !h.upper) &&
           vs_radix_find(s->phys, h.f, h.root, h.at, &h.tables, at, level);
}

/* The same for a page whose rights were all taken. */
static bool any_leaf(const struct vs_space *s, uint64_t gva, vs_hpa *at, unsigned *level)
{
    return leaf_of(s, gva, at, level) ||
           (!s->adopted && vs_radix_held(&s->format, vs_phys_read64(s->phys, *at)));
}

bool vs_space_held(const struct vs_space *s, uint64_t gva)
{
    vs_hpa at;
    unsigned level;
    return !leaf_of(s, gva, &at, &level) && any_leaf(s, gva, &at, &level);
}

enum vs_status vs_space_split(struct vs_space *s, uint64_t gva)
{
    const struct vs_radix_format *f = &s->format;
    vs_hpa at;
    unsigned level;
    uint64_t value, table;
    if (!any_leaf(s, gva, &at, &level) || level < 2) {
        return VS_E_CONFIG;
    }
    if (!guest_table(s, &value, &table)) {
        return VS_E_NOMEM;
    }
    vs__slat_pieces(s->phys, f, level, vs_phys_read64(s->phys, at), table);
    s->edits++;
    vs_phys_write64(s->phys, at, value | f->table_flags);
    s->pages += (1ull << f->stride) - 1u;
    return VS_OK;
}

unsigned vs_space_malformed(const struct vs_space *s, uint64_t gva, unsigned physical_bits)
{
    const struct vs_radix_format *f = half_of(s, gva).f;
    uint64_t at[VS_RADIX_LEVELS + 1u];
    unsigned last = vs_space_path(s, gva, at);
    for (unsigned level = f->levels; level >= last; level--) {
        vs_hpa h = {locate_guest((void *)(uintptr_t)s, at[level])};
        uint64_t entry = vs_phys_read64(s->phys, h);
        bool leaf = vs_radix_is_leaf(f, level, entry);
        if ((entry & f->present) && (entry & vs_radix_reserved(f, level, leaf, physical_bits))) {
            return level;
        }
    }
    return 0;
}

unsigned vs_space_path(const struct vs_space *s, uint64_t gva, uint64_t at[VS_RADIX_LEVELS + 1u])
{
    struct half half = half_of(s, gva);
    const struct vs_radix_format *f = half.f;
    uint64_t table = half.tables.root_value;
    for (unsigned level = f->levels;; level--) {
        at[level] = table + vs_radix_offset(f, level, half.at);
        vs_hpa h = {locate_guest((void *)(uintptr_t)s, at[level])};
        uint64_t entry = vs_phys_read64(s->phys, h);
        if (!(entry & f->present) || vs_radix_is_leaf(f, level, entry)) {
            return level;
        }
        table = entry & f->address;
    }
}

uint64_t vs_space_drop(struct vs_space *s, uint64_t gva, unsigned *page_shift)
{
    vs_hpa at;
    unsigned level;
    if (!any_leaf(s, gva, &at, &level)) {
        return 0;
    }
    *page_shift = vs_radix_level_shift(&s->format, level);
    uint64_t entry = vs_phys_read64(s->phys, at);
    s->edits++;
    vs_phys_write64(s->phys, at, 0);
    return entry;
}

bool vs_space_adopt(struct vs_space *s, uint64_t cr3)
{
    s->edits++;
    s->cr3 = s->root = cr3;
    s->adopted = true;
    return !s->vm || vs_vm_locate(s->vm, cr3, &s->root);
}

bool vs_space_unmap(struct vs_space *s, uint64_t gva, unsigned *page_shift)
{
    uint64_t entry = vs_space_drop(s, gva, page_shift);
    if (!entry) {
        return false;
    }
    vs_frames_free_one(s->frames, *page_shift,
                       entry & s->format.address & ~((1ull << *page_shift) - 1u));
    return true;
}

bool vs_space_protect(struct vs_space *s, uint64_t gva, uint64_t rights, unsigned *page_shift)
{
    vs_hpa at;
    unsigned level;
    if (!any_leaf(s, gva, &at, &level)) {
        return false;
    }
    uint64_t entry = vs_phys_read64(s->phys, at);
    *page_shift = vs_radix_level_shift(&s->format, level);
    s->edits++;
    vs_phys_write64(s->phys, at, vs_radix_with(&s->format, entry, rights));
    return true;
}

bool vs_space_find(const struct vs_space *s, uint64_t gva, uint64_t *gpa)
{
    vs_hpa at;
    unsigned level;
    if (!leaf_of(s, gva, &at, &level)) {
        return false;
    }
    uint64_t low = (1ull << vs_radix_level_shift(&s->format, level)) - 1u;
    *gpa = (vs_phys_read64(s->phys, at) & s->format.address & ~low) | (gva & low);
    return true;
}

bool vs_space_locate(const struct vs_space *s, uint64_t gva, uint64_t *gpa, uint64_t *hpa)
{
    if (!vs_space_find(s, gva, gpa)) {
        return false;
    }
    *hpa = *gpa;
    return !s->vm || vs_vm_locate(s->vm, *gpa, hpa);
}

/* SPDX-License-Identifier: MIT */
#include "ept/slat.h"

/* Finds the leaf that maps an address, and its level. */
static bool find(const struct vs_vm *vm, uint64_t gpa, struct vs_slat_leaf *leaf, unsigned *level)
{
    const struct vs_radix_format *f = &vm->format;
    bool there = vs_radix_find(vm->phys, f, vm->ept_root, gpa, NULL, &leaf->at, level);
    leaf->shift = vs_radix_level_shift(f, *level);
    leaf->entry = vs_phys_read64(vm->phys, leaf->at);
    return there || vs_radix_held(f, leaf->entry);
}

bool vs_slat_find(const struct vs_vm *vm, uint64_t gpa, struct vs_slat_leaf *leaf)
{
    unsigned level;
    return find(vm, gpa, leaf, &level);
}

void vs__slat_pieces(struct vs_phys *phys, const struct vs_radix_format *f, unsigned level,
                     uint64_t entry, uint64_t table)
{
    uint64_t step = 1ull << vs_radix_level_shift(f, level - 1u),
             low = (1ull << vs_radix_level_shift(f, level)) - 1u,
             flags = entry & ~(f->address | (level == 2 ? f->leaf : 0)),
             kind = level > 2 ? f->leaf_value : f->page;
    kind &= entry & f->present ? UINT64_MAX : ~f->present;
    for (uint64_t i = 0; i < 1ull << f->stride; i++) {
        vs_hpa at = {table + i * 8u};
        vs_phys_write64(phys, at, ((entry & f->address & ~low) + i * step) | flags | kind);
    }
}

enum vs_status vs_slat_split(struct vs_vm *vm, uint64_t gpa)
{
    struct vs_slat_leaf leaf;
    unsigned level;
    while (find(vm, gpa, &leaf, &level) && level > 1) {
        uint64_t value, table;
        if (!vs__slat_table(vm, &value, &table)) {
            return VS_E_NOMEM;
        }
        vs__slat_pieces(vm->phys, &vm->format, level, leaf.entry, table);
        vs_slat_put(vm, &leaf, value | vm->format.table_flags);
    }
    return VS_OK;
}

enum vs_status vs_slat_copy(struct vs_vm *view, uint64_t gpa, const struct vs_vm *of, uint64_t from)
{
    const struct vs_radix_format *f = &view->format;
    struct vs_radix_alloc alloc = {view, vs__slat_table, NULL, 0};
    struct vs_slat_leaf source, leaf;
    if (!vs_slat_find(of, from, &source) || vs_slat_find(view, gpa, &leaf)) {
        return VS_E_CONFIG;
    }
    unsigned shift = source.shift < leaf.shift ? source.shift : leaf.shift;
    uint64_t low = (UINT64_C(1) << source.shift) - 1u, page = UINT64_C(1) << shift;
    if ((gpa ^ from) & low & ~(page - 1u)) { /* elsewhere in its page: a small one */
        shift = f->granule;
        page = UINT64_C(1) << shift;
    }
    uint64_t hpa = (source.entry & f->address & ~low) | (from & low & ~(page - 1u)),
             rights = vs_radix_held(f, source.entry) ? 0 : vs_radix_rights(f, true, source.entry);
    enum vs_status s = vs_radix_map(view->phys, f, view->ept_root, gpa & ~(page - 1u), hpa, shift,
                                    vs_radix_leaf_flags(f, VS_RIGHTS), &alloc);
    if (!s && rights != VS_RIGHTS) {
        (void)vs_slat_find(view, gpa, &leaf);
        vs_slat_put(view, &leaf,
                    vs_radix_with(f, leaf.entry, rights) | (source.entry & VS_SLAT_WATCHED));
    }
    view->edits++;
    return s;
}

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

/* SPDX-License-Identifier: MIT */
/*
 * What a hypervisor changes in the leaves of a machine's second dimension besides making them:
 * their rights, dirty flags and sizes. Functional and untimed, as space.h; who caches what they
 * said is to be told by an invalidation.
 *
 * Two bits that hardware ignores in leaves of every format (SDM 3C table 28-6: 56:52; APM volume 2,
 * 5.3: 58:52; Arm ARM: 58:55) remember why a right is missing.
 */
#ifndef VIRTSIM_EPT_SLAT_H
#define VIRTSIM_EPT_SLAT_H

#include "ept/space.h"

#define VS_SLAT_LOGGED (1ull << 55)  /* the dirty log has taken the right to write */
#define VS_SLAT_WATCHED (1ull << 56) /* somebody outside has taken rights */

struct vs_slat_leaf {
    vs_hpa at;
    uint64_t entry;
    unsigned shift; /* of the page; of what is absent, when there is no leaf */
};

/* The leaf of gpa, present or not (VS_SLAT_WATCHED pages may have no right at all). */
bool vs_slat_find(const struct vs_vm *vm, uint64_t gpa, struct vs_slat_leaf *leaf);
/* Writes a leaf, and counts the edit. */
static inline void vs_slat_put(struct vs_vm *vm, struct vs_slat_leaf *leaf, uint64_t entry)
{
    leaf->entry = entry;
    vm->edits++;
    vs_phys_write64(vm->phys, leaf->at, entry);
}
/* Splits the page around gpa until its leaf has the smallest size; flags and rights stay.
 * vm->tables counts the tables made. VS_E_NOMEM when host memory is exhausted. */
enum vs_status vs_slat_split(struct vs_vm *vm, uint64_t gpa);

/* The view, which has no leaf of gpa, gets the one of the machine at `from`, whole if it has room
 * for a page of that size; with its rights. VS_E_CONFIG: there is none; VS_E_NOMEM as above. */
enum vs_status vs_slat_copy(struct vs_vm *view, uint64_t gpa, const struct vs_vm *of,
                            uint64_t from);

/* Inside: a zeroed table of the second dimension; `table` filled with the pieces of a leaf. */
bool vs__slat_table(void *vm, uint64_t *value, uint64_t *table);
void vs__slat_pieces(struct vs_phys *phys, const struct vs_radix_format *f, unsigned level,
                     uint64_t entry, uint64_t table);

#endif

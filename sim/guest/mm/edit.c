/* SPDX-License-Identifier: MIT */
/*
 * The guest's kernel at work on its own page tables: stores through its direct map of memory, which
 * take time like any other and, under shadow paging, may be stopped. The tables' bytes are written
 * by vs_space before; nobody else looks in between.
 */
#include "guest/guest.h"

/* The kernel's map of all of its memory (layout.c). Pieces of it are made
 * when first wanted: it was there when the machine booted. */
uint64_t guest_mm_direct(struct vs_vcpu *v, uint64_t pa)
{
    uint64_t start = v->p->layout.direct, at = start + pa, gpa, hpa;
    unsigned shift = vs_radix_fit(vs_space_format(&v->space, start), 30);
    if (!vs_space_locate(&v->space, at, &gpa, &hpa)) {
        uint64_t base = pa >> shift << shift;
        v->space.global = v->p->ept.global_pages != 0;
        if (vs_space_map_at(&v->space, start + base, base, shift, true)) {
            vcpu_fail(v, "no memory is left for the kernel's direct map");
        }
        v->space.global = false;
    }
    return at;
}

void guest_mm_edit_clear(struct vs_vcpu *v, uint64_t gva, uint64_t bytes)
{
    uint64_t pa, hpa;
    (void)vs_space_locate(&v->space, gva, &pa, &hpa); /* false: the host has no page for it yet */
    struct guest_work w = {.page = guest_mm_direct(v, pa), .bytes = bytes};
    (void)guest_run(v, GUEST_ZERO_PAGE, &w);
}

void guest_mm_edit_begin(const struct vs_vcpu *v, uint64_t *tables)
{
    *tables = v->space.tables;
}

void guest_mm_edit_plan(struct vs_vcpu *v, struct guest_work *w)
{
    w->leaf = vs_space_path(&v->space, w->gva, w->path);
    w->made = (unsigned)(v->space.tables - w->tables);
    w->entry = w->path[w->leaf];
}

bool guest_mm_edit_next(struct vs_vcpu *v, struct guest_work *w, uint64_t k)
{
    unsigned level = w->leaf + w->made - (unsigned)k;
    w->entry = w->path[level];
    if (k < w->made) { /* a new table is cleared, then made known */
        w->table = w->path[level - 1u] & ~((1ull << v->space.format.granule) - 1u);
    }
    return k < w->made;
}

void guest_mm_edit_entry(struct vs_vcpu *v, uint64_t gva, uint64_t tables_before)
{
    struct guest_work w = {.gva = gva, .tables = tables_before};
    guest_mm_edit_plan(v, &w);
    (void)guest_run(v, GUEST_TABLE_EDIT, &w);
}

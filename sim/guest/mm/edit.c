/* SPDX-License-Identifier: MIT */
/*
 * The guest's kernel at work on its own page tables: stores through its direct map of memory, which
 * take time like any other and, under shadow paging, may be stopped. The tables' bytes are written
 * by vs_space before; nobody else looks in between.
 */
#include "guest/guest.h"

/* The kernel's map of all of its memory (layout.c). Pieces of it are made
 * when first wanted: it was there when the machine booted. */
static uint64_t direct(struct vs_vcpu *v, uint64_t pa)
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

/* The kernel stores into a table entry at this guest-physical address. */
static void store(struct vs_vcpu *v, uint64_t pa)
{
    v->os_count[VS_CNT_os_table_stores]++;
    (void)guest_touch(v, direct(v, pa), VS_REF_WRITE);
}

void guest_mm_edit_clear(struct vs_vcpu *v, uint64_t gva, uint64_t bytes)
{
    uint64_t pa, hpa;
    (void)vs_space_locate(&v->space, gva, &pa, &hpa); /* false: the host has no page for it yet */
    if (v->p->os.zero_page) {
        guest_clear(v, direct(v, pa), bytes);
    }
}

void guest_mm_edit_begin(const struct vs_vcpu *v, uint64_t *tables)
{
    *tables = v->space.tables;
}

void guest_mm_edit_entry(struct vs_vcpu *v, uint64_t gva, uint64_t tables_before)
{
    uint64_t at[VS_RADIX_LEVELS + 1u];
    unsigned leaf = vs_space_path(&v->space, gva, at);
    uint64_t made = v->space.tables - tables_before, bytes = 1ull << v->space.format.granule;
    vs_cpu_instructions(&v->hw->cpu, v->p->os.edit_instructions);
    for (unsigned level = leaf + (unsigned)made; level > leaf; level--) {
        /* a new table is cleared, then made known */
        uint64_t table = at[level - 1u] & ~(bytes - 1u);
        guest_clear(v, direct(v, table), bytes);
        store(v, at[level]);
    }
    store(v, at[leaf]);
}

/* SPDX-License-Identifier: MIT */
/* One table of the software TLB: direct-mapped, with a few victims behind it, resized at flushes by
 * how much of it was in use (QEMU accel/tcg/cputlb.c). */
#include "tcg/tcg.h"

#include <stdlib.h>

#define PS_PER_MS 1000000000u
#define NOTHING UINT64_MAX

/* Empties an entry. */
static void clear(struct vs_tcg_entry *e)
{
    *e = (struct vs_tcg_entry){.page = NOTHING};
}

/* All entries are empty. */
static void clear_all(struct vs_tcg_tlb *t)
{
    for (uint64_t i = 0; i < 1ull << t->bits; i++) {
        clear(&t->table[i]);
    }
    for (unsigned i = 0; i < VS_TCG_VICTIMS; i++) {
        clear(&t->victim[i]);
    }
    t->used = t->next_victim = 0;
    t->large_at = t->large_mask = NOTHING;
    t->dirty = false;
}

enum vs_status vs_tcg_tlb_init(struct vs_tcg_tlb *t, const struct vs_tcg_config *config)
{
    *t = (struct vs_tcg_tlb){.config = config, .bits = (unsigned)config->tlb_bits};
    t->table = malloc(sizeof *t->table << t->bits);
    if (!t->table) {
        return VS_E_NOMEM;
    }
    clear_all(t);
    return VS_OK;
}

void vs_tcg_tlb_free(struct vs_tcg_tlb *t)
{
    free(t->table);
    t->table = NULL;
}

const struct vs_tcg_entry *vs_tcg_tlb_victim(struct vs_tcg_tlb *t, uint64_t gva, uint32_t right)
{
    const uint64_t page = gva >> VS_TCG_PAGE_SHIFT;
    for (uint64_t i = 0; i < t->config->victims; i++) {
        struct vs_tcg_entry *v = &t->victim[i];
        if (v->page == page && v->rights & right) {
            struct vs_tcg_entry *e = &t->table[vs_tcg_tlb_index(t, gva)], was = *e;
            *e = *v;
            *v = was;
            return e;
        }
    }
    return NULL;
}

/* tlb_add_large_page: one range holds all large pages; it grows until it has the new one, too. */
static void add_large(struct vs_tcg_tlb *t, uint64_t gva, unsigned page_shift)
{
    uint64_t mask = ~((1ull << page_shift) - 1u), at = t->large_at;
    if (at == NOTHING) {
        at = gva;
    } else {
        mask &= t->large_mask;
        while ((at ^ gva) & mask) {
            mask <<= 1;
        }
    }
    t->large_at = at & mask;
    t->large_mask = mask;
}

const struct vs_tcg_entry *vs_tcg_tlb_put(struct vs_tcg_tlb *t, uint64_t gva, uint64_t gpa,
                                          uint32_t rights, unsigned page_shift)
{
    const uint64_t page = gva >> VS_TCG_PAGE_SHIFT;
    struct vs_tcg_entry *e = &t->table[vs_tcg_tlb_index(t, gva)];
    if (page_shift > VS_TCG_PAGE_SHIFT) {
        add_large(t, gva, page_shift);
    }
    for (uint64_t i = 0; i < t->config->victims; i++) {
        if (t->victim[i].page == page) {
            clear(&t->victim[i]);
        }
    }
    if (e->page != page && e->page != NOTHING) {
        if (t->config->victims) {
            t->victim[t->next_victim++ % t->config->victims] = *e;
        }
    } else if (e->page == NOTHING) {
        t->used++;
    }
    *e = (struct vs_tcg_entry){
        .page = page, .gpa = gpa & ~((1ull << VS_TCG_PAGE_SHIFT) - 1u), .rights = rights};
    t->dirty = true;
    return e;
}

/* tlb_mmu_resize_locked: the size that the use of the table asks for. */
static unsigned wanted_bits(const struct vs_tcg_tlb *t, bool expired)
{
    const struct vs_tcg_config *c = t->config;
    const uint64_t rate = t->window_max * 100u >> t->bits;
    if (rate > c->tlb_grow) {
        return t->bits < c->tlb_most ? t->bits + 1u : t->bits;
    }
    if (rate >= c->tlb_shrink || !expired) {
        return t->bits;
    }
    unsigned bits = 0;
    while (1ull << bits < t->window_max) {
        bits++;
    }
    bits += t->window_max * 100u >> bits > c->tlb_grow;
    return bits > c->tlb_least ? bits : (unsigned)c->tlb_least;
}

int vs_tcg_tlb_flush(struct vs_tcg_tlb *t, uint64_t now_ps)
{
    const bool expired = now_ps > t->window_ps + t->config->tlb_window * PS_PER_MS;
    t->window_max = t->used > t->window_max ? t->used : t->window_max;
    const unsigned bits = wanted_bits(t, expired), was = t->bits;
    if (bits != was) {
        struct vs_tcg_entry *table = realloc(t->table, sizeof *table << bits);
        if (table) { /* else it stays as it is, as it does there */
            t->table = table;
            t->bits = bits;
        }
    }
    if (t->bits != was || expired) {
        t->window_max = t->bits != was ? 0 : t->used;
        t->window_ps = now_ps;
    }
    clear_all(t);
    return t->bits < was ? -1 : t->bits > was;
}

bool vs_tcg_tlb_flush_page(struct vs_tcg_tlb *t, uint64_t gva)
{
    const uint64_t page = gva >> VS_TCG_PAGE_SHIFT;
    struct vs_tcg_entry *e = &t->table[vs_tcg_tlb_index(t, gva)];
    if (t->large_at != NOTHING && (gva & t->large_mask) == t->large_at) {
        return false;
    }
    if (e->page == page) {
        clear(e);
        t->used--;
    }
    for (uint64_t i = 0; i < t->config->victims; i++) {
        if (t->victim[i].page == page) {
            clear(&t->victim[i]);
        }
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
/* Shadow tables and what links them: found by guest frame, reverse maps, age, write protection. */
#include "shadow_impl.h"

#include <string.h>

/* The node of an entry in the lists of who points where. */
static uint32_t node_of(uint32_t p, uint64_t i)
{
    return (p - 1u) * ENTRIES + (uint32_t)i + 1u;
}

/* A page's header: two lines of its 128 bytes. */
static void touch_header(struct vs_shadow *s, struct vs_txn *t, uint32_t p, enum vs_ref ref)
{
    uint64_t at = s->m->header[(p - 1u) / 32u] + (p - 1u) % 32u * 128u;
    vs__shadow_touch(s, t, at, ref);
    vs__shadow_touch(s, t, at + 64u, ref);
}

/* The list of the entries that point to a frame or to a table. */
static uint32_t *list_of(struct vs_shadow *s, unsigned level, bool leaf, uint32_t of)
{
    return leaf ? &s->m->rmap[level][of / vs__shadow_size(level)]
                : &vs__shadow_page(s, of)->parents;
}

/* Says whether an entry maps memory. */
static bool is_leaf(unsigned level, uint64_t entry)
{
    return level == 1 || (entry & LARGE);
}

/* Takes a node out of a list. */
static void unlink_node(struct vs_shadow *s, uint32_t node, uint32_t *list)
{
    while (*list && *list != node) {
        list = &s->m->next[*list - 1u];
    }
    if (*list) {
        *list = s->m->next[node - 1u];
    }
}

/* Writes an entry of a shadow table. */
static void put(struct vs_shadow *s, struct vs_txn *t, const struct vs_shadow_page *p, uint64_t i,
                uint64_t value)
{
    vs_hpa at = {p->frame + i * 8u};
    vs_phys_write64(s->m->phys, at, value);
    vs__shadow_touch(s, t, at.v, VS_REF_WRITE);
}

void vs__shadow_drop(struct vs_shadow *s, struct vs_txn *t, uint32_t index, uint64_t i)
{
    struct vs_shadow_page *p = vs__shadow_page(s, index);
    uint64_t entry = vs__shadow_get(s, p, i);
    if (!(entry & PRESENT)) {
        return;
    }
    uint32_t node = node_of(index, i);
    unlink_node(s, node, list_of(s, p->level, is_leaf(p->level, entry), s->m->of[node - 1u]));
    p->used--;
    put(s, t, p, i, 0);
    vs__shadow_work(s, t, VS_SHADOW_PATH_ZAP, 1);
    s->flush = true;
}

void vs__shadow_set(struct vs_shadow *s, struct vs_txn *t, uint32_t index, uint64_t i,
                    uint64_t value, uint32_t of)
{
    struct vs_shadow_page *p = vs__shadow_page(s, index);
    uint64_t old = vs__shadow_get(s, p, i);
    uint32_t node = node_of(index, i);
    if (value == old && s->m->of[node - 1u] == of) {
        return;
    }
    bool leaf = is_leaf(p->level, value);
    if ((old & PRESENT) && ((old ^ value) & s->m->format.address || s->m->of[node - 1u] != of ||
                            is_leaf(p->level, old) != leaf)) {
        vs__shadow_drop(s, t, index, i);
        old = 0;
    }
    if (!(old & PRESENT)) {
        uint32_t *list = list_of(s, p->level, leaf, of);
        s->m->of[node - 1u] = of;
        s->m->next[node - 1u] = *list;
        *list = node;
        p->used++;
    } else if ((old & ~value & (WRITE | USER)) || (value & ~old & NO_EXECUTE)) {
        s->flush = true; /* rights were taken */
    }
    put(s, t, p, i, value);
    vs__shadow_work(s, t, VS_SHADOW_PATH_ENTRY, 1);
}

uint32_t vs__shadow_find(struct vs_shadow *s, uint64_t gfn, unsigned level, bool direct)
{
    uint32_t i = s->m->same[gfn];
    while (i) {
        const struct vs_shadow_page *p = vs__shadow_page(s, i);
        if (p->level == level && p->direct == direct) {
            return i;
        }
        i = p->next_same;
    }
    return 0;
}

bool vs__shadow_tracked(struct vs_shadow *s, uint64_t gfn)
{
    for (uint32_t i = s->m->same[gfn]; i; i = vs__shadow_page(s, i)->next_same) {
        const struct vs_shadow_page *p = vs__shadow_page(s, i);
        if (!p->direct && !p->unsync) {
            return true;
        }
    }
    return false;
}

/* Entries that map the frame lose the right to write; large ones go, to come back in pieces. */
void vs__shadow_protect(struct vs_shadow *s, struct vs_txn *t, uint64_t gfn)
{
    for (uint32_t n = s->m->rmap[1][gfn]; n; n = s->m->next[n - 1u]) {
        uint32_t index = (n - 1u) / ENTRIES + 1u;
        uint64_t i = (n - 1u) % ENTRIES;
        struct vs_shadow_page *p = vs__shadow_page(s, index);
        uint64_t entry = vs__shadow_get(s, p, i);
        if (entry & WRITE) {
            put(s, t, p, i, entry & ~(uint64_t)(WRITE | DIRTY));
            vs__shadow_work(s, t, VS_SHADOW_PATH_ZAP, 1);
            s->count[VS_CNT_shadow_protected]++;
            s->flush = true;
        }
    }
    for (unsigned level = 2; level < 4; level++) {
        uint32_t *list = &s->m->rmap[level][gfn / vs__shadow_size(level)];
        while (*list) {
            uint32_t n = *list;
            vs__shadow_drop(s, t, (n - 1u) / ENTRIES + 1u, (n - 1u) % ENTRIES);
            s->count[VS_CNT_shadow_protected]++;
        }
    }
}

/* Counts the shadowed tables that large pages over a frame have to leave out. */
static void track(struct vs_shadow *s, uint64_t gfn, bool on)
{
    for (unsigned level = 2; level < 4; level++) {
        uint32_t *n = &s->m->tables[level][gfn / vs__shadow_size(level)];
        *n = on ? *n + 1u : *n - 1u;
    }
}

/* Gives a shadow table a cleared frame. */
static bool frame_for(struct vs_shadow *s, struct vs_shadow_page *p)
{
    static const unsigned char none[4096];
    if (!p->frame && !vs_frames_alloc_table(s->m->frames, &p->frame)) {
        return false;
    }
    vs_hpa at = {p->frame};
    vs_phys_write(s->m->phys, at, none, sizeof none);
    return true;
}

uint32_t vs__shadow_make(struct vs_shadow *s, struct vs_txn *t, uint64_t gfn, unsigned level,
                         bool direct)
{
    if (!s->m->n_free) {
        return 0;
    }
    uint32_t index = s->m->free[s->m->n_free - 1u];
    struct vs_shadow_page *p = vs__shadow_page(s, index);
    if (!frame_for(s, p)) {
        return 0;
    }
    s->m->n_free--;
    uint64_t frame = p->frame;
    bool listed = p->listed;
    *p = (struct vs_shadow_page){.frame = frame,
                                 .gfn = gfn,
                                 .next_same = s->m->same[gfn],
                                 .older = s->m->newest,
                                 .level = (uint8_t)level,
                                 .live = true,
                                 .direct = direct,
                                 .listed = listed};
    s->m->same[gfn] = index;
    if (s->m->newest) {
        vs__shadow_page(s, s->m->newest)->newer = index;
    } else {
        s->m->oldest = index;
    }
    s->m->newest = index;
    s->count[VS_CNT_shadow_pages_made]++;
    vs__shadow_work(s, t, VS_SHADOW_PATH_PAGE, 1);
    touch_header(s, t, index, VS_REF_WRITE);
    if (t) {
        vs_gva table = {s->m->at.direct + frame};
        s->core.store_string(s->core.ctx, t, table, 4096);
    }
    if (!direct) {
        track(s, gfn, true);
        vs__shadow_protect(s, t, gfn);
    }
    return index;
}

/* Forgets which of the guest's tables a shadow table stands for. */
static void forget(struct vs_shadow *s, uint32_t index)
{
    struct vs_shadow_page *p = vs__shadow_page(s, index);
    uint32_t *list = &s->m->same[p->gfn];
    while (*list != index) {
        list = &vs__shadow_page(s, *list)->next_same;
    }
    *list = p->next_same;
    if (p->older) {
        vs__shadow_page(s, p->older)->newer = p->newer;
    } else {
        s->m->oldest = p->newer;
    }
    if (p->newer) {
        vs__shadow_page(s, p->newer)->older = p->older;
    } else {
        s->m->newest = p->older;
    }
    if (!p->direct) {
        track(s, p->gfn, false);
    }
    p->live = p->unsync = false;
    s->m->free[s->m->n_free++] = index;
}

/* tree: and every table below that nothing else points to. */
void vs__shadow_zap(struct vs_shadow *s, struct vs_txn *t, uint32_t index, bool tree)
{
    struct vs_shadow_page *p = vs__shadow_page(s, index);
    touch_header(s, t, index, VS_REF_WRITE);
    for (uint64_t i = 0; i < ENTRIES && p->used; i++) {
        uint64_t entry = vs__shadow_get(s, p, i);
        if (entry & PRESENT) {
            uint32_t child = is_leaf(p->level, entry) ? 0 : s->m->of[node_of(index, i) - 1u];
            vs__shadow_drop(s, t, index, i);
            if (tree && child && !vs__shadow_page(s, child)->parents) {
                vs__shadow_zap(s, t, child, true);
            }
        }
    }
    while (p->parents) {
        uint32_t n = p->parents;
        vs__shadow_drop(s, t, (n - 1u) / ENTRIES + 1u, (n - 1u) % ENTRIES);
    }
    s->count[VS_CNT_shadow_pages_zapped]++;
    s->flush = true;
    forget(s, index);
}

bool vs__shadow_reserve(struct vs_shadow *s, struct vs_txn *t, uint32_t n)
{
    while (s->m->n_free < n) {
        uint64_t batch = s->m->cfg.reclaim > n ? s->m->cfg.reclaim : n;
        uint32_t at = s->m->oldest, newer;
        for (; at && batch; at = newer) {
            newer = vs__shadow_page(s, at)->newer;
            if (!vs__shadow_page(s, at)->roots) {
                vs__shadow_zap(s, t, at, false);
                s->count[VS_CNT_shadow_reclaimed]++;
                batch--;
            }
        }
        if (!at && s->m->n_free < n) {
            return false;
        }
    }
    return true;
}

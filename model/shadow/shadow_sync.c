/* SPDX-License-Identifier: MIT */
/* Keeping the shadow in line with the guest's tables: trapped stores, tables out of sync, INVLPG,
 * MOV to CR3. */
#include "shadow_impl.h"

uint64_t vs__shadow_leaf(struct vs_shadow *s, uint64_t guest, uint64_t gfn)
{
    uint64_t flags = PRESENT | ACCESSED | (guest & (USER | NO_EXECUTE));
    /* read-only until the first write, which sets the guest's dirty flag */
    bool write = (guest & WRITE) && (guest & DIRTY) && !vs__shadow_tracked(s, gfn);
    return flags | (write ? WRITE | DIRTY : 0u);
}

bool vs__shadow_may_unsync(struct vs_shadow *s, uint64_t gfn)
{
    if (!s->m->cfg.sync) {
        return false;
    }
    for (uint32_t i = s->m->same[gfn]; i; i = vs__shadow_page(s, i)->next_same) {
        const struct vs_shadow_page *p = vs__shadow_page(s, i);
        if (!p->direct && p->level > 1) {
            return false;
        }
    }
    return true;
}

void vs__shadow_unsync(struct vs_shadow *s, uint64_t gfn)
{
    for (uint32_t i = s->m->same[gfn]; i; i = vs__shadow_page(s, i)->next_same) {
        struct vs_shadow_page *p = vs__shadow_page(s, i);
        if (!p->direct && !p->unsync) {
            p->unsync = true;
            s->count[VS_CNT_shadow_unsyncs]++;
            if (!p->listed) {
                p->listed = true;
                s->m->unsynced[s->m->n_unsynced++] = i;
            }
        }
    }
}

/* The store is decoded and carried out; the shadows of that entry go. */
void vs__shadow_write(struct vs_shadow *s, struct vs_txn *t, uint64_t gpa)
{
    uint64_t hpa;
    unsigned shift;
    vs__shadow_open(s, t, VS_OP_SHADOW_WRITE, VS_SHADOW_PATH_WRITE);
    if (s->port.host(s->port.ctx, t, gpa, false, &hpa, &shift)) {
        vs__shadow_touch(s, t, hpa, VS_REF_WRITE);
    }
    uint32_t i = s->m->same[gpa >> 12], next;
    for (; i; i = next) {
        struct vs_shadow_page *p = vs__shadow_page(s, i);
        next = p->next_same;
        if (p->direct) {
            continue;
        }
        vs__shadow_drop(s, t, i, gpa >> 3 & (ENTRIES - 1u));
        if (s->m->cfg.flood && ++p->writes >= s->m->cfg.flood && !p->roots) {
            vs__shadow_zap(s, t, i, false);
            s->count[VS_CNT_shadow_floods]++;
        }
    }
    s->count[VS_CNT_shadow_writes]++;
    vs__shadow_close(s, t);
}

/* Entries [first, first + n) of a level-1 page are compared with the guest's. */
static void compare(struct vs_shadow *s, struct vs_txn *t, uint32_t index, uint64_t first,
                    uint64_t n)
{
    const struct vs_shadow_page *p = vs__shadow_page(s, index);
    uint64_t hpa;
    unsigned shift;
    if (!s->port.host(s->port.ctx, t, p->gfn << 12, false, &hpa, &shift)) {
        return;
    }
    for (uint64_t i = first; i < first + n; i++) {
        if (i % 8 == 0 || i == first) {
            vs__shadow_touch(s, t, p->frame + i * 8u, VS_REF_READ);
            vs__shadow_touch(s, t, hpa + i * 8u, VS_REF_READ);
        }
        uint64_t entry = vs__shadow_get(s, p, i);
        vs_hpa at = {hpa + i * 8u};
        uint64_t guest = vs_phys_read64(s->m->phys, at);
        if (!(entry & PRESENT)) {
            continue;
        }
        uint64_t gfn = (guest & s->m->format.address) >> 12;
        uint32_t of = s->m->of[(index - 1u) * ENTRIES + i];
        if (!(guest & PRESENT) || !(guest & ACCESSED) || gfn != of ||
            (guest & s->m->reserved[1][1])) {
            vs__shadow_drop(s, t, index, i);
            s->count[VS_CNT_shadow_changed]++;
            continue;
        }
        uint64_t want = (entry & s->m->format.address) | vs__shadow_leaf(s, guest, gfn);
        if (want != entry) {
            vs__shadow_set(s, t, index, i, want, of);
            s->count[VS_CNT_shadow_changed]++;
        }
    }
    vs__shadow_work(s, t, VS_SHADOW_PATH_SYNC, n);
    s->count[VS_CNT_shadow_compared] += n;
}

void vs__shadow_sync(struct vs_shadow *s, struct vs_txn *t, uint32_t index)
{
    struct vs_shadow_page *p = vs__shadow_page(s, index);
    vs__shadow_open(s, t, VS_OP_SHADOW_SYNC, VS_SHADOW_PATH_SYNC);
    compare(s, t, index, 0, ENTRIES);
    p->unsync = false; /* stores to it trap again */
    vs__shadow_protect(s, t, p->gfn);
    s->count[VS_CNT_shadow_syncs]++;
    vs__shadow_close(s, t);
}

/* A table leads there: through its parents, which are at most a few. */
static bool leads_to(struct vs_shadow *s, uint32_t top, uint32_t index)
{
    const struct vs_shadow_page *p = vs__shadow_page(s, index);
    if (index == top || p->level >= vs__shadow_page(s, top)->level) {
        return index == top;
    }
    for (uint32_t n = p->parents; n; n = s->m->next[n - 1u]) {
        if (leads_to(s, top, (n - 1u) / ENTRIES + 1u)) {
            return true;
        }
    }
    return false;
}

/* KVM's mmu_sync_children. */
void vs__shadow_sync_below(struct vs_shadow *s, struct vs_txn *t, uint32_t top)
{
    struct vs_shadow_mmu *m = s->m;
    uint32_t left = 0;
    for (uint32_t k = 0; k < m->n_unsynced; k++) {
        uint32_t index = m->unsynced[k];
        struct vs_shadow_page *p = vs__shadow_page(s, index);
        bool out = p->live && p->unsync;
        if (out && leads_to(s, top, index)) {
            vs__shadow_sync(s, t, index);
            out = false;
        }
        p->listed = out;
        if (out) {
            m->unsynced[left++] = index;
        }
    }
    m->n_unsynced = left;
}

/* shadow.verify: level-1 leaves of tables in sync are the guest's entries, composed with where the
 * host keeps their pages. */
static void verify(struct vs_shadow *s)
{
    if (!s->m->cfg.verify) {
        return;
    }
    for (uint32_t index = s->m->oldest; index; index = vs__shadow_page(s, index)->newer) {
        const struct vs_shadow_page *p = vs__shadow_page(s, index);
        uint64_t table, hpa;
        unsigned shift;
        if (p->level != 1 || p->direct || p->unsync ||
            !s->port.host(s->port.ctx, NULL, p->gfn << 12, false, &table, &shift)) {
            continue;
        }
        for (uint64_t i = 0; i < ENTRIES; i++) {
            uint64_t entry = vs__shadow_get(s, p, i);
            if (!(entry & PRESENT)) {
                continue;
            }
            vs_hpa at = {table + i * 8u};
            uint64_t guest = vs_phys_read64(s->m->phys, at);
            bool good = (guest & PRESENT) && (guest & WRITE) >= (entry & WRITE) &&
                        s->port.host(s->port.ctx, NULL, guest & s->m->format.address, false, &hpa,
                                     &shift) &&
                        (entry & s->m->format.address) == hpa;
            s->count[good ? VS_CNT_shadow_verified : VS_CNT_shadow_disagreements]++;
        }
    }
}

bool vs__shadow_flush(struct vs_shadow *s, struct vs_txn *t)
{
    vs_gva none = {0};
    if (!s->flush) {
        return false;
    }
    s->flush = false;
    s->count[VS_CNT_shadow_flushes]++;
    s->port.flush(s->port.ctx, t, VS_SHADOW_FLUSH_MACHINE, none);
    return true;
}

/* All that is due; else what this vCPU drops of its own. */
static void flush_at_least(struct vs_shadow *s, struct vs_txn *t, enum vs_shadow_flush what,
                           vs_gva at)
{
    if (!vs__shadow_flush(s, t)) {
        s->port.flush(s->port.ctx, t, what, at);
    }
}

void vs_shadow_invlpg(struct vs_shadow *s, struct vs_txn *t, vs_gva at)
{
    uint32_t index = s->root[0].page;
    s->count[VS_CNT_shadow_invlpgs]++;
    for (;;) {
        const struct vs_shadow_page *p = vs__shadow_page(s, index);
        uint64_t i = vs_radix_offset(&s->m->format, p->level, at.v) / 8u;
        uint64_t entry = vs__shadow_get(s, p, i);
        vs__shadow_touch(s, t, p->frame + i * 8u, VS_REF_READ);
        vs__shadow_work(s, t, VS_SHADOW_PATH_WALK, 1);
        if (p->level == 1 && p->unsync) {
            uint64_t n = s->m->cfg.batch;
            if (n >= ENTRIES) {
                vs__shadow_sync(s, t, index);
            } else {
                vs__shadow_open(s, t, VS_OP_SHADOW_SYNC, VS_SHADOW_PATH_SYNC);
                compare(s, t, index, i & ~(n - 1u), n);
                vs__shadow_close(s, t);
            }
        }
        if (p->level == 1 || !(entry & PRESENT) || entry & LARGE) {
            break;
        }
        index = s->m->of[(index - 1u) * ENTRIES + i];
    }
    flush_at_least(s, t, VS_SHADOW_FLUSH_PAGE, at);
    verify(s);
}

/* Moves root k to the front. */
static void use_root(struct vs_shadow *s, uint32_t k)
{
    uint64_t cr3 = s->root[k].cr3;
    uint32_t page = s->root[k].page;
    for (; k; k--) {
        s->root[k] = s->root[k - 1u];
    }
    s->root[0].cr3 = cr3;
    s->root[0].page = page;
}

/* Makes the shadow of a root that isn't known. */
static bool new_root(struct vs_shadow *s, struct vs_txn *t, uint64_t cr3)
{
    uint64_t gfn = cr3 >> 12;
    while (s->n_roots >= s->m->cfg.roots) { /* the least recent one's tables go */
        uint32_t old = s->root[--s->n_roots].page;
        s->count[VS_CNT_shadow_evicted]++;
        if (!--vs__shadow_page(s, old)->roots) { /* and of no other vCPU */
            vs__shadow_zap(s, t, old, true);
        }
    }
    if (gfn >= s->m->guest_frames || !vs__shadow_reserve(s, t, 1)) {
        return false;
    }
    uint32_t page = vs__shadow_find(s, gfn, s->m->format.levels, false);
    page = page ? page : vs__shadow_make(s, t, gfn, s->m->format.levels, false);
    if (!page) {
        return false;
    }
    s->root[s->n_roots].cr3 = cr3;
    s->root[s->n_roots].page = page;
    vs__shadow_page(s, page)->roots++;
    use_root(s, s->n_roots++);
    return true;
}

bool vs_shadow_cr3(struct vs_shadow *s, struct vs_txn *t, uint64_t cr3, bool keep)
{
    uint32_t k = 0;
    bool good = true;
    cr3 &= s->m->format.address;
    vs__shadow_work(s, t, VS_SHADOW_PATH_ROOT, 1);
    while (k < s->n_roots && s->root[k].cr3 != cr3) {
        k++;
    }
    bool hit = k < s->n_roots;
    s->count[hit ? VS_CNT_shadow_root_hits : VS_CNT_shadow_root_misses]++;
    if (hit) {
        use_root(s, k);
    } else {
        good = new_root(s, t, cr3);
    }
    /* what was kept for this address space may be as old as its translations may be */
    if (good && (!hit || !keep)) {
        vs__shadow_sync_below(s, t, s->root[0].page);
    }
    if (!vs__shadow_flush(s, t) && (!hit || !keep)) {
        vs_gva none = {0};
        s->port.flush(s->port.ctx, t, VS_SHADOW_FLUSH_VCPU, none);
    }
    verify(s);
    return good;
}

void vs_shadow_invalidate(struct vs_shadow *s, struct vs_txn *t)
{
    vs__shadow_work(s, t, VS_SHADOW_PATH_ROOT, 1);
    for (uint32_t k = 0; k < s->n_roots; k++) {
        vs__shadow_sync_below(s, t, s->root[k].page);
    }
    flush_at_least(s, t, VS_SHADOW_FLUSH_VCPU, (vs_gva){0});
    verify(s);
}

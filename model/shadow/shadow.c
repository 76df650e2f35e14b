/* SPDX-License-Identifier: MIT */
/* Set-up, and the path of a page fault: the guest's tables are walked by software, the shadow's
 * levels are built down to the leaf. */
#include "shadow_impl.h"

#include <stdlib.h>
#include <string.h>

#define VS_DEF_NAME shadow
#define VS_DEF_FILE "shadow/shadow.def"
#include "virtsim/def_tables.h"

/* SDM 3A 4.7: error code of a page fault */
#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_RESERVED 8u
#define PF_FETCH 16u

/* Reports everything in a configuration that cannot be. */
void vs_shadow_check(const struct vs_shadow_config *c, struct vs_errors *errors)
{
    const struct {
        const char *path;
        uint64_t value;
    } group[] = {{"shadow.prefetch", c->prefetch}, {"shadow.sync.batch", c->batch}};
    for (size_t i = 0; i < 2; i++) {
        if (group[i].value & (group[i].value - 1u)) {
            vs_error(errors, "%s = %llu: an aligned group is a power of two", group[i].path,
                     (unsigned long long)group[i].value);
        }
    }
    if (c->pages && c->pages < c->roots + 16u) {
        vs_error(errors,
                 "shadow.pages = %llu: shadow.roots = %llu need at least 16 more for their tables",
                 (unsigned long long)c->pages, (unsigned long long)c->roots);
    }
}

/* Takes the host's memory for what shadow paging knows of each page. */
static bool allocate(struct vs_shadow_mmu *m)
{
    size_t nodes = (size_t)m->n_pages * ENTRIES, frames = m->guest_frames;
    m->page = calloc(m->n_pages, sizeof *m->page);
    m->free = calloc(m->n_pages, sizeof *m->free);
    m->unsynced = calloc(m->n_pages, sizeof *m->unsynced);
    m->header = calloc(m->n_pages / 32u + 1u, sizeof *m->header);
    m->next = calloc(nodes, sizeof *m->next);
    m->of = calloc(nodes, sizeof *m->of);
    m->same = calloc(frames, sizeof *m->same);
    bool good = m->page && m->free && m->unsynced && m->header && m->next && m->of && m->same;
    for (unsigned level = 1; level < 4; level++) {
        size_t n = frames / vs__shadow_size(level) + 1u;
        m->rmap[level] = calloc(n, sizeof **m->rmap);
        m->tables[level] = calloc(n, sizeof **m->tables);
        good = good && m->rmap[level] && m->tables[level];
    }
    return good;
}

enum vs_status vs_shadow_mmu_init(struct vs_shadow_mmu *m, const struct vs_shadow_config *cfg,
                                  const struct vs_radix_format *format, unsigned physical_bits,
                                  struct vs_phys *phys, struct vs_frames *frames,
                                  uint64_t guest_bytes, const struct vs_shadow_layout *at)
{
    memset(m, 0, sizeof *m);
    m->cfg = *cfg;
    m->format = *format;
    m->phys = phys;
    m->frames = frames;
    m->at = *at;
    m->guest_frames = (guest_bytes >> 12) + 1u;
    uint64_t pages = guest_bytes >> 12;
    pages = cfg->pages ? cfg->pages : pages / 50u > 64u ? pages / 50u : 64u;
    pages = pages < cfg->roots + 16u ? cfg->roots + 16u : pages;
    m->n_pages = pages > 4194304u ? 4194304u : (uint32_t)pages;
    for (unsigned level = 1; level < VS_SHADOW_LEVELS; level++) {
        for (unsigned leaf = 0; leaf < 2; leaf++) {
            m->reserved[leaf][level] = vs_radix_reserved(format, level, leaf, physical_bits);
        }
    }
    if (!allocate(m)) {
        return VS_E_NOMEM;
    }
    for (uint32_t i = 0; i <= m->n_pages / 32u; i++) {
        if (!vs_frames_alloc(frames, 12, &m->header[i])) {
            return VS_E_NOMEM;
        }
    }
    while (m->n_free < m->n_pages) {
        m->free[m->n_free] = m->n_pages - m->n_free;
        m->n_free++;
    }
    return VS_OK;
}

void vs_shadow_mmu_free(struct vs_shadow_mmu *m)
{
    free(m->page);
    free(m->free);
    free(m->unsynced);
    free(m->header);
    free(m->next);
    free(m->of);
    free(m->same);
    for (unsigned level = 1; level < 4; level++) {
        free(m->rmap[level]);
        free(m->tables[level]);
    }
    memset(m, 0, sizeof *m);
}

void vs_shadow_init(struct vs_shadow *s, struct vs_shadow_mmu *m, const struct vs_core_port *core,
                    const struct vs_shadow_port *port)
{
    memset(s, 0, sizeof *s);
    s->m = m;
    s->core = *core;
    s->port = *port;
}

uint64_t vs_shadow_root(const struct vs_shadow *s)
{
    return s->m->page[s->root[0].page - 1u].frame;
}

void vs__shadow_open(struct vs_shadow *s, struct vs_txn *t, enum vs_op op, enum vs_shadow_path path)
{
    if (t) {
        vs_open(t, op);
        s->port.path(s->port.ctx, t, path, path == VS_SHADOW_PATH_SYNC);
    }
}

void vs__shadow_close(struct vs_shadow *s, struct vs_txn *t)
{
    (void)s;
    if (t) {
        vs_close(t);
    }
}

/* ---- the guest's tables ---- */

struct walk {
    uint64_t entry[VS_SHADOW_LEVELS], hpa[VS_SHADOW_LEVELS]; /* by level */
    unsigned leaf;
    uint64_t gpa; /* of the byte */
};

/* False: *error is what the guest's own fault says. */
static bool walk_guest(struct vs_shadow *s, struct vs_txn *t, uint64_t gva, uint32_t *error,
                       struct walk *w)
{
    uint64_t table = s->root[0].cr3, rights = VS_RIGHTS;
    uint32_t told = *error & (PF_WRITE | PF_FETCH | USER);
    uint64_t need = VS_RIGHT_READ | (told & PF_WRITE   ? VS_RIGHT_WRITE
                                     : told & PF_FETCH ? VS_RIGHT_EXECUTE
                                                       : 0u);
    for (unsigned level = s->m->format.levels; level; level--) {
        unsigned shift;
        uint64_t at = table + vs_radix_offset(&s->m->format, level, gva);
        vs__shadow_work(s, t, VS_SHADOW_PATH_WALK, 1);
        if (!s->port.host(s->port.ctx, t, at, true, &w->hpa[level], &shift)) {
            *error = told | PF_PRESENT | PF_RESERVED; /* reads as all ones */
            return false;
        }
        vs__shadow_touch(s, t, w->hpa[level], VS_REF_READ);
        uint64_t e = vs_phys_read64(s->m->phys, (vs_hpa){w->hpa[level]});
        bool leaf = vs_radix_is_leaf(&s->m->format, level, e);
        if (!(e & PRESENT)) {
            *error = told;
            return false;
        }
        if (e & s->m->reserved[leaf][level]) {
            *error = told | PF_PRESENT | PF_RESERVED;
            return false;
        }
        rights &= vs_radix_rights(&s->m->format, leaf, e) | s->supervisor;
        w->entry[level] = e;
        table = e & s->m->format.address;
        if (leaf) {
            uint64_t low = (1ull << vs_radix_level_shift(&s->m->format, level)) - 1u;
            w->leaf = level;
            w->gpa = (e & s->m->format.address & ~low) | (gva & low);
            break;
        }
    }
    if ((rights & need) != need) {
        *error = told | PF_PRESENT;
        return false;
    }
    return true;
}

/* The flags hardware would have set in the guest's tables. */
static void set_flags(struct vs_shadow *s, struct vs_txn *t, bool write, struct walk *w)
{
    for (unsigned level = s->m->format.levels; level >= w->leaf; level--) {
        uint64_t want = w->entry[level] | ACCESSED | (level == w->leaf && write ? DIRTY : 0u);
        if (want != w->entry[level]) {
            vs_phys_write64(s->m->phys, (vs_hpa){w->hpa[level]}, want);
            vs__shadow_touch(s, t, w->hpa[level], VS_REF_WRITE);
            s->count[VS_CNT_shadow_flags]++;
            s->count[VS_CNT_shadow_dirty] += level == w->leaf && (want & ~w->entry[level] & DIRTY);
            w->entry[level] = want;
        }
    }
}

/* ---- the shadow's ---- */

/* An upper level of the shadow, from `index` at `level` to the table below; 0: no frame is left. */
static uint32_t descend(struct vs_shadow *s, struct vs_txn *t, uint32_t index, unsigned level,
                        uint64_t gva, const struct walk *w)
{
    bool direct = level <= w->leaf; /* a piece of a large page of the guest */
    uint64_t low = (1ull << vs_radix_level_shift(&s->m->format, level)) - 1u;
    uint64_t gfn = (direct ? w->gpa & ~low : w->entry[level] & s->m->format.address) >> 12;
    uint64_t flags = PRESENT | WRITE | USER | ACCESSED;
    if (level >= w->leaf) {
        uint64_t e = w->entry[level];
        bool clean = direct && !(e & DIRTY);
        flags = PRESENT | ACCESSED | (e & (USER | NO_EXECUTE)) | (clean ? 0 : e & WRITE);
    }
    if (gfn >= s->m->guest_frames) {
        return 0;
    }
    uint32_t child = vs__shadow_find(s, gfn, level - 1u, direct);
    uint64_t i = vs_radix_offset(&s->m->format, level, gva) / 8u;
    if (!child) {
        child = vs__shadow_make(s, t, gfn, level - 1u, direct);
    } else if ((vs__shadow_get(s, vs__shadow_page(s, index), i) & s->m->format.address) !=
               vs__shadow_page(s, child)->frame) {
        /* Linked anew: an INVLPG since then may not have found its way to it, or to a table below
         * it. */
        if (vs__shadow_page(s, child)->level > 1 && !direct) {
            vs__shadow_sync_below(s, t, child);
        } else if (vs__shadow_page(s, child)->unsync) {
            vs__shadow_sync(s, t, child);
        }
    }
    if (child) {
        vs__shadow_page(s, child)->writes = 0;
        vs__shadow_set(s, t, index, i, vs__shadow_page(s, child)->frame | flags, child);
    }
    return child;
}

/* Neighbours whose guest entries are in use get theirs, when their pages are there. */
static void prefetch(struct vs_shadow *s, struct vs_txn *t, uint32_t index, uint64_t i,
                     const struct walk *w)
{
    const struct vs_shadow_page *p = vs__shadow_page(s, index);
    uint64_t n = s->m->cfg.prefetch, first = i & ~(n - 1u);
    for (uint64_t k = first; k < first + n; k++) {
        uint64_t guest = w->entry[w->leaf], hpa;
        unsigned shift;
        if (k == i || (vs__shadow_get(s, p, k) & PRESENT)) {
            continue;
        }
        uint64_t gfn = p->gfn + k;
        if (p->direct) {
            guest |= DIRTY | WRITE; /* its own entry is above */
            guest &= ~NO_EXECUTE;
        } else {
            vs_hpa at = {(w->hpa[1] & ~0xfffull) + k * 8u};
            guest = vs_phys_read64(s->m->phys, at);
            gfn = (guest & s->m->format.address) >> 12;
            if (!(guest & PRESENT) || !(guest & ACCESSED) || (guest & s->m->reserved[1][1])) {
                continue;
            }
        }
        if (gfn + 1u < s->m->guest_frames &&
            s->port.host(s->port.ctx, NULL, gfn << 12, false, &hpa, &shift)) {
            vs__shadow_set(s, t, index, k, hpa | vs__shadow_leaf(s, guest, gfn), (uint32_t)gfn);
            s->count[VS_CNT_shadow_prefetched]++;
        }
    }
}

/* The level at which the shadow maps: no larger than the host's page, and no table inside. */
static unsigned target_level(const struct vs_shadow *s, const struct walk *w, unsigned host_shift)
{
    unsigned level = w->leaf;
    while (level > 1 && (vs_radix_level_shift(&s->m->format, level) > host_shift ||
                         s->m->tables[level][(w->gpa >> 12) / vs__shadow_size(level)])) {
        level--;
    }
    return level;
}

/* Makes the shadow entries that a fault needs. */
static enum vs_shadow_result fill(struct vs_shadow *s, struct vs_txn *t, uint64_t gva, bool write,
                                  const struct walk *w)
{
    uint64_t hpa, gfn = w->gpa >> 12;
    unsigned host_shift;
    if (gfn + 1u >= s->m->guest_frames ||
        !s->port.host(s->port.ctx, t, w->gpa, true, &hpa, &host_shift)) {
        return gfn + 1u >= s->m->guest_frames ? VS_SHADOW_DEVICE : VS_SHADOW_FULL;
    }
    if (!vs__shadow_reserve(s, t, s->m->format.levels)) {
        return VS_SHADOW_FULL;
    }
    /* the tables first: making them may turn this page into a guest's table */
    uint32_t index = s->root[0].page;
    unsigned level = s->m->format.levels;
    for (; level > target_level(s, w, host_shift); level--) {
        index = descend(s, t, index, level, gva, w);
        if (!index) {
            return VS_SHADOW_FULL;
        }
    }
    bool emulate = false;
    if (write && vs__shadow_tracked(s, gfn)) {
        if (vs__shadow_may_unsync(s, gfn)) {
            vs__shadow_unsync(s, gfn);
        } else {
            emulate = true;
        }
    }
    uint64_t i = vs_radix_offset(&s->m->format, level, gva) / 8u, e = w->entry[w->leaf],
             low = (1ull << vs_radix_level_shift(&s->m->format, level)) - 1u;
    if (level < w->leaf) {
        e = (e | DIRTY | WRITE) & ~NO_EXECUTE; /* the guest's word is in the entry above */
    }
    uint64_t flags = vs__shadow_leaf(s, e, gfn) | (level > 1 ? LARGE : 0u);
    vs__shadow_set(s, t, index, i, (hpa & ~low) | flags,
                   (uint32_t)(gfn & ~(vs__shadow_size(level) - 1u)));
    s->count[VS_CNT_shadow_fills]++;
    if (level == 1 && s->m->cfg.prefetch > 1) {
        prefetch(s, t, index, i, w);
    }
    if (emulate) {
        vs__shadow_write(s, t, w->gpa);
        return VS_SHADOW_EMULATED;
    }
    return VS_SHADOW_RETRY;
}

enum vs_shadow_result vs_shadow_fault(struct vs_shadow *s, struct vs_txn *t, uint64_t gva,
                                      uint32_t *error)
{
    struct walk w;
    memset(&w, 0, sizeof w);
    enum vs_shadow_result r = VS_SHADOW_INJECT;
    bool write = (*error & PF_WRITE) != 0;
    s->count[VS_CNT_shadow_faults]++;
    vs__shadow_open(s, t, VS_OP_SHADOW_FAULT, VS_SHADOW_PATH_FAULT);
    if (walk_guest(s, t, gva, error, &w)) {
        set_flags(s, t, write, &w);
        s->count[VS_CNT_shadow_hidden]++;
        r = fill(s, t, gva, write, &w);
    } else {
        s->count[VS_CNT_shadow_real]++;
    }
    (void)vs__shadow_flush(s, t);
    vs__shadow_close(s, t);
    return r;
}

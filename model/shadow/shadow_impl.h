/* SPDX-License-Identifier: MIT */
#ifndef VIRTSIM_MODEL_SHADOW_IMPL_H
#define VIRTSIM_MODEL_SHADOW_IMPL_H

#include "shadow/shadow.h"

#define ENTRIES 512u
#define PRESENT 1u
#define WRITE 2u
#define USER 4u
#define ACCESSED (1u << 5)
#define DIRTY (1u << 6)
#define LARGE (1u << 7)
#define NO_EXECUTE (1ull << 63)

/* ---- cost: instructions and references on the core ---- */
static inline void vs__shadow_work(struct vs_shadow *s, struct vs_txn *t, enum vs_shadow_path path,
                                   uint64_t n)
{
    if (t && n) {
        s->port.rounds(s->port.ctx, t, path, n);
    }
}
/* Accesses a table by the host's direct map. */
static inline void vs__shadow_touch(struct vs_shadow *s, struct vs_txn *t, uint64_t hpa,
                                    enum vs_ref ref)
{
    if (t) {
        vs_gva at = {s->m->at.direct + hpa};
        s->core.touch(s->core.ctx, t, at, ref);
    }
}
/* Opens the operation of a path and takes that; of VS_SHADOW_PATH_SYNC, a loop, its code alone. */
void vs__shadow_open(struct vs_shadow *s, struct vs_txn *t, enum vs_op op,
                     enum vs_shadow_path path);
void vs__shadow_close(struct vs_shadow *s, struct vs_txn *t);

/* ---- pages ---- */
static inline struct vs_shadow_page *vs__shadow_page(struct vs_shadow *s, uint32_t index)
{
    return &s->m->page[index - 1u];
}
/* The frames that an entry of a level maps. */
static inline uint64_t vs__shadow_size(unsigned level) /* frames an entry of it maps */
{
    return 1ull << (9u * (level - 1u));
}
/* Reads an entry of a shadow table without time. */
static inline uint64_t vs__shadow_get(const struct vs_shadow *s, const struct vs_shadow_page *p,
                                      uint64_t i)
{
    vs_hpa at = {p->frame + i * 8u};
    return vs_phys_read64(s->m->phys, at);
}
uint32_t vs__shadow_find(struct vs_shadow *s, uint64_t gfn, unsigned level, bool direct);
/* 0: no frame is left. Write-protects what it shadows. */
uint32_t vs__shadow_make(struct vs_shadow *s, struct vs_txn *t, uint64_t gfn, unsigned level,
                         bool direct);
/* A synced table of the guest lies in the frame: stores to it must trap. */
bool vs__shadow_tracked(struct vs_shadow *s, uint64_t gfn);
/* Sets entry i of page p to `value`; `of`: guest frame of a leaf, index of a child. */
void vs__shadow_set(struct vs_shadow *s, struct vs_txn *t, uint32_t p, uint64_t i, uint64_t value,
                    uint32_t of);
void vs__shadow_drop(struct vs_shadow *s, struct vs_txn *t, uint32_t p, uint64_t i);
void vs__shadow_zap(struct vs_shadow *s, struct vs_txn *t, uint32_t p, bool tree);
void vs__shadow_protect(struct vs_shadow *s, struct vs_txn *t, uint64_t gfn);
/* So many pages are free afterwards; false: they cannot be. */
bool vs__shadow_reserve(struct vs_shadow *s, struct vs_txn *t, uint32_t n);

/* ---- sync ---- */
/* Flags of a shadow leaf for the guest's entry. */
uint64_t vs__shadow_leaf(struct vs_shadow *s, uint64_t guest, uint64_t gfn);
void vs__shadow_write(struct vs_shadow *s, struct vs_txn *t, uint64_t gpa);
void vs__shadow_unsync(struct vs_shadow *s, uint64_t gfn);
bool vs__shadow_may_unsync(struct vs_shadow *s, uint64_t gfn);
void vs__shadow_sync(struct vs_shadow *s, struct vs_txn *t, uint32_t p);
/* Every table out of sync that `top` leads to. */
void vs__shadow_sync_below(struct vs_shadow *s, struct vs_txn *t, uint32_t top);
/* When rights were taken: every vCPU's translations go, and true. Others may work meanwhile. */
bool vs__shadow_flush(struct vs_shadow *s, struct vs_txn *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The set-associative table in the shape data caches need: exact LRU, no payload, and tags of 32
 * bits that hold the quotient of line by sets, valid (not 0), dirty and io flags. Ways stand in
 * order of recency, a set padded to a multiple of eight, so that one vector compare sees eight ways
 * and one vector move ages them. Wider line numbers and other policies use vs_settab instead.
 */
#ifndef VIRTSIM_LINETAB_H
#define VIRTSIM_LINETAB_H

#include "virtsim/settab.h"

#define VS_LINETAB_MAX_WAYS 32u
#define VS_LINE_DIRTY 1u
#define VS_LINE_IO 2u /* allocated by a device's write */
#define VS_LINE_FLAGS 3u

/* Consecutive lines; spans of them, which lie `offset` lines further. */
struct vs_linetab_span {
    uint64_t line;
    uint32_t n;
};
struct vs_linetab_spans {
    const struct vs_linetab_span *span;
    uint32_t n;
    uint64_t offset;
};

struct vs_linetab {
    uint32_t *tag; /* [sets x stride], 0 = invalid; NULL = this shape is not in use */
    void *base;    /* what was allocated */
    struct vs_divider by_sets;
    uint32_t ways;
    uint32_t stride;
    /* of consecutive sets, the first n of which are at `set`: how many hold the tag, up to the
     * first that does not (vs_linetab_hits) */
    uint32_t (*hits)(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n, uint32_t flags);
    /* the same of spans (vs_linetab_spans_hit) */
    uint32_t (*spans)(const struct vs_linetab *c, const struct vs_linetab_spans *s, uint32_t most,
                      const uint32_t *flags);
    size_t mapped; /* bytes of base where they are mapped; 0: from malloc */
};

/* Whether lines below max_line fit the 32-bit tags of such a table. */
static inline bool vs_linetab_fits(uint32_t entries, uint32_t ways, uint64_t max_line)
{
    return entries && ways && ways <= VS_LINETAB_MAX_WAYS &&
           max_line / (entries / ways) < (1ull << 30) - 2u;
}
enum vs_status vs_linetab_init(struct vs_linetab *c, uint32_t entries, uint32_t ways);
void vs_linetab_free(struct vs_linetab *c);
void vs_linetab_clear(struct vs_linetab *c);
/* Variants of `hits` for the host's vector unit, the fastest first; the last is every host's. A
 * table has the fastest; to choose another is for tests: false when the host cannot. */
#define VS_LINETAB_VARIANTS 2u
extern const char *const vs_linetab_variant[VS_LINETAB_VARIANTS];
bool vs_linetab_use(struct vs_linetab *c, const char *variant);

/* The tag and the set of a line. */
static inline uint32_t vs_linetab_tag(const struct vs_linetab *c, uint64_t line, uint64_t *set)
{
    return (uint32_t)(vs_div(&c->by_sets, line, set) + 1u) << 2;
}
/* The line behind a tag of a set. */
static inline uint64_t vs_linetab_line(const struct vs_linetab *c, uint32_t tag, uint64_t set)
{
    return ((uint64_t)(tag >> 2) - 1u) * c->by_sets.n + set;
}
/* The most recent way only: a hit there changes nothing but the dirty bit. */
static inline bool vs_linetab_first(struct vs_linetab *c, uint64_t line, bool write)
{
    uint64_t set;
    uint32_t tag = vs_linetab_tag(c, line, &set), *first = c->tag + set * c->stride;
    if (vs_likely((*first | VS_LINE_FLAGS) == (tag | VS_LINE_FLAGS))) {
        *first |= write; /* VS_LINE_DIRTY */
        return true;
    }
    return false;
}
/* Of a run that goes on behind the last set. */
uint32_t vs__linetab_hits_on(struct vs_linetab *c, uint64_t line, uint32_t n, uint32_t flags);
/* Consecutive lines from `line` on, at most n, up to the first that is not there: each becomes the
 * most recent of its set and takes `flags`. How many there were. */
static inline uint32_t vs_linetab_hits(struct vs_linetab *c, uint64_t line, uint32_t n,
                                       uint32_t flags)
{
    uint64_t set;
    uint32_t tag = vs_linetab_tag(c, line, &set);
    if (vs_likely(n <= c->by_sets.n - set)) {
        return c->hits(c->tag + set * c->stride, c->stride, tag, n, flags);
    }
    return vs__linetab_hits_on(c, line, n, flags);
}
/* The same of spans, one behind the other, and of `most` lines at most. flags: of each line, one
 * after the other; NULL: none. */
static inline uint32_t vs_linetab_spans_hit(struct vs_linetab *c, const struct vs_linetab_spans *s,
                                            uint32_t most, const uint32_t *flags)
{
    return c->spans(c, s, most, flags);
}
/* Recency untouched: its tag with flags, or NULL. */
uint32_t *vs_linetab_peek(const struct vs_linetab *c, uint64_t line);
/* Removes a line; true when it was there. *dirty becomes true when it was dirty, or stays. */
bool vs_linetab_drop(struct vs_linetab *c, uint64_t line, bool *dirty);
/* Takes a tag out of the set that begins at `first`: those behind it move up. True, always. */
bool vs_linetab_take_out(const struct vs_linetab *c, uint32_t *first, uint32_t *t);
/* Hints to the host that a line's set is about to be searched. */
static inline void vs_linetab_prefetch(const struct vs_linetab *c, uint64_t line)
{
    uint64_t set;
    (void)vs_linetab_tag(c, line, &set);
    vs_prefetch(c->tag + set * c->stride);
    if (c->stride > 16u) {
        vs_prefetch(c->tag + set * c->stride + 16u);
    }
}

#endif

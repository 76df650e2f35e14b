/* SPDX-License-Identifier: MIT */
/*
 * The set-associative table behind every TLB, walk cache, nested TLB, IOTLB and context cache:
 * any number of sets and ways (1536 = 128 x 12 and 1408 = 1408 x 1 alike), 64-bit payloads.
 *
 * A key is any number but VS_SETTAB_EMPTY; set = key mod sets, without a division. Under LRU
 * and FIFO the ways of a set stand in order of age, so exact LRU needs no stamps: a hit rotates, a
 * fill shifts, the last way is the victim. Random and the trees keep a way where it is (small
 * tree-PLRU sets turn, core/settab_tree.c), and so does LRU over one large set, in a list.
 * A table of 0 entries is an absent structure: every find misses, every fill is ignored.
 */
#ifndef VIRTSIM_SETTAB_H
#define VIRTSIM_SETTAB_H

#include "virtsim/rng.h"
#include "virtsim/status.h"

/* The order of the choices in every policy knob. */
enum vs_policy {
    VS_POLICY_LRU,
    VS_POLICY_TREE_PLRU,
    VS_POLICY_RANDOM,
    VS_POLICY_FIFO,
    VS_POLICY_MRU3_PLRU /* three groups, each a tree: the one after the most recent gives up */
};

#define VS_SETTAB_EMPTY UINT64_MAX

/* Division by a number fixed at configuration: mask and shift, or multiply with one correction. */
struct vs_divider {
    uint64_t inverse; /* floor(2^64 / n), 0 when n is a power of two */
    uint64_t n;
    uint32_t shift;
};

/* Prepares a division by n. */
static inline struct vs_divider vs_divider_of(uint64_t n)
{
    struct vs_divider d = {0, n, 0};
    if ((n & (n - 1u)) == 0) {
        d.shift = (uint32_t)__builtin_ctzll(n);
    } else {
        d.inverse = UINT64_MAX / n;
    }
    return d;
}
/* Divides exactly, by a shift or one multiplication. */
static inline uint64_t vs_div(const struct vs_divider *d, uint64_t x, uint64_t *rest)
{
    if (vs_likely(d->inverse == 0)) {
        *rest = x & (d->n - 1u);
        return x >> d->shift;
    }
    uint64_t q = (uint64_t)(((vs_u128)x * d->inverse) >> 64), r = x - q * d->n;
    if (r >= d->n) { /* the estimate is at most one too small */
        r -= d->n;
        q++;
    }
    *rest = r;
    return q;
}

struct vs_settab {
    uint64_t *tag;     /* [sets x ways], VS_SETTAB_EMPTY = invalid */
    uint64_t *payload; /* parallel to tag */
    struct vs_divider by_sets;
    uint32_t ways;
    uint32_t entries; /* 0 = absent */
    enum vs_policy policy;
    uint32_t newest;       /* way of a set whose hit changes nothing; not 0 only with a list */
    bool listed;           /* LRU of one set with many ways */
    bool at_once;          /* a hit on `newest` changes nothing: not in trees that do not turn */
    uint32_t *next, *prev; /* listed: by way, newest first; entry [ways] closes the ring */
    uint32_t *bucket;      /* listed: by a hash of the key, the first way of its chain, */
    uint32_t *chain;       /* and by way the next of the same hash; s->ways: no more */
    uint32_t bucket_shift; /* of the hash */
    bool turned;           /* small tree-PLRU sets: the way touched last is way 0 */
    uint32_t groups;       /* of ways, each a tree */
    uint32_t tree_leaves;  /* of a tree: its ways rounded up to a power of two */
    uint32_t tree_words;
    uint64_t *tree; /* one bit a node, set = the victim is on the right */
    uint64_t used;
    struct vs_rng rng;
    uint32_t (*scan)(const uint64_t *tag, uint32_t ways, uint64_t key);
    uint64_t *(*find)(struct vs_settab *s, uint64_t *tag, uint64_t key); /* beyond the newest way */
    void (*put)(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload);
    void (*push)(uint64_t *tag, uint64_t *payload, uint32_t w, uint32_t ways);
    struct vs_watch *watch; /* it holds everything instead (virtsim/stack.h); NULL: nobody does */
};

/* ways 0 = fully associative; entries % ways != 0, entries > 2^26, or three groups that are no
 * powers of two: VS_E_CONFIG. */
enum vs_status vs_settab_init(struct vs_settab *s, uint32_t entries, uint32_t ways,
                              enum vs_policy policy, uint64_t seed);
/* Variants for the host's vector unit, the fastest first; the last is every host's. A table has the
 * fastest; to choose another, while it is empty, is for tests: false when the host cannot. */
#define VS_SETTAB_VARIANTS 2u
extern const char *const vs_settab_variant[VS_SETTAB_VARIANTS];
bool vs_settab_use(struct vs_settab *s, const char *variant);
void vs_settab_free(struct vs_settab *s);
void vs_settab_clear(struct vs_settab *s);

/* Payload of `key`, or NULL; the entry becomes the most recent one. Valid until the next call. */
static inline uint64_t *vs_settab_find(struct vs_settab *s, uint64_t key)
{
    uint64_t set;
    (void)vs_div(&s->by_sets, key, &set);
    uint64_t *tag = s->tag + set * s->ways;
    if (tag[s->newest] == key && s->at_once) {
        return s->payload + set * s->ways + s->newest;
    }
    return s->find(s, tag, key);
}
/* The same without touching recency. */
uint64_t *vs_settab_peek(struct vs_settab *s, uint64_t key);
/* Inserts as the most recent entry; a present key is updated in place. True when a valid entry was
 * evicted, which is then in *evicted_key, *evicted_payload (either may be NULL). */
bool vs_settab_fill(struct vs_settab *s, uint64_t key, uint64_t payload, uint64_t *evicted_key,
                    uint64_t *evicted_payload);
/* The same when the caller has just missed on `key`: no search. */
bool vs_settab_fill_absent(struct vs_settab *s, uint64_t key, uint64_t payload,
                           uint64_t *evicted_key, uint64_t *evicted_payload);
/* The same, when nobody asks what had to leave. */
static inline void vs_settab_put(struct vs_settab *s, uint64_t key, uint64_t payload)
{
    if (s->entries) {
        uint64_t set;
        (void)vs_div(&s->by_sets, key, &set);
        s->put(s, s->tag + set * s->ways, key, payload);
    }
}
bool vs_settab_drop(struct vs_settab *s, uint64_t key);
/* Drops every entry for which pred says so; returns how many. */
uint64_t vs_settab_drop_if(struct vs_settab *s,
                           bool (*pred)(void *ctx, uint64_t key, uint64_t payload), void *ctx);

/* How many entries of the key's set have one of these bits in their payload, and which of them the
 * policy gives up: the oldest, or without an order of age any. None in a single large set of LRU,
 * which has no ways to count. */
uint32_t vs_settab_marked(struct vs_settab *s, uint64_t key, uint64_t marks, uint64_t *leaves);

/* Entries that are there: what tests look at, and who embeds a table. */
static inline uint64_t vs_settab_used(const struct vs_settab *s)
{
    return s->used;
}
/* The newest way of the set only: a cheap guess, without touching recency. */
static inline const uint64_t *vs_settab_peek_first(const struct vs_settab *s, uint64_t key)
{
    uint64_t set;
    (void)vs_div(&s->by_sets, key, &set);
    size_t at = set * s->ways + s->newest;
    return s->entries && s->tag[at] == key ? s->payload + at : NULL;
}
/* Brings the set of `key` into the host's cache. */
static inline void vs_settab_prefetch(const struct vs_settab *s, uint64_t key)
{
    uint64_t set;
    (void)vs_div(&s->by_sets, key, &set);
    vs_prefetch(s->tag + set * s->ways);
}

#endif

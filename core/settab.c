/* SPDX-License-Identifier: MIT */
#include "settab_impl.h"
#include "virtsim/stack.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SETTAB_PAD 4u /* whole vectors are read, and written back, past the last set */

typedef uint32_t settab_scan(const uint64_t *tag, uint32_t ways, uint64_t key);

/* Finds a key's way in a set, or the number of ways if it isn't there. */
static inline uint32_t scan_plain(const uint64_t *tag, uint32_t ways, uint64_t key)
{
    uint32_t w = 0;
    while (w < ways && tag[w] != key) {
        w++;
    }
    return w;
}

/* ---- LRU of one large set: a ring through the ways, closed by the number behind the last ---- */

/* Moves a way to behind another one in the list of ages. */
static inline void list_move(struct vs_settab *s, uint32_t w, uint32_t after)
{
    uint32_t *next = s->next, *prev = s->prev;
    next[prev[w]] = next[w];
    prev[next[w]] = prev[w];
    next[w] = next[after];
    prev[w] = after;
    prev[next[after]] = w;
    next[after] = w;
}

/* Makes a way the newest one. */
static inline void list_newest(struct vs_settab *s, uint32_t w)
{
    if (s->newest != w) {
        list_move(s, w, s->ways);
        s->newest = w;
    }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

/* One bit a way that holds the key: no early exit, since the way is what cannot be predicted. */
AVX2 static inline uint32_t scan_avx2(const uint64_t *tag, uint32_t ways, uint64_t key)
{
    __m256i k = _mm256_set1_epi64x((long long)key);
    for (uint32_t first = 0; first < ways; first += 32u) {
        uint32_t hit = 0, n = ways - first < 32u ? ways - first : 32u;
        for (uint32_t w = 0; w < n; w += 4u) {
            __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(tag + first + w));
            hit |= (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(v, k))) << w;
        }
        if (hit) {
            uint32_t at = first + (uint32_t)__builtin_ctz(hit);
            return at < ways ? at : ways;
        }
    }
    return ways;
}
#endif

#define SETTAB_LISTED 16u /* ways beyond which one set is kept as a list */

/* Says whether a set's ways lie in the order of their ages. */
static bool settab_ordered(const struct vs_settab *s)
{
    return (s->policy == VS_POLICY_LRU && !s->listed) || s->policy == VS_POLICY_FIFO;
}

/* ---- LRU of one large set ---- */

/* Puts all ways into the list in order. */
static void list_reset(struct vs_settab *s)
{
    for (uint32_t w = 0; w <= s->ways; w++) {
        s->next[w] = w == s->ways ? 0 : w + 1u;
        s->prev[w] = w == 0 ? s->ways : w - 1u;
    }
    s->newest = 0;
}

/* Many ways are not searched: those whose keys have the same hash are chained. */
static inline uint32_t *bucket_of(const struct vs_settab *s, uint64_t key)
{
    return &s->bucket[key * 0x9e3779b97f4a7c15ull >> s->bucket_shift];
}

/* The way of a key; s->ways: it is not there. */
static inline uint32_t chained(const struct vs_settab *s, uint64_t key)
{
    uint32_t w = *bucket_of(s, key);
    while (w != s->ways && s->tag[w] != key) {
        w = s->chain[w];
    }
    return w;
}

/* Way w, whose tag is `key`, becomes one of its chain. */
static inline void chain_in(struct vs_settab *s, uint32_t w, uint64_t key)
{
    uint32_t *bucket = bucket_of(s, key);
    s->chain[w] = *bucket;
    *bucket = w;
}

/* And is none any more; nothing where the way is free. */
static inline void chain_out(struct vs_settab *s, uint32_t w)
{
    if (s->tag[w] != VS_SETTAB_EMPTY) {
        uint32_t *at = bucket_of(s, s->tag[w]);
        while (*at != w) {
            at = &s->chain[*at];
        }
        *at = s->chain[w];
    }
}

/* As many chains as there are ways, or more. */
static uint32_t bucket_bits(uint32_t ways)
{
    uint32_t bits = 6;
    while (1u << bits < ways) {
        bits++;
    }
    return bits;
}

/* Empties all buckets of the hash. */
static void chain_reset(struct vs_settab *s)
{
    for (uint32_t i = 0; i < 1u << bucket_bits(s->ways); i++) {
        s->bucket[i] = s->ways;
    }
}

/* Makes a way the oldest one, which is replaced next. */
static void list_oldest(struct vs_settab *s, uint32_t w)
{
    uint32_t last = s->prev[s->ways];
    if (last != w) {
        list_move(s, w, last);
        s->newest = s->next[s->ways];
    }
}

enum vs_status vs_settab_init(struct vs_settab *s, uint32_t entries, uint32_t ways,
                              enum vs_policy policy, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    if (ways == 0) {
        ways = entries;
    }
    if (entries > 1u << 26 || (entries && (ways > entries || entries % ways)) ||
        policy > VS_POLICY_MRU3_PLRU) {
        return VS_E_CONFIG;
    }
    s->entries = entries;
    s->ways = entries ? ways : 1u;
    s->by_sets = vs_divider_of(entries ? entries / ways : 1u);
    s->policy = policy;
    if (entries && vs__settab_tree(s) && !vs__settab_tree_shape(s)) {
        return VS_E_CONFIG;
    }
    s->at_once = !vs__settab_tree(s) || s->turned;
    s->listed = policy == VS_POLICY_LRU && s->by_sets.n == 1u && s->ways > SETTAB_LISTED;
    uint32_t v = 0;
    while (v < VS_SETTAB_VARIANTS && !vs_settab_use(s, vs_settab_variant[v])) {
        v++;
    }
    vs_rng_seed(&s->rng, seed, 0x5e77ab);
    size_t n = s->by_sets.n * s->ways;
    s->tag = malloc((n + SETTAB_PAD) * sizeof *s->tag);
    s->payload = calloc(n + SETTAB_PAD, sizeof *s->payload);
    if (s->tree_words) {
        s->tree = calloc(s->by_sets.n * s->tree_words, sizeof *s->tree);
    }
    if (s->listed) {
        s->next = calloc(s->ways + 1u, sizeof *s->next);
        s->prev = calloc(s->ways + 1u, sizeof *s->prev);
        s->bucket = calloc((size_t)1 << bucket_bits(s->ways), sizeof *s->bucket);
        s->chain = calloc(s->ways, sizeof *s->chain);
        s->bucket_shift = 64u - bucket_bits(s->ways);
    }
    if (!s->tag || !s->payload || (s->tree_words && !s->tree) ||
        (s->listed && (!s->next || !s->prev || !s->bucket || !s->chain))) {
        vs_settab_free(s);
        return VS_E_NOMEM;
    }
    if (s->listed) {
        list_reset(s);
        chain_reset(s);
    }
    memset(s->tag, 0xff, (n + SETTAB_PAD) * sizeof *s->tag);
    return VS_OK;
}

void vs_settab_free(struct vs_settab *s)
{
    free(s->tag);
    free(s->payload);
    free(s->tree);
    free(s->next);
    free(s->prev);
    free(s->bucket);
    free(s->chain);
    memset(s, 0, sizeof *s);
}

void vs_settab_clear(struct vs_settab *s)
{
    if (s->watch) {
        vs__watch_clear(s);
        return;
    }
    memset(s->tag, 0xff, s->by_sets.n * s->ways * sizeof *s->tag);
    if (s->tree) {
        memset(s->tree, 0, s->by_sets.n * s->tree_words * sizeof *s->tree);
    }
    if (s->listed) {
        list_reset(s);
        chain_reset(s);
    }
    s->used = 0;
}

/* Ways 0 .. w-1 age by one; way 0 becomes free. */
static inline void push_plain(uint64_t *tag, uint64_t *payload, uint32_t w, uint32_t ways)
{
    (void)ways;
    for (; w; w--) {
        tag[w] = tag[w - 1u];
        payload[w] = payload[w - 1u];
    }
}

#if defined(__x86_64__)
/* Moves four words up by one where the mask says so. */
AVX2 static inline void push4(uint64_t *at, bool lowest, __m256i moves)
{
    __m256i old = _mm256_loadu_si256((const __m256i *)(const void *)at), up;
    if (lowest) { /* the word before belongs to another line of the host's memory: a miss */
        up = _mm256_permute4x64_epi64(old, 0x90);
    } else {
        up = _mm256_loadu_si256((const __m256i *)(const void *)(at - 1));
    }
    _mm256_storeu_si256((__m256i *)(void *)at, _mm256_blendv_epi8(old, up, moves));
}

/* Up to 16 ways: all vectors, whatever w is, since a branch on it could not be predicted. */
AVX2 static inline void push_avx2(uint64_t *tag, uint64_t *payload, uint32_t w, uint32_t ways)
{
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    uint32_t j = ((ways <= 16u ? ways - 1u : w) & ~3u) + 4u;
    do {
        j -= 4u;
        __m256i moves =
            _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)w + 1 - (long long)j), lane);
        push4(tag + j, j == 0, moves);
        push4(payload + j, j == 0, moves);
    } while (j);
}
#endif

/* A hit on way w of what is not listed, as the policy sees it; its payload. */
static vs_inlined uint64_t *touch(struct vs_settab *s, uint64_t *tag, uint32_t w,
                                  void (*push)(uint64_t *tag, uint64_t *payload, uint32_t w,
                                               uint32_t ways))
{
    uint64_t *payload = s->payload + (tag - s->tag);
    if (s->policy == VS_POLICY_LRU) {
        uint64_t t = tag[w], p = payload[w];
        push(tag, payload, w, s->ways);
        tag[0] = t;
        payload[0] = p;
        return payload;
    }
    if (s->turned && s->ways == 4u) {
        vs__settab_turn4(s, (size_t)(tag - s->tag) / 4u, w);
        return payload;
    }
    if (s->tree) {
        w = vs__settab_tree_touch(s, (size_t)(tag - s->tag) / s->ways, w);
    }
    return payload + w;
}

/* Finds a key in a set and makes it the newest, without vector instructions. */
static uint64_t *find_plain(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    uint32_t w = scan_plain(tag, s->ways, key);
    return w == s->ways ? NULL : touch(s, tag, w, push_plain);
}
#if defined(__x86_64__)
/* Finds a key in a set and makes it the newest, eight ways at a time. */
AVX2 static uint64_t *find_avx2(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    uint32_t w = scan_avx2(tag, s->ways, key);
    return w == s->ways ? NULL : touch(s, tag, w, push_avx2);
}
#endif

/* LRU of one large set. */
static uint64_t *find_listed(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    uint32_t w = chained(s, key);
    (void)tag; /* of the only set */
    if (w == s->ways) {
        return NULL;
    }
    list_newest(s, w);
    return s->payload + w;
}

/* ---- filling what has missed, when nobody asks what had to leave ---- */

static bool insert(struct vs_settab *s, size_t set, uint64_t key, uint64_t payload,
                   uint64_t *evicted_key, uint64_t *evicted_payload);

/* Inserts into a set under any policy. */
static void put_any(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload)
{
    (void)insert(s, (size_t)(tag - s->tag) / s->ways, key, payload, NULL, NULL);
}

/* Inserts into the one set of a fully associative table that keeps a list of ages. */
static void put_listed(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload)
{
    uint32_t w = s->prev[s->ways]; /* what was dropped stands last */
    s->used += tag[w] == VS_SETTAB_EMPTY;
    chain_out(s, w);
    tag[w] = key;
    s->payload[w] = payload;
    chain_in(s, w, key);
    list_newest(s, w);
}

#if defined(__x86_64__)
/* LRU of at most 16 ways. */
AVX2 static uint64_t *find_small_avx2(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    __m256i k = _mm256_set1_epi64x((long long)key);
    uint32_t hit = 0, ways = s->ways;
    for (uint32_t w = 0; w < ways; w += 4u) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(tag + w));
        hit |= (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(v, k))) << w;
    }
    uint32_t at = (uint32_t)__builtin_ctz(hit | 1u << ways);
    if (at == ways) {
        return NULL;
    }
    uint64_t *payload = s->payload + (tag - s->tag), p = payload[at];
    push_avx2(tag, payload, at, ways);
    tag[0] = key;
    payload[0] = p;
    return payload;
}

/* The same, and a multiple of four: all ways move. */
AVX2 static void put_small_avx2(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload)
{
    uint64_t *value = s->payload + (tag - s->tag);
    uint32_t j = s->ways - 4u;
    s->used += tag[s->ways - 1u] == VS_SETTAB_EMPTY;
    for (; j; j -= 4u) {
        _mm256_storeu_si256((__m256i *)(void *)(tag + j),
                            _mm256_loadu_si256((const __m256i *)(const void *)(tag + j - 1)));
        _mm256_storeu_si256((__m256i *)(void *)(value + j),
                            _mm256_loadu_si256((const __m256i *)(const void *)(value + j - 1)));
    }
    __m256i t = _mm256_loadu_si256((const __m256i *)(const void *)tag),
            v = _mm256_loadu_si256((const __m256i *)(const void *)value);
    t = _mm256_blend_epi32(_mm256_permute4x64_epi64(t, 0x90), _mm256_set1_epi64x((long long)key),
                           3);
    v = _mm256_blend_epi32(_mm256_permute4x64_epi64(v, 0x90),
                           _mm256_set1_epi64x((long long)payload), 3);
    _mm256_storeu_si256((__m256i *)(void *)tag, t);
    _mm256_storeu_si256((__m256i *)(void *)value, v);
}
#endif

/* The way of a set that holds the key; s->ways: none does. */
static inline uint32_t way_of(const struct vs_settab *s, uint64_t set, uint64_t key)
{
    return s->listed ? chained(s, key) : s->scan(s->tag + set * s->ways, s->ways, key);
}

uint64_t *vs_settab_peek(struct vs_settab *s, uint64_t key)
{
    uint64_t set;
    if (vs_unlikely(s->watch != NULL)) {
        return vs__watch_peek(s, key);
    }
    (void)vs_div(&s->by_sets, key, &set);
    uint32_t w = way_of(s, set, key);
    return w == s->ways ? NULL : s->payload + set * s->ways + w;
}

/* Inserts into a set that does not hold the key. */
static bool insert(struct vs_settab *s, size_t set, uint64_t key, uint64_t payload,
                   uint64_t *evicted_key, uint64_t *evicted_payload)
{
    uint64_t *tag = s->tag + set * s->ways, *value = s->payload + set * s->ways;
    uint32_t last = s->ways - 1u, w = last;
    bool ordered = settab_ordered(s);
    if (s->listed) {
        w = s->prev[s->ways]; /* what was dropped stands last */
        chain_out(s, w);
        chain_in(s, w, key);
        list_newest(s, w);
    } else if (s->tree) {
        w = vs__settab_tree_touch(s, set, vs__settab_tree_choose(s, set, tag));
    } else if (!ordered) {
        w = s->scan(tag, s->ways, VS_SETTAB_EMPTY);
        w = w == s->ways ? (uint32_t)vs_rng_below(&s->rng, s->ways) : w;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): both are absent only without entries */
    uint64_t old_tag = tag[w], old_payload = value[w];
    if (ordered) { /* valid ways stand first, so the last way is free or the oldest */
        s->push(tag, value, last, s->ways);
        w = 0;
    }
    tag[w] = key;
    value[w] = payload;
    if (old_tag == VS_SETTAB_EMPTY) {
        s->used++;
        return false;
    }
    if (evicted_key) {
        *evicted_key = old_tag;
    }
    if (evicted_payload) {
        *evicted_payload = old_payload;
    }
    return true;
}

bool vs_settab_fill(struct vs_settab *s, uint64_t key, uint64_t payload, uint64_t *evicted_key,
                    uint64_t *evicted_payload)
{
    uint64_t set;
    (void)vs_div(&s->by_sets, key, &set);
    if (s->entries == 0) {
        return false;
    }
    if (vs_unlikely(s->watch != NULL)) {
        vs__watch_put(s, NULL, key, payload);
        return false;
    }
    uint64_t *p = s->find(s, s->tag + set * s->ways, key);
    if (p) {
        *p = payload;
        return false;
    }
    return insert(s, set, key, payload, evicted_key, evicted_payload);
}

bool vs_settab_fill_absent(struct vs_settab *s, uint64_t key, uint64_t payload,
                           uint64_t *evicted_key, uint64_t *evicted_payload)
{
    uint64_t set;
    (void)vs_div(&s->by_sets, key, &set);
    if (vs_unlikely(s->watch != NULL)) {
        vs__watch_put(s, NULL, key, payload);
        return false;
    }
    return s->entries && insert(s, set, key, payload, evicted_key, evicted_payload);
}

/* Drops a way, and closes the gap where ways lie in order. */
static void drop_way(struct vs_settab *s, size_t first, uint32_t w)
{
    uint64_t *tag = s->tag + first, *value = s->payload + first;
    if (settab_ordered(s)) {
        for (; w + 1u < s->ways; w++) {
            tag[w] = tag[w + 1u];
            value[w] = value[w + 1u];
        }
    }
    if (s->listed) {
        chain_out(s, w);
        list_oldest(s, w);
    }
    tag[w] = VS_SETTAB_EMPTY;
    s->used--;
}

bool vs_settab_drop(struct vs_settab *s, uint64_t key)
{
    uint64_t set;
    if (vs_unlikely(s->watch != NULL)) {
        return vs__watch_drop(s, key);
    }
    (void)vs_div(&s->by_sets, key, &set);
    uint32_t w = way_of(s, set, key);
    if (w == s->ways) {
        return false;
    }
    drop_way(s, set * s->ways, w);
    return true;
}

uint64_t vs_settab_drop_if(struct vs_settab *s,
                           bool (*pred)(void *ctx, uint64_t key, uint64_t payload), void *ctx)
{
    uint64_t dropped = 0;
    if (vs_unlikely(s->watch != NULL)) {
        return vs__watch_drop_if(s, pred, ctx);
    }
    for (size_t first = 0; s->used && first < s->by_sets.n * s->ways; first += s->ways) {
        for (uint32_t w = s->ways; w--;) { /* downwards: closing a gap moves only what was seen */
            if (s->tag[first + w] != VS_SETTAB_EMPTY &&
                pred(ctx, s->tag[first + w], s->payload[first + w])) {
                drop_way(s, first, w);
                dropped++;
            }
        }
    }
    return dropped;
}

/* ---- functions for this shape and this host ---- */

const char *const vs_settab_variant[VS_SETTAB_VARIANTS] = {"avx2", "plain"};

bool vs_settab_use(struct vs_settab *s, const char *variant)
{
    s->scan = scan_plain;
    s->find = s->listed ? find_listed : find_plain;
    s->push = push_plain;
    s->put = s->listed ? put_listed : put_any;
    if (!strcmp(variant, "plain")) {
        return true;
    }
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) {
        return false;
    }
    if (s->ways >= 4u) {
        bool small = s->policy == VS_POLICY_LRU && s->ways <= 16u;
        s->scan = scan_avx2;
        s->find = s->listed ? find_listed : small ? find_small_avx2 : find_avx2;
        s->push = push_avx2;
        if (small && s->ways % 4u == 0) {
            s->put = put_small_avx2;
        } else if (s->tree_words) {
            vs__settab_tree_avx2(s);
        }
    }
    return !strcmp(variant, "avx2");
#else
    return false;
#endif
}

/* SPDX-License-Identifier: MIT */
/*
 * Tree-PLRU, and the policy of three groups. A tree's nodes are numbered from 1 as in a heap, leaf
 * w is node leaves + w, and a node's bit says that the victim is on the right: a touch turns the
 * nodes above its way away from it. Of three groups, each a tree, the one behind the group that was
 * touched last gives up an entry: bit 0 of a group's nodes, which no node has, says which that was.
 *
 * A table that is turned has the way that was touched last at place 0, so that another hit there is
 * seen at once and changes nothing. Way w gets there when every way goes to its number exclusive-or
 * w: halves of the tree change sides, and its nodes with them, so that what leaves next is the
 * same.
 */
#include "settab_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define TURNED 16u /* ways up to which turning is cheaper than the search that it saves */

bool vs__settab_tree_shape(struct vs_settab *s)
{
    s->groups = s->policy == VS_POLICY_MRU3_PLRU ? 3u : 1u;
    uint32_t each = s->ways / s->groups;
    if (s->groups > 1u && (s->ways % s->groups || (each & (each - 1u)))) {
        return false;
    }
    s->tree_leaves = 1;
    while (s->tree_leaves < each) {
        s->tree_leaves *= 2u;
    }
    s->tree_words = (s->groups * s->tree_leaves + 63u) / 64u;
    s->turned = s->groups == 1u && s->tree_leaves == s->ways && s->ways <= TURNED;
    return true;
}

/* A bit of a set's tree. */
static bool bit_of(const uint64_t *bits, uint32_t at)
{
    return bits[at / 64u] >> (at % 64u) & 1u;
}

/* Sets or clears a bit of a set's tree. */
static void put_bit(uint64_t *bits, uint32_t at, bool on)
{
    uint64_t bit = 1ull << (at % 64u);
    bits[at / 64u] = on ? bits[at / 64u] | bit : bits[at / 64u] & ~bit;
}

/* Whether one of n ways is free. */
static bool any_free(const struct vs_settab *s, const uint64_t *tag, uint32_t n)
{
    return s->scan(tag, n, VS_SETTAB_EMPTY) != n;
}

/* Down one tree, whose ways begin at `tag`; only_free: into halves with a free way. */
static uint32_t down(const struct vs_settab *s, const uint64_t *bits, uint32_t base,
                     const uint64_t *tag, uint32_t ways, bool only_free)
{
    uint32_t node = 1, first = 0, span = s->tree_leaves;
    while (span > 1u) {
        span /= 2u;
        /* leaves beyond the last way do not exist: never go right into them */
        bool there = first + span < ways, right = there && bit_of(bits, base + node);
        if (only_free) {
            uint32_t n = there ? ways - first - span < span ? ways - first - span : span : 0;
            right = right ? any_free(s, tag + first + span, n)
                          : there && !any_free(s, tag + first, span);
        }
        node = node * 2u + right;
        first += right ? span : 0;
    }
    return first;
}

/* Three groups of four ways: a set's bits are one word, four of them a group's. */
static bool of_twelve(const struct vs_settab *s)
{
    return s->groups == 3u && s->tree_leaves == 4u;
}

/* The way that a full set of three groups of four gives up. */
static uint32_t choose12(uint64_t bits)
{
    uint32_t group = bits & 1u ? 1u : bits & 0x10u ? 2u : 0u; /* behind the one touched last */
    uint32_t nodes = (uint32_t)(bits >> 4u * group), right = nodes >> 1u & 1u;
    return 4u * group + 2u * right + (nodes >> (2u + right) & 1u);
}

/* A way of such a set is touched: its group is the last, the nodes above it turn away. */
static uint64_t touch12(uint64_t bits, uint32_t way)
{
    static const uint8_t set[4] = {7, 3, 9, 1}, kept[4] = {8, 8, 4, 4};
    uint32_t shift = way & ~3u;
    uint64_t others = ~(0x111ull | (uint64_t)(0xfu ^ kept[way & 3u]) << shift);
    return (bits & others) | (uint64_t)set[way & 3u] << shift;
}

uint32_t vs__settab_tree_choose(const struct vs_settab *s, size_t set, const uint64_t *tag)
{
    const uint64_t *bits = s->tree + set * s->tree_words;
    uint32_t each = s->ways / s->groups, group = 0;
    bool only_free = any_free(s, tag, s->ways);
    if (!only_free && of_twelve(s)) {
        return choose12(*bits);
    }
    if (only_free && s->groups == 1u && !s->turned) {
        return s->scan(tag, s->ways, VS_SETTAB_EMPTY);
    }
    if (s->groups > 1u) {
        while (group < s->groups && !bit_of(bits, group * s->tree_leaves)) {
            group++;
        }
        group = (group + 1u) % s->groups;
        while (only_free && !any_free(s, tag + group * each, each)) {
            group = (group + 1u) % s->groups;
        }
    }
    return group * each +
           down(s, bits, group * s->tree_leaves, tag + group * each, each, only_free);
}

/* Way w comes to place 0, and every other to its number exclusive-or w. */
static void turn(struct vs_settab *s, size_t set, uint32_t w)
{
    uint64_t *tag = s->tag + set * s->ways, *payload = s->payload + set * s->ways,
             old = s->tree[set], bits = 0;
    for (uint32_t i = 0; w && i < s->ways; i++) {
        if (i < (i ^ w)) {
            vs__settab_swap(&tag[i], &tag[i ^ w]);
            vs__settab_swap(&payload[i], &payload[i ^ w]);
        }
    }
    /* above: ways below each child of a node of this depth */
    for (uint32_t first = 1, above = s->ways / 2u; above; first *= 2u, above /= 2u) {
        for (uint32_t i = 0; i < first; i++) {
            uint64_t was = old >> (first + (i ^ w / above / 2u)) ^ (w / above);
            bits |= (i ? was & 1u : 1u) << (first + i);
        }
    }
    s->tree[set] = bits;
}

uint32_t vs__settab_tree_touch(struct vs_settab *s, size_t set, uint32_t way)
{
    if (s->turned) {
        if (s->ways == 4u) {
            vs__settab_turn4(s, set, way);
        } else {
            turn(s, set, way);
        }
        return 0;
    }
    uint64_t *bits = s->tree + set * s->tree_words;
    if (of_twelve(s)) {
        *bits = touch12(*bits, way);
        return way;
    }
    uint32_t each = s->ways / s->groups, base = way / each * s->tree_leaves;
    for (uint32_t node = s->tree_leaves + way % each; node > 1u; node /= 2u) {
        put_bit(bits, base + node / 2u, !(node & 1u));
    }
    for (uint32_t g = 0; s->groups > 1u && g < s->groups; g++) {
        put_bit(bits, g * s->tree_leaves, g == way / each);
    }
    return way;
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

/* One bit for each of four ways whose tag is the key. */
AVX2 static inline uint32_t same4(const uint64_t *tag, uint64_t key)
{
    __m256i ways = _mm256_loadu_si256((const __m256i *)(const void *)tag),
            same = _mm256_cmpeq_epi64(ways, _mm256_set1_epi64x((long long)key));
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(same));
}

/* One bit for each of twelve ways whose tag is the key. */
AVX2 static inline uint32_t same12(const uint64_t *tag, uint64_t key)
{
    return same4(tag, key) | same4(tag + 4, key) << 4u | same4(tag + 8, key) << 8u;
}

/* Finds a key in a turned set of four ways and makes it the newest. */
AVX2 static uint64_t *find4(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    uint32_t hit = same4(tag, key);
    size_t at = (size_t)(tag - s->tag);
    if (!hit) {
        return NULL;
    }
    vs__settab_turn4(s, at / 4u, (uint32_t)__builtin_ctz(hit));
    return s->payload + at;
}

/* Puts what is not there into such a set: below node 1 and then below node 2 or 3. */
AVX2 static void put4(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload)
{
    size_t at = (size_t)(tag - s->tag), set = at / 4u;
    uint32_t bits = (uint32_t)s->tree[set], right = bits >> 1u & 1u,
             way = 2u * right + (bits >> (2u + right) & 1u);
    if (vs_unlikely(same4(tag, VS_SETTAB_EMPTY) != 0)) {
        way = vs__settab_tree_choose(s, set, tag);
        s->used++;
    }
    tag[way] = key;
    s->payload[at + way] = payload;
    vs__settab_turn4(s, set, way);
}

/* Finds a key in a set of three groups of four and notes it as touched. */
AVX2 static uint64_t *find12(struct vs_settab *s, uint64_t *tag, uint64_t key)
{
    uint32_t hit = same12(tag, key);
    size_t at = (size_t)(tag - s->tag);
    if (!hit) {
        return NULL;
    }
    uint64_t *bits = s->tree + at / 12u;
    uint32_t way = (uint32_t)__builtin_ctz(hit);
    *bits = touch12(*bits, way);
    return s->payload + at + way;
}

/* Puts what is not there into such a set. */
AVX2 static void put12(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload)
{
    size_t at = (size_t)(tag - s->tag), set = at / 12u;
    uint64_t *bits = s->tree + set;
    uint32_t way = choose12(*bits);
    if (vs_unlikely(same12(tag, VS_SETTAB_EMPTY) != 0)) {
        way = vs__settab_tree_choose(s, set, tag);
        s->used++;
    }
    *bits = touch12(*bits, way);
    tag[way] = key;
    s->payload[at + way] = payload;
}

void vs__settab_tree_avx2(struct vs_settab *s)
{
    if (s->turned && s->ways == 4u) {
        s->find = find4;
        s->put = put4;
    } else if (of_twelve(s)) {
        s->find = find12;
        s->put = put12;
    }
}
#endif

/* SPDX-License-Identifier: MIT */
/*
 * A run of hits. Its lines lie in sets side by side and, until the sets are through, under one tag:
 * what is left of a lookup is to find the tag and to move it to the front.
 *
 * There are three of these loops, for the host's vector unit and the number of ways. Each is one
 * inline function for all callers, who hand in constants where they want nothing: `all` are flags
 * that each line takes, `each` the flags of one line after the other. It returns how many leading
 * lines there are.
 */
#include "virtsim/linetab.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static vs_inlined

typedef uint32_t chunk_fn(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n, uint32_t all,
                          const uint32_t *each);

/* Spans, each cut where the sets are through. */
INLINE uint32_t spans_of(const struct vs_linetab *c, const struct vs_linetab_spans *s,
                         uint32_t most, const uint32_t *each, chunk_fn *chunk)
{
    uint32_t done = 0;
    for (const struct vs_linetab_span *i = s->span, *end = i + s->n; i != end; i++) {
        uint64_t line = i->line + s->offset, set;
        for (uint32_t n = i->n; n;) {
            uint32_t tag = vs_linetab_tag(c, line, &set), m = n;
            m = vs_likely(m <= c->by_sets.n - set) ? m : (uint32_t)(c->by_sets.n - set);
            m = vs_likely(m <= most - done) ? m : most - done;
            uint32_t got =
                chunk(c->tag + set * c->stride, c->stride, tag, m, 0, each ? each + done : NULL);
            done += got;
            if (vs_unlikely(got < m || done == most)) {
                return done;
            }
            n -= m;
            line += m;
        }
    }
    return done;
}

/* Counts the leading hits of a run of lines in neighbouring sets, and flags and renews each. */
INLINE uint32_t plain_of(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n, uint32_t all,
                         const uint32_t *each)
{
    for (uint32_t i = 0; i < n; i++, set += stride) {
        uint32_t w = 0;
        while (w < stride && (set[w] | VS_LINE_FLAGS) != (tag | VS_LINE_FLAGS)) {
            w++;
        }
        if (w == stride) {
            return i;
        }
        uint32_t found = set[w] | all | (each ? each[i] : 0);
        for (; w; w--) {
            set[w] = set[w - 1u];
        }
        set[0] = found;
    }
    return n;
}

/* Leading hits of a run, without vector instructions. */
static uint32_t hits_plain(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n, uint32_t flags)
{
    return plain_of(set, stride, tag, n, flags, NULL);
}

/* Leading hits of several runs, without vector instructions. */
static uint32_t spans_plain(const struct vs_linetab *c, const struct vs_linetab_spans *s,
                            uint32_t most, const uint32_t *each)
{
    return spans_of(c, s, most, each, plain_of);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,bmi")))

/* The orders of eight ways after a hit on way 0, 1, ..., 7. */
static const uint32_t order[8][8] __attribute__((aligned(32))) = {
    {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 2, 3, 4, 5, 6, 7}, {2, 0, 1, 3, 4, 5, 6, 7},
    {3, 0, 1, 2, 4, 5, 6, 7}, {4, 0, 1, 2, 3, 5, 6, 7}, {5, 0, 1, 2, 3, 4, 6, 7},
    {6, 0, 1, 2, 3, 4, 5, 7}, {7, 0, 1, 2, 3, 4, 5, 6}};

/* Eight ways: one compare finds the way, one permutation moves it to the front. The mask has four
 * bits a way, so that its first bit times eight is where the way's order stands. One index counts
 * up to 0 for all that is addressed: eight words of a set, four bytes of flags. */
AVX2 INLINE uint32_t ways8_of(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                              uint32_t all, const uint32_t *each)
{
    const __m256i any = _mm256_set1_epi32(VS_LINE_FLAGS),
                  key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS)),
                  front = _mm256_setr_epi32((int)all, 0, 0, 0, 0, 0, 0, 0);
    const int64_t bytes = 4 * (int64_t)n;
    char *sets = (char *)(set + 2 * bytes);
    const char *flags = each ? (const char *)(each + n) : NULL;
    (void)stride;
    for (int64_t i = -bytes; i; i += 4) {
        __m256i *at = (__m256i *)(void *)(sets + 8 * i), ways = _mm256_load_si256(at);
        uint32_t found =
            (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_or_si256(ways, any), key));
        if (vs_unlikely(!found)) {
            return (uint32_t)((bytes + i) / 4);
        }
        const char *to = (const char *)order + 8u * (uint64_t)_tzcnt_u32(found);
        ways =
            _mm256_permutevar8x32_epi32(ways, _mm256_load_si256((const __m256i *)(const void *)to));
        if (each) {
            __m128i one = _mm_loadu_si32(flags + i);
            ways = _mm256_or_si256(ways, _mm256_zextsi128_si256(one));
        }
        _mm256_store_si256(at, all ? _mm256_or_si256(ways, front) : ways);
    }
    return n;
}

/* Leading hits of a run where a set has eight ways. */
AVX2 static uint32_t hits8_avx2(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                                uint32_t flags)
{
    return flags ? ways8_of(set, stride, tag, n, flags, NULL)
                 : ways8_of(set, stride, tag, n, 0, NULL);
}

/* Of up to eight sets from `way` on, how many leading ones have the tag there, with its flags. */
AVX2 INLINE uint32_t leading(const uint32_t *way, uint32_t stride, uint32_t tag, uint32_t n,
                             const uint32_t *each)
{
    const __m256i count = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                  any = _mm256_set1_epi32(VS_LINE_FLAGS),
                  key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS)),
                  at = _mm256_mullo_epi32(count, _mm256_set1_epi32((int)stride)),
                  wanted = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), count);
    __m256i tags = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(),
                                               (const int *)(const void *)way, at, wanted, 4),
            same = _mm256_cmpeq_epi32(_mm256_or_si256(tags, any), key);
    if (each) {
        __m256i flags = _mm256_maskload_epi32((const int *)(const void *)each, wanted);
        same = _mm256_and_si256(same, _mm256_cmpeq_epi32(_mm256_and_si256(tags, flags), flags));
    }
    return _tzcnt_u32(~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(same)));
}

/* The second way of a set changes places with the first, and takes its flags. */
AVX2 INLINE void swap(uint32_t *set, const uint32_t *flags)
{
    uint64_t two;
    memcpy(&two, set, sizeof two);
    two = two << 32 | two >> 32 | (flags ? *flags : 0);
    memcpy(set, &two, sizeof two);
}

/* The same of n consecutive sets, eight at most. */
AVX2 INLINE void swap_all(uint32_t *set, uint32_t stride, uint32_t n, const uint32_t *each)
{
    if (n & 1u) {
        swap(set, each);
        set += stride;
        each = each ? each + 1 : NULL;
    }
    for (const uint32_t *end = set + (n & ~1u) * stride; set != end; set += 2u * stride) {
        swap(set, each);
        swap(set + stride, each ? each + 1 : NULL);
        each = each ? each + 2 : NULL;
    }
}

/* Software goes round the same lines in the same order, so that a line is nearly always the most
 * recent of its set, or the one before where two share it and take turns. The first is as it stays;
 * the second changes places with the first. That is seen of eight lines at once. Other lines are
 * looked up by `rest`, eight before the next such look. */
AVX2 INLINE uint32_t in_turn(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                             const uint32_t *each, chunk_fn *rest)
{
    for (uint32_t left = n, got; left; left -= got, set += got * stride) {
        got = leading(set, stride, tag, left, each);
        if (!got) {
            got = leading(set + 1, stride, tag, left, NULL);
            if (vs_likely(got)) {
                swap_all(set, stride, got, each);
            } else {
                uint32_t some = left < 8u ? left : 8u;
                got = rest(set, stride, tag, some, 0, each);
                if (got < some) {
                    return n - left + got;
                }
            }
        }
        each = each ? each + got : NULL;
    }
    return n;
}

/* Leading hits in sets of eight ways that leave no flags. */
AVX2 INLINE uint32_t ways8_bare(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                                uint32_t all, const uint32_t *each)
{
    (void)stride;
    (void)all;
    (void)each;
    return in_turn(set, 8, tag, n, NULL, ways8_of);
}

/* Leading hits in sets of eight ways with flags of their own. */
AVX2 INLINE uint32_t ways8_each(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                                uint32_t all, const uint32_t *each)
{
    if (!each) {
        __builtin_unreachable();
    }
    (void)stride;
    (void)all;
    return in_turn(set, 8, tag, n, each, ways8_of);
}

/* Leading hits of several runs where a set has eight ways. */
AVX2 static uint32_t spans8_avx2(const struct vs_linetab *c, const struct vs_linetab_spans *s,
                                 uint32_t most, const uint32_t *each)
{
    return each ? spans_of(c, s, most, each, ways8_each) : spans_of(c, s, most, NULL, ways8_bare);
}

/* More ways: eight at a time. */
AVX2 INLINE uint32_t ways_of(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n, uint32_t all,
                             const uint32_t *each)
{
    const __m256i any = _mm256_set1_epi32(VS_LINE_FLAGS),
                  key = _mm256_set1_epi32((int)(tag | VS_LINE_FLAGS));
    for (uint32_t i = 0; i < n; i++, set += stride) {
        uint32_t found = 0, first = 0;
        for (; first < stride && !found; first += 8u) {
            __m256i ways = _mm256_load_si256((const __m256i *)(const void *)(set + first));
            found = (uint32_t)_mm256_movemask_ps(
                _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_or_si256(ways, any), key)));
        }
        if (!found) {
            return i;
        }
        uint32_t w = first - 8u + (uint32_t)__builtin_ctz(found),
                 moved = set[w] | all | (each ? each[i] : 0);
        for (uint32_t j = w & ~7u;; j -= 8u) { /* ways 0 .. w-1 age by one, from the top down */
            const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            __m256i *at = (__m256i *)(void *)(set + j), ways = _mm256_load_si256(at);
            __m256i up = _mm256_permutevar8x32_epi32(
                ways, _mm256_load_si256((const __m256i *)(const void *)order[7]));
            up = j ? _mm256_loadu_si256((const __m256i *)(const void *)(set + j - 1u)) : up;
            __m256i ages = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(w - j + 1u)), lane);
            _mm256_store_si256(at, _mm256_blendv_epi8(ways, up, ages));
            if (j == 0) {
                break;
            }
        }
        set[0] = moved;
    }
    return n;
}

/* Leading hits of a run with any number of ways. */
AVX2 static uint32_t hits_avx2(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                               uint32_t flags)
{
    return ways_of(set, stride, tag, n, flags, NULL);
}

/* Leading hits in sets of any number of ways that leave no flags. */
AVX2 INLINE uint32_t ways_bare(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                               uint32_t all, const uint32_t *each)
{
    (void)all;
    (void)each;
    return in_turn(set, stride, tag, n, NULL, ways_of);
}

/* Leading hits in sets of any number of ways with flags of their own. */
AVX2 INLINE uint32_t ways_each(uint32_t *set, uint32_t stride, uint32_t tag, uint32_t n,
                               uint32_t all, const uint32_t *each)
{
    (void)all;
    return in_turn(set, stride, tag, n, each, ways_of);
}

/* Leading hits of several runs with any number of ways. */
AVX2 static uint32_t spans_avx2(const struct vs_linetab *c, const struct vs_linetab_spans *s,
                                uint32_t most, const uint32_t *each)
{
    return each ? spans_of(c, s, most, each, ways_each) : spans_of(c, s, most, NULL, ways_bare);
}
#endif

const char *const vs_linetab_variant[VS_LINETAB_VARIANTS] = {"avx2", "plain"};

bool vs_linetab_use(struct vs_linetab *c, const char *variant)
{
    c->hits = hits_plain;
    c->spans = spans_plain;
#if defined(__x86_64__)
    if (!strcmp(variant, "avx2") && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("bmi")) {
        c->hits = c->stride == 8u ? hits8_avx2 : hits_avx2;
        c->spans = c->stride == 8u ? spans8_avx2 : spans_avx2;
        return true;
    }
#endif
    return !strcmp(variant, "plain");
}

uint32_t vs__linetab_hits_on(struct vs_linetab *c, uint64_t line, uint32_t n, uint32_t flags)
{
    uint64_t set;
    (void)vs_linetab_tag(c, line, &set);
    uint32_t first = (uint32_t)(c->by_sets.n - set);
    uint32_t got = vs_linetab_hits(c, line, first, flags);
    return got < first ? got : got + vs_linetab_hits(c, line + got, n - got, flags);
}

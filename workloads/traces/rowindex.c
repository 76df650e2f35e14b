/* SPDX-License-Identifier: MIT */
/*
 * The program behind rowindex.lackey.zst: a small table with an index, as a database has.
 *
 * 6144 rows of 2112 bytes lie in random order in 12.4 MiB. The rows are also the nodes of a
 * balanced search tree (key, two links: one cache line used of each row). The program builds it,
 * looks up keys, some of them far more often than others, and adds up a range in key order. Every
 * step down the tree depends on the load before it and goes to another page: 3168 pages, more than
 * a second-level TLB of 1536 entries holds at 4 KiB, and seven at 2 MiB. 2112 is no multiple of
 * 4096, so that the lines used spread over the cache sets, and some rows cross a page.
 *
 * No input, no allocation, no output: the same instructions every time. Exit status 0 = the sums
 * were right.
 */
#include <stdint.h>

enum { rows = 6144, row_bytes = 2112, lookups = 6000, range = 3000 };

struct row {
    uint64_t key;
    struct row *left;
    struct row *right;
    uint64_t value;
    uint8_t rest[row_bytes - 32];
};

static struct row table[rows];
static uint16_t place[rows];
static uint64_t seed = 0x9e3779b97f4a7c15;

/* The next number of a xorshift generator. */
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* The row of the i-th smallest key lies at table[place[i]]. */
static void shuffle(void)
{
    for (unsigned i = 0; i < rows; i++)
        place[i] = (uint16_t)i;
    for (unsigned i = rows - 1; i > 0; i--) {
        unsigned j = (unsigned)((next_random() >> 32) * (i + 1) >> 32);
        uint16_t p = place[i];
        place[i] = place[j];
        place[j] = p;
    }
}

/* Builds a balanced tree of the rows between two positions. */
static struct row *build(unsigned first, unsigned end)
{
    if (first == end)
        return 0;
    unsigned middle = (first + end) / 2;
    struct row *r = &table[place[middle]];
    r->key = 10 * (uint64_t)middle;
    r->value = middle;
    r->left = build(first, middle);
    r->right = build(middle + 1, end);
    return r;
}

/* Finds a key in the tree, or NULL. */
static const struct row *find(const struct row *r, uint64_t key)
{
    while (r && r->key != key)
        r = key < r->key ? r->left : r->right;
    return r;
}

/* Adds up the values whose keys are from low to below high. */
static uint64_t sum_range(const struct row *r, uint64_t low, uint64_t high)
{
    uint64_t sum = 0;
    if (!r)
        return 0;
    if (r->key > low)
        sum += sum_range(r->left, low, high);
    if (r->key >= low && r->key < high)
        sum += r->value;
    if (r->key < high)
        sum += sum_range(r->right, low, high);
    return sum;
}

/* Looks up rows and sums ranges of an index: what the recorded trace is of. */
int main(void)
{
    shuffle();
    const struct row *root = build(0, rows);
    uint64_t wrong = 0;
    for (unsigned i = 0; i < lookups; i++) {
        /* the product of two uniform numbers prefers small ones */
        uint64_t a = next_random() >> 32;
        uint64_t b = next_random() >> 32;
        uint64_t want = (a * b >> 32) * rows >> 32;
        const struct row *r = find(root, 10 * want);
        wrong += !r || r->value != want;
    }
    uint64_t first = rows / 4;
    uint64_t sum = sum_range(root, 10 * first, 10 * (first + range));
    wrong += sum != (2 * first + range - 1) * range / 2;
    return wrong != 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a name that nobody knows may have meant. People remember how a name begins
 * (`--machine skylake`), or some of its parts (`ept.l1_dtlb.entries`), more often than they mistype
 * one letter: so names that begin like the word come first, then those that share its parts, and
 * the edit distance decides between equals and where neither helps.
 */
#include "virtsim/status.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PARTS 12u
#define LISTED 5u

/* The parts of a name, between its punctuation. */
struct parts {
    const char *at[PARTS];
    size_t length[PARTS], n;
};

/* A letter as it is compared: small, and dashes as underlines. */
static int folded(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

/* The first `n` characters are the same but for case, and '-' for '_'. */
static bool same(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!a[i] || folded(a[i]) != folded(b[i])) {
            return false;
        }
    }
    return true;
}

/* Splits a name into its words. */
static struct parts split(const char *name)
{
    static const char between[] = "._-/: ";
    struct parts p = {.n = 0};
    for (const char *at = name; *at && p.n < PARTS;) {
        size_t n = strcspn(at, between);
        if (n) {
            p.at[p.n] = at;
            p.length[p.n++] = n;
        }
        at += n + (at[n] != '\0');
    }
    return p;
}

/* Levenshtein distance with adjacent swaps; 64 for what is longer than that. */
static unsigned distance(const char *a, size_t la, const char *b, size_t lb)
{
    enum { MAX = 64 };
    unsigned row[3][MAX];
    if (la >= MAX || lb >= MAX) {
        return MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= la; i++) {
        unsigned *cur = row[i % 3], *prev = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        cur[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = prev[j - 1] + (folded(a[i - 1]) != folded(b[j - 1]));
            best = prev[j] + 1 < best ? prev[j] + 1 : best;
            best = cur[j - 1] + 1 < best ? cur[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < best) {
                best = two[j - 2] + 1;
            }
            cur[j] = best;
        }
    }
    return row[la % 3][lb];
}

/* How many edits two names are apart. */
static unsigned whole_distance(const char *a, const char *b)
{
    return distance(a, strlen(a), b, strlen(b));
}

/* How well one part of the word is found in a name: 4 as it is, 3 one begins with the other,
 * 2 mistyped, 0 not at all. */
static unsigned found(const char *part, size_t length, const struct parts *name)
{
    unsigned best = 0;
    for (size_t i = 0; i < name->n; i++) {
        size_t other = name->length[i], both = length < other ? length : other;
        bool begins = same(part, name->at[i], both);
        unsigned one = begins && length == other ? 4u : begins && both >= 2 ? 3u : 0u;
        if (!one && length >= 4 &&
            distance(part, length, name->at[i], other) <= (length < 7 ? 1u : 2u)) {
            one = 2;
        }
        best = one > best ? one : best;
    }
    return best;
}

/* How much of the word's parts a name has, at most 4 times its letters. */
static size_t shared(const struct parts *word, const char *name)
{
    struct parts has = split(name);
    size_t score = 0;
    for (size_t i = 0; i < word->n; i++) {
        score += word->length[i] * found(word->at[i], word->length[i], &has);
    }
    return score;
}

/* The best names so far, at most LISTED of them, the nearest first. */
struct best {
    const char *name[LISTED];
    unsigned far[LISTED];
    size_t n, more; /* of as good ones, how many are left out */
};

/* Offers a name to the few nearest ones, each once. */
static void offer(struct best *b, const char *name, unsigned far)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!strcmp(b->name[i], name)) {
            return;
        }
    }
    size_t at = b->n;
    while (at && b->far[at - 1] > far) {
        at--;
    }
    if (b->n == LISTED) {
        b->more++;
    }
    for (size_t i = b->n < LISTED ? b->n++ : LISTED - 1; i > at; i--) {
        b->name[i] = b->name[i - 1];
        b->far[i] = b->far[i - 1];
    }
    if (at < LISTED) {
        b->name[at] = name;
        b->far[at] = far;
    }
}

/* Of names that are as good, one that is much nearer stands alone. */
static void settle(struct best *b)
{
    if (b->n > 1 && b->far[0] <= 2 && b->far[1] > b->far[0] + 1) {
        b->n = 1;
        b->more = 0;
    }
}

/* Names that begin with the word; those that say least beyond it first. */
static void begin_alike(const char *word, const char *const *name, size_t n, struct best *b)
{
    size_t length = strlen(word);
    for (size_t i = 0; length >= 2 && i < n; i++) {
        if (same(name[i], word, length)) {
            offer(b, name[i], name[i][length] ? 2u + (unsigned)strlen(name[i] + length) : 0u);
        }
    }
    settle(b);
}

/* Names that have most of the word's parts, or the word inside. */
static void have_parts(const char *word, const char *const *name, size_t n, struct best *b)
{
    struct parts parts = split(word);
    size_t letters = 0, most = 0;
    for (size_t i = 0; i < parts.n; i++) {
        letters += parts.length[i];
    }
    for (size_t i = 0; i < n; i++) {
        size_t score = shared(&parts, name[i]);
        most = score > most ? score : most;
    }
    if (!most || most < 2 * letters) {
        for (size_t i = 0; strlen(word) >= 3 && i < n; i++) {
            if (strstr(name[i], word)) {
                offer(b, name[i], whole_distance(word, name[i]));
            }
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (shared(&parts, name[i]) == most) {
            offer(b, name[i], whole_distance(word, name[i]));
        }
    }
    settle(b);
}

/* The one name that a typo makes of it. */
static void mistyped(const char *word, const char *const *name, size_t n, struct best *b)
{
    unsigned least = (unsigned)(strlen(word) / 3 + 2);
    for (size_t i = 0; i < n; i++) {
        unsigned d = whole_distance(word, name[i]);
        if (d < least) {
            least = d;
            *b = (struct best){.name = {name[i]}, .far = {d}, .n = 1};
        }
    }
}

/* "FIRST'a', 'b' or 'c'LAST", each name between `before` and `after`. */
static void say(const struct best *b, const char *first, const char *last, const char *before,
                const char *after, char *out, size_t bytes)
{
    size_t at = (size_t)snprintf(out, bytes, "%s", first);
    for (size_t i = 0; i < b->n && at < bytes; i++) {
        bool end = i + 1 == b->n && !b->more;
        at += (size_t)snprintf(out + at, bytes - at, "%s'%s%s%s'",
                               !i    ? ""
                               : end ? " or "
                                     : ", ",
                               before, b->name[i], after);
    }
    if (b->more && at < bytes) {
        at += (size_t)snprintf(out + at, bytes - at, " or one of %zu more", b->more);
    }
    if (at < bytes) {
        snprintf(out + at, bytes - at, "%s", last);
    }
}

const char *vs_suggest_in(const char *word, const char *const *names, size_t n, const char *before,
                          const char *after, const char *otherwise, char *out, size_t bytes)
{
    struct best b = {.n = 0};
    begin_alike(word, names, n, &b);
    if (!b.n) {
        have_parts(word, names, n, &b);
    }
    if (!b.n) {
        mistyped(word, names, n, &b);
    }
    if (b.n) {
        say(&b, "did you mean ", "?", before, after, out, bytes);
    } else if (otherwise) {
        snprintf(out, bytes, "%s", otherwise);
    } else {
        for (size_t i = 0; i < n; i++) {
            offer(&b, names[i], 0);
        }
        say(&b, n ? "known: " : "none is known", "", before, after, out, bytes);
    }
    return out;
}

const char *vs_suggest(const char *word, const char *const *names, size_t n, const char *otherwise,
                       char *out, size_t bytes)
{
    return vs_suggest_in(word, names, n, "", "", otherwise, out, bytes);
}

/* SPDX-License-Identifier: MIT */
/* Axes and what they make together: the points of a sweep. */
#include "sweep/let.h"

#include "virtsim/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_STREAM 0x5a3b1e /* of the seed: apart from every actor's */

/* The axis of a path, or NULL. */
static struct vs_axis *axis_of(struct vs_sweep *s, const char *path, size_t len)
{
    for (unsigned i = 0; i < s->n_axes; i++) {
        if (strlen(s->axis[i].path) == len && !strncmp(s->axis[i].path, path, len)) {
            return &s->axis[i];
        }
    }
    return NULL;
}

enum vs_status vs_sweep_axis(struct vs_sweep *s, const char *text, const char *from,
                             struct vs_errors *errors)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || !eq[1] || (size_t)(eq - text) >= sizeof s->axis[0].path) {
        vs_error(errors, "--vary '%s' is not PATH=V1,V2,...", text);
        return VS_E_INPUT;
    }
    if (s->n_axes == VS_SWEEP_AXES) {
        vs_error(errors, "--vary: at most %u", VS_SWEEP_AXES);
        return VS_E_INPUT;
    }
    if (axis_of(s, text, (size_t)(eq - text))) {
        vs_error(errors, "--vary %.*s is given twice; put all values into one list",
                 (int)(eq - text), text);
        return VS_E_INPUT;
    }
    struct vs_axis *a = &s->axis[s->n_axes++];
    *a = (struct vs_axis){.text = strdup(eq + 1)};
    snprintf(a->path, sizeof a->path, "%.*s", (int)(eq - text), text);
    snprintf(a->from, sizeof a->from, "%s", from);
    if (!a->text) {
        vs_error(errors, "--vary %s: out of memory", a->path);
        return VS_E_NOMEM;
    }
    enum vs_status st = vs__axis_values(a, eq + 1, errors);
    for (size_t i = 0; !st && !strcmp(a->path, "seed") && i < a->n; i++) {
        uint64_t v;
        if (!vs_parse_number(a->value[i], &v) || v > INT64_MAX / 2) {
            vs_error(errors, "--vary seed: '%s' is not a seed, a whole number from 0", a->value[i]);
            st = VS_E_INPUT;
        }
    }
    return st;
}

enum vs_status vs_sweep_zip(struct vs_sweep *s, const char *text, struct vs_errors *errors)
{
    if (s->n_zips == VS_SWEEP_AXES) {
        vs_error(errors, "--zip: at most %u", VS_SWEEP_AXES);
        return VS_E_INPUT;
    }
    s->zip[s->n_zips] = strdup(text);
    return s->zip[s->n_zips++] ? VS_OK : VS_E_NOMEM;
}

enum vs_status vs_sweep_let(struct vs_sweep *s, const char *text, const char *from,
                            struct vs_errors *errors)
{
    const char *eq = strchr(text, '=');
    if (!eq || eq == text || !eq[1] || (size_t)(eq - text) >= sizeof s->let[0].path) {
        vs_error(errors,
                 "--let '%s' is not PATH=EXPRESSION, such as "
                 "ept.l2_tlb.ways='ept.l2_tlb.entries // 64'",
                 text);
        return VS_E_INPUT;
    }
    if (s->n_lets == VS_SWEEP_LETS) {
        vs_error(errors, "--let: at most %u", VS_SWEEP_LETS);
        return VS_E_INPUT;
    }
    struct vs_let *l = &s->let[s->n_lets];
    snprintf(l->path, sizeof l->path, "%.*s", (int)(eq - text), text);
    snprintf(l->from, sizeof l->from, "%s", from);
    for (unsigned i = 0; i < s->n_lets; i++) {
        if (!strcmp(s->let[i].path, l->path)) {
            vs_error(errors, "--let %s is given twice", l->path);
            return VS_E_INPUT;
        }
    }
    l->expression = strdup(eq + 1);
    if (!l->expression) {
        return VS_E_NOMEM;
    }
    s->n_lets++;
    return VS_OK;
}

/* The axes that one --zip names get its number. */
static enum vs_status settle_zip(struct vs_sweep *s, unsigned number, struct vs_errors *errors)
{
    const char *text = s->zip[number - 1];
    const struct vs_axis *first = NULL;
    unsigned n = 0;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ",");
        struct vs_axis *a = axis_of(s, p, len);
        if (!a) {
            vs_error(errors, "--zip %s: '%.*s' is not varied; zipped are axes of --vary", text,
                     (int)len, p);
            return VS_E_INPUT;
        }
        if (a->zip) {
            vs_error(errors, "--zip %s: %s is zipped already", text, a->path);
            return VS_E_INPUT;
        }
        if (first && first->n != a->n) {
            vs_error(errors,
                     "--zip %s: %s has %zu values and %s has %zu; what goes together has equally "
                     "many",
                     text, first->path, first->n, a->path, a->n);
            return VS_E_INPUT;
        }
        a->zip = number;
        first = first ? first : a;
        n++;
        p += len;
        if (!*p) {
            break;
        }
    }
    if (n < 2) {
        vs_error(errors, "--zip %s: at least two axes are needed, --zip PATH,PATH", text);
        return VS_E_INPUT;
    }
    return VS_OK;
}

/* Counts the digits of the sweep's numeral: each axis is one, and zipped axes are one together. */
static void settle_digits(struct vs_sweep *s)
{
    s->n_digits = 0;
    s->combinations = 1;
    for (unsigned i = 0; i < s->n_axes; i++) {
        struct vs_digit *d = NULL;
        for (unsigned k = 0; s->axis[i].zip && k < s->n_digits; k++) {
            if (s->axis[s->digit[k].axis[0]].zip == s->axis[i].zip) {
                d = &s->digit[k];
            }
        }
        if (!d) {
            d = &s->digit[s->n_digits++];
            *d = (struct vs_digit){.n = s->axis[i].n};
            if (__builtin_mul_overflow(s->combinations, d->n, &s->combinations)) {
                s->combinations = SIZE_MAX;
            }
        }
        d->axis[d->n_axes++] = i;
    }
}

/* Orders numbers by size. */
static int by_number(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

/* Puts v into a table of 2^bits places, of which at most half are used; false: it is there. */
static bool put(uint64_t *table, unsigned bits, uint64_t v)
{
    uint64_t mask = ((uint64_t)1 << bits) - 1u, at = (v * 0x9e3779b97f4a7c15u) >> (64u - bits);
    while (table[at]) {
        if (table[at] == v + 1u) {
            return false;
        }
        at = (at + 1u) & mask;
    }
    table[at] = v + 1u;
    return true;
}

/* Floyd's algorithm: every set of `random` combinations is equally likely. */
static enum vs_status settle_sample(struct vs_sweep *s, struct vs_errors *errors)
{
    unsigned bits = 1;
    struct vs_rng rng;
    if (!s->random || s->random >= s->combinations) {
        return VS_OK;
    }
    if (s->random > VS_SWEEP_POINTS) {
        vs_error(errors, "--random %" PRIu64 ": at most %u points", s->random, VS_SWEEP_POINTS);
        return VS_E_BOUNDS;
    }
    while (((uint64_t)1 << bits) < 2u * s->random) {
        bits++;
    }
    uint64_t *table = calloc((size_t)1 << bits, sizeof *table);
    s->sample = calloc(s->random, sizeof *s->sample);
    if (!table || !s->sample) {
        free(table);
        vs_error(errors, "--random %" PRIu64 ": out of memory", s->random);
        return VS_E_NOMEM;
    }
    vs_rng_seed(&rng, s->random_seed, SAMPLE_STREAM);
    for (uint64_t i = 0, j = s->combinations - s->random; i < s->random; i++, j++) {
        uint64_t v = vs_rng_below(&rng, j + 1u);
        s->sample[i] = put(table, bits, v) ? v : (put(table, bits, j), j);
    }
    qsort(s->sample, s->random, sizeof *s->sample, by_number);
    free(table);
    s->combinations = s->random;
    return VS_OK;
}

/* What the request says beside the axes. */
static enum vs_status settle_request(struct vs_sweep *s, struct vs_errors *errors)
{
    enum vs_status st = VS_OK;
    if (s->base.machine && axis_of(s, "machine", 7)) {
        vs_error(errors,
                 "--machine %s and --vary machine do not go together: put all machines into "
                 "--vary",
                 s->base.machine);
        st = VS_E_INPUT;
    }
    if (s->base.input && axis_of(s, "input", 5)) {
        vs_error(errors, "'%s' and --vary input do not go together: put all inputs into --vary",
                 s->base.input);
        st = VS_E_INPUT;
    }
    s->base.seeded = s->base.seeded || s->seeds > 1 || axis_of(s, "seed", 4);
    if (s->seeds > 1 && axis_of(s, "seed", 4)) {
        vs_error(errors, "--seeds %u and --vary seed do not go together", s->seeds);
        st = VS_E_INPUT;
    }
    for (unsigned i = 0; i < s->n_lets; i++) {
        if (axis_of(s, s->let[i].path, strlen(s->let[i].path))) {
            vs_error(errors, "--let %s: it is varied, too; a value is either given or derived",
                     s->let[i].path);
            st = VS_E_INPUT;
        }
    }
    return st;
}

enum vs_status vs_sweep_settle(struct vs_sweep *s, struct vs_errors *errors)
{
    enum vs_status st = settle_request(s, errors), one;
    s->seeds = s->seeds ? s->seeds : 1;
    for (unsigned i = 1; i <= s->n_zips; i++) {
        one = settle_zip(s, i, errors);
        st = st ? st : one;
    }
    if (st) {
        return st;
    }
    settle_digits(s);
    size_t all = s->combinations;
    if (s->n_lets) {
        struct vs_lets *lets = vs_lets_open(s, errors);
        if (!lets) {
            return VS_E_INPUT;
        }
        vs_lets_close(lets);
    }
    st = settle_sample(s, errors);
    if (!st && (__builtin_mul_overflow(s->combinations, (size_t)s->seeds, &s->points) ||
                s->points > VS_SWEEP_POINTS)) {
        vs_error(errors, "the sweep has %zu points; at most %u: --random N takes a sample of them",
                 s->points > all ? s->points : all, VS_SWEEP_POINTS);
        st = VS_E_BOUNDS;
    }
    return st;
}

/* Position of a point on each digit. */
static void positions(const struct vs_sweep *s, size_t index, size_t at[VS_SWEEP_AXES])
{
    uint64_t c = index / s->seeds;
    c = s->sample ? s->sample[c] : c;
    for (unsigned d = s->n_digits; d-- > 0;) {
        at[d] = c % s->digit[d].n;
        c /= s->digit[d].n;
    }
}

const char *vs_sweep_value(const struct vs_sweep *s, size_t index, unsigned axis)
{
    size_t at[VS_SWEEP_AXES];
    positions(s, index, at);
    for (unsigned d = 0; d < s->n_digits; d++) {
        for (unsigned k = 0; k < s->digit[d].n_axes; k++) {
            if (s->digit[d].axis[k] == axis) {
                return s->axis[axis].value[at[d]];
            }
        }
    }
    return "";
}

uint64_t vs_sweep_seed(const struct vs_sweep *s, size_t index)
{
    uint64_t seed = s->base.options.seed + index % s->seeds;
    for (unsigned i = 0; i < s->n_axes; i++) {
        if (!strcmp(s->axis[i].path, "seed")) {
            vs_parse_number(vs_sweep_value(s, index, i), &seed);
        }
    }
    return seed;
}

void vs_sweep_free(struct vs_sweep *s)
{
    for (unsigned i = 0; i < s->n_axes; i++) {
        for (size_t j = 0; j < s->axis[i].n; j++) {
            free(s->axis[i].value[j]);
        }
        free(s->axis[i].value);
        free(s->axis[i].text);
    }
    for (unsigned i = 0; i < s->n_lets; i++) {
        free(s->let[i].expression);
    }
    for (unsigned i = 0; i < s->n_zips; i++) {
        free(s->zip[i]);
    }
    free(s->sample);
    memset(s, 0, sizeof *s);
}

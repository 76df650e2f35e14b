/* SPDX-License-Identifier: MIT */
/* The values of one axis: a list whose elements are values or ranges. */
#include "sweep/sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number with what stands behind its digits: "64", "1GiB", "12ns". */
struct quantity {
    uint64_t n;
    char unit[16];
};

/* Where values are names, a colon is a character like others. */
static bool names(const char *path)
{
    return !strcmp(path, "machine") || !strcmp(path, "input");
}

static bool parse_quantity(const char *text, size_t len, struct quantity *q)
{
    char digits[64];
    size_t n = 0;
    if (!len || len >= sizeof digits) {
        return false;
    }
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (vs_parse_number(digits, &q->n)) {
        n = strspn(digits, "0123456789");
        bool suffix = n && digits[n] && strcspn(digits + n, "xX.eE+-") == strlen(digits + n);
        snprintf(q->unit, sizeof q->unit, "%s", suffix ? digits + n : "");
        return true;
    }
    n = strspn(digits, "0123456789"); /* a unit that is a knob's own, such as ns */
    if (!n || len - n >= sizeof q->unit ||
        strspn(digits + n, "abcdefghijklmnopqrstuvwxyz") != len - n) {
        return false;
    }
    snprintf(q->unit, sizeof q->unit, "%s", digits + n);
    digits[n] = '\0';
    return vs_parse_number(digits, &q->n);
}

/* The unit changes the number, as ns does and KiB does not: vs_parse_number knows the latter. */
static bool own_unit(const struct quantity *q)
{
    char text[32];
    uint64_t v;
    snprintf(text, sizeof text, "1%s", q->unit);
    return *q->unit && !vs_parse_number(text, &v);
}

/* As a person would write it: in the largest unit of the first value's kind that divides it. */
static void write_quantity(uint64_t v, const struct quantity *like, char *out, size_t bytes)
{
    static const char binary[] = "TGMK";
    if (own_unit(like) || !*like->unit) {
        snprintf(out, bytes, "%" PRIu64 "%s", v, like->unit);
        return;
    }
    for (unsigned i = 0; v && i < 4; i++) {
        uint64_t unit = (uint64_t)1 << (10u * (4u - i));
        char text[24];
        uint64_t check;
        snprintf(text, sizeof text, "%" PRIu64 "%c%s", v / unit, binary[i], like->unit + 1);
        if (v % unit == 0 && vs_parse_number(text, &check) && check == v) {
            snprintf(out, bytes, "%s", text);
            return;
        }
    }
    snprintf(out, bytes, "%" PRIu64, v);
}

static enum vs_status add_value(struct vs_axis *a, const char *text, size_t len,
                                struct vs_errors *errors)
{
    if (a->n == VS_SWEEP_VALUES) {
        vs_error(errors, "%s: at most %u values", a->path, VS_SWEEP_VALUES);
        return VS_E_BOUNDS;
    }
    if (a->n == a->room) {
        size_t room = a->room ? 2 * a->room : 8;
        char **grown = realloc(a->value, room * sizeof *grown);
        if (!grown) {
            vs_error(errors, "%s: out of memory", a->path);
            return VS_E_NOMEM;
        }
        a->value = grown;
        a->room = room;
    }
    char *copy = malloc(len + 1);
    if (!copy) {
        vs_error(errors, "%s: out of memory", a->path);
        return VS_E_NOMEM;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    a->value[a->n++] = copy;
    return VS_OK;
}

static enum vs_status refuse_range(const struct vs_axis *a, const char *text, size_t len,
                                   const char *why, struct vs_errors *errors)
{
    vs_error(errors, "%s: the range '%.*s' %s", a->path, (int)len, text, why);
    return VS_E_INPUT;
}

/* FIRST:LAST:xFACTOR or FIRST:LAST:+STEP: from the first on, up to the last and never beyond. */
static enum vs_status add_range(struct vs_axis *a, const char *text, size_t len,
                                struct vs_errors *errors)
{
    const char *form = "is not FIRST:LAST:xFACTOR or FIRST:LAST:+STEP, such as 1GiB:16GiB:x2 or "
                       "8:64:+8";
    const char *end = text + len, *one = memchr(text, ':', len);
    const char *two = one ? memchr(one + 1, ':', (size_t)(end - one - 1)) : NULL;
    struct quantity first, last, step;
    if (!two || two + 1 >= end || (two[1] != 'x' && two[1] != '+') ||
        !parse_quantity(text, (size_t)(one - text), &first) ||
        !parse_quantity(one + 1, (size_t)(two - one - 1), &last) ||
        !parse_quantity(two + 2, (size_t)(end - two - 2), &step)) {
        return refuse_range(a, text, len, form, errors);
    }
    bool times = two[1] == 'x';
    bool own = own_unit(&first) || own_unit(&last) || (!times && own_unit(&step));
    if ((times && own_unit(&step)) || (own && strcmp(first.unit, last.unit) != 0) ||
        (own && !times && strcmp(first.unit, step.unit) != 0)) {
        return refuse_range(a, text, len, "has numbers of different units", errors);
    }
    if (times ? step.n < 2 || !first.n : !step.n) {
        return refuse_range(a, text, len, "does not advance", errors);
    }
    if (first.n > last.n) {
        return refuse_range(a, text, len, "ends below its first value", errors);
    }
    enum vs_status st = VS_OK;
    const struct quantity *like = *first.unit || own ? &first : &last;
    for (uint64_t v = first.n; !st && v <= last.n;) {
        char value[40];
        write_quantity(v, like, value, sizeof value);
        st = add_value(a, value, strlen(value), errors);
        if (times ? __builtin_mul_overflow(v, step.n, &v) : __builtin_add_overflow(v, step.n, &v)) {
            break;
        }
    }
    return st;
}

struct keyed {
    uint64_t number;
    const char *text;
    bool is_number;
};

static int by_value(const void *x, const void *y)
{
    const struct keyed *a = x, *b = y;
    if (a->is_number != b->is_number) {
        return a->is_number ? -1 : 1;
    }
    return a->is_number ? (a->number > b->number) - (a->number < b->number)
                        : strcmp(a->text, b->text);
}

/* As a word or as a number: 1MiB and 1024KiB are one value. */
static enum vs_status refuse_twice(const struct vs_axis *a, struct vs_errors *errors)
{
    struct keyed *k = calloc(a->n ? a->n : 1, sizeof *k);
    enum vs_status st = k ? VS_OK : VS_E_NOMEM;
    for (size_t i = 0; k && i < a->n; i++) {
        k[i].text = a->value[i];
        k[i].is_number = !names(a->path) && vs_parse_number(a->value[i], &k[i].number);
    }
    if (k) {
        qsort(k, a->n, sizeof *k, by_value);
    }
    for (size_t i = 1; !st && i < a->n; i++) {
        if (!by_value(&k[i - 1], &k[i])) {
            vs_error(errors, "--vary %s: the value %s is given twice", a->path, k[i].text);
            st = VS_E_INPUT;
        }
    }
    free(k);
    return st;
}

enum vs_status vs__axis_values(struct vs_axis *a, const char *text, struct vs_errors *errors)
{
    for (const char *v = text;; v++) {
        size_t len = strcspn(v, ",");
        enum vs_status st = VS_E_INPUT;
        if (!len) {
            vs_error(errors, "--vary %s: an empty value", a->path);
        } else if (!names(a->path) && memchr(v, ':', len)) {
            st = add_range(a, v, len, errors);
        } else {
            st = add_value(a, v, len, errors);
        }
        v += len;
        if (st || !*v) {
            return st ? st : refuse_twice(a, errors);
        }
    }
}

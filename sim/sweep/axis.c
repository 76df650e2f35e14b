/* SPDX-License-Identifier: MIT */
/* The values of one axis: a list whose elements are values or ranges. */
#include "sweep/sweep.h"

#include "virtsim/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 1000000u /* of one, to which fractions are kept */
typedef vs_u128 parts; /* of numbers of 64 bits */

/* A number with what stands behind its digits: "64", "1GiB", "1.5ns". */
struct quantity {
    parts n;
    char unit[16];
};

/* Where values are names, a colon is a character like others. */
static bool names(const char *path)
{
    return !strcmp(path, "machine") || !strcmp(path, "input");
}

/* Digits, perhaps with a fraction of up to six, in front of a text; what comes behind them. */
static const char *parse_decimal(const char *text, parts *n)
{
    size_t whole = strspn(text, "0123456789"), fraction = 0;
    uint64_t v;
    char digits[64];
    snprintf(digits, sizeof digits, "%.*s", (int)whole, text);
    if (!whole || whole >= sizeof digits || !vs_parse_number(digits, &v)) {
        return NULL;
    }
    *n = (parts)v * PARTS;
    text += whole;
    if (*text == '.') {
        fraction = strspn(++text, "0123456789");
        uint64_t worth = PARTS;
        for (size_t i = 0; i < fraction && i < 6; i++) {
            worth /= 10;
            *n += (parts)((uint64_t)(text[i] - '0') * worth);
        }
        if (!fraction || fraction > 6) {
            return NULL;
        }
    }
    return text + fraction;
}

/* A number with its unit; false: it is none. */
static bool parse_quantity(const char *text, size_t len, struct quantity *q)
{
    char digits[64];
    uint64_t v;
    if (!len || len >= sizeof digits) {
        return false;
    }
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (vs_parse_number(digits, &v)) {
        size_t n = strspn(digits, "0123456789");
        bool suffix = n && digits[n] && strcspn(digits + n, "xX.eE+-") == strlen(digits + n);
        snprintf(q->unit, sizeof q->unit, "%s", suffix ? digits + n : "");
        q->n = (parts)v * PARTS;
        return true;
    }
    const char *unit = parse_decimal(digits, &q->n); /* a unit that is a knob's own, such as ns */
    if (!unit || strlen(unit) >= sizeof q->unit ||
        strspn(unit, "abcdefghijklmnopqrstuvwxyz") != strlen(unit)) {
        return false;
    }
    snprintf(q->unit, sizeof q->unit, "%s", unit);
    return true;
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
static void write_quantity(parts n, const struct quantity *like, char *out, size_t bytes)
{
    static const char binary[] = "TGMK";
    uint64_t v = (uint64_t)(n / PARTS), fraction = (uint64_t)(n % PARTS);
    if (own_unit(like) && fraction) {
        unsigned digits = 6;
        for (; fraction % 10 == 0; digits--) {
            fraction /= 10;
        }
        snprintf(out, bytes, "%" PRIu64 ".%0*" PRIu64 "%s", v, (int)digits, fraction, like->unit);
        return;
    }
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

/* Appends one value of a --vary list to its axis; more than the limit is refused. */
static enum vs_status add_value(struct vs_axis *a, const char *text, size_t len,
                                struct vs_errors *errors)
{
    if (a->n == VS_SWEEP_VALUES) {
        vs_error(
            errors,
            "--vary %s: over %u values, which is the limit; a larger step, or xFACTOR in place "
            "of +STEP, makes fewer",
            a->path, VS_SWEEP_VALUES);
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

/* Says why a range of --vary cannot be used. */
static enum vs_status refuse_range(const struct vs_axis *a, const char *text, size_t len,
                                   const char *why, struct vs_errors *errors)
{
    vs_error(errors, "%s: the range '%.*s' %s", a->path, (int)len, text, why);
    return VS_E_INPUT;
}

/* The next value of a range, before it is rounded; false: there is none. `how` is x, /, + or -. */
static bool advance(parts *v, char how, parts step)
{
    const parts most = (parts)UINT64_MAX * PARTS;
    switch (how) {
    case 'x':
        if ((long double)*v * (long double)step > (long double)most * PARTS) {
            return false;
        }
        *v = *v / PARTS * step + *v % PARTS * step / PARTS;
        return *v <= most;
    case '/':
        *v = *v / step * PARTS + *v % step * PARTS / step;
        return *v != 0;
    case '+':
        *v += step;
        return *v <= most;
    default:
        if (*v < step) {
            return false;
        }
        *v -= step;
        return true;
    }
}

/* What keeps a range from advancing; NULL: it does. */
static const char *why_not(char how, const struct quantity *first, const struct quantity *last,
                           const struct quantity *step)
{
    bool times = how == 'x' || how == '/', up = how == 'x' || how == '+';
    if (times ? step->n <= PARTS || !first->n || (!up && !last->n) : !step->n) {
        return "does not advance";
    }
    return up && first->n > last->n
               ? "ends below its first value; FIRST:LAST:-STEP and FIRST:LAST:/FACTOR descend"
           : !up && first->n < last->n
               ? "ends above its first value; FIRST:LAST:+STEP and FIRST:LAST:xFACTOR ascend"
               : NULL;
}

/* FIRST:LAST:xFACTOR or FIRST:LAST:+STEP, and downwards /FACTOR or -STEP: from the first on, up to
 * the last and never beyond. */
static enum vs_status add_range(struct vs_axis *a, const char *text, size_t len,
                                struct vs_errors *errors)
{
    const char *form = "is not FIRST:LAST:xFACTOR or FIRST:LAST:+STEP, such as 1GiB:16GiB:x2 or "
                       "8:64:+8, or downwards 16GiB:1GiB:/2 or 64:8:-8";
    const char *end = text + len, *one = memchr(text, ':', len);
    const char *two = one ? memchr(one + 1, ':', (size_t)(end - one - 1)) : NULL;
    struct quantity first, last, step;
    if (!two || two + 2 >= end || !strchr("x/+-", two[1]) ||
        !parse_quantity(text, (size_t)(one - text), &first) ||
        !parse_quantity(one + 1, (size_t)(two - one - 1), &last) ||
        !parse_quantity(two + 2, (size_t)(end - two - 2), &step)) {
        return refuse_range(a, text, len, form, errors);
    }
    const char how = two[1];
    bool times = how == 'x' || how == '/', up = how == 'x' || how == '+';
    bool own = own_unit(&first) || own_unit(&last) || (!times && own_unit(&step));
    if ((times && own_unit(&step)) || (own && strcmp(first.unit, last.unit) != 0) ||
        (own && !times && strcmp(first.unit, step.unit) != 0)) {
        return refuse_range(a, text, len, "has numbers of different units", errors);
    }
    const parts least = own ? 1 : PARTS; /* of what values differ: other numbers are whole */
    if (first.n % least || last.n % least || (!times && step.n % least)) {
        return refuse_range(a, text, len, "has a fraction of what is counted in whole numbers",
                            errors);
    }
    const char *why = why_not(how, &first, &last, &step);
    if (why) {
        return refuse_range(a, text, len, why, errors);
    }
    enum vs_status st = VS_OK;
    const struct quantity *like = *first.unit || own ? &first : &last;
    parts exact = first.n, before = 0;
    bool any = false;
    do {
        parts v = (exact + least / 2u) / least * least;
        if (up ? v > last.n : v < last.n) {
            break;
        }
        if (!any || v != before) { /* a small factor may round to the same number again */
            char value[48];
            write_quantity(v, like, value, sizeof value);
            st = add_value(a, value, strlen(value), errors);
        }
        any = true;
        before = v;
    } while (!st && advance(&exact, how, step.n));
    return st;
}

struct keyed {
    uint64_t number;
    const char *text;
    bool is_number;
};

/* Orders values of an axis: numbers by size, then words by letter. */
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

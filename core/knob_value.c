/* SPDX-License-Identifier: MIT */
/* Values in all their spellings, read and written: numbers with suffixes, times, flags, choices. */
#include "knob_impl.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The multiplier a suffix stands for; 0 when it is none. Sizes are binary, as memory is. */
static double suffix_scale(const char *s)
{
    static const struct {
        const char *name;
        double scale;
    } table[] = {{"", 1},         {"B", 1},       {"K", 0x1p10},   {"KB", 0x1p10}, {"KiB", 0x1p10},
                 {"M", 0x1p20},   {"MB", 0x1p20}, {"MiB", 0x1p20}, {"G", 0x1p30},  {"GB", 0x1p30},
                 {"GiB", 0x1p30}, {"T", 0x1p40},  {"TiB", 0x1p40}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!strcmp(s, table[i].name)) {
            return table[i].scale;
        }
    }
    return 0;
}

/* Reads a decimal number with a unit, which must come out whole. */
static bool parse_scaled(const char *text, double (*scale_of)(const char *), uint64_t *out)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    if (!isdigit((unsigned char)*text) && *text != '.') {
        return false;
    }
    char *end = NULL;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    uint64_t whole = strtoull(text, &end, hexadecimal ? 16 : 10); /* 0100 is a hundred */
    double scale = errno ? 0 : scale_of(end);
    if (scale >= 1 && !__builtin_mul_overflow(whole, (uint64_t)scale, out)) {
        return true;
    }
    if (hexadecimal) {
        return false;
    }
    double real = strtod(text, &end);
    scale = scale_of(end);
    real *= scale;
    if (end == text || scale <= 0 || !(real >= 0) || real >= 0x1p64 ||
        fabs(real - nearbyint(real)) > 1e-6) {
        return false;
    }
    *out = (uint64_t)nearbyint(real);
    return true;
}

bool vs_parse_number(const char *text, uint64_t *out)
{
    return parse_scaled(text, suffix_scale, out);
}

/* How many picoseconds a unit of time has, 0 if it is none. */
static double time_scale(const char *s)
{
    return !strcmp(s, "") || !strcmp(s, "ps") ? 1
           : !strcmp(s, "ns")                 ? 1e3
           : !strcmp(s, "us")                 ? 1e6
           : !strcmp(s, "ms")                 ? 1e9
           : !strcmp(s, "s")                  ? 1e12
                                              : 0;
}

/* Reads a flag in any of the usual words. */
static bool parse_flag(const char *t, uint64_t *out)
{
    static const char *const on[] = {"1", "on", "true", "yes"}, *const off[] = {"0", "off", "false",
                                                                                "no"};
    for (size_t i = 0; i < 4; i++) {
        if (!strcmp(t, on[i])) {
            *out = 1;
            return true;
        }
        if (!strcmp(t, off[i])) {
            *out = 0;
            return true;
        }
    }
    return false;
}

/* Reads one of a knob's words as its number. */
static bool parse_choice(const char *choices, const char *t, uint64_t *out)
{
    uint64_t index = 0;
    size_t len = strlen(t);
    for (const char *c = choices; c && *c; index++) {
        size_t n = strcspn(c, "|");
        if (n == len && !strncmp(c, t, n)) {
            *out = index;
            return true;
        }
        c += n + (c[n] == '|');
    }
    return false;
}

bool vs__knob_parse(const struct vs_knob_desc *d, const char *text, uint64_t *v)
{
    switch (d->kind) {
    case VS_KNOB_FLAG:
        return parse_flag(text, v);
    case VS_KNOB_CHOICE:
        return parse_choice(d->choices, text, v);
    case VS_KNOB_PS:
        return parse_scaled(text, time_scale, v);
    case VS_KNOB_NUM:
        if (!strcmp(d->unit, "ps")) {
            return parse_scaled(text, time_scale, v);
        }
        break;
    case VS_KNOB_CYCLES:
        break;
    }
    return vs_parse_number(text, v);
}

/* A number in decimal, cut to the room there is: there are hundreds in every run. */
static const char *decimal(uint64_t v, char *out, size_t bytes)
{
    char digits[21];
    size_t at = sizeof digits, n;
    digits[--at] = 0;
    do {
        digits[--at] = (char)('0' + v % 10u);
        v /= 10u;
    } while (v);
    n = sizeof digits - at;
    memcpy(out, digits + at, n < bytes ? n : bytes);
    out[bytes - 1u] = 0;
    return out;
}

const char *vs_knob_text(const struct vs_knob *k, char *out, size_t bytes)
{
    const char *c = k->desc->choices;
    if (k->desc->kind != VS_KNOB_CHOICE || !c) {
        return decimal(k->value, out, bytes);
    }
    for (uint64_t i = 0; i < k->value && *c; i++) {
        c += strcspn(c, "|");
        c += *c == '|';
    }
    snprintf(out, bytes, "%.*s", (int)strcspn(c, "|"), c);
    return out;
}

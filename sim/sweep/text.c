/* SPDX-License-Identifier: MIT */
/* Writing a sweep down as a manifest. */
#define _GNU_SOURCE
#include "sweep/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* A string of Lua's. */
static void quote(FILE *f, const char *text)
{
    fputc('"', f);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(f, "\\%c", *c);
        } else if ((unsigned char)*c < ' ' || *c == 127) {
            fprintf(f, "\\%03u", (unsigned)(unsigned char)*c);
        } else {
            fputc(*c, f);
        }
    }
    fputc('"', f);
}

/* A file of the working folder from the root on; what is found in virtsim's own folder, and what is
 * no file, stays as it is. */
static void quote_file(FILE *f, const char *name, bool absolute)
{
    char *whole = absolute && *name != '/' && !access(name, F_OK) ? realpath(name, NULL) : NULL;
    quote(f, whole ? whole : name);
    free(whole);
}

/* Writes a word of a manifest with its text, if there is one. */
static void write_word(FILE *f, const char *word, const char *text)
{
    if (text) {
        fprintf(f, "%s(", word);
        quote(f, text);
        fputs(")\n", f);
    }
}

/* Writes a word of a manifest with a count of records or instructions, if there is one. */
static void write_amount(FILE *f, const char *word, const struct vs_amount *a)
{
    if (a->n) {
        fprintf(f, "%s(\"%" PRIu64 "%s\")\n", word, a->n, a->instructions ? "i" : "");
    }
}

/* Writes an axis as it was given; names of files are written one by one. */
static void write_axis(FILE *f, const struct vs_axis *a, bool absolute)
{
    bool files = !strcmp(a->path, "input") || !strcmp(a->path, "machine");
    fputs("vary(", f);
    quote(f, a->path);
    if (!files) { /* as it was given: a range stays one */
        for (const char *v = a->text; *v; v += *v == ',') {
            char one[2048];
            size_t n = strcspn(v, ",");
            snprintf(one, sizeof one, "%.*s", (int)n, v);
            fputs(", ", f);
            quote(f, one);
            v += n;
        }
    }
    for (size_t i = 0; files && i < a->n; i++) {
        fputs(", ", f);
        quote_file(f, a->value[i], absolute);
    }
    fputs(")\n", f);
}

/* Writes which axes move together. */
static void write_zip(FILE *f, const char *text)
{
    const char *comma = "zip(";
    for (const char *v = text; *v; v += *v == ',', comma = ", ") {
        size_t n = strcspn(v, ",");
        fprintf(f, "%s\"%.*s\"", comma, (int)n, v);
        v += n;
    }
    fputs(")\n", f);
}

/* "PATH=VALUE". */
static void write_pair(FILE *f, const char *word, const char *text)
{
    char path[256];
    size_t n = strcspn(text, "=");
    snprintf(path, sizeof path, "%.*s", (int)n, text);
    fprintf(f, "%s(", word);
    quote(f, path);
    fputs(", ", f);
    quote(f, text[n] ? text + n + 1 : "");
    fputs(")\n", f);
}

/* Writes what every point shares: inputs, machine and options. */
static void write_base(FILE *f, const struct vs_session_request *r, bool absolute)
{
    if (r->input) {
        fputs("input(", f);
        quote_file(f, r->input, absolute);
        for (size_t i = 0; i < r->n_further; i++) {
            fputs(", ", f);
            quote_file(f, r->further[i], absolute);
        }
        fputs(")\n", f);
    }
    if (r->machine) {
        fputs("machine(", f);
        bool file = strchr(r->machine, '/') || strstr(r->machine, ".lua");
        quote_file(f, r->machine, absolute && file);
        fputs(")\n", f);
    }
    for (size_t i = 0; i < r->n_sets; i++) {
        write_pair(f, "set", r->sets[i]);
    }
    struct vs_amount warmup = r->parts.warmup;
    write_amount(f, "warmup", &warmup);
    write_amount(f, "skip", &r->parts.skip);
    write_amount(f, "limit", &r->parts.limit);
    if (r->options.spans) {
        fprintf(f, "spans(%" PRIu32 ")\n", r->options.spans);
    }
    if (r->options.epoch_ps) {
        fprintf(f, "epoch(\"%" PRIu64 "ps\")\n", r->options.epoch_ps);
    }
    if (r->options.sites) {
        fprintf(f, "where(%" PRIu64 ")\n", (uint64_t)r->options.sites);
    }
    write_word(f, "trace_format", r->trace_format);
    if (r->tables) {
        fputs("tables(", f);
        quote_file(f, r->tables, absolute);
        fputs(")\n", f);
    }
    if (r->threads) {
        fputs("threads()\n", f);
    }
    write_word(f, "shares", r->shares);
    for (const char *at = r->elf; at && *at; at += *at == '\n') { /* a program in each line */
        char one[4200];
        size_t n = strcspn(at, "\n");
        snprintf(one, sizeof one, "%.*s", (int)n, at);
        write_word(f, "elf", one);
        at += n;
    }
}

/* Writes the whole sweep as a manifest that gives the same points. */
static void write_all(FILE *f, const struct vs_sweep *s, bool skip_impossible, bool absolute)
{
    write_base(f, &s->base, absolute);
    for (unsigned i = 0; i < s->n_axes; i++) {
        write_axis(f, &s->axis[i], absolute);
    }
    for (unsigned i = 0; i < s->n_zips; i++) {
        write_zip(f, s->zip[i]);
    }
    for (unsigned i = 0; i < s->n_lets; i++) {
        fputs("let(", f);
        quote(f, s->let[i].path);
        fputs(", ", f);
        quote(f, s->let[i].expression);
        fputs(")\n", f);
    }
    if (s->random) {
        fprintf(f, "random(%" PRIu64 ", %" PRIu64 ")\n", s->random, s->random_seed);
    }
    if (s->base.seeded) {
        fprintf(f, "seed(%" PRIu64 ")\n", s->base.options.seed);
    }
    if (s->seeds > 1) {
        fprintf(f, "seeds(%u)\n", s->seeds);
    }
    if (skip_impossible) {
        fputs("skip_impossible()\n", f);
    }
}

/* The sweep's manifest as one text, which the caller frees; NULL without memory. */
static char *write_text(const struct vs_sweep *s, const char *name, bool skip, bool absolute)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) {
        return NULL;
    }
    write_all(f, s, skip, absolute);
    write_word(f, "name", name);
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}

char *vs_manifest_text(const struct vs_sweep *s, bool skip_impossible, bool absolute)
{
    return write_text(s, *s->name ? s->name : NULL, skip_impossible, absolute);
}

void vs_manifest_name(const struct vs_sweep *s, char out[VS_SWEEP_NAME + 1])
{
    char *text = write_text(s, NULL, false, true);
    const char *input = s->base.input;
    for (unsigned i = 0; i < s->n_axes && !input; i++) {
        input = !strcmp(s->axis[i].path, "input") ? s->axis[i].value[0] : NULL;
    }
    const char *slash = input ? strrchr(input, '/') : NULL, *base = slash ? slash + 1 : input;
    char word[33] = "";
    for (size_t i = 0; base && base[i] && base[i] != '.' && i < sizeof word - 1; i++) {
        bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
                            base[i]) != NULL;
        word[i] = plain ? base[i] : '_';
        word[i + 1] = '\0';
    }
    uint64_t hash = text ? XXH64(text, strlen(text), 0) : 0;
    snprintf(out, VS_SWEEP_NAME + 1, "%s-%08" PRIx32, *word ? word : "sweep",
             (uint32_t)(hash ^ (hash >> 32)));
    free(text);
}

/* SPDX-License-Identifier: MIT */
/* Run by the build: prints the table of sim/lua/shipped.h for the machines of a home. */
#include "lua/shipped.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is being printed. */
struct tables {
    const char *home;
    struct vs_errors errors;
    size_t n;
};

/* A text as a literal of C. */
static void literal(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

/* The files of a description, below scripts/lua. */
static bool files_of(const struct tables *t, const struct vs_description *d, char *out,
                     size_t bytes)
{
    size_t folder = strlen(t->home) + strlen("/scripts/lua/"), at = 0;
    *out = '\0';
    for (size_t i = 0; i < d->n_files; i++) {
        at += (size_t)snprintf(out + at, bytes - at, "%s%s", i ? " " : "", d->file[i] + folder);
        if (at >= bytes) {
            return false;
        }
    }
    return true;
}

/* What one machine's files say. */
static void one_said(void *ctx, const char *name, const char *path)
{
    struct tables *t = ctx;
    struct vs_description d;
    static struct vs_machine_info info;
    char files[4096];
    uint64_t hash;
    (void)path;
    if (!vs_description_of_files(t->home, name, &d, &info, &t->errors)) {
        printf("static const char said_%zu[] =", t->n);
        vs_description_write(stdout, &d, &info);
        printf(";\n");
        if (!files_of(t, &d, files, sizeof files) ||
            !vs_shipped_hash_files(t->home, files, &hash)) {
            vs_error(&t->errors, "%s: its files cannot be read again", name);
        } else {
            printf("#define LINE_%zu {", t->n++);
            literal(info.name);
            printf(", ");
            literal(info.text);
            printf(", ");
            literal(info.calibrated);
            printf(", ");
            literal(files);
            printf(", UINT64_C(0x%016" PRIx64 "), said_%zu, sizeof said_%zu - 1},\n", hash,
                   t->n - 1, t->n - 1);
        }
    }
    vs_description_free(&d);
}

/* Writes the shipped machines as C tables. */
int main(int argc, char **argv)
{
    struct tables t = {.home = argc == 2 ? argv[1] : NULL};
    uint64_t hash = 0;
    if (argc != 2 || !vs_shipped_hash(argv[1], &hash)) {
        fprintf(stderr, "usage: machine_tables HOME\n");
        return 2;
    }
    printf("/* Made by the build of scripts/lua. */\n#include \"lua/shipped.h\"\n\n"
           "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n");
    vs_machine_each(t.home, one_said, &t);
    for (size_t i = 0; i < t.errors.n; i++) {
        fprintf(stderr, "%s\n", t.errors.text[i]);
    }
    printf("static const struct vs_shipped_machine machines[] = {\n");
    for (size_t i = 0; i < t.n; i++) {
        printf("    LINE_%zu\n", i);
    }
    printf("};\nconst struct vs_shipped vs_shipped_machines = {UINT64_C(0x%016" PRIx64
           "), machines, sizeof machines / sizeof machines[0]};\n",
           hash);
    int status = t.errors.n != 0;
    vs_errors_free(&t.errors);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * program_tables OUT HOME FILE...: the programs of the shipped hypervisors and guest kernels
 * (hypervisors/kvm, kernels/linux) as C tables, so that who has no Lua has them. Run by the build;
 * what it reads, how files build on each other and what is refused are the machine loader's.
 */
#include "lua/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string as C has it, or NULL. */
static void put_text(FILE *out, const char *s)
{
    if (!s) {
        fputs("NULL", out);
        return;
    }
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\' || *s == '?') {
            fputc('\\', out);
        }
        fputc(*s, out);
    }
    fputc('"', out);
}

static void put_step(FILE *out, const struct vs_step_desc *s)
{
    const char *const words[] = {s->name, s->kind, s->target, s->state, s->when, s->each, s->like};
    fputs("    {", out);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        put_text(out, words[i]);
        fputs(", ", out);
    }
    fputc('{', out);
    for (int i = 0; i < VS_NUMBERS; i++) {
        fprintf(out, "%s%lld", i ? ", " : "", (long long)s->number[i]);
    }
    fputs("}, ", out);
    put_text(out, s->source);
    fputs(", ", out);
    put_text(out, s->grade);
    fputs("},\n", out);
}

/* The tables of one hypervisor; `index` makes their names. */
static void put_set(FILE *out, const struct vs_program_set_desc *d, int index)
{
    for (size_t i = 0; i < d->n; i++) {
        fprintf(out, "static const struct vs_step_desc steps_%d_%zu[] = {\n", index, i);
        for (size_t k = 0; k < d->program[i].n; k++) {
            put_step(out, &d->program[i].step[k]);
        }
        fputs("    {.name = NULL}};\n", out);
    }
    fprintf(out, "static const struct vs_program_desc programs_%d[] = {\n", index);
    for (size_t i = 0; i < d->n; i++) {
        fputs("    {", out);
        put_text(out, d->program[i].name);
        fputs(", ", out);
        put_text(out, d->program[i].at);
        fputs(", ", out);
        put_text(out, d->program[i].of);
        fprintf(out, ", steps_%d_%zu, %zu, %s, 0x%xu},\n", index, i, d->program[i].n,
                d->program[i].placed ? "true" : "false", d->program[i].offset);
    }
    fputs("    {.name = NULL}};\n\n", out);
}

int main(int argc, char **argv)
{
    struct vs_errors errors = {NULL, 0};
    FILE *out = argc > 3 ? fopen(argv[1], "w") : NULL;
    int sets = 0;
    if (!out) {
        fprintf(stderr, "program_tables OUT HOME FILE...: OUT cannot be written, or no file\n");
        return 2;
    }
    fputs("/* Made by tools/program_tables.c of scripts/lua/hypervisors and kernels. */\n"
          "#include \"machine/software.h\"\n\n",
          out);
    struct vs_program_set_desc all[64];
    for (int i = 3; i < argc && sets < 64; i++) {
        struct vs_lua_programs *p = NULL;
        struct vs_box *box = vs_box_open(0);
        const char *slash = strchr(argv[i], '/'), *name = slash ? slash + 1 : argv[i];
        enum vs_role role = strncmp(argv[i], "kernels/", 8) ? VS_ROLE_HYPERVISOR : VS_ROLE_GUEST;
        if (box && !vs_lua_programs_file(&p, box, role, argv[2], name, &errors) && p &&
            vs_lua_programs_link(p, &errors)) {
            all[sets] = *vs_lua_programs_desc(p);
            if (!strcmp(all[sets].name, name)) { /* else it has the programs of its base */
                put_set(out, &all[sets], sets);
                sets++;
            }
        }
        vs_lua_programs_free(p); /* what a linked set points to stays */
        vs_box_close(box);
    }
    fputs("const struct vs_program_set_desc vs_software_tables[] = {\n", out);
    for (int i = 0; i < sets; i++) {
        fputs("    {", out);
        put_text(out, all[i].name);
        fputs(", ", out);
        put_text(out, all[i].file);
        fprintf(out, ", programs_%d, %zu, %s},\n", i, all[i].n,
                all[i].role == VS_ROLE_GUEST ? "VS_ROLE_GUEST" : "VS_ROLE_HYPERVISOR");
    }
    fputs("    {.name = NULL}};\n", out);
    for (size_t i = 0; i < errors.n; i++) {
        fprintf(stderr, "%s\n", errors.text[i]);
    }
    int status = fclose(out) || errors.n ? 1 : 0;
    if (status) {
        remove(argv[1]);
    }
    vs_errors_free(&errors);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * program_tables OUT HOME FILE...: the programs of the shipped hypervisors and guest kernels
 * (hypervisors/kvm, kernels/linux) as C tables, so that who has no Lua has them: as they are
 * described, and linked, so that a start of the program links nothing. Run by the build; what it
 * reads, how files build on each other and what is refused are the machine loader's.
 */
#include "lua/programs.h"

#include <inttypes.h>
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

/* Writes one step. */
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

/* "{1, 2, 3}" */
static void put_bytes(FILE *out, const uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s%u", i ? ", " : "{", at[i]);
    }
    fputc('}', out);
}

/* Writes a list of numbers. */
static void put_numbers(FILE *out, const uint16_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s%u", i ? ", " : "{", at[i]);
    }
    fputc('}', out);
}

/* The steps of all programs as they were linked, and then the programs that have them. */
static void put_linked_programs(FILE *out, const struct vs_program_set *set, int index)
{
    fprintf(out, "static struct vs_step linked_steps_%d[] = {\n", index);
    for (size_t i = 0; i < set->desc->n; i++) {
        for (size_t k = 0; k < set->program[i].desc->n; k++) {
            const struct vs_step *s = &set->program[i].step[k];
            fprintf(out, "    {%u, %u, %u, %u, %u, %s, ", s->kind, s->when, s->each, s->n_fields,
                    s->word, s->negated ? "true" : "false");
            put_bytes(out, s->field, VS_STEP_FIELDS);
            fputs(", ", out);
            put_bytes(out, s->value, VS_STEP_FIELDS);
            fprintf(out, ", %u, %u, %u, %u, ", s->callee, s->only, s->like, s->account);
            put_numbers(out, s->number, VS_NUMBERS);
            fprintf(out, ", &steps_%d_%zu[%zu]},\n", index, i, k);
        }
    }
    fprintf(out, "    {.desc = NULL}};\nstatic struct vs_program linked_programs_%d[] = {\n",
            index);
    for (size_t i = 0; i < set->desc->n; i++) {
        const struct vs_program *p = &set->program[i];
        fprintf(out, "    {&programs_%d[%zu], (enum vs_trap_kind)%d, %s, %s, %u, ", index, i,
                (int)p->trap, p->user ? "true" : "false", p->guest ? "true" : "false", p->first);
        fprintf(out, "&linked_steps_%d[%u]},\n", index, p->first);
    }
    fputs("    {.desc = NULL}};\n", out);
}

/* The knobs of the programs' numbers and the accounts of the steps that run. */
static void put_component(FILE *out, const struct vs_component_desc *c, int index)
{
    fprintf(out, "static const struct vs_knob_desc knobs_%d[] = {\n", index);
    for (size_t i = 0; i < c->n_knobs; i++) {
        const struct vs_knob_desc *k = &c->knobs[i];
        const char *const words[] = {k->source, k->text};
        fputs("    {", out);
        put_text(out, k->path);
        fprintf(out, ", (enum vs_knob_kind)%d, %" PRIu64 "u, %" PRIu64 "u, %" PRIu64 "u, ",
                (int)k->kind, k->def, k->min, k->max);
        put_text(out, k->unit);
        fputs(", ", out);
        put_text(out, k->choices);
        fprintf(out, ", (enum vs_evidence)%d", (int)k->grade);
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            fputs(", ", out);
            put_text(out, words[w]);
        }
        fprintf(out, ", %zu},\n", k->offset);
    }
    fprintf(out, "    {.path = NULL}};\nstatic const struct vs_account_desc accounts_%d[] = {\n",
            index);
    for (size_t i = 0; i < c->n_accounts; i++) {
        const struct vs_account_desc *a = &c->accounts[i];
        fputs("    {", out);
        put_text(out, a->path);
        fputs(", ", out);
        put_text(out, a->priced_by);
        fprintf(out, ", %s, ", a->wait ? "true" : "false");
        put_text(out, a->text);
        fputs("},\n", out);
    }
    fputs("    {.path = NULL}};\n", out);
}

/* What linking the description has given. */
static void put_linked(FILE *out, const struct vs_program_set *set, int index)
{
    put_linked_programs(out, set, index);
    put_component(out, &set->component, index);
    fprintf(out, "static const struct vs_program_set linked_%d = {\n    {.name = ", index);
    put_text(out, set->component.name);
    fprintf(out, ", .knobs = knobs_%d, .n_knobs = %zu, .accounts = accounts_%d, ", index,
            set->component.n_knobs, index);
    fprintf(out, ".n_accounts = %zu, .config_bytes = %zu},\n", set->component.n_accounts,
            set->component.config_bytes);
    fprintf(out, "    &vs_software_tables[%d], linked_programs_%d, linked_steps_%d, NULL,\n    ",
            index, index, index);
    put_numbers(out, set->by_trap, VS_TRAP_N);
    fprintf(out, ", %u, %u};\n\n", set->otherwise, set->n_steps);
}

/* Writes the shipped programs as C tables. */
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
        const struct vs_program_set *set = NULL;
        if (box && !vs_lua_programs_file(&p, box, role, argv[2], name, &errors) && p &&
            (set = vs_lua_programs_link(p, &errors))) {
            all[sets] = *vs_lua_programs_desc(p);
            if (!strcmp(all[sets].name, name)) { /* else it has the programs of its base */
                put_set(out, &all[sets], sets);
                put_linked(out, set, sets);
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
        fprintf(out, ", programs_%d, %zu, %s, &linked_%d},\n", i, all[i].n,
                all[i].role == VS_ROLE_GUEST ? "VS_ROLE_GUEST" : "VS_ROLE_HYPERVISOR", i);
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

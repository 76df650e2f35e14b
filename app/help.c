/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "help.h"

#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS 96u

/* Of each command its examples, each of which works as it stands, in this order; and of the options
 * that commands share, those that it does not take. */
static const struct {
    const char *command, *examples, *without;
} commands[] = {
    {"run",
     "  virtsim run workloads/gups.lua\n"
     "  virtsim run workloads/gups.lua -m zen3_milan_kvm -s workload.count=1e5\n"
     "  virtsim run workloads/exit_mix.lua --metric op:exit.cpuid.p99 --format csv\n"
     "  virtsim run workloads/gups.lua --dry-run",
     "trace-format tables skip limit threads shares elf"},
    {"replay",
     "  virtsim replay workloads/traces/rowindex.lackey.zst\n"
     "  virtsim replay workloads/traces/rowindex.lackey.zst --metric op:walk",
     ""},
    {"sweep",
     "  virtsim sweep workloads/gups.lua --vary ept.l2_tlb.entries=384,1536 -j 2\n"
     "  virtsim sweep workloads/gups.lua --vary machine=zen2_rome_kvm,zen3_milan_kvm\n"
     "  virtsim sweep workloads/gups.lua --vary cpu.window=0,16 --metric op:walk.p99",
     "no-store record"},
    {"curve", "  virtsim curve workloads/traces/rowindex.lackey.zst --structure ept.l2_tlb", ""},
    {"explain",
     "  virtsim explain exit.cpuid\n"
     "  virtsim explain exit.hypercall --against zen3_milan_kvm",
     "seeds dry-run record trace-format tables skip limit threads shares where elf epoch"},
    {"compare", "  virtsim compare --domain exit", ""},
    {"show",
     "  virtsim show 1\n"
     "  virtsim show 1 --metric op:walk --metric counter:ept.walks",
     ""},
    {"diff",
     "  virtsim diff 1 2\n"
     "  virtsim diff 1 2 --metric op:access.load --metric op:walk.n",
     ""},
    {"top",
     "  virtsim run workloads/gups.lua --where --db where.db\n"
     "  virtsim top 1 --by page --of walk --db where.db",
     ""},
    {"list",
     "  virtsim list machines\n"
     "  virtsim list knobs l2_tlb\n"
     "  virtsim list knobs ept.l2_tlb.entries",
     ""},
    {"db",
     "  virtsim db check results/virtsim.db\n"
     "  virtsim db merge all.db results/virtsim.db",
     ""},
};
#define N (sizeof commands / sizeof *commands)

/* The index of a command, or the number of commands. */
static size_t index_of(const char *command)
{
    size_t i = 0;
    while (i < N && strcmp(commands[i].command, command) != 0) {
        i++;
    }
    return i;
}

bool help_offers(const char *command, const char *option)
{
    size_t i = index_of(command), n = strlen(option);
    const char *list = i < N ? commands[i].without : "";
    for (const char *at = strstr(list, option); at; at = strstr(at + 1, option)) {
        if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' ')) {
            return false;
        }
    }
    return true;
}

/* The options of a parser and of those that it is put together of. */
static size_t collect(const struct argp *a, const struct argp_option **out, size_t n)
{
    for (const struct argp_option *o = a->options; o && (o->name || o->key || o->doc); o++) {
        if (o->name && n < OPTIONS) {
            out[n++] = o;
        }
    }
    for (const struct argp_child *c = a->children; c && c->argp; c++) {
        n = collect(c->argp, out, n);
    }
    return n;
}

/* Refuses an option that the command does not know with what it may have meant; argp would only
 * say that it is unrecognized. */
static void look_at(const struct argp *a, int argc, char **argv, const char *command)
{
    const struct argp_option *known[OPTIONS];
    const char *names[OPTIONS + 2u] = {"help", "usage"};
    size_t all = collect(a, known, 0), n = 2;
    for (size_t i = 0; i < all; i++) {
        if (!(known[i]->flags & OPTION_HIDDEN)) {
            names[n++] = known[i]->name;
        }
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            bool takes = argv[i][0] == '-' && argv[i][1] && !argv[i][2];
            for (size_t k = 0; takes && k < all; k++) {
                if (known[k]->key == argv[i][1] && known[k]->arg &&
                    !(known[k]->flags & OPTION_ARG_OPTIONAL)) {
                    i++; /* its value may look like anything */
                    break;
                }
            }
            continue;
        }
        const char *word = argv[i] + 2;
        size_t length = strcspn(word, "=");
        bool found = !strncmp("help", word, length) || !strncmp("usage", word, length);
        for (size_t k = 0; k < all; k++) {
            bool begins = !strncmp(known[k]->name, word, length);
            found = found || begins;
            if (begins && !known[k]->name[length] && known[k]->arg && !word[length] &&
                !(known[k]->flags & OPTION_ARG_OPTIONAL)) {
                i++;
                break;
            }
        }
        if (!found) {
            char text[128], hint[VS_SUGGEST], line[600];
            snprintf(text, sizeof text, "%.*s", (int)(length < 100 ? length : 100), word);
            snprintf(
                line, sizeof line, "%s --%s: there is no such option; %s", command, text,
                vs_suggest_in(text, names, n, "--", "", "--help lists them", hint, sizeof hint));
            message(line);
            exit(EXIT_REQUEST);
        }
    }
}

int parse(const struct argp *a, int argc, char **argv, void *input)
{
    static char name[64];
    size_t i = index_of(argv[0]);
    struct argp with = *a;
    char *doc = NULL;
    look_at(a, argc, argv, argv[0]);
    if (i < N &&
        asprintf(&doc, "%s%sExamples:\n%s", a->doc ? a->doc : "",
                 a->doc && strchr(a->doc, '\v') ? "\n\n" : "\v", commands[i].examples) >= 0) {
        with.doc = doc;
    }
    snprintf(name, sizeof name, "virtsim %s", argv[0]);
    argv[0] = name;
    int status = argp_parse(&with, argc, argv, 0, NULL, input);
    free(doc);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* list facts: what architectures and machines have, as the code that simulates them counts it. */
#include "cmd.h"

#include "home.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool list_is_machine(const char *word)
{
    char name[300], path[4096];
    const char *dot = strrchr(word, '.');
    snprintf(name, sizeof name, "scripts/lua/machines/%s.lua", word);
    return (dot && !strcmp(dot, ".lua")) || !access(vs_home_path(name, path, sizeof path), R_OK);
}

/* The facts of a machine from its description; none with a message in *errors. */
static size_t of_machine(const char *machine, struct vs_fact fact[VS_FACTS],
                         struct vs_errors *errors)
{
    static struct vs_machine_info info;
    size_t n_parts, n = 0;
    const struct vs_component_desc *const *parts = vs_components(&n_parts);
    struct vs_knobs *k = vs_knobs_create(parts, n_parts);
    if (k && !vs_home_machine(machine, k, &info, errors)) {
        n = vs_facts_of_machine(k, fact);
    }
    vs_knobs_destroy(k);
    return n;
}

struct out *list_facts(enum out_format format, const char *machine, struct vs_errors *errors)
{
    static const char *const columns[] = {"fact", "value", "unit", "of", "source"};
    struct vs_fact fact[VS_FACTS];
    size_t n = machine ? of_machine(machine, fact, errors) : vs_facts_of_architectures(fact);
    struct out *o = out_begin(format, columns, 5);
    for (size_t i = 0; i < n; i++) {
        out_text(o, fact[i].name);
        out_int(o, (int64_t)fact[i].value);
        out_text(o, fact[i].unit);
        out_text(o, fact[i].of);
        out_text(o, fact[i].source);
    }
    return o;
}

/* SPDX-License-Identifier: MIT */
#include "virtsim/op_alias.h"

#include <string.h>

const struct vs_op_alias *vs_op_aliases(size_t *n)
{
    static const struct vs_op_alias table[] = {
#define VS_OP_ALIAS(name, a, b, text)                                                              \
    {name,                                                                                         \
     text,                                                                                         \
     VS_OP_EXIT_##a == VS_OP_EXIT_##b ? 1u : 2u,                                                   \
     {VS_OP_EXIT_##a, VS_OP_EXIT_##b},                                                             \
     {VS_OP_HANDLER_##a, VS_OP_HANDLER_##b}},
#include "virtsim/op_aliases.def"
#undef VS_OP_ALIAS
    };
    *n = sizeof table / sizeof table[0];
    return table;
}

size_t vs_op_resolve(const char *name, enum vs_op out[VS_OP_ALIASES])
{
    for (size_t i = 0; i < VS_OP_N; i++) {
        if (!strcmp(vs_op_name((enum vs_op)i), name)) {
            out[0] = (enum vs_op)i;
            return 1;
        }
    }
    bool exits = !strncmp(name, "exit.", 5), handler = !strncmp(name, "handler.", 8);
    size_t n;
    const struct vs_op_alias *a = vs_op_aliases(&n);
    for (size_t i = 0; (exits || handler) && i < n; i++) {
        if (!strcmp(a[i].name, name + (exits ? 5 : 8))) {
            memcpy(out, exits ? a[i].exit : a[i].handler, a[i].n * sizeof *out);
            return a[i].n;
        }
    }
    return 0;
}

bool vs_op_parse(const char *name, enum vs_op *out)
{
    enum vs_op all[VS_OP_ALIASES];
    size_t n = vs_op_resolve(name, all);
    if (n) {
        *out = all[0];
    }
    return n != 0;
}

/* SPDX-License-Identifier: MIT */
#include "virtsim/op.h"

#include <assert.h>
#include <string.h>

#define WORLDS 8u
#define ALIASES 512u
#define NAME 48u
#define SLOTS 512u /* of the table of names: a power of two, more than VS_OPS */

struct op {
    const char *name;
    char text[256]; /* of an exit: what each architecture says of it */
    unsigned worlds;
    enum vs_trap_kind trap;
    uint16_t aliases; /* the last of its other names, and one: 0 it has none */
};

static const struct {
    const char *name, *text;
} fixed[] = {
#define VS_OP(e, op_name, op_text) {op_name, op_text},
#include "virtsim/ops.def"
#undef VS_OP
};
static const struct {
    const char *name, *exits;
} traps[] = {
#define VS_TRAP(e, trap_name, trap_text) {trap_name, "exit." trap_name},
#include "virtsim/traps.def"
#undef VS_TRAP
};

/* Filled once, by the machine's list of architectures, before anything runs. */
static struct {
    struct op op[VS_OPS - VS_OP_N];
    size_t n_ops;
    const char *world[WORLDS];
    size_t n_worlds;
    struct vs_op_alias alias[ALIASES];
    char name[ALIASES][NAME];
    uint16_t before[ALIASES]; /* as `aliases` of an operation: the other name before this one */
    size_t n_aliases;
    uint16_t slot[SLOTS]; /* number of the operation of op[] whose name falls there, and one */
} registered;
_Static_assert(SLOTS > VS_OPS && !(SLOTS & (SLOTS - 1u)), "a free slot ends each search");

size_t vs_op_count(void)
{
    return VS_OP_N + registered.n_ops;
}

const char *vs_op_name(enum vs_op op)
{
    return op < VS_OP_N         ? fixed[op].name
           : op < vs_op_count() ? registered.op[op - VS_OP_N].name
                                : "?";
}

const char *vs_op_text(enum vs_op op)
{
    return op < VS_OP_N         ? fixed[op].text
           : op < vs_op_count() ? registered.op[op - VS_OP_N].text
                                : "?";
}

/* The neutral name of a trap. */
const char *vs_trap_name(enum vs_trap_kind kind)
{
    return kind < VS_TRAP_N ? traps[kind].name : "?";
}

const char *vs_trap_exits(enum vs_trap_kind kind)
{
    return kind < VS_TRAP_N ? traps[kind].exits : "?";
}

enum vs_trap_kind vs_op_trap(enum vs_op op)
{
    if (op >= VS_OP_N) {
        return op < vs_op_count() ? registered.op[op - VS_OP_N].trap : VS_TRAP_N;
    }
    bool handler = op >= VS_OP_HANDLER_EXCEPTION && op < VS_OP_HANDLER_EXCEPTION + VS_TRAP_N;
    return handler ? (enum vs_trap_kind)(op - VS_OP_HANDLER_EXCEPTION) : VS_TRAP_N;
}

int vs_ops_of_trap(const enum vs_op *op, const uint32_t *code, size_t n, enum vs_trap_kind trap,
                   uint64_t wanted)
{
    int first = -1;
    for (size_t i = 0; i < n; i++) {
        if (vs_op_trap(op[i]) != trap) {
            continue;
        }
        if (code[i] == wanted) {
            return (int)i;
        }
        first = first < 0 ? (int)i : first;
    }
    return first;
}

/* The bit of a world, by which operations say which worlds have them. */
static unsigned bit_of(const char *world, bool add)
{
    for (size_t i = 0; i < registered.n_worlds; i++) {
        if (!strcmp(registered.world[i], world)) {
            return 1u << i;
        }
    }
    if (!add) {
        return 0;
    }
    assert(registered.n_worlds < WORLDS);
    registered.world[registered.n_worlds++] = world;
    return 1u << (registered.n_worlds - 1u);
}

/* Whether this architecture has it (NULL: any); neutral operations are everybody's. */
static bool op_of(enum vs_op op, const char *world)
{
    return !world || op < VS_OP_N ||
           (op < vs_op_count() && (registered.op[op - VS_OP_N].worlds & bit_of(world, false)));
}

/* Puts a text behind what is there, as much as there is room for. */
static void append(char *out, size_t bytes, const char *text)
{
    size_t at = strlen(out), n = strlen(text), room = bytes - 1u - at;
    n = n < room ? n : room;
    memcpy(out + at, text, n);
    out[at + n] = '\0';
}

/* One more name of an operation, once. */
static void also(const char *alias, enum vs_op op)
{
    uint16_t *last = &registered.op[op - VS_OP_N].aliases;
    for (uint16_t i = *last; i; i = registered.before[i - 1u]) {
        if (!strcmp(registered.name[i - 1u], alias)) {
            return;
        }
    }
    assert(registered.n_aliases < ALIASES && strlen(alias) < NAME);
    char *name = registered.name[registered.n_aliases];
    memcpy(name, alias, strlen(alias) + 1u);
    registered.before[registered.n_aliases] = *last;
    registered.alias[registered.n_aliases++] = (struct vs_op_alias){name, op};
    *last = (uint16_t)registered.n_aliases;
}

/* The name of what left the guest, and, of a name with a cause, the part before that. */
static void other_names(enum vs_op op, const struct vs_op_desc *d)
{
    char name[NAME];
    *name = '\0';
    append(name, sizeof name, vs_trap_exits(d->trap));
    for (char *dot; strcmp(name, d->name) != 0 && (dot = strrchr(name, '.')) != strchr(name, '.');
         *dot = 0) {
        also(name, op);
    }
    if (strcmp(name, d->name) != 0) {
        also(name, op);
    }
    *name = '\0';
    append(name, sizeof name, d->name);
    char *dot = strrchr(name, '.');
    if (dot != strchr(name, '.')) {
        *dot = 0;
        also(name, op);
    }
    for (const char *one = d->kvm; one; one = strchr(one, '|') ? strchr(one, '|') + 1 : NULL) {
        size_t n = strcspn(one, "|");
        assert(n < sizeof name);
        memcpy(name, one, n);
        name[n] = '\0';
        also(name, op);
    }
}

/* Where the operation of this name is among the registered ones; n_ops: it is none of them, and
 * will be the next. Names are found by FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv. */
static size_t place_of(const char *name)
{
    uint32_t at = 2166136261u;
    for (const char *c = name; *c; c++) {
        at = (at ^ (unsigned char)*c) * 16777619u;
    }
    uint16_t *slot = &registered.slot[at & (SLOTS - 1u)];
    while (*slot && strcmp(registered.op[*slot - 1u].name, name) != 0) {
        slot = &registered.slot[++at & (SLOTS - 1u)];
    }
    if (*slot) {
        return *slot - 1u;
    }
    *slot = (uint16_t)(registered.n_ops + 1u);
    return registered.n_ops;
}

void vs_ops_register(const char *world, const struct vs_op_desc *list, size_t n, enum vs_op *op)
{
    unsigned bit = bit_of(world, true);
    for (size_t i = 0; i < n; i++) {
        size_t k = place_of(list[i].name);
        struct op *o = &registered.op[k];
        if (k == registered.n_ops) {
            assert(VS_OP_N + k < VS_OPS);
            registered.n_ops++;
            *o = (struct op){.name = list[i].name, .trap = list[i].trap};
        }
        if (!strstr(o->text, list[i].text)) { /* two techniques have some exits alike */
            append(o->text, sizeof o->text, *o->text ? "; " : "");
            append(o->text, sizeof o->text, list[i].text);
        }
        o->worlds |= bit;
        op[i] = (enum vs_op)(VS_OP_N + k);
        other_names(op[i], &list[i]);
    }
}

const struct vs_op_alias *vs_op_aliases(size_t *n)
{
    *n = registered.n_aliases;
    return registered.alias;
}

/* Adds an operation that a world has to a list, once. */
static size_t add(enum vs_op out[VS_OP_SAME], size_t n, enum vs_op op, const char *world)
{
    bool new = op_of(op, world);
    for (size_t i = 0; i < n; i++) {
        new = new &&out[i] != op;
    }
    if (new &&n < VS_OP_SAME) {
        out[n++] = op;
    }
    return n;
}

size_t vs_op_resolve(const char *name, const char *world, enum vs_op out[VS_OP_SAME])
{
    size_t all = vs_op_count(), n = 0, len = strlen(name);
    for (size_t i = 0; i < all && !n; i++) {
        if (!strcmp(vs_op_name((enum vs_op)i), name)) {
            n = add(out, n, (enum vs_op)i, world);
        }
    }
    if (n) {
        return n;
    }
    for (size_t i = 0; i < registered.n_aliases; i++) {
        if (!strcmp(registered.alias[i].alias, name)) {
            n = add(out, n, registered.alias[i].op, world);
        }
    }
    for (size_t i = 0; i < VS_OP_N; i++) { /* handler.msr for handler.msr.read and .write */
        if (vs_op_trap((enum vs_op)i) != VS_TRAP_N && !strncmp(fixed[i].name, name, len) &&
            fixed[i].name[len] == '.') {
            n = add(out, n, (enum vs_op)i, world);
        }
    }
    return n;
}

bool vs_op_parse(const char *name, enum vs_op *out)
{
    enum vs_op all[VS_OP_SAME];
    size_t n = vs_op_resolve(name, NULL, all);
    if (n) {
        *out = all[0];
    }
    return n != 0;
}

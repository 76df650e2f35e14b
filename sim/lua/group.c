/* SPDX-License-Identifier: MIT */
/* Which of the groups that files state are true of the machine. */
#include "group.h"

#include <stdio.h>
#include <string.h>

size_t vs_group_drop(struct vs_group_told *told, size_t n, enum vs_slot slot)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (told[i].slot != slot) {
            told[kept++] = told[i];
        }
    }
    return kept;
}

/* Whether `part` is the one a statement is about, or says that it shares all the group's knobs. */
static bool own(const struct vs_group_told *g, const char *part, const struct vs_borrow *b)
{
    if (!strcmp(g->of, part)) {
        return true;
    }
    size_t covered = 0;
    for (size_t m = 0; m < g->group.n; m++) {
        covered += vs_borrow_kin(b, part, g->of, g->group.member[m].path) != NULL;
    }
    return covered == g->group.n;
}

/* Whether the machine's own file, and not a part's, sets the knob. */
static bool overridden(const struct vs_borrow *b, const char *path)
{
    for (size_t i = b->n_told; i-- > 0;) {
        if (!strcmp(b->told[i].path, path)) {
            return !b->told[i].of;
        }
    }
    return false;
}

/* Says whether what a file says of a group of knobs holds here: its part is used, unchanged. */
static bool true_of(const struct vs_group_told *g, const struct vs_borrow *b)
{
    if (!*g->of) {
        return true; /* a machine's own file speaks of the whole machine */
    }
    if (!own(g, b->part[g->slot], b)) {
        return false;
    }
    for (int i = 0; i < VS_SLOT_N; i++) {
        if (*g->with[i] && strcmp(g->with[i], b->part[i]) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < g->group.n; i++) {
        if (overridden(b, g->group.member[i].path)) {
            return false;
        }
    }
    return true;
}

size_t vs_group_settle(const struct vs_group_told *told, size_t n, const struct vs_borrow *b,
                       const struct vs_knobs *knobs, struct vs_group out[VS_GROUPS_MAX],
                       struct vs_errors *errors)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool known = true;
        if (!true_of(&told[i], b)) {
            continue; /* another part took the place of the one whose knobs these are */
        }
        for (size_t m = 0; m < told[i].group.n; m++) {
            const char *path = told[i].group.member[m].path;
            if (vs_knobs_find(knobs, path) || vs_knobs_without(path)) {
                continue;
            }
            known = false;
            if (!told[i].base) {
                vs_error(errors, "%s: groups.%s: there is no knob '%s'", told[i].file,
                         told[i].group.name, path);
            }
        }
        if (known && kept < VS_GROUPS_MAX) {
            out[kept] = told[i].group;
            vs_group_fix(&out[kept++], knobs);
        }
    }
    return kept;
}

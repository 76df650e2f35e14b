/* SPDX-License-Identifier: MIT */
/*
 * The table `groups` of a description: which source fixes the sum of several knobs.
 *
 *   groups = { transition = { source = "1X061: ...", grade = "measured",
 *                             with = { hypervisor = "kvm" }, "vmcs.unexplained", ... } }
 *
 * `with` (optional) names what else must be in the machine for the sum to be what was measured. A
 * group is about the part whose file states it: a machine that only takes over the part's values,
 * or sets one of the knobs itself, does not have it.
 */
#ifndef VIRTSIM_SIM_LUA_GROUP_H
#define VIRTSIM_SIM_LUA_GROUP_H

#include "borrow.h"
#include "virtsim/evidence.h"

#include <lua.h>

#define VS_GROUPS_MAX 16u /* of one machine */

/* A group as it was read, and under which conditions it is true of a machine. */
struct vs_group_told {
    struct vs_group group;
    char file[64], of[64];    /* who states it: the file, and its part ("" = a machine's own) */
    enum vs_slot slot;        /* of the part */
    bool base;                /* another file builds on it, and may leave some of its knobs out */
    char with[VS_SLOT_N][64]; /* what must fill the other slots; "" = whatever */
};

/* Adds what the table on top of the stack says to the *n groups; the stack stays. NULL when all is
 * well (nil says nothing), else what is wrong, with the group's name in `where`. */
const char *vs_group_take(lua_State *L, const char *file, const char *of, enum vs_slot slot,
                          bool base, struct vs_group_told *told, size_t *n, char where[96]);
/* Takes away what was said about the part of a slot, which another part fills now; what is left. */
size_t vs_group_drop(struct vs_group_told *told, size_t n, enum vs_slot slot);
/* Keeps in `out` those of the told groups that are true of the machine, with today's values of
 * their knobs; returns how many. A knob that does not exist is an error,
 * but of a base: then the sum is not there. */
size_t vs_group_settle(const struct vs_group_told *told, size_t n, const struct vs_borrow *b,
                       const struct vs_knobs *knobs, struct vs_group out[VS_GROUPS_MAX],
                       struct vs_errors *errors);

#endif

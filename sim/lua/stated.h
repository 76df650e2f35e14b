/* SPDX-License-Identifier: MIT */
/* The table `borrows` of a part's description: borrows = { part = { why = "...", "knobs" } }. */
#ifndef VIRTSIM_SIM_LUA_STATED_H
#define VIRTSIM_SIM_LUA_STATED_H

#include "borrow.h"

#include <lua.h>

/* Adds what the table on top of the stack says to the n statements; the stack stays. false when it
 * has another form, does not belong to a part (`of` NULL), or more than VS_STATED_MAX were made.
 * nil, and the text of older files, say nothing. */
bool vs_stated_take(lua_State *L, const char *file, const char *of, struct vs_stated *stated,
                    size_t *n);

#endif

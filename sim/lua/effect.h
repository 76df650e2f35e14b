/* SPDX-License-Identifier: MIT */
/*
 * What a knob needs to have an effect: a part that the machine may not have (an adapter, an IOMMU,
 * a second dimension of translation, a table of entries) or a mode it may not be in. This is the
 * one place that says so. A setting without an effect is told of, a value without an effect is not
 * taken over from another part, and tools/dead-knobs checks each line both ways.
 */
#ifndef VIRTSIM_SIM_LUA_EFFECT_H
#define VIRTSIM_SIM_LUA_EFFECT_H

#include "virtsim/knob.h"

/* fnmatch, "." being an ordinary character, but for most patterns a comparison says it: a name, or
 * all that begins so. */
bool vs_pattern_fits(const char *pattern, const char *path);

/* Whether the machine has what the knob is about, though a run may not make use of it: a load queue
 * without the window, the way to another node on a machine of one. When it has not, `why` says what
 * the knob needs and what that is instead; it may be NULL. */
bool vs_effect_exists(const struct vs_knobs *knobs, const char *path, char *why, size_t bytes);

/* Calls visit for each knob that was set by `--set` or an axis of a sweep and cannot have an
 * effect. */
void vs_effect_each_idle(const struct vs_knobs *knobs,
                         void (*visit)(void *ctx, const struct vs_knob *knob, const char *why),
                         void *ctx);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A sweep written down: a Lua file whose calls are the options of `virtsim sweep` with an
 * underscore for a dash, in a sandbox:
 *
 *   input("workloads/gups.lua")
 *   set("workload.footprint", "64MiB")
 *   vary("ept.l2_tlb.entries", 384, "768:3072:x2")
 *   let("ept.l2_tlb.ways", "ept.l2_tlb.entries // 64")
 *   seeds(5)
 */
#ifndef VIRTSIM_SIM_SWEEP_MANIFEST_H
#define VIRTSIM_SIM_SWEEP_MANIFEST_H

#include "sweep/sweep.h"

/* One call as the option it stands for: `word` is the option's name ("vary"), or "input" for a
 * positional argument; `text` is its argument, NULL when it has none; `from` is "FILE:LINE". The
 * strings live as long as the manifest. */
typedef void vs_manifest_visit(void *ctx, const char *word, const char *text, const char *from);

struct vs_manifest;

/* Reads a file, or (`text` not NULL) a text that messages call `path`, and visits its calls in
 * order. What is wrong is an error with file and line; the strings of what was visited
 * before it last as long as the manifest. NULL: there is no memory. */
struct vs_manifest *vs_manifest_read(const char *path, const char *text, vs_manifest_visit *visit,
                                     void *ctx, struct vs_errors *errors);
void vs_manifest_free(struct vs_manifest *m);

/* The sweep as such a text, for the caller to free. `absolute`: files that lie in the working
 * folder are named from the root, so that the text can be read in any folder. */
char *vs_manifest_text(const struct vs_sweep *s, bool skip_impossible, bool absolute);
/* A name for a sweep that was given none: of its first input and a hash of its text. */
void vs_manifest_name(const struct vs_sweep *s, char out[VS_SWEEP_NAME + 1]);

#endif

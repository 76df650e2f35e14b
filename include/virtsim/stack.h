/* SPDX-License-Identifier: MIT */
/*
 * The stack of a set under LRU (Mattson et al., 1970): an entry at depth d is held by every table
 * of d ways and more. One pass over what a table is asked for gives its hits at every size.
 *
 * A dropped entry leaves a hole: tables that held it have a free way. What comes in next takes the
 * topmost hole above where it was, and entries below that hole stay where they are.
 *
 * Depths are found in a Fenwick tree over the times of last use, which is made anew when its times
 * are used up.
 */
#ifndef VIRTSIM_STACK_H
#define VIRTSIM_STACK_H

#include "virtsim/settab.h"

struct vs_stack;

struct vs_stack *vs_stack_create(uint64_t sets); /* NULL: no memory */
void vs_stack_free(struct vs_stack *s);
/* Entries are numbers from 0 on, each of one set. Entry `id` of the set becomes the newest. Returns
 * the depth that it was at, from 1 on; 0: it was not there. */
uint64_t vs_stack_touch(struct vs_stack *s, uint64_t set, uint32_t id);
/* It is dropped, wherever it is; nothing when it is not there. */
void vs_stack_drop(struct vs_stack *s, uint64_t set, uint32_t id);
void vs_stack_clear(struct vs_stack *s);

/*
 * A table that is watched holds everything it was ever given and notes at what depth it is found
 * again, for several numbers of sets at once. Who asks counts a hit, or does not (a right is
 * missing): a depth is noted when `hits` has gone up since.
 */
#define VS_WATCH_SETS 4u
struct vs_watch;
struct vs_watch *vs_watch_create(const uint64_t *sets, size_t n, uint64_t (*hits)(const void *ctx),
                                 const void *ctx);
void vs_watch_free(struct vs_watch *w);
/* From now on, while the table is empty. It is not searched any more itself. */
void vs_settab_watch(struct vs_settab *s, struct vs_watch *w);
/* What was noted is forgotten; what the table holds stays. */
void vs_watch_cut(struct vs_watch *w);
/* depth[d]: hits at depth d, d < *n; of the i-th number of sets. Valid until the next call. */
const uint64_t *vs_watch_depths(struct vs_watch *w, size_t i, size_t *n);

/* Between settab.c and watch.c. */
void vs__watch_put(struct vs_settab *s, uint64_t *tag, uint64_t key, uint64_t payload);
uint64_t *vs__watch_peek(struct vs_settab *s, uint64_t key);
bool vs__watch_drop(struct vs_settab *s, uint64_t key);
uint64_t vs__watch_drop_if(struct vs_settab *s,
                           bool (*pred)(void *ctx, uint64_t key, uint64_t payload), void *ctx);
void vs__watch_clear(struct vs_settab *s);

#endif

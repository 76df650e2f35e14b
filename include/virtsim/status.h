/* SPDX-License-Identifier: MIT */
/*
 * Status codes, listed once, and the list of a user's mistakes. A modelled fault (EPT violation,
 * IOMMU fault) is a value of its model, never a status. Functions return 0 (VS_OK) or a code.
 */
#ifndef VIRTSIM_STATUS_H
#define VIRTSIM_STATUS_H

#include "virtsim/units.h"

#define VS_STATUS_LIST(X)                                                                          \
    X(VS_OK, "success")                                                                            \
    X(VS_E_NOMEM, "out of memory")                                                                 \
    X(VS_E_CONFIG, "configuration refused")                                                        \
    X(VS_E_UNKNOWN, "unknown name")                                                                \
    X(VS_E_BOUNDS, "value out of bounds")                                                          \
    X(VS_E_INPUT, "malformed input")                                                               \
    X(VS_E_IO, "input or output failed")                                                           \
    X(VS_E_RUN, "the run failed")

enum vs_status {
#define VS_STATUS_ENUM(code, text) code,
    VS_STATUS_LIST(VS_STATUS_ENUM)
#undef VS_STATUS_ENUM
};

const char *vs_status_text(enum vs_status s);

/* Mistakes of one request, reported together. Messages are owned by the list. */
struct vs_errors {
    char **text;
    size_t n;
};

void vs_error(struct vs_errors *e, const char *fmt, ...) VS_PRINTF(2, 3);
void vs_errors_free(struct vs_errors *e);

/* The candidate nearest to `word` (edit distance), or NULL when none is near enough to be a typo.
 */
const char *vs_nearest(const char *word, const char *const *candidates, size_t n);

#endif

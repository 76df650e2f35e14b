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

#define VS_SUGGEST 320u /* bytes that hold a suggestion */

/* What an unknown word may have meant among the names, as a message's last words: "did you mean
 * 'a', 'b' or 'c'?". Names that begin with the word come first, then those that share its parts,
 * then the one a typo away. When nothing is like it: `otherwise`, or (NULL) some of the names.
 * Returns out. */
const char *vs_suggest(const char *word, const char *const *names, size_t n, const char *otherwise,
                       char *out, size_t bytes);
/* The same, with each name between `before` and `after`, such as a folder and ".lua". */
const char *vs_suggest_in(const char *word, const char *const *names, size_t n, const char *before,
                          const char *after, const char *otherwise, char *out, size_t bytes);

#endif

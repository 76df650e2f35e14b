/* SPDX-License-Identifier: MIT */
/* The methods of `cpu` that make a request, as request/requests.def lists them, and that list as
 * text. What their arguments have in common is read here; what is special to one, by a function
 * that its line names. */
#ifndef VIRTSIM_SIM_LUA_METHODS_H
#define VIRTSIM_SIM_LUA_METHODS_H

#include "virtsim/request.h"

#include <stddef.h>

/* A line of the list. */
struct vs_request_text {
    const char *section, *name, *text;
    const char *machines; /* which have the instruction */
    enum vs_req kind;
    char method[128]; /* how a script writes it; empty: it has no method */
    char fields[160]; /* what a recording keeps */
};

/* Line n from 0; false: there are fewer. */
bool vs_request_text(size_t n, struct vs_request_text *out);

#endif

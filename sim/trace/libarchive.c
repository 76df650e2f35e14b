/* SPDX-License-Identifier: MIT */
#include "libarchive.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Finds one function; a pointer to a function is filled in as POSIX's dlsym() wants it. */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

const struct vs_libarchive *vs__libarchive(char *why, size_t bytes)
{
    static struct vs_libarchive functions;
    static bool complete;
    if (complete) {
        return &functions;
    }
    void *library = dlopen(VS_LIBARCHIVE_NAME, RTLD_NOW | RTLD_LOCAL);
    complete = library != NULL;
#define VS_FIND(name) complete = complete && find(library, #name, &functions.name);
    VS_LIBARCHIVE(VS_FIND)
#undef VS_FIND
    if (!complete) {
        const char *error = dlerror();
        snprintf(why, bytes, "%s", error ? error : VS_LIBARCHIVE_NAME " lacks a function");
        return NULL;
    }
    return &functions;
}

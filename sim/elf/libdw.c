/* SPDX-License-Identifier: MIT */
#include "elf/libdw.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define NAME "libdw.so.1"

/* Finds one function; a pointer to a function is filled in as POSIX's dlsym() wants it. */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

const struct vs_libdw *vs__libdw(char *why, size_t bytes)
{
    static struct vs_libdw functions;
    static bool complete;
    if (complete) {
        return &functions;
    }
    void *library = dlopen(NAME, RTLD_NOW | RTLD_LOCAL);
    complete = library != NULL;
#define VS_FIND(name) complete = complete && find(library, #name, &functions.name);
    VS_LIBDW(VS_FIND)
#undef VS_FIND
    if (!complete) {
        const char *error = dlerror();
        snprintf(why, bytes, "%s", error ? error : NAME " lacks a function");
        return NULL;
    }
    return &functions;
}

/* SPDX-License-Identifier: MIT */
/* Scripts written to files, for the tests of this room. */
#ifndef VIRTSIM_SIM_LUA_TEST_H
#define VIRTSIM_SIM_LUA_TEST_H

#include "virtsim/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A folder of this test program's own; `name` in it. */
static inline const char *in_folder(const char *test, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, VS_BUILD_DIR "/tests/%s", test);
    mkdir(path, 0777);
    snprintf(path, sizeof path, VS_BUILD_DIR "/tests/%s/%s", test, name);
    return path;
}

static inline void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* The first message holds `text`. */
static inline void assert_says(const struct vs_errors *e, const char *text)
{
    if (!e->n || !strstr(e->text[0], text)) {
        fail_msg("'%s' wanted, got '%s'", text, e->n ? e->text[0] : "no error");
    }
}

#endif

/* SPDX-License-Identifier: MIT */
/* Scripts run in a box of their own, for the tests of the sandbox. */
#ifndef VIRTSIM_SIM_LUA_TEST_OUTCOME_H
#define VIRTSIM_SIM_LUA_TEST_OUTCOME_H

#include "box.h"
#include "test_lua.h"

/* Runs the text in a box of its own, from a file of the folder TEST_FOLDER; the error's text, or ""
 * when it ran. */
static inline const char *outcome(const char *text)
{
    static char said[3000];
    struct vs_errors e = {NULL, 0};
    const char *path = in_folder(TEST_FOLDER, "t.lua");
    write_text(path, text);
    vs_watch_request();
    struct vs_box *b = vs_box_open(1);
    assert_non_null(b);
    if (!vs_box_load(b, path, &e)) {
        int rc = vs_box_call(b, 0, 0);
        if (rc) {
            vs_box_report(b, rc, &e);
        }
        assert_int_equal(lua_gettop(b->L), 0);
    }
    vs_box_close(b);
    snprintf(said, sizeof said, "%s", e.n ? e.text[0] : "");
    vs_errors_free(&e);
    return said;
}

/* It runs without an error. */
static inline void runs(const char *text)
{
    const char *said = outcome(text);
    if (*said) {
        fail_msg("%s: %s", text, said);
    }
}

/* It ends with an error that holds `want`. */
static inline void fails(const char *text, const char *want)
{
    const char *said = outcome(text);
    if (!strstr(said, want)) {
        fail_msg("%s: '%s' wanted, got '%s'", text, want, said);
    }
}

#endif

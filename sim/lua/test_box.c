/* SPDX-License-Identifier: MIT */
/* Laws of the sandbox: what a script cannot reach, cannot use up and cannot outlast. */
#include "box.h"
#include "test_lua.h"

#include <time.h>

#define FOLDER "lua_box"

/* Runs the text in a box; the error's text, or "" when it ran. */
static const char *outcome(const char *text)
{
    static char said[1000];
    struct vs_errors e = {NULL, 0};
    const char *path = in_folder(FOLDER, "t.lua");
    write_text(path, text);
    struct vs_box *b = vs_box_open(1);
    assert_non_null(b);
    if (!vs_box_load(b, path, &e)) {
        int rc = vs_box_call(b, 0, 0);
        if (rc) {
            vs_box_report(b->L, rc, path, &e);
        }
        assert_int_equal(lua_gettop(b->L), 0);
    }
    vs_box_close(b);
    snprintf(said, sizeof said, "%s", e.n ? e.text[0] : "");
    vs_errors_free(&e);
    return said;
}

static void runs(const char *text)
{
    const char *said = outcome(text);
    if (*said) {
        fail_msg("%s: %s", text, said);
    }
}

static void fails(const char *text, const char *want)
{
    const char *said = outcome(text);
    if (!strstr(said, want)) {
        fail_msg("%s: '%s' wanted, got '%s'", text, want, said);
    }
}

/* ---- reach ---- */

static void test_nothing_that_reaches_outside_is_there(void **state)
{
    (void)state;
    runs("for _, name in ipairs { 'io', 'os', 'debug', 'package', 'coroutine', 'require', 'load',\n"
         "  'loadfile', 'dofile', 'loadstring', 'collectgarbage', 'print', 'warn', 'xpcall' } do\n"
         "  assert(_G[name] == nil, name)\nend");
    runs("for _, name in ipairs { 'dump', 'find', 'match', 'gmatch', 'gsub' } do\n"
         "  assert(string[name] == nil and ('')[name] == nil, name)\nend");
    fails("io.open('/etc/passwd')", "t.lua:1: attempt to index a nil value (global 'io')");
}

static void test_bytecode_is_refused(void **state)
{
    (void)state;
    fails("\x1bLuaT\0\x19\x93", "attempt to load a binary chunk");
}

static void test_no_finalizer_can_be_set(void **state)
{
    (void)state;
    fails("setmetatable({}, { __gc = function() end })", "finalizers");
    runs("local m = {}; local t = setmetatable({}, m); m.__gc = function() while true do end end; "
         "t = nil");
    fails("setmetatable(setmetatable({}, { __metatable = 1 }), {})", "protected");
}

static void test_the_seed_is_the_callers(void **state)
{
    (void)state;
    double got[3];
    const uint64_t seed[] = {1, 1, 2};
    write_text(in_folder(FOLDER, "r.lua"), "return math.random()");
    for (int i = 0; i < 3; i++) {
        struct vs_errors e = {NULL, 0};
        struct vs_box *b = vs_box_open(seed[i]);
        assert_int_equal(vs_box_load(b, in_folder(FOLDER, "r.lua"), &e), VS_OK);
        assert_int_equal(vs_box_call(b, 0, 1), LUA_OK);
        got[i] = lua_tonumber(b->L, -1);
        vs_box_close(b);
    }
    assert_true(got[0] == got[1]);
    assert_true(got[0] != got[2]);
    runs("assert(math.randomseed == nil)");
}

/* In every process Lua's hash has another seed: numbers, then strings, then booleans. */
static void test_tables_are_gone_through_in_an_order_that_repeats(void **state)
{
    (void)state;
    const char *const head =
        "local t = { 30, 10, z = 1, a = 2, [-5] = 3, [2.5] = 4, [true] = 5, [false] = 6, ['a\\0'] "
        "= 7,\n"
        "  [math.huge] = 8, [math.maxinteger] = 9, b = 10, aa = 11, [1 << 40] = 12 }\n"
        "local said = {}\n";
    const char *const tail = "assert(table.concat(said, ' ') == '-5 1 2 2.5 1099511627776 "
                             "9223372036854775807 inf a a\\0 "
                             "aa b z false true', table.concat(said, ' '))";
    const char *const loops[] = {
        "for k, v in pairs(t) do assert(t[k] == v) said[#said + 1] = tostring(k) end\n",
        "for k, v in next, t do assert(t[k] == v) said[#said + 1] = tostring(k) end\n",
        /* what is visited may go, what is gone is not visited */
        "t.removed = 1 for k in pairs(t) do t[k] = nil t.removed = nil said[#said + 1] = "
        "tostring(k) "
        "end assert(next(t) == nil)\n"};
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        char text[1500];
        snprintf(text, sizeof text, "%s%s%s", head, loops[i], tail);
        runs(text);
    }
    runs("for k, v in pairs(setmetatable({}, { __pairs = function() return function(_, k) return "
         "not "
         "k and 7 or nil end end })) do assert(k == 7) end");
    runs("local k = {} for x, v in pairs { [k] = 3 } do assert(x == k and v == 3) end "
         "assert(next({ [k] = 3 }) == k and next({ [k] = 3 }, k) == nil)");
    runs("assert(next({}) == nil) for _ in pairs({}) do error() end");
    fails("for _ in pairs { [{}] = 1, [{}] = 2 } do end", "t.lua:1: a key that is a table");
    fails("next { [print or error] = 1, 2 }", "t.lua:1: a key that is a function");
    fails("for _ in pairs(nil) do end", "table expected");
    fails("for _ in pairs() do end", "value expected");
}

static void test_errors_name_file_and_line(void **state)
{
    (void)state;
    fails("local x = 1\nx()\n", "t.lua:2:");
    fails("local x = 1\nx = = 2\n", "t.lua:2:");
    fails("\n\nerror('boom')", "t.lua:3: boom");
    fails("error({})", "t.lua: an error that is not a string");
    fails("error(-7)", "t.lua: -7");
    fails("error(1.5)", "t.lua: 1.5");
    fails("", "is empty");
}

static void test_what_is_no_file_is_refused_at_once(void **state)
{
    (void)state;
    const char *const no_file[] = {VS_BUILD_DIR, "/dev/zero", VS_BUILD_DIR "/tests/lua_pipe"};
    mkfifo(no_file[2], 0600);
    for (int i = 0; i < 3; i++) {
        struct vs_errors e = {NULL, 0};
        struct vs_box *b = vs_box_open(1);
        assert_int_equal(vs_box_load(b, no_file[i], &e), VS_E_INPUT);
        assert_says(&e, "is not a file");
        vs_box_close(b);
        vs_errors_free(&e);
    }
}

/* ---- memory ---- */

static void test_memory_ends_with_one_clear_error(void **state)
{
    (void)state;
    vs_box_limits(4u << 20, 0);
    const char *const greedy[] = {
        "local t = {} for i = 1, 1e9 do t[i] = i end", "local s = 'x' while true do s = s .. s end",
        "local s = ('x'):rep(1 << 26)", "local t = {} while true do t[#t + 1] = {} end"};
    for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
        fails(greedy[i], "t.lua: the script's memory limit is reached");
    }
    runs("local ok = pcall(function() return ('x'):rep(1 << 26) end) assert(not ok)");
    vs_box_limits(0, 0);
    fails("return ('x'):rep(1 << 40)", "too large");
}

static void test_memory_is_counted_to_the_byte_and_given_back(void **state)
{
    (void)state;
    struct vs_errors e = {NULL, 0};
    write_text(in_folder(FOLDER, "m.lua"), "local s = ('x'):rep(1 << 20) return #s");
    struct vs_box *b = vs_box_open(1);
    lua_gc(b->L, LUA_GCCOLLECT);
    size_t before = b->used_bytes;
    assert_int_equal(vs_box_load(b, in_folder(FOLDER, "m.lua"), &e), VS_OK);
    assert_int_equal(vs_box_call(b, 0, 1), LUA_OK);
    assert_true(b->used_bytes > before + (1u << 20));
    lua_settop(b->L, 0);
    lua_gc(b->L, LUA_GCCOLLECT);
    assert_true(b->used_bytes < before + 20000);
    vs_box_close(b);
}

/* ---- time ---- */

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void test_a_script_that_never_ends_is_ended(void **state)
{
    (void)state;
    const char *const endless[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() return pcall(f) end f() while true do f() end",
        "while true do pcall(error) end",
        "local s = ('x'):rep(1e6) while true do s:upper() end",
        "table.sort({ 1, 2, 3 }, function() while true do end end)",
        "local t = setmetatable({}, { __index = function() return '' end }) while true do "
        "pcall(table.concat, t, '', 1, 1 << 62) end",
        "local t = setmetatable({}, { __index = math.abs })\n"
        "while true do pcall(table.concat, t, '', 1, 1 << 62) end",
        "for _ in function() return 1 end do end",
        "while true do pcall(function() local x <close> = setmetatable({}, "
        "{ __close = function() while true do end end }) error('x') end) end",
        "('x'):rep(1 << 62, '')while true do end",
    };
    vs_box_limits(64u << 20, 2);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        double start = cpu_seconds();
        const char *said = outcome(endless[i]);
        if (!strstr(said, "without simulated progress") && !strstr(said, "too large")) {
            fail_msg("%s: %s", endless[i], said);
        }
        assert_true(cpu_seconds() - start < 5);
    }
    vs_box_limits(0, 0);
}

static void test_progress_starts_the_watch_again(void **state)
{
    (void)state;
    struct vs_errors e = {NULL, 0};
    vs_box_limits(0, 3);
    write_text(in_folder(FOLDER, "p.lua"),
               "local t = 0 for i = 1, 6000000 do t = t + i % 7 end return t");
    struct vs_box *b = vs_box_open(1);
    double start = cpu_seconds();
    while (cpu_seconds() - start < 0.9) { /* three times the limit */
        vs_box_progress(b);
        assert_int_equal(vs_box_load(b, in_folder(FOLDER, "p.lua"), &e), VS_OK);
        assert_int_equal(vs_box_call(b, 0, 0), LUA_OK);
    }
    vs_box_close(b);
    vs_box_limits(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_that_reaches_outside_is_there),
        cmocka_unit_test(test_bytecode_is_refused),
        cmocka_unit_test(test_no_finalizer_can_be_set),
        cmocka_unit_test(test_the_seed_is_the_callers),
        cmocka_unit_test(test_tables_are_gone_through_in_an_order_that_repeats),
        cmocka_unit_test(test_errors_name_file_and_line),
        cmocka_unit_test(test_what_is_no_file_is_refused_at_once),
        cmocka_unit_test(test_memory_ends_with_one_clear_error),
        cmocka_unit_test(test_memory_is_counted_to_the_byte_and_given_back),
        cmocka_unit_test(test_a_script_that_never_ends_is_ended),
        cmocka_unit_test(test_progress_starts_the_watch_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

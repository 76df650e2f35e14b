/* SPDX-License-Identifier: MIT */
/* Laws of the sandbox: what a script cannot reach, cannot use up and cannot outlast. */
#define TEST_FOLDER "lua_box"
#include "test_outcome.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOLDER TEST_FOLDER

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
    fails("\x1bLuaT\0\x19\x93", "t.lua: is compiled Lua");
}

static void test_no_finalizer_can_be_set(void **state)
{
    (void)state;
    fails("setmetatable({}, { __gc = function() end })", "finalizers");
    runs("local m = {}; local t = setmetatable({}, m); m.__gc = function() while true do end end; "
         "t = nil");
    fails("setmetatable(setmetatable({}, { __metatable = 1 }), {})", "protected");
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
        vs_box_progress();
        assert_int_equal(vs_box_load(b, in_folder(FOLDER, "p.lua"), &e), VS_OK);
        assert_int_equal(vs_box_call(b, 0, 0), LUA_OK);
    }
    vs_box_close(b);
    vs_box_limits(0, 0);
}

static int said_in;

static void say(const char *line, size_t bytes, bool started)
{
    ssize_t w = write(said_in, line, bytes);
    _exit(w > 0 ? 10 + started : 1);
}

/* A child that runs the text: what its last resort says, and its exit status. */
static int in_a_child(const char *text, char *said, size_t bytes)
{
    int fd[2], status = -1;
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    if (child == 0) {
        said_in = fd[1];
        vs_watch_at_last(say);
        vs_box_limits(0, 3);
        const char *message = outcome(text);
        ssize_t w = write(fd[1], message, strlen(message));
        _exit(w == (ssize_t)strlen(message) ? 0 : 1);
    }
    close(fd[1]);
    size_t at = 0;
    for (ssize_t r; (r = read(fd[0], said + at, bytes - 1 - at)) > 0;) {
        at += (size_t)r;
    }
    said[at] = '\0';
    close(fd[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_what_no_hook_reaches_is_ended_and_its_file_named(void **state)
{
    (void)state;
    const char *const endless[] = {
        "local t = {} setmetatable(t, { __call = t }) t()",
        "local a, b = {}, {} setmetatable(a, { __call = b }) setmetatable(b, { __call = a }) a()",
        "local t = {} setmetatable(t, { __call = t }) pcall(t) tostring(setmetatable({}, "
        "{ __tostring = t }))",
        "local t = {} setmetatable(t, { __call = t }) local x <close> = setmetatable({}, { __close "
        "= t })",
        "local t = {} setmetatable(t, { __call = t }) table.sort({ setmetatable({}, { __lt = t }), "
        "setmetatable({}, { __lt = t }) })",
    };
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        char said[1000];
        int status = in_a_child(endless[i], said, sizeof said);
        if (status != 10 || !strstr(said, "t.lua: ran for 0 s of CPU time")) {
            fail_msg("%s: %d '%s'", endless[i], status, said);
        }
    }
}

/* What an endless script is told by the ordinary limit, so many ticks of which have gone by. */
static const char *after(int ticks, const char *text)
{
    static char said[3000];
    struct vs_errors e = {NULL, 0};
    const char *path = in_folder(TEST_FOLDER, "t.lua");
    write_text(path, text);
    vs_box_limits(0, 0);
    vs_watch_request();
    struct vs_box *b = vs_box_open(1);
    assert_non_null(b);
    assert_int_equal(vs_box_load(b, path, &e), VS_OK);
    vs_watch_ticks = ticks;
    int rc = vs_box_call(b, 0, 0);
    assert_int_not_equal(rc, LUA_OK);
    vs_box_report(b, rc, &e);
    vs_box_close(b);
    snprintf(said, sizeof said, "%s", e.n ? e.text[0] : "");
    vs_errors_free(&e);
    return said;
}

static void test_the_ordinary_limit_is_ten_seconds_and_two_until_the_last_resort(void **state)
{
    (void)state;
    double start = cpu_seconds();
    const char *said = after(98, "while true do end");
    assert_non_null(strstr(said, "ran for 10.0 s of CPU time without simulated progress"));
    assert_true(cpu_seconds() - start < 5);
    start = cpu_seconds();
    assert_non_null(strstr(after(94, "while true do end"), "ran for 10.0 s"));
    assert_true(cpu_seconds() - start > 0.4);
    int fd[2], status;
    char line[200] = "";
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    if (child == 0) {
        said_in = fd[1];
        vs_watch_at_last(say);
        after(118, "local t = {} setmetatable(t, { __call = t }) t()");
        _exit(1);
    }
    close(fd[1]);
    assert_true(read(fd[0], line, sizeof line - 1) > 0);
    close(fd[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 10);
    assert_non_null(strstr(line, "t.lua: ran for 12 s of CPU time"));
}

static void test_a_compiler_that_takes_long_is_ended(void **state)
{
    (void)state;
    /* each of many functions looks a global name up through 180 levels of 195 locals */
    size_t n = 8u << 20, at = 0;
    char *text = malloc(n), said[1000];
    assert_non_null(text);
    for (int level = 0; level < 180; level++) {
        at += (size_t)snprintf(text + at, n - at, "local ");
        for (int i = 0; i < 195; i++) {
            at += (size_t)snprintf(text + at, n - at, "%s%c%c", i ? "," : "", 'a' + i % 26,
                                   'A' + i / 26);
        }
        at += (size_t)snprintf(text + at, n - at, " local function f() ");
    }
    while (at < n - 2000) {
        at += (size_t)snprintf(text + at, n - at, "z=z;");
    }
    for (int level = 0; level < 180; level++) {
        at += (size_t)snprintf(text + at, n - at, " end ");
    }
    assert_int_equal(in_a_child(text, said, sizeof said), 10);
    assert_non_null(strstr(said, "t.lua: ran for"));
    free(text);
}

/* ---- messages ---- */

static void test_every_message_names_the_file(void **state)
{
    (void)state;
    fails("\ntable.insert({}, 9, 1)", "t.lua:2: bad argument #2 to 'insert'");
    fails("\ntable.remove({}, 9)", "t.lua:2: bad argument #");
    fails("\n('x'):rep(-1, {})", "t.lua:2: bad argument #2 to 'rep'");
    fails("\nerror('mine', 0)", "t.lua:2: mine");
    fails("\nlocal x = {} .. 'y'", "t.lua:2: attempt to concatenate");
    fails("\nreturn table.concat({ {} })", "t.lua");
    fails("\nlocal t = setmetatable({}, { __index = function(t, k) return t[k] end }) return t.x",
          "t.lua:2:");
    fails("local function f() return f() + 1 end f()", "t.lua:1: stack overflow");
    fails("\nassert(false)", "t.lua:2: assertion failed!");
    fails("\nassert(nil, 'mine')", "t.lua:2: mine");
    fails("error()", "t.lua: an error that is not a string");
    char deep[3000] = "local x = ";
    memset(deep + 10, '(', 1000);
    memset(deep + 1010, '1', 1);
    memset(deep + 1011, ')', 1000);
    fails(deep, "t.lua: C stack overflow (");
    for (int i = 0; i < 300; i++) {
        memcpy(deep + i * 3, "do ", 3);
    }
    deep[900] = '\0';
    fails(deep, "t.lua:");
    char big[4000] = "error('";
    memset(big + 7, 'x', 3500);
    strcpy(big + 3507, "')");
    const char *said = outcome(big);
    assert_non_null(strstr(said, "t.lua:1: xxx"));
    assert_true(strlen(said) < 2300);
}

static void test_a_long_name_is_said_whole(void **state)
{
    (void)state;
    const char *name = "a_name_that_is_longer_than_what_a_message_of_the_library_has_room_for.lua";
    char path[700];
    struct vs_errors e = {NULL, 0};
    snprintf(path, sizeof path, "%s", in_folder(FOLDER, name));
    write_text(path, "\n\nnosuch()");
    vs_watch_request();
    struct vs_box *b = vs_box_open(1);
    assert_int_equal(vs_box_load(b, path, &e), VS_OK);
    vs_box_report(b, vs_box_call(b, 0, 0), &e);
    vs_box_close(b);
    char want[800];
    snprintf(want, sizeof want, "%s:3: ", path);
    assert_says(&e, want);
    vs_errors_free(&e);
}

static void test_memory_and_time_are_those_of_all_boxes(void **state)
{
    (void)state;
    struct vs_errors e = {NULL, 0};
    write_text(in_folder(FOLDER, "k.lua"), "kept = ('x'):rep(3 << 20)");
    struct vs_box *b[2] = {vs_box_open(1), vs_box_open(1)};
    vs_box_limits(vs_box_used() + (8u << 20), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vs_box_load(b[i], in_folder(FOLDER, "k.lua"), &e), VS_OK);
        assert_int_equal(vs_box_call(b[i], 0, 0), i ? LUA_ERRMEM : LUA_OK);
    }
    lua_pop(b[1]->L, 1);
    vs_box_limits(0, 3);
    vs_watch_request();
    write_text(in_folder(FOLDER, "k.lua"), "for i = 1, 2000000 do kept = i end");
    int rc = LUA_OK, calls = 0;
    for (; rc == LUA_OK && calls < 1000; calls++) {
        assert_int_equal(vs_box_load(b[calls % 2], in_folder(FOLDER, "k.lua"), &e), VS_OK);
        rc = vs_box_call(b[calls % 2], 0, 0);
    }
    assert_int_equal(rc, LUA_ERRRUN);
    assert_true(calls > 1);
    vs_box_limits(0, 0);
    vs_box_close(b[0]);
    vs_box_close(b[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_that_reaches_outside_is_there),
        cmocka_unit_test(test_bytecode_is_refused),
        cmocka_unit_test(test_no_finalizer_can_be_set),
        cmocka_unit_test(test_errors_name_file_and_line),
        cmocka_unit_test(test_what_is_no_file_is_refused_at_once),
        cmocka_unit_test(test_memory_ends_with_one_clear_error),
        cmocka_unit_test(test_memory_is_counted_to_the_byte_and_given_back),
        cmocka_unit_test(test_a_script_that_never_ends_is_ended),
        cmocka_unit_test(test_progress_starts_the_watch_again),
        cmocka_unit_test(test_what_no_hook_reaches_is_ended_and_its_file_named),
        cmocka_unit_test(test_the_ordinary_limit_is_ten_seconds_and_two_until_the_last_resort),
        cmocka_unit_test(test_a_compiler_that_takes_long_is_ended),
        cmocka_unit_test(test_every_message_names_the_file),
        cmocka_unit_test(test_a_long_name_is_said_whole),
        cmocka_unit_test(test_memory_and_time_are_those_of_all_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Laws of the sandbox's library: nothing differs from run to run. */
#define TEST_FOLDER "lua_library"
#include "test_outcome.h"

static void test_the_seed_is_the_callers(void **state)
{
    (void)state;
    double got[3];
    const uint64_t seed[] = {1, 1, 2};
    write_text(in_folder(TEST_FOLDER, "r.lua"), "return math.random()");
    for (int i = 0; i < 3; i++) {
        struct vs_errors e = {NULL, 0};
        struct vs_box *b = vs_box_open(seed[i]);
        assert_int_equal(vs_box_load(b, in_folder(TEST_FOLDER, "r.lua"), &e), VS_OK);
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

static void test_equals_keep_their_order_when_sorted(void **state)
{
    (void)state;
    runs("for _, n in ipairs { 0, 1, 2, 3, 7, 100, 1000 } do\n"
         "  local t = {} for i = 1, n do t[i] = { k = i * 7919 % 10, id = i } end\n"
         "  table.sort(t, function(x, y) return x.k < y.k end)\n"
         "  for i = 2, n do local x, y = t[i - 1], t[i]\n"
         "    assert(x.k < y.k or x.k == y.k and x.id < y.id) end\nend");
    runs(
        "local t = { 3, 1.5, -2, 10 } table.sort(t) assert(table.concat(t, ' ') == '-2 1.5 3 10')");
    runs("local t = { 'b', 'a', 'B' } table.sort(t, function(x, y) return x > y end) "
         "assert(table.concat(t) == 'baB')");
    runs("local log = {} local t = setmetatable({}, { __len = function() return 3 end, __index = "
         "function(_, i) return 4 - i end, __newindex = function(_, i, v) log[i] = v end })\n"
         "table.sort(t) assert(table.concat(log) == '123')");
    runs("local t = { 3, 2, 1 } assert(not pcall(table.sort, t, error)) assert(t[1] == 3)");
}

static void test_a_sort_that_cannot_be_is_an_error_at_its_line(void **state)
{
    (void)state;
    fails("\ntable.sort({ 1, 2, 3 }, function() return true end)",
          "t.lua:2: invalid order function");
    fails("\ntable.sort({ 1, 1 }, function(x, y) return x <= y end)",
          "t.lua:2: invalid order function");
    fails("\ntable.sort({ 1, 'x' })", "t.lua:2: attempt to compare");
    fails("\ntable.sort({ 1, nil, 3 })", "t.lua:2: attempt to compare");
    fails("\ntable.sort({ 1, 2 }, 3)", "t.lua:2: bad argument #2 to 'sort'");
    fails("\ntable.sort(3)", "t.lua:2: bad argument #1 to 'sort'");
    fails("table.sort(setmetatable({}, { __len = function() return 1 << 40 end }))", "too big");
    fails("table.sort({ 1, 2 }, function() error('mine') end)", "t.lua:1: mine");
}

static void test_what_has_an_address_is_shown_by_a_number(void **state)
{
    (void)state;
    runs("local a, b = {}, {} assert(tostring(a) == 'table: 1' and tostring(b) == 'table: 2')\n"
         "assert(tostring(a) == 'table: 1' and ('%s'):format(a) == 'table: 1')\n"
         "assert(tostring(print or type) == 'function: 3')\n"
         "assert(('%5s|%-4s|%%|%s|%d'):format('x', true, b, 7) == '    x|true|%|table: 2|7')\n"
         "assert(('%s'):format(setmetatable({}, { __name = 'pair' })) == 'pair: 4')\n"
         "assert(tostring(setmetatable({}, { __tostring = function() return 'me' end })) == 'me')\n"
         "assert(tostring(nil) == 'nil' and tostring(1.0) == '1.0' and tostring('x') == 'x')\n"
         "assert(('%s %s'):format(nil, 2) == 'nil 2')");
    fails("\nstring.format('%p', {})", "t.lua:2: '%p' is an address");
    fails("('%-20p'):format({})", "'%p' is an address");
    fails("('%s'):format()", "t.lua:1: bad argument #1 to 'format'");
    fails("('%d'):format({})", "number expected, got table");
    fails("tostring()", "value expected");
    fails("tostring(setmetatable({}, { __tostring = function() return {} end }))",
          "'__tostring' must return a string");
}

static void test_of_several_mistakes_always_the_same_is_told(void **state)
{
    (void)state;
    runs("local function f() end for i = 1, 50 do\n"
         "  local _, e = pcall(pairs, { [{}] = 1, [f] = 2, x = 3, [7] = 4 })\n"
         "  assert(e:sub(1, 19) == 'a key that is a fun', e) end");
    runs("local rep = string.rep for _, name in ipairs { 'one', 'two', 'three', 'four' } do\n"
         "  _G[name] = rep string[name] = rep table[name] = rep end\n"
         "local _, e = pcall(rep) assert(e == \"bad argument #1 to 'string.rep' (string expected, "
         "\"\n"
         " .. 'got no value)', e)");
}

static void test_the_length_of_a_table_with_holes_repeats(void **state)
{
    (void)state;
    char first[300] = "";
    for (int i = 0; i < 6; i++) {
        const char *said = outcome(
            "local s, t, x = {}, {}, 1 for i = 1, 3000 do t['k' .. i] = i t['k' .. i - 20] = nil\n"
            "x = (x * 1103515245 + 12345) % 2147483648\n"
            "if i % 7 == 0 then t[x // 65536 % 40 + 1] = i end\n"
            "if i % 11 == 0 then t[x // 65536 % 40 + 1] = nil end\n"
            "if i % 300 == 0 then t = {} end if i % 10 == 0 then s[#s + 1] = #t end end\n"
            "local h = 0 for _, v in ipairs(s) do h = (h * 31 + v) % 1000003 end error('h ' .. h)");
        if (!i) {
            snprintf(first, sizeof first, "%s", said);
        }
        assert_string_equal(said, first);
    }
}

static void test_a_list_with_impossible_holes_is_refused(void **state)
{
    (void)state;
    fails("local t = {} for i = 62, 0, -1 do t[1 << i] = i end table.insert(t, 1, 0)", "has holes");
    fails("local t = {} for i = 62, 0, -1 do t[1 << i] = i end table.remove(t, 1)", "has holes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_seed_is_the_callers),
        cmocka_unit_test(test_tables_are_gone_through_in_an_order_that_repeats),
        cmocka_unit_test(test_equals_keep_their_order_when_sorted),
        cmocka_unit_test(test_a_sort_that_cannot_be_is_an_error_at_its_line),
        cmocka_unit_test(test_what_has_an_address_is_shown_by_a_number),
        cmocka_unit_test(test_of_several_mistakes_always_the_same_is_told),
        cmocka_unit_test(test_the_length_of_a_table_with_holes_repeats),
        cmocka_unit_test(test_a_list_with_impossible_holes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

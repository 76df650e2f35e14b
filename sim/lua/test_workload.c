/* SPDX-License-Identifier: MIT */
/* Laws of workloads: parameters, requests as the script says them, mistakes at the script's line.
 */
#include "test_lua.h"
#include "virtsim/sim.h"
#include "workload_impl.h"

#define FOLDER "lua_workload"

struct loaded {
    struct vs_knobs *knobs;
    struct vs_workload *w;
    struct vs_errors errors;
    struct vs_guest_source guest;
    struct vs_reply reply;
    struct vs_request request;
};

static struct loaded load(const char *text)
{
    const struct vs_component_desc *const all[] = {&vs_sim_desc};
    struct loaded l = {.knobs = vs_knobs_create(all, 1)};
    write_text(in_folder(FOLDER, "w.lua"), text);
    vs_watch_request();
    vs_workload_load(in_folder(FOLDER, "w.lua"), l.knobs, NULL, 0, 1, &l.w, &l.errors);
    return l;
}

static void done(struct loaded *l)
{
    vs_workload_close(l->w);
    vs_knobs_destroy(l->knobs);
    vs_errors_free(&l->errors);
}

static void refused(const char *text, const char *want)
{
    struct loaded l = load(text);
    assert_null(l.w);
    assert_says(&l.errors, want);
    done(&l);
}

static void begin(struct loaded *l)
{
    vs_workload_values(l->w, l->knobs);
    assert_true(vs_workload_source(l->w, 0, &l->guest));
}

static enum vs_req next(struct loaded *l)
{
    l->reply.now_ps += 1000;
    l->guest.next(l->guest.ctx, &l->reply, &l->request);
    return l->request.kind;
}

/* A guest whose body is `body` and that has a region `r` of one page. */
static struct loaded guest(const char *body)
{
    char text[2000];
    snprintf(text, sizeof text,
             "guest(function(cpu, p)\nlocal r = cpu:map { bytes = 4096 }\n%s\nend)\n", body);
    struct loaded l = load(text);
    if (!l.w) {
        fail_msg("%s", l.errors.text[0]);
    }
    begin(&l);
    assert_int_equal(next(&l), VS_REQ_MAP);
    l.reply.value = 0x10000;
    return l;
}

static void stops(const char *body, const char *want)
{
    struct loaded l = guest(body);
    if (next(&l) != VS_REQ_ERROR || !strstr(l.guest.error(l.guest.ctx), want)) {
        fail_msg("%s: '%s' wanted, got %d '%s'", body, want, (int)l.request.kind,
                 l.guest.error(l.guest.ctx));
    }
    assert_non_null(strstr(l.guest.error(l.guest.ctx), "w.lua:3:"));
    assert_int_equal(next(&l), VS_REQ_ERROR); /* and stays so */
    done(&l);
}

/* Saying what went wrong takes no memory of the script's. */
static void test_an_error_without_memory_is_reported(void **state)
{
    (void)state;
    struct loaded l = load(
        "local slots, n = {}, 0 for i = 1, 1 << 12 do slots[i] = i end\n"
        "local function big() while true do keep = { keep } end end\n"
        "local function small() while n < 1 << 12 do n = n + 1 slots[n] = 'a' .. n end end\n"
        "local function tiny() for i = 1, 1000 do n = n + 1 slots[n] = {} end end\n"
        "guest(function(cpu, p) cpu:compute(10)\n"
        "pcall(big) pcall(big) pcall(small) pcall(small) pcall(small) pcall(tiny) pcall(small)\n"
        "error(123456789.12345) end)");
    begin(&l);
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    vs_box_limits(vs_box_used() + (1u << 18), 0);
    assert_int_equal(next(&l), VS_REQ_ERROR);
    assert_non_null(strstr(l.guest.error(l.guest.ctx), "w.lua: 123456789.12345"));
    done(&l);
    vs_box_limits(0, 0);
}

/* ---- declarations ---- */

static void test_a_running_guest_declares_nothing(void **state)
{
    (void)state;
    stops("guest(function() end)", "guest: belongs to the top level");
    stops("guest { vcpu = 5, run = function() end }", "guest: belongs to the top level");
    stops("param { name = 'late', default = 1 }", "param: belongs to the top level");
    stops("workload 'late'", "workload: belongs to the top level");
}

static void test_a_parameter_is_a_knob_and_its_value_reaches_the_guest(void **state)
{
    (void)state;
    struct loaded l =
        load("param { name = 'size', default = '4KiB', min = 1, max = '1MiB', unit = 'bytes' }\n"
             "param { name = 'mode', default = 'b', choices = 'a|b' }\n"
             "guest(function(cpu, p) cpu:compute(p.size) cpu:mark(p.mode) end)");
    assert_non_null(l.w);
    assert_int_equal(vs_knobs_find(l.knobs, "workload.size")->value, 4096);
    const struct vs_origin by = {VS_RANK_CLI, "--set", NULL, VS_GRADE_assumed};
    assert_int_equal(vs_knobs_set(l.knobs, "workload.size", "12", &by, &l.errors), VS_OK);
    assert_int_equal(vs_knobs_set(l.knobs, "workload.size", "2MiB", &by, &l.errors), VS_E_BOUNDS);
    assert_int_equal(vs_knobs_set(l.knobs, "workload.sise", "2", &by, &l.errors), VS_E_UNKNOWN);
    assert_non_null(strstr(l.errors.text[1], "did you mean 'workload.size'"));
    begin(&l);
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    assert_int_equal(l.request.count, 12);
    assert_int_equal(next(&l), VS_REQ_MARK);
    assert_string_equal(l.request.name, "b");
    assert_int_equal(next(&l), VS_REQ_END);
    done(&l);
}

static void test_wrong_declarations_are_refused_at_their_line(void **state)
{
    (void)state;
#define GUEST "\nguest(function() end)"
    refused("\nparam { default = 1 }" GUEST, "w.lua:2: param: a name is needed");
    refused("param { name = 1 }" GUEST, "w.lua:1: param: name must be a string");
    refused("param { name = 'a', unit = 1 }" GUEST, "w.lua:1: param: unit must be a string");
    refused("param { name = 'a', text = 1 }" GUEST, "w.lua:1: param: text must be a string");
    refused("param { name = 'a', choices = 1 }" GUEST, "w.lua:1: param: choices must be a string");
    refused("param { name = 'a', default = -1 }" GUEST, "w.lua:1: param: default must be");
    refused("param { name = 'a', default = -1 }" GUEST, "from 0 to 2^63 - 1");
    refused("param { name = 'a', max = '8388608TiB' }" GUEST, "max must be a whole number from 0");
    refused("guest { vcpu = 1.5, shares = 0, run = function() end }", "vcpu must be 0..63");
    refused("for i = 1, 65 do guest(function() end) end", "at most 64 vCPUs");
    refused("param { name = 'a', default = 1.5 }" GUEST, "param: default must be");
    refused("param { name = 'a', default = {} }" GUEST, "param: default must be");
    refused("param { name = 'a', default = 1, max = 0 }" GUEST, "outside min..max");
    refused("param { name = 'a', defualt = 1 }" GUEST,
            "unknown field 'defualt'; did you mean 'default'");
    refused("param { name = 'a', default = 'c', choices = 'a|b' }" GUEST, "is not one of a|b");
    refused("param { name = 'a' } param { name = 'a' }" GUEST, "declared twice");
    refused("param 'a'" GUEST, "w.lua:1:");
    refused("for i = 1, 65 do param { name = 'a' .. i } end" GUEST, "at most 64");
    refused("guest(7)", "w.lua:1:");
    refused("guest { vcpu = -1, run = function() end }", "vcpu must be 0..63");
    refused("guest { vcpu = 64, run = function() end }", "vcpu must be 0..63");
    refused("guest { vcpu = 1 << 32, run = function() end }", "vcpu must be 0..63");
    refused("guest { cpu = 0, run = function() end }", "did you mean 'vcpu'");
    refused("guest { vcpu = 1, run = function() end }", "vCPU 0 has no program");
    refused("guest { vcpu = 0, run = print }", "w.lua:1:");
    refused("guest(function() end) guest { vcpu = 0, run = function() end }",
            "already has a program");
    refused("x = 1", "no guest");
    refused("guest(function(", "w.lua:1:");
}

static void test_a_parameter_nobody_declared_is_an_error_where_it_is_read(void **state)
{
    (void)state;
    struct loaded l = load("param { name = 'count', default = 3 }\nguest(function(cpu, "
                           "p)\ncpu:compute(p.cuont)\nend)");
    begin(&l);
    assert_int_equal(next(&l), VS_REQ_ERROR);
    assert_non_null(strstr(l.guest.error(l.guest.ctx),
                           "w.lua:3: no parameter 'cuont' is declared; did you mean 'count'"));
    done(&l);
}

/* ---- requests ---- */

static void test_a_request_says_what_the_script_said(void **state)
{
    (void)state;
    struct loaded l =
        guest("cpu:load(r, 8, 4) cpu:store(0x2000) cpu:random { region = r, offset = 64, count = 7,"
              " op = 'store', work = 2 } cpu:ipi(1, 0x55) cpu:wait { us = 3, ns = 5 } "
              "cpu:outp(0x40, 9, 2)");
    assert_int_equal(next(&l), VS_REQ_ACCESS);
    assert_int_equal(l.request.address, 0x10008);
    assert_int_equal(l.request.bytes, 4);
    assert_int_equal(l.request.op, VS_REQ_LOAD);
    assert_int_equal(next(&l), VS_REQ_ACCESS);
    assert_int_equal(l.request.address, 0x2000);
    assert_int_equal(l.request.bytes, 8);
    assert_int_equal(l.request.op, VS_REQ_STORE);
    assert_int_equal(next(&l), VS_REQ_BULK);
    assert_int_equal(l.request.address, 0x10040);
    assert_int_equal(l.request.bytes, 4096 - 64);
    assert_int_equal(l.request.count, 7);
    assert_int_equal(l.request.work, 2);
    assert_int_equal(l.request.pattern, VS_PATTERN_RANDOM);
    assert_int_equal(next(&l), VS_REQ_IPI);
    assert_int_equal(l.request.a, 1);
    assert_int_equal(l.request.b, 0x55);
    assert_int_equal(next(&l), VS_REQ_WAIT);
    assert_int_equal(l.request.ps, 3005000);
    assert_int_equal(next(&l), VS_REQ_OUT);
    assert_int_equal(l.request.bytes, 2);
    assert_int_equal(next(&l), VS_REQ_END);
    done(&l);
}

static void test_a_reply_comes_back_as_the_methods_result(void **state)
{
    (void)state;
    struct loaded l =
        guest("cpu:compute(cpu:rdtsc()) cpu:compute(cpu:now_ns()) cpu:compute(cpu:interrupts())"
              " cpu:compute(cpu:steal())");
    assert_int_equal(next(&l), VS_REQ_RDTSC);
    l.reply.value = 77;
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    assert_int_equal(l.request.count, 77);
    l.reply.now_ps = 4999000;
    l.reply.interrupts = 6;
    l.reply.steal_ps = 9000;
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    assert_int_equal(l.request.count, 5000);
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    assert_int_equal(l.request.count, 6);
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    assert_int_equal(l.request.count, 9);
    done(&l);
}

static void test_wrong_arguments_stop_the_guest_at_their_line(void **state)
{
    (void)state;
    stops("cpu:load('x')", "an address must be a whole number");
    stops("cpu:serve { totl = 1 }", "serve: unknown field 'totl'; did you mean 'total'");
    stops("cpu:serve { bytes = 0 }", "serve: bytes must be 1..9682");
    stops("cpu:serve { batch = 65537 }", "serve: batch must be 1..65536");
    stops("cpu:serve(7)", "w.lua:3:");
    stops("cpu:load(-1)", "an address must be");
    stops("cpu:load(1.5)", "an address must be");
    stops("cpu:load()", "it is missing");
    stops("cpu:load(1 << 47)", "below 2^47");
    stops("cpu:load((1 << 47) - 4)", "below 2^47");
    stops("cpu:load('200TiB')", "below 2^47");
    stops("cpu:load(r, 4089)", "not inside the region of 4096 bytes");
    stops("cpu:load(r, 0, 4097)", "1..4096 bytes");
    stops("cpu:load(r, 0, 0)", "1..4096 bytes");
    stops("cpu:map {}", "bytes must be at least 1");
    stops("cpu:map { bytes = -4096 }", "bytes must be a whole number");
    stops("cpu:map { bytes = 4096, pgae = '2M' }", "unknown field 'pgae'; did you mean 'page'");
    stops("cpu:map { bytes = 4096, page = '3M' }",
          "page must be one of base|4K|16K|64K|2M|32M|512M|1G");
    stops("cpu:map { bytes = 4096, at = '128TiB' }", "below 2^47");
    stops("cpu:map(4096)", "table expected");
    stops(
        "cpu:stride(setmetatable({}, { __index = function(_, k) if k == 'region' then return r end "
        "pcall(cpu.hlt, cpu) end }))",
        "without a metatable");
    stops("cpu:random { count = 5 }", "region is missing");
    stops("cpu:random { region = 4096, count = 5 }", "region is missing");
    stops("cpu:random { region = r, offset = 4096 }", "inside the region");
    stops("cpu:stride { region = r, stride = 0, count = 1 }", "stride must be 1..4096");
    stops("cpu:zipf { region = r, theta = 1 }", "theta must be above 0 and below 1");
    stops("cpu:compute(-5)", "instructions must be");
    stops("cpu:compute()",
          "instructions must be a whole number that is not negative; it is missing");
    stops("cpu:cpuid(1 << 32)", "cpuid: leaf must be 0..4294967295: what EAX holds");
    stops("cpu:cpuid(1, 1 << 32)", "cpuid: subleaf must be 0..4294967295: what ECX holds");
    stops("cpu:switch(1, 'kept')", "switch: how must be one of keep|flush");
    stops("cpu:invpcid { type = 4 }", "invpcid: type must be 0..3");
    stops("cpu:invpcid { pcid = 1 }",
          "type must be a whole number that is not negative; it is missing");
    stops("cpu:invpcid { type = 0 }", "type 0 needs an address");
    stops("cpu:random { region = r, theta = 0.5 }", "unknown field 'theta'");
    stops("cpu:has('cupid')", "did you mean 'cpuid'?");
    stops("cpu:cupid(0)", "(method 'cupid'); did you mean 'cpuid'?");
    stops("cpu:outb(1)", "did you mean 'out");
    stops("cpu:ipi(1, 256)", "ipi: vector must be 0..255");
    stops("cpu:inp(65536)", "inp: port must be 0..65535");
    stops("cpu:outp(64, 0, 3)", "size is 1, 2 or 4");
    stops("cpu:write_cr(2)", "0, 3, 4 and 8");
    stops("cpu:protect(r, 'w')", "the mode must be one of none|r|rw|rx|rwx|x");
    stops("cpu:mmio(0, 'poke')", "mmio: op must be one of load|store");
    stops("cpu:send { bytes = 9683 }", "send: bytes must be 1..9682");
    stops("cpu:wait { ms = 1 }", "unknown field 'ms'");
    stops("cpu:wait { us = 3600000001 }", "at most one hour");
    stops("cpu:mark(('x'):rep(32))", "at most 31");
    stops("cpu.load(r)", "virtsim.cpu expected");
    stops("cpu:nosuch()", "nosuch");
}

static void test_a_program_drives_only_its_own_vcpu(void **state)
{
    (void)state;
    struct loaded l = load("local first\nguest(function(cpu) first = cpu cpu:hlt() end)\n"
                           "guest(function(cpu)\nfirst:compute(1) end)");
    begin(&l);
    assert_int_equal(next(&l), VS_REQ_HLT);
    assert_true(vs_workload_source(l.w, 1, &l.guest));
    assert_int_equal(next(&l), VS_REQ_ERROR);
    assert_non_null(strstr(l.guest.error(l.guest.ctx), "w.lua:4: this cpu is vCPU 0"));
    done(&l);
}

/* Packets that come for the n-th request for some: all that were asked for, fewer, none. */
static uint64_t came(unsigned n, uint64_t wanted)
{
    return n % 5 == 3 ? 0 : n % 3 ? wanted : (wanted + 1) / 2;
}

static void test_a_servers_loop_makes_the_requests_of_its_calls(void **state)
{
    (void)state;
    struct loaded loop[2] = {
        guest("local n = cpu:serve { total = 9, batch = 4, work = 100, bytes = 80, timeout_ns = 7 }"
              " while n < 31 do n = cpu:serve { total = 31, batch = 3 } end cpu:cpuid(n)"),
        guest("local n = 0 local function serve(total, batch, work, bytes, timeout)"
              " while n < total do"
              " local got = cpu:recv { count = math.min(batch, total - n), timeout_ns = timeout }"
              " if got == 0 then return end cpu:compute(work * got)"
              " cpu:send { bytes = bytes, count = got } n = n + got end end"
              " serve(9, 4, 100, 80, 7) while n < 31 do serve(31, 3, 0, 64, 0) end cpu:cpuid(n)")};
    for (unsigned n = 0; loop[0].request.kind != VS_REQ_END; n++) {
        for (unsigned i = 0; i < 2; i++) {
            (void)next(&loop[i]);
            loop[i].reply.value =
                loop[i].request.kind == VS_REQ_RECV ? came(n, loop[i].request.count) : 0;
        }
        assert_memory_equal(&loop[0].request, &loop[1].request, sizeof loop[0].request);
        assert_true(n < 200);
        assert_true(loop[0].request.kind != VS_REQ_CPUID || loop[0].request.a == 31);
    }
    done(&loop[0]);
    done(&loop[1]);
}

static void test_vcpus_that_serve_count_together(void **state)
{
    (void)state;
    struct loaded l = load("local function f(cpu) cpu:cpuid(cpu:serve { total = 3 }) end\n"
                           "guest(f) guest(f)");
    struct vs_guest_source second;
    struct vs_request r;
    begin(&l);
    assert_true(vs_workload_source(l.w, 1, &second));
    assert_int_equal(next(&l), VS_REQ_RECV);
    second.next(second.ctx, &l.reply, &r);
    assert_int_equal(r.kind, VS_REQ_RECV);
    l.reply.value = 3;
    assert_int_equal(next(&l), VS_REQ_COMPUTE);
    assert_int_equal(next(&l), VS_REQ_SEND);
    assert_int_equal(next(&l), VS_REQ_CPUID);
    assert_int_equal(l.request.a, 3);
    l.reply.value = 0; /* nothing has come to this one, but the other has answered all of them */
    second.next(second.ctx, &l.reply, &r);
    assert_int_equal(r.kind, VS_REQ_CPUID);
    assert_int_equal(r.a, 3);
    done(&l);
}

static void test_a_guest_without_simulated_progress_is_ended(void **state)
{
    (void)state;
    const char *const endless[] = {"while true do end",
                                   "while true do pcall(function() while true do end end) end"};
    vs_box_limits(0, 2);
    for (int i = 0; i < 2; i++) {
        struct loaded l = guest(endless[i]);
        assert_int_equal(next(&l), VS_REQ_ERROR);
        assert_non_null(strstr(l.guest.error(l.guest.ctx), "w.lua:3: the script ran for 0.2 s"));
        done(&l);
    }
    /* requests that take no time are no progress; those that do, are */
    struct loaded l = guest("while true do for i = 1, 1e5 do end cpu:compute(0) end");
    for (int i = 0; i < 600; i++) {
        assert_int_equal(next(&l), VS_REQ_COMPUTE);
    }
    while (next(&l) != VS_REQ_ERROR) {
        l.reply.now_ps -= 1000;
    }
    done(&l);
    vs_box_limits(0, 0);
}

static void test_a_guests_memory_ends_with_one_clear_error(void **state)
{
    (void)state;
    struct loaded l = guest("local t = {} for i = 1, 1e9 do t[i] = i end");
    assert_int_equal(next(&l), VS_REQ_ERROR);
    assert_non_null(strstr(l.guest.error(l.guest.ctx), "memory limit is reached"));
    done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_error_without_memory_is_reported),
        cmocka_unit_test(test_a_running_guest_declares_nothing),
        cmocka_unit_test(test_a_parameter_is_a_knob_and_its_value_reaches_the_guest),
        cmocka_unit_test(test_wrong_declarations_are_refused_at_their_line),
        cmocka_unit_test(test_a_parameter_nobody_declared_is_an_error_where_it_is_read),
        cmocka_unit_test(test_a_request_says_what_the_script_said),
        cmocka_unit_test(test_a_reply_comes_back_as_the_methods_result),
        cmocka_unit_test(test_wrong_arguments_stop_the_guest_at_their_line),
        cmocka_unit_test(test_a_program_drives_only_its_own_vcpu),
        cmocka_unit_test(test_a_servers_loop_makes_the_requests_of_its_calls),
        cmocka_unit_test(test_vcpus_that_serve_count_together),
        cmocka_unit_test(test_a_guest_without_simulated_progress_is_ended),
        cmocka_unit_test(test_a_guests_memory_ends_with_one_clear_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

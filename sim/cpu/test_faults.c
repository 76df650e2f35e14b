/* SPDX-License-Identifier: MIT */
/* A fault that its handler cannot mend ends the run. Here the processor walks other tables than the
 * kernel fills: it maps the page again and again, and the processor does not see it. */
#include "home.h"
#include "lua/machine.h"
#include "machine/machine_impl.h"
#include "request/request.h"
#include "virtsim/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct guest {
    struct vs_platform *p;
    unsigned step;
    struct vs_trace_rec load;
};

static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct guest *g = ctx;
    struct vs_vcpu *v = &g->p->vcpu[0];
    (void)reply;
    memset(out, 0, sizeof *out);
    out->kind = VS_REQ_TRACE;
    out->records = &g->load;
    out->n_records = 1;
    switch (g->step++) {
    case 0: /* a page that is touched first, as pages are */
        break;
    case 1:
        g->load.addr += 1ull << 40; /* no walk cache leads there */
        assert_true(vs_frames_alloc(g->p->frames, 12, &v->guest_context.cr3));
        vs_ept_context(&v->hw->ept, &v->guest_context);
        break;
    default:
        out->kind = VS_REQ_END;
    }
}

static const char *error(void *ctx)
{
    (void)ctx;
    return "";
}

static void close_nothing(void *ctx)
{
    (void)ctx;
}

static void test_a_fault_that_nobody_mends_ends_the_run(void **state)
{
    (void)state;
    struct vs_errors errors = {NULL, 0};
    struct vs_run_options options = {.seed = 1};
    struct vs_machine_info machine;
    struct vs_platform *p;
    size_t n;
    const struct vs_component_desc *const *components = vs_components(&n);
    struct vs_knobs *knobs = vs_knobs_create(components, n);
    assert_int_equal(vs_machine_load(vs_home(), "skylake_sp_native", knobs, &machine, &errors),
                     VS_OK);
    assert_int_equal(vs_platform_create(knobs, &options, 1, &p, &errors), VS_OK);
    struct guest g = {p, 0, {.addr = 0x400000, .size = 8, .kind = VS_TRACE_LOAD}};
    struct vs_guest_source source = {&g, next, error, close_nothing, NULL};
    vs_platform_guest(p, 0, &source);
    assert_int_equal(vs_platform_run(p, &errors), VS_E_RUN);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.text[0], "0x10000400000 faults again and again"));
    assert_int_equal(g.step, 2); /* in the second load, not before */
    vs_platform_destroy(p);
    vs_knobs_destroy(knobs);
    vs_errors_free(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fault_that_nobody_mends_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A fault that its handler cannot mend ends the run. The guest here takes a right away in the
 * second dimension that no hypervisor gives back. */
#include "home.h"
#include "lua/machine.h"
#include "platform/platform_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct guest {
    struct vs_platform *p;
    unsigned step;
    uint64_t at;
};

/* Pages that the second dimension maps can be executed no longer. */
static void forbid_execution(struct guest *g)
{
    struct vs_vcpu *v = &g->p->vcpu[0];
    struct vs_vm *vm = g->p->vm;
    uint64_t gpa, hpa;
    vs_hpa at;
    unsigned level;
    assert_true(vs_space_locate(&v->space, g->at, &gpa, &hpa));
    assert_true(vs_radix_find(g->p->phys, &vm->format, vm->ept_root, gpa, NULL, &at, &level));
    vs_phys_write64(g->p->phys, at, vs_phys_read64(g->p->phys, at) & ~(uint64_t)VS_RIGHT_EXECUTE);
    (void)vs_ept_flush(&v->ept, NULL, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0});
}

static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct guest *g = ctx;
    memset(out, 0, sizeof *out);
    out->kind = VS_REQ_ACCESS;
    out->bytes = 8;
    out->count = 1;
    out->op = VS_REQ_FETCH;
    switch (g->step++) {
    case 0:
        out->kind = VS_REQ_MAP;
        out->bytes = 4096;
        return;
    case 1:
        g->at = reply->value;
        break;
    case 2:
        forbid_execution(g);
        break;
    default:
        out->kind = VS_REQ_END;
    }
    out->address = g->at;
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
    assert_int_equal(vs_machine_load(vs_home(), "skylake_sp_kvm", knobs, &machine, &errors), VS_OK);
    assert_int_equal(vs_platform_create(knobs, &options, 1, &p, &errors), VS_OK);
    struct guest g = {p, 0, 0};
    struct vs_guest_source source = {&g, next, error, close_nothing};
    vs_platform_guest(p, 0, &source);
    assert_int_equal(vs_platform_run(p, &errors), VS_E_RUN);
    assert_int_equal(errors.n, 1);
    assert_non_null(strstr(errors.text[0], "faults again and again"));
    assert_int_equal(g.step, 3); /* in the fetch that was forbidden, not before */
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

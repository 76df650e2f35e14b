/* SPDX-License-Identifier: MIT */
/* A law of declared defaults: one that claims evidence is some part's, architecture's or program's.
 */
#include "lua/borrow.h"
#include "platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_every_default_with_evidence_says_whose_it_is(void **state)
{
    (void)state;
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < c[i]->n_knobs; j++) {
            const struct vs_knob_desc *d = &c[i]->knobs[j];
            if (d->grade != VS_GRADE_assumed && !vs_default_of(d->path)) {
                fail_msg("%s: sim/lua/borrow.c does not say which part its default describes",
                         d->path);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_default_with_evidence_says_whose_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

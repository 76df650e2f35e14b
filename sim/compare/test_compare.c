/* SPDX-License-Identifier: MIT */
/* Laws of a comparison that cannot be stored: it says what the database says. */
#include "compare/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The nth BEGIN or COMMIT of a connection is denied. */
struct denied {
    const char *what;
    unsigned nth, seen;
};

static int authorize(void *ctx, int action, const char *what, const char *b, const char *c,
                     const char *d)
{
    struct denied *deny = ctx;
    (void)b;
    (void)c;
    (void)d;
    bool it = action == SQLITE_TRANSACTION && !strcmp(what, deny->what);
    return it && ++deny->seen == deny->nth ? SQLITE_DENY : SQLITE_OK;
}

static void test_a_transaction_that_fails_is_reported_in_the_databases_words(void **state)
{
    /* the first transaction loads the claims, the second one stores the verdicts */
    static const struct denied all[] = {
        {"BEGIN", 1, 0}, {"COMMIT", 1, 0}, {"BEGIN", 2, 0}, {"COMMIT", 2, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct vs_compare_options o = {.domain = "nic", .no_run = true, .db_path = ":memory:"};
        struct vs_errors errors = {NULL, 0};
        struct denied deny = all[i];
        struct vs_db *db = NULL;
        char err[1200];
        assert_int_equal(vs_db_open(":memory:", true, &db, err, sizeof err), VS_OK);
        sqlite3_set_authorizer(vs_db_handle(db), authorize, &deny);
        assert_int_equal(vs_compare(db, &o, &errors), VS_E_IO);
        assert_int_equal(deny.seen, deny.nth);
        assert_int_equal(errors.n, 1);
        assert_non_null(strstr(errors.text[0], "not authorized"));
        vs_errors_free(&errors);
        vs_db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transaction_that_fails_is_reported_in_the_databases_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

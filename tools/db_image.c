/* SPDX-License-Identifier: MIT */
/*
 * db_image: the empty database as a C array, made of the SQL that the library has, with the
 * dictionary of the usual machine's knobs, which most runs share: what a new database begins as a
 * copy of (sim/db/db_image.c). Run by the build.
 */
#include "db/db.h"
#include "home.h"
#include "machine/platform.h"

#include <stdio.h>

/* The knobs of the usual machine into the database; a program without its architecture has none,
 * and its first run brings its own. */
static enum vs_status declare(struct vs_db *db)
{
    size_t n;
    const struct vs_component_desc *const *components = vs_components(&n);
    struct vs_knobs *knobs = vs_knobs_create(components, n);
    static struct vs_machine_info info;
    struct vs_errors errors = {NULL, 0};
    enum vs_status s = knobs ? VS_OK : VS_E_NOMEM;
    if (knobs && !vs_home_machine(VS_HOME_MACHINE, knobs, &info, &errors) &&
        !vs_worlds_settle(knobs, vs_knobs_find(knobs, "cpu.vendor")->value, &errors)) {
        s = vs_db_declare(db, knobs);
    }
    vs_errors_free(&errors);
    vs_knobs_destroy(knobs);
    return s;
}

/* Writes the C file to standard output. */
int main(void)
{
    struct vs_db *db = NULL;
    char err[5200];
    vs_operations(); /* whose other names are rows of it */
    if (vs_db_open(":memory:", true, &db, err, sizeof err)) {
        fprintf(stderr, "db_image: %s\n", err);
        return 1;
    }
    if (declare(db)) {
        fprintf(stderr, "db_image: %s\n", vs_db_error(db));
        return 1;
    }
    sqlite3_int64 n = 0;
    unsigned char *image = sqlite3_serialize(vs_db_handle(db), "main", &n, 0);
    puts("/* Generated at build by tools/db_image.c. */\n#include <stddef.h>\n");
    puts("extern const unsigned char vs_db_image[];\nextern const size_t vs_db_image_bytes;");
    printf("const size_t vs_db_image_bytes = %lld;\nconst unsigned char vs_db_image[] = {",
           (long long)n);
    for (sqlite3_int64 i = 0; image && i < n; i++) {
        printf("%s%u,", i % 32 ? "" : "\n", image[i]);
    }
    puts("};");
    sqlite3_free(image);
    vs_db_close(db);
    return !n;
}

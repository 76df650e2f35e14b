/* SPDX-License-Identifier: MIT */
/*
 * db_image: the empty database as a C array, made of the SQL that the library has: what a new
 * database begins as a copy of (sim/db/db_image.c). Run by the build.
 */
#include "db/db.h"
#include "machine/platform.h"

#include <stdio.h>

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

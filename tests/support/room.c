/* SPDX-License-Identifier: MIT */
/* The main of a folder's tests: runs the files that are named, or all of them. */
#include "room.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SKIPPED 77

/* Is the file named on the command line, as ctest calls it or by its last part (test_knob)? */
static bool wanted(const char *name, int argc, char **argv)
{
    const char *last = strrchr(name, '.');
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], name) || (last && !strcmp(argv[i], last + 1))) {
            return true;
        }
    }
    return argc == 1;
}

int main(int argc, char **argv)
{
    unsigned ran = 0, skipped = 0, failed = 0;
    for (const struct vs_test_file *f = vs_test_files; f->name; f++) {
        if (wanted(f->name, argc, argv)) {
            int status = f->run();
            ran++;
            skipped += status == SKIPPED;
            failed += status != 0 && status != SKIPPED;
        }
    }
    if (ran == 0) {
        fputs("no such test here; there are:", stderr);
        for (const struct vs_test_file *f = vs_test_files; f->name; f++) {
            fprintf(stderr, " %s", f->name);
        }
        fputs("\n", stderr);
        return 2;
    }
    return failed ? 1 : ran == skipped ? SKIPPED : 0;
}

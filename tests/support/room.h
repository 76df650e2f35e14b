/* SPDX-License-Identifier: MIT */
/* The test files of a folder, which are one program: cmake/tests.cmake lists them, room.c runs
 * them. */
#ifndef VIRTSIM_TESTS_ROOM_H
#define VIRTSIM_TESTS_ROOM_H

struct vs_test_file {
    const char *name; /* as ctest calls it: core.test_knob; the last one has none */
    int (*run)(void); /* its main: 0, or 77 when there is nothing to test here */
};
extern const struct vs_test_file vs_test_files[];

#endif

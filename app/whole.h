/* SPDX-License-Identifier: MIT */
/* A file that the program writes and that has its name only when it is whole. */
#ifndef VIRTSIM_APP_WHOLE_H
#define VIRTSIM_APP_WHOLE_H

#include <stdio.h>

struct whole {
    FILE *file;
    char *path, *part; /* part NULL: a device or a pipe, which is written as it is */
};

/* Whether it can be begun, as far as one sees without making anything: 0, or an errno. */
int whole_possible(const char *path);
/* Opens "PATH.part". 0, or an errno. */
int whole_begin(struct whole *w, const char *path);
/* Gives it its name; what could not be written is removed. 0, or the errno of the first failure. */
int whole_end(struct whole *w);

#endif

/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "whole.h"

#include "virtsim/leftover.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes the file that was begun, and returns why. */
static int give_up(struct whole *w, int why)
{
    if (w->part) {
        (void)unlink(w->part);
        vs_leftover_done(w->part);
    }
    free(w->part);
    free(w->path);
    *w = (struct whole){NULL, NULL, NULL};
    return why ? why : EIO;
}

int whole_possible(const char *path)
{
    struct stat there;
    if (!stat(path, &there) && !S_ISREG(there.st_mode)) {
        return S_ISDIR(there.st_mode) ? EISDIR : access(path, W_OK) ? errno : 0;
    }
    char *folder = strdup(path);
    int wrong = !folder ? ENOMEM : access(dirname(folder), W_OK) ? errno : 0;
    free(folder);
    return wrong;
}

int whole_begin(struct whole *w, const char *path)
{
    struct stat there;
    bool device = !stat(path, &there) && !S_ISREG(there.st_mode);
    *w = (struct whole){.path = strdup(path)};
    if (!w->path || (!device && asprintf(&w->part, "%s.part", path) < 0)) {
        w->part = NULL;
        return give_up(w, ENOMEM);
    }
    if (w->part && !vs_leftover(w->part)) {
        return give_up(w, ENOMEM);
    }
    w->file = fopen(device ? path : w->part, "w");
    return w->file ? 0 : give_up(w, errno);
}

int whole_end(struct whole *w)
{
    errno = 0;
    bool bad = ferror(w->file) != 0;
    if (fclose(w->file) || bad || (w->part && rename(w->part, w->path))) {
        return give_up(w, errno);
    }
    if (w->part) {
        vs_leftover_done(w->part);
    }
    free(w->part);
    free(w->path);
    return 0;
}

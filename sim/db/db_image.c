/* SPDX-License-Identifier: MIT */
/*
 * The empty database as the build made it of schema.sql and views.sql, with the dictionary of the
 * usual machine's knobs (tools/db_image.c): a new database begins as a copy of its bytes. Executing
 * the statements takes 8 million instructions of the host; that is done where no copy can be made.
 */
#define _GNU_SOURCE /* O_TMPFILE */ // NOLINT(bugprone-reserved-identifier)
#include "db_impl.h"

#include "virtsim/ending.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Defined by the program; what else is linked with this library, as the tests and the tool that
 * makes the image, executes the statements. */
extern const unsigned char vs_db_image[] __attribute__((weak));
extern const size_t vs_db_image_bytes __attribute__((weak));

/* Writes the whole image; false: there is no room. */
static bool write_image(int fd)
{
    size_t at = 0;
    while (at < vs_db_image_bytes) {
        ssize_t n = write(fd, vs_db_image + at, vs_db_image_bytes - at);
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return !fsync(fd);
}

bool vs__db_image_file(const char *path)
{
    char dir[4096], self[64];
    const char *slash = strrchr(path, '/');
    if (!&vs_db_image_bytes) {
        return false;
    }
    if (slash) {
        snprintf(dir, sizeof dir, "%.*s", (int)(slash == path ? 1 : slash - path), path);
    } else {
        snprintf(dir, sizeof dir, ".");
    }
    /* Without a name until it is whole: a kill leaves nothing, and who made the file first keeps
     * it. */
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0) {
        return false;
    }
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    vs_ending_hold(NULL);
    bool made = write_image(fd) && !linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
    vs_ending_release();
    close(fd);
    return made;
}

bool vs__db_image_memory(sqlite3 *sql)
{
    if (!&vs_db_image_bytes) {
        return false;
    }
    unsigned char *copy = sqlite3_malloc64(vs_db_image_bytes);
    if (!copy) {
        return false;
    }
    memcpy(copy, vs_db_image, vs_db_image_bytes);
    return sqlite3_deserialize(sql, "main", copy, (sqlite3_int64)vs_db_image_bytes,
                               (sqlite3_int64)vs_db_image_bytes,
                               SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) ==
           SQLITE_OK;
}

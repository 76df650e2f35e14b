/* SPDX-License-Identifier: MIT */
/* Waiting for a database that another process keeps locked: how long, and saying so once. */
#define _POSIX_C_SOURCE 200809L

#include "db_impl.h"

#include "virtsim/host_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define TOLD_AFTER_MS 1500 /* most locks are those of a run being stored, and shorter */
#define LONGEST_NAP_MS 50

static void (*locked_by)(const char *path, long pid, int ms);

void vs_db_locked_by(void (*locked)(const char *path, long pid, int ms))
{
    locked_by = locked;
}

/* Who writes the file, as the kernel lists locks ("1: POSIX ADVISORY WRITE 1234 08:02:5678 ...");
 * 0: it does not tell. Asking by a descriptor of our own would give up SQLite's locks with it. */
static long holder(const char *path)
{
    struct stat st;
    char line[256];
    long pid = 0;
    FILE *f = stat(path, &st) ? NULL : fopen("/proc/locks", "r");
    while (f && !pid && fgets(line, sizeof line, f)) {
        long one;
        uint64_t inode;
        if (sscanf(line, "%*s POSIX %*s WRITE %ld %*x:%*x:%" SCNu64, &one, &inode) == 2 &&
            inode == (uint64_t)st.st_ino) {
            pid = one;
        }
    }
    if (f) {
        fclose(f);
    }
    return pid;
}

/* SQLite asks whether to try again. */
static int busy(void *ctx, int tries)
{
    struct vs_db *db = ctx;
    int64_t now = (int64_t)(vs_host_seconds() * 1e3);
    db->locked_since = tries ? db->locked_since : now;
    db->lock_told = db->lock_told && tries;
    db->gave_up_ms = 0;
    int64_t waited = now - db->locked_since, nap = tries < 6 ? 1 << tries : LONGEST_NAP_MS;
    if (waited >= db->patience_ms) {
        db->gave_up_ms = waited;
        return 0;
    }
    if (!db->lock_told && waited >= TOLD_AFTER_MS && locked_by) {
        db->lock_told = true;
        locked_by(db->path, holder(db->path), db->patience_ms);
    }
    struct timespec t = {0, nap * 1000000};
    nanosleep(&t, NULL);
    return 1;
}

void vs__db_locked(const struct vs_db *db, char *text, size_t bytes)
{
    char who[40] = "another process", in_vain[60] = "";
    long pid = holder(db->path);
    if (pid > 0) {
        snprintf(who, sizeof who, "process %ld", pid);
    }
    if (db->gave_up_ms) {
        snprintf(in_vain, sizeof in_vain, ", also after %" PRId64 " s of waiting",
                 db->gave_up_ms / 1000);
    }
    snprintf(text, bytes, "%s keeps it locked%s; try again when that has ended", who, in_vain);
}

void vs__db_patience(struct vs_db *db, int ms)
{
    db->patience_ms = ms;
    sqlite3_busy_handler(db->sql, busy, db);
}

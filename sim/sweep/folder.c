/* SPDX-License-Identifier: MIT */
#include "sweep/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWNER "owner"
#define MARK ".sweep-"
#define TRIES 8

/* The lock of the folder's owner, -1: somebody has it or there is no such file. */
static int lock_of(const char *folder, int flags)
{
    char path[4420];
    struct stat st;
    snprintf(path, sizeof path, "%s/" OWNER, folder);
    int fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -1;
    }
    /* whoever clears abandoned folders may have been faster */
    if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &st) || !st.st_nlink) {
        close(fd);
        return -1;
    }
    return fd;
}

bool vs_sweep_folder_make(struct vs_sweep_folder *f, const char *db_path)
{
    f->lock = -1;
    for (int i = 0; i < TRIES; i++) {
        snprintf(f->path, sizeof f->path, "%s" MARK "XXXXXX", db_path);
        if (!mkdtemp(f->path)) {
            return false;
        }
        f->lock = lock_of(f->path, O_CREAT);
        if (f->lock >= 0) {
            return true;
        }
        rmdir(f->path);
    }
    return false;
}

static void empty(const char *folder)
{
    char path[4410 + 260];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            unlink(path);
        }
    }
    if (d) {
        closedir(d);
    }
    rmdir(folder);
}

void vs_sweep_folder_remove(struct vs_sweep_folder *f)
{
    if (f->lock >= 0) {
        empty(f->path);
        close(f->lock);
        f->lock = -1;
    }
}

void vs_sweep_folder_clear(const char *db_path)
{
    const char *slash = strrchr(db_path, '/'), *name = slash ? slash + 1 : db_path;
    char parent[4150], path[4410], owner[4430];
    size_t n = strlen(name);
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - db_path) + 1 : 2,
             slash ? db_path : "./");
    DIR *d = opendir(parent);
    for (struct dirent *e; d && (e = readdir(d));) {
        const char *rest = e->d_name + n;
        if (strncmp(e->d_name, name, n) != 0 || strncmp(rest, MARK, strlen(MARK)) != 0 ||
            strlen(rest) != strlen(MARK) + 6) {
            continue;
        }
        snprintf(path, sizeof path, "%s%s", parent, e->d_name);
        snprintf(owner, sizeof owner, "%s/" OWNER, path);
        int lock = lock_of(path, 0);
        if (lock >= 0) {
            empty(path);
            close(lock);
        } else if (access(owner, F_OK) && errno == ENOENT) {
            rmdir(path); /* killed before it put anything in */
        }
    }
    if (d) {
        closedir(d);
    }
}

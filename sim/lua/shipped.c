/* SPDX-License-Identifier: MIT */
#include "shipped.h"

#include "machine.h"

#include <stdio.h>
#include <string.h>

/* The hash so far, and whether all could be read. */
struct hashed {
    uint64_t hash;
    bool readable;
};

/* Takes bytes into the hash. */
static void take(struct hashed *h, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++) {
        h->hash = (h->hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
}

/* Takes a description's name and text into the hash. */
static void take_file(void *ctx, const char *name, const char *path)
{
    struct hashed *h = ctx;
    char text[8192];
    FILE *f = fopen(path, "rb");
    take(h, name, strlen(name) + 1u);
    for (size_t n; f && (n = fread(text, 1, sizeof text, f)) > 0;) {
        take(h, text, n);
    }
    h->readable = h->readable && f && !ferror(f);
    if (f) {
        fclose(f);
    }
}

bool vs_shipped_hash(const char *home, uint64_t *hash)
{
    struct hashed h = {UINT64_C(0xcbf29ce484222325), true};
    vs_machine_each_file(home, take_file, &h);
    *hash = h.hash;
    return h.readable;
}

bool vs_shipped_holds(const struct vs_shipped *shipped, const char *home)
{
    uint64_t hash;
    return vs_shipped_hash(home, &hash) && hash == shipped->hash;
}

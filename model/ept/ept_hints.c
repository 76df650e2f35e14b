/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE, madvise */
#include "ept_impl.h"

#include <sys/mman.h>

#define BYTES (VS__HINTS * sizeof(struct vs_ept_hint) + VS__TABLE_HINTS * sizeof(uint32_t))

struct vs_ept_hint *vs__ept_hints_create(void)
{
    void *at = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(at, BYTES, MADV_HUGEPAGE);
    return at;
}

void vs__ept_hints_destroy(struct vs_ept_hint *hint)
{
    if (hint) {
        (void)munmap(hint, BYTES);
    }
}

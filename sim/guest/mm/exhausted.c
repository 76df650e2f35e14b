/* SPDX-License-Identifier: MIT */
/* What to say where no page is left. */
#include "guest/guest.h"

#include <stdio.h>

/* The guest's memory, or what of the host's nodes has the most left. */
static uint64_t bytes_left(const struct vs_platform *p, const struct vs_frames *guest)
{
    uint64_t most = 0;
    if (guest) {
        return guest->end - guest->base - guest->used_bytes;
    }
    for (unsigned i = 0; i < p->nodes; i++) {
        const struct vs_frames *f = &p->node_frames[i];
        uint64_t left = f->end - f->base - f->used_bytes;
        most = left > most ? left : most;
    }
    return most;
}

const char *guest_mm_exhausted(const struct vs_vcpu *v, char *out, size_t bytes)
{
    const struct vs_platform *p = v->p;
    uint64_t host = bytes_left(p, NULL), left = host, all = vs_phys_size(p->phys);
    const char *which = "host.memory", *also = "";
    if (p->virtualized && bytes_left(p, &v->vm->guest) < host) {
        left = bytes_left(p, &v->vm->guest);
        all = v->vm->bytes;
        which = "guest.memory";
        also = ", and host.memory to twice that at least";
    }
    if (left < 1ull << vcpu_page_shift(v)) {
        snprintf(out, bytes,
                 "%s = %llu bytes is exhausted: pages and page tables take it all; set %s=%llu%s",
                 which, (unsigned long long)all, which, (unsigned long long)all * 2u, also);
    } else {
        snprintf(out, bytes,
                 "%s = %llu bytes is exhausted: of the %llu that are free no page as large as is "
                 "asked for is left in one piece; set smaller pages (guest.page_size, "
                 "host.page_size), guest.fragmentation=0, or %s=%llu%s",
                 which, (unsigned long long)all, (unsigned long long)left, which,
                 (unsigned long long)all * 2u, also);
    }
    return out;
}

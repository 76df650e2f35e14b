/* SPDX-License-Identifier: MIT */
/* The host's memory management of a virtual machine. */
#include "vcpu.h"

#include <stdio.h>

#define VS_DEF_NAME host
#define VS_DEF_FILE "platform/host.def"
#include "virtsim/def_tables.h"

static void mapped(void *ctx, uint64_t gpa, unsigned shift, bool alone)
{
    struct vs_host *h = ctx;
    (void)gpa;
    h->count[shift == h->vm->format.granule ? VS_CNT_host_small_pages : VS_CNT_host_large_pages]++;
    h->count[VS_CNT_host_thp_fallbacks] += alone;
}

void vs__host_make(struct vs_platform *p, unsigned vm)
{
    struct vs_host *h = &p->host[vm];
    char name[16];
    h->vm = &p->vm[vm];
    h->vm->mapped = mapped;
    h->vm->ctx = h;
    if (p->ept.host_page == VS_EPT_THP) {
        vs_vm_thp(h->vm, (uint32_t)p->host_cfg.fragmentation, p->options.seed + vm);
    }
    snprintf(name, sizeof name, "vm%u", vm);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, name), &vs_host_desc, h->count);
}

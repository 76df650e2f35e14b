/* SPDX-License-Identifier: MIT */
/* What the memory hierarchy of a configuration has. */
#include "memory/memory.h"

void vs_memory_facts(const struct vs_memory_config *c, const struct vs_facts *to)
{
    vs_fact(to, "machine", "memory.cache_levels",
            (c->l1d_size ? 1u : 0u) + (c->l2_size ? 1u : 0u) + (c->llc_size ? 1u : 0u), "levels",
            "knobs memory.l1d.size, memory.l2.size and memory.llc.size: those that are not 0");
    vs_fact(to, "machine", "memory.nodes", c->nodes, "nodes", "knob memory.nodes");
}

/* SPDX-License-Identifier: MIT */
/* What no cache and no memory can be. */
#include "memory/path.h"

/* Reports a cache whose lines don't fill its ways. */
static void check_cache(const char *name, uint64_t size, uint64_t ways, uint64_t line,
                        struct vs_errors *errors)
{
    if (size % line || (ways && (size / line) % ways)) {
        vs_error(
            errors, "memory.%s.size = %llu is not a whole number of %llu ways of %llu-byte lines",
            name, (unsigned long long)size, (unsigned long long)ways, (unsigned long long)line);
    }
}

/* Reports an index by XOR that the number of sets doesn't allow. */
static void check_hash(const char *name, uint64_t size, uint64_t ways, uint64_t line, uint64_t bits,
                       struct vs_errors *errors)
{
    uint64_t entries = size / line, sets = ways ? entries / ways : 1u;
    if (bits && (!vs__memory_power_of_two(sets) || sets >> bits == 0)) {
        vs_error(errors,
                 "memory.%s.hash_bits = %llu needs a power of two of at least 2^%llu sets; there "
                 "are %llu",
                 name, (unsigned long long)bits, (unsigned long long)bits,
                 (unsigned long long)sets);
    }
}

/* Reports slices that the LLC does not come in. */
static void check_slices(const struct vs_memory_config *cfg, struct vs_errors *errors)
{
    uint64_t sets = cfg->llc_ways ? cfg->llc_size / cfg->line / cfg->llc_ways : 1u,
             n = cfg->llc_slices;
    if (n > 1u && (sets % n || !vs__memory_power_of_two(sets / n))) {
        vs_error(errors,
                 "memory.llc.slices = %llu: the LLC's %llu sets are not so many times a power of "
                 "two",
                 (unsigned long long)n, (unsigned long long)sets);
    }
    if (n > 1u && cfg->llc_hash) {
        vs_error(errors,
                 "memory.llc.slices = %llu and memory.llc.hash_bits = %llu: one index or the other",
                 (unsigned long long)n, (unsigned long long)cfg->llc_hash);
    }
}

/* Reports everything in a configuration that cannot be. */
void vs_memory_check(const struct vs_memory_config *cfg, struct vs_errors *errors)
{
    if (!vs__memory_power_of_two(cfg->line)) {
        vs_error(errors, "memory.line = %llu is not a power of two", (unsigned long long)cfg->line);
        return;
    }
    check_cache("l1d", cfg->l1d_size, cfg->l1d_ways, cfg->line, errors);
    check_cache("l1i", cfg->l1i_size, cfg->l1i_ways, cfg->line, errors);
    check_cache("l2", cfg->l2_size, cfg->l2_ways, cfg->line, errors);
    check_cache("llc", cfg->llc_size, cfg->llc_ways, cfg->line, errors);
    check_hash("l2", cfg->l2_size, cfg->l2_ways, cfg->line, cfg->l2_hash, errors);
    check_hash("llc", cfg->llc_size, cfg->llc_ways, cfg->line, cfg->llc_hash, errors);
    check_slices(cfg, errors);
    if (!vs__memory_power_of_two(cfg->dram_row) || cfg->dram_row < cfg->line) {
        vs_error(errors, "memory.dram.row = %llu is not a power of two of at least one line",
                 (unsigned long long)cfg->dram_row);
    }
    if (!vs__memory_power_of_two(cfg->nodes)) {
        vs_error(errors, "memory.nodes = %llu: 1, 2 or 4", (unsigned long long)cfg->nodes);
    }
    if (cfg->llc_size == 0 && cfg->llc_inclusive) {
        vs_error(errors, "memory.llc.inclusive needs memory.llc.size > 0");
    }
    if (cfg->llc_fill && (cfg->llc_inclusive || !cfg->llc_size || !cfg->l2_size)) {
        vs_error(errors, "memory.llc.fill = victim needs an L2, an LLC, and "
                         "memory.llc.inclusive = false: it holds what the L2s do not");
    }
    if (cfg->straddle == VS_MEM_STRADDLE_CACHEGRIND &&
        (cfg->l2_hash || cfg->llc_hash || cfg->llc_slices > 1u || cfg->llc_fill ||
         cfg->l2_prefetch || cfg->l1d_refill)) {
        vs_error(errors, "memory.straddle = cachegrind knows no hashed indices, no LLC of victims, "
                         "no memory.l2.prefetch and no memory.l1d.refill");
    }
    if (cfg->l2_prefetch && !cfg->l2_size) {
        vs_error(errors, "memory.l2.prefetch = next needs an L2");
    }
}

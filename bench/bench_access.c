/* SPDX-License-Identifier: MIT */
/*
 * Simulated accesses per CPU second: two-dimensional walks, walk caches, three cache levels, full
 * accounting, beside the straightforward version of the same structures, the out-of-order window
 * (share: of the blocking mode's speed), and a fixed yardstick, all interleaved in one run.
 * Machines are noisy: compare the ratios.
 */
#include "guest_machine.h"
#include "straight.h"
#include "virtsim/host_clock.h"

#include <math.h>
#include <stdio.h>

#define REGION (1ull << 30)
#define ROUNDS 5

/* Dependent 8-byte loads over 64 MiB: what this machine's memory gives. */
static double yardstick(void)
{
    enum { N = 1 << 23, STEPS = 2000000 };
    static uint64_t *next;
    static uint64_t at;
    if (!next) {
        struct vs_rng r;
        next = malloc(N * sizeof *next);
        if (!next) {
            return 0;
        }
        vs_rng_seed(&r, 1, 1);
        for (uint64_t i = 0; i < N; i++) {
            next[i] = i;
        }
        for (uint64_t i = N - 1; i > 0; i--) { /* one cycle: Sattolo */
            uint64_t j = vs_rng_below(&r, i), x = next[i];
            next[i] = next[j];
            next[j] = x;
        }
    }
    double t = vs_host_processor_seconds();
    for (int i = 0; i < STEPS; i++) {
        at = next[at];
    }
    return STEPS / (vs_host_processor_seconds() - t);
}

static const char *const names[] = {"sequential, 8 bytes", "sequential, 64 bytes",
                                    "uniform random, 1 GiB", "Zipf 0.99 over pages"};
static const uint64_t fast_count[] = {30000000, 8000000, 1000000, 2000000};
static const uint64_t straight_count[] = {8000000, 2000000, 500000, 700000};

/* `n` accesses of a pattern: how many a CPU second. */
static double fast(struct guest_machine *g, int pattern, uint64_t n)
{
    struct vs_cpu_bulk b;
    vs_gva base = {GUEST_MACHINE_BASE};
    vs_ps forever = {UINT64_MAX};
    switch (pattern) {
    case 0:
        vs_bulk_stride(&b, &g->cpu, VS_REF_READ, base, REGION, 8, n);
        break;
    case 1:
        vs_bulk_stride(&b, &g->cpu, VS_REF_READ, base, REGION, 64, n);
        break;
    case 2:
        vs_bulk_random(&b, &g->cpu, VS_REF_READ, base, REGION, n, 3);
        break;
    default:
        vs_bulk_zipf(&b, &g->cpu, VS_REF_READ, base, REGION, 4096, 0.99, n, 3);
        break;
    }
    double t = vs_host_processor_seconds();
    vs_cpu_bulk_run(&g->cpu, &b, forever);
    vs_txn_settle(&g->t);
    t = vs_host_processor_seconds() - t;
    vs_bulk_free(&b);
    return (double)n / t;
}

/* Zipf addresses come from the fast version's own generator, recorded once. */
static uint64_t *zipf_addresses(uint64_t n)
{
    uint64_t *a = malloc(n * sizeof *a);
    struct vs_rng r;
    vs_rng_seed(&r, 3, 2);
    /* inverse of the sum of rank^-theta, as an integral */
    const double rest = 1.0 - 0.99;
    for (uint64_t i = 0; a && i < n; i++) {
        double pages = (double)(REGION / 4096);
        double u = vs_rng_unit(&r) * (pow(pages + 1.0, rest) - 1.0) + 1.0;
        uint64_t rank = (uint64_t)(pow(u, 1.0 / rest) - 1.0);
        a[i] = GUEST_MACHINE_BASE + rank * 2654435761u % (REGION / 4096) * 4096u +
               vs_rng_below(&r, 512) * 8u;
    }
    return a;
}

/* The speed of the plain loop that does the same accesses without a simulator. */
static double straightforward(struct straight *s, int pattern)
{
    static uint64_t *zipf;
    uint64_t n = straight_count[pattern];
    struct vs_rng r;
    vs_rng_seed(&r, 3, 1);
    if (pattern == 3 && !zipf) {
        zipf = zipf_addresses(n);
    }
    double t = vs_host_processor_seconds();
    for (uint64_t i = 0; i < n; i++) {
        uint64_t offset = pattern == 0   ? i * 8 % REGION
                          : pattern == 1 ? i * 64 % REGION
                                         : vs_rng_below(&r, REGION / 8) * 8;
        straight_load(s, pattern == 3 && zipf ? zipf[i] : GUEST_MACHINE_BASE + offset);
    }
    return (double)n / (vs_host_processor_seconds() - t);
}

/* Orders numbers by size. */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of the rounds. */
static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

/* usage: bench_access [PATTERN [fast|window [RUNS [COUNT]]]]: one pattern (0-3); `fast` or `window`
 * alone, so many times so many accesses, for a profiler. */
int main(int argc, char **argv)
{
    int only = argc > 1 ? atoi(argv[1]) : -1;
    bool alone = argc > 2, plainly = alone && !strcmp(argv[2], "fast");
    int runs = argc > 3 ? atoi(argv[3]) : ROUNDS + 1;
    uint64_t count = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    static struct guest_machine g, twin, overlapped;
    struct guest_machine_config window = guest_machine_defaults();
    window.cpu.window = 224; /* Skylake's */
    static struct straight s;
    struct vs_memory_config m;
    bool windowed = alone && !plainly;
    if ((!windowed && !guest_machine_init(&g, REGION)) ||
        (!alone && !guest_machine_init(&twin, REGION)) ||
        (!plainly && !guest_machine_make(&overlapped, REGION, &window))) {
        fputs("bench_access: not enough memory\n", stderr);
        return 1;
    }
    vs_defaults(&vs_memory_desc, &m);
    if (!alone) {
        straight_init(&s, twin.phys, twin.space.cr3, twin.vm.ept_root, m.llc_size, m.llc_ways);
    }
    printf("%-24s %12s %16s %7s %12s %12s %8s\n", "pattern", "virtsim M/s", "straightforward",
           "ratio", "yardstick", "window M/s", "share");
    for (int p = 0; p < 4; p++) {
        if (only >= 0 && p != only) {
            continue;
        }
        if (alone) {
            for (int i = 0; i < runs; i++) {
                printf("%-24s %12.1f\n", names[p],
                       fast(plainly ? &g : &overlapped, p, count ? count : fast_count[p]) * 1e-6);
            }
            continue;
        }
        double a[ROUNDS], b[ROUNDS], y[ROUNDS], ratio[ROUNDS], w[ROUNDS], share[ROUNDS];
        fast(&g, p, fast_count[p]); /* warm up all */
        fast(&overlapped, p, fast_count[p]);
        straightforward(&s, p);
        for (int i = 0; i < ROUNDS; i++) {
            a[i] = fast(&g, p, fast_count[p]) * 1e-6;
            b[i] = straightforward(&s, p) * 1e-6;
            y[i] = yardstick() * 1e-6;
            w[i] = fast(&overlapped, p, fast_count[p]) * 1e-6;
            ratio[i] = a[i] / b[i];
            share[i] = w[i] / a[i];
        }
        double f = median(a), q = median(b), k = median(y);
        printf("%-24s %12.1f %16.1f %7.1f %12.1f %12.1f %8.2f\n", names[p], f, q, median(ratio), k,
               median(w), median(share));
    }
    if (!alone) {
        straight_free(&s);
        guest_machine_free(&twin);
    }
    if (!plainly) {
        guest_machine_free(&overlapped);
    }
    if (!windowed) {
        guest_machine_free(&g);
    }
    return 0;
}

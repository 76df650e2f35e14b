/* SPDX-License-Identifier: MIT */
/*
 * The latency staircase of the machine this runs on: dependent loads over growing footprints, in
 * pages of 4 KiB and, where the system grants them, of 2 MiB, beside what a simulated machine says.
 *
 *   staircase [MACHINE [LARGEST_KIB]]      default skylake_sp_native 65536
 *
 * CSV: kib,page,measured_ns,simulated_ns. The simulated column is empty without the program
 * (environment VIRTSIM). A neighbour on the same host or a hypervisor below shows in the measured
 * one: the least of several rounds is taken.
 */
#define _GNU_SOURCE /* madvise, MADV_HUGEPAGE, popen */
#include "virtsim/host_clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE 64u
#define KIB 1024u
#define HUGE_PAGE (2u << 20)
#define LOADS 200000u
#define ROUNDS 15
#define SMALLEST_KIB 16u
#define STEPS 64

struct region {
    unsigned char *at; /* HUGE_PAGE aligned */
    void *base;
    size_t whole;
};

/* Maps memory of small or of huge pages. */
static bool region_map(struct region *r, size_t bytes, bool huge)
{
    r->whole = bytes + HUGE_PAGE;
    r->base = mmap(NULL, r->whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->base == MAP_FAILED) {
        return false;
    }
    uintptr_t at = ((uintptr_t)r->base + HUGE_PAGE - 1u) & ~(uintptr_t)(HUGE_PAGE - 1u);
    r->at = (unsigned char *)at;
    (void)madvise(r->at, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(r->at, 1, bytes);
    return true;
}

/* KiB of this process in transparent huge pages. */
static long huge_kib(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kib = 0;
    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, "AnonHugePages:", 14)) {
            kib = strtol(line + 14, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return kib;
}

/* One random cycle through all lines (Sattolo), each holding the number of the next. */
static void link_lines(unsigned char *at, size_t lines)
{
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < lines; i++) {
        *(uint64_t *)(void *)(at + i * LINE) = i;
    }
    for (size_t i = lines - 1u; i > 0; i--) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        uint64_t *a = (uint64_t *)(void *)(at + i * LINE),
                 *b = (uint64_t *)(void *)(at + state % i * LINE), swap = *a;
        *a = *b;
        *b = swap;
    }
}

/* Follows the chain for so many loads. */
static uint64_t follow(const unsigned char *at, uint64_t from, size_t loads)
{
    for (size_t i = 0; i < loads; i++) {
        from = *(const uint64_t *)(const void *)(at + from * LINE);
    }
    return from;
}

/* The time of a load in a region of that size, the best of several rounds. */
static double measured_ns(const struct region *r, size_t bytes)
{
    size_t lines = bytes / LINE;
    link_lines(r->at, lines);
    uint64_t at = follow(r->at, 0, lines < 10u * LOADS ? lines : 10u * LOADS);
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double start = vs_host_seconds();
        at = follow(r->at, at, LOADS);
        double ns = (vs_host_seconds() - start) / LOADS * 1e9;
        best = i == 0 || ns < best ? ns : best;
    }
    return at < lines ? best : 0; /* the chain is used */
}

/* load_ns of a sweep of the pointer chase, one a footprint; false when there is none. */
static bool simulated_ns(const char *machine, const char *page, const unsigned *kib, int n,
                         double *ns)
{
    const char *program = getenv("VIRTSIM");
    char command[4096], line[512], folder[] = "/tmp/staircase.XXXXXX";
    if (!program || strpbrk(machine, "'\\") || !mkdtemp(folder)) {
        return false;
    }
    int used = snprintf(command, sizeof command,
                        "'%s' sweep workloads/pointer_chase.lua --machine '%s' --quiet --format "
                        "csv --db %s/s.db --set nic.present=false --set cpu.bulk.instructions=0 "
                        "--set workload.count=100000 --set guest.page_size=%s --vary "
                        "workload.footprint=",
                        program, machine, folder, page);
    for (int i = 0; i < n && used > 0 && (size_t)used < sizeof command; i++) {
        used += snprintf(command + used, sizeof command - (size_t)used, "%s%uKiB", i ? "," : "",
                         kib[i]);
    }
    int found = 0;
    FILE *f = used > 0 && (size_t)used < sizeof command ? popen(command, "r") : NULL;
    while (f && fgets(line, sizeof line, f)) { /* run,machine,point,simulated_ms,load_ns,... */
        const char *at = line;
        for (int comma = 0; at && comma < 4; comma++) {
            at = strchr(at, ',');
            at = at ? at + 1 : NULL;
        }
        if (at && found < n && *at >= '0' && *at <= '9') {
            ns[found++] = strtod(at, NULL);
        }
    }
    if (f) {
        (void)pclose(f);
    }
    char database[64];
    (void)snprintf(database, sizeof database, "%s/s.db", folder);
    (void)unlink(database);
    (void)rmdir(folder);
    return found == n;
}

/* Measures this machine's staircase of load latencies beside a simulated one. */
int main(int argc, char **argv)
{
    const char *machine = argc > 1 ? argv[1] : "skylake_sp_native";
    unsigned long largest = argc > 2 ? strtoul(argv[2], NULL, 10) : 65536;
    if (largest < SMALLEST_KIB || largest > 16u << 20) {
        fprintf(stderr, "usage: staircase [MACHINE [LARGEST_KIB]], %u KiB to 16 GiB\n",
                SMALLEST_KIB);
        return 2;
    }
    unsigned kib[STEPS];
    int n = 0;
    for (unsigned k = SMALLEST_KIB; k <= largest && n + 1 < STEPS; k *= 2u) {
        kib[n++] = k;
        if (k + k / 2u <= largest) {
            kib[n++] = k + k / 2u;
        }
    }
    printf("kib,page,measured_ns,simulated_ns\n");
    for (int huge = 0; huge < 2; huge++) {
        const char *page = huge ? "2M" : "4K";
        struct region r;
        double ns[STEPS];
        long before = huge_kib();
        if (!region_map(&r, (size_t)largest * KIB, huge)) {
            fprintf(stderr, "staircase: no memory for %lu KiB\n", largest);
            return 1;
        }
        if (huge && huge_kib() - before < (long)largest / 2) {
            fprintf(stderr,
                    "staircase: the system granted %ld of %lu KiB in 2 MiB pages: the measured "
                    "rows of 2M are mostly of 4K\n",
                    huge_kib() - before, largest);
        }
        bool simulated = simulated_ns(machine, page, kib, n, ns);
        for (int i = 0; i < n; i++) {
            printf("%u,%s,%.2f,", kib[i], page, measured_ns(&r, (size_t)kib[i] * KIB));
            if (simulated) {
                printf("%.2f", ns[i]);
            }
            printf("\n");
            (void)fflush(stdout);
        }
        (void)munmap(r.base, r.whole);
    }
    return 0;
}

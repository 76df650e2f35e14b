/* SPDX-License-Identifier: MIT */
/*
 * Inside of the cpu: what makes the simulator faster and changes no result. Strides take whole
 * lines at once (stride.c, in the window window_line.c and window_stream.c), jumps announce their
 * addresses and look them up together (jump.c, gather.c), and runs of touches take their hits at
 * once (touches.c). Without it each access goes by itself.
 */
#ifndef VIRTSIM_MODEL_CPU_FAST_FAST_H
#define VIRTSIM_MODEL_CPU_FAST_FAST_H

#include "cpu/bulk.h"

/* Bulk operations until the clock has reached `until`: strides, and random, Zipf, chase. */
enum vs_cpu_stop vs__fast_stride(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until);
enum vs_cpu_stop vs__fast_jump(struct vs_cpu *c, struct vs_cpu_bulk *b, uint64_t until);

/* How many of n touches, of `at` and of every VS_TOUCH_BYTES after it, are made at once; 0: the
 * first has to be made by itself. */
uint64_t vs__fast_touches(struct vs_cpu *c, uint64_t at, uint64_t n, uint32_t ref);
/* The touches of n runs at once; false: nothing is done, as somebody looks at the order. */
bool vs__fast_runs(struct vs_cpu *c, const struct vs_core_run *r, size_t n);
bool vs__fast_unwatched(struct vs_cpu *c);
/* All touches of a batch, which nobody looks at; false: nothing is done, they have to go run by
 * run. */
bool vs__fast_batch(struct vs_cpu *c, const struct vs_batch *b);

/* Up to n accesses, each inside one line, at gva and every `stride` bytes on, in the page that
 * translated last, each followed by its instructions, while the clock is before until_ps. How many
 * it made; 0: go on one by one. The same as that many calls of vs__window_access. */
uint64_t vs__window_lines(struct vs_cpu *c, uint64_t gva, uint32_t ref, uint64_t n, uint64_t stride,
                          uint64_t instructions, uint64_t until_ps);

/* Lines that the walk and the access of gva will probably touch are announced to the memory; those
 * that are gathered it announces itself. */
static inline void vs__fast_expect(const struct vs_cpu *c, const struct vs_l1 *l, uint64_t gva)
{
    const struct vs_fast_port *f = &c->fast_port;
    uint64_t hpa[VS_EXPECTED];
    vs_gva at = {gva};
    uint32_t n = f->mmu.expect(f->mmu.ctx, at, hpa);
    for (uint32_t i = 0; i < n; i++) {
        f->lines.prefetch(f->lines.ctx, hpa[i] >> l->line_shift);
    }
}

#endif

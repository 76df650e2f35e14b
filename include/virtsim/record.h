/* SPDX-License-Identifier: MIT */
/*
 * A trace's record: one access of a recorded program, or an event of a recorded system. sim/trace
 * reads files into records, sim/request carries them out.
 */
#ifndef VIRTSIM_RECORD_H
#define VIRTSIM_RECORD_H

#include <stdint.h>

/*
 * MODIFY is one access that reads and writes the same bytes (lackey's M). FETCH is an instruction;
 * FETCH_PAGE only tells that instructions come from another page now. Recordings of whole systems
 * have events besides: INSTRUCTIONS (addr = how many), MOV_CR3 and INVLPG (addr = of the
 * instruction; new value and operand are not recorded), MARK.
 */
enum vs_trace_kind {
    VS_TRACE_FETCH,
    VS_TRACE_LOAD,
    VS_TRACE_STORE,
    VS_TRACE_MODIFY,
    VS_TRACE_FETCH_PAGE,
    VS_TRACE_INSTRUCTIONS,
    VS_TRACE_MOV_CR3, /* this and what follows are no accesses, and stand alone */
    VS_TRACE_INVLPG,
    VS_TRACE_MARK
};

enum vs_trace_flags {
    VS_TRACE_PHYSICAL = 1, /* physical is known */
    VS_TRACE_MMIO = 2,     /* a device register */
    VS_TRACE_FLAGS = 3,    /* these */
    VS_TRACE_PROCESSOR = 2 /* bits 2 to 7: of a whole system's processors, which one */
};

/*
 * One access in program order. addr is virtual, in bytes; size in bytes, 1..4096;
 * addr + size - 1 never wraps. An instruction's FETCH precedes its data records. gap: instructions
 * since the record before, with this one's; those that FETCH records stand for are not in it.
 * 24 bytes, so that blocks stay dense.
 */
struct vs_trace_rec {
    uint64_t addr;
    uint64_t physical; /* guest-physical, of the first byte */
    uint32_t gap;
    uint16_t size;
    uint8_t kind;  /* enum vs_trace_kind */
    uint8_t flags; /* enum vs_trace_flags */
};

#endif

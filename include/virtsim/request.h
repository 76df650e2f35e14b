/* SPDX-License-Identifier: MIT */
/*
 * What a guest does next, whoever says it: a Lua coroutine or a recorded trace. A source hands out
 * one request at a time; the platform's vCPU carries it out in simulated time, in as many pieces as
 * other agents make necessary, and asks for the next. A request never blocks the host program.
 */
#ifndef VIRTSIM_REQUEST_H
#define VIRTSIM_REQUEST_H

#include "virtsim/status.h"

/* Of VS_REQ_IPI: the interrupt that a kernel usually sends, whatever the architecture calls it. */
#define VS_REQ_IPI_USUAL 0xf0u

/* What it is and which fields it has: request/requests.def, whose codes these are. */
enum vs_req {
    VS_REQ_ERROR = 0, /* the source failed; its message is in error() */
#define VS_REQUEST(code, NAME, ...) VS_REQ_##NAME = (code),
#define VS_HIDDEN(code, NAME, ...) VS_REQ_##NAME = (code),
#define VS_METHOD(...)
#define VS_SECTION(title)
#include "request/requests.def"
};

/* Which machines have an instruction. */
enum vs_req_machines {
    VS_REQ_INTEL = 1,
    VS_REQ_AMD = 2,
    VS_REQ_ARM = 4,
    VS_REQ_X86 = VS_REQ_INTEL | VS_REQ_AMD,
    VS_REQ_EVERY = VS_REQ_X86 | VS_REQ_ARM
};

/* Forms of TLBI; + VS_REQ_TLBI_IS: to every core. */
enum vs_req_tlbi {
    VS_REQ_VAE1,
    VS_REQ_VALE1,
    VS_REQ_VAAE1,
    VS_REQ_VAALE1,
    VS_REQ_ASIDE1,
    VS_REQ_VMALLE1,
    VS_REQ_IPAS2E1,
    VS_REQ_IPAS2LE1,
    VS_REQ_VMALLS12E1,
    VS_REQ_ALLE1,
    VS_REQ_TLBI_IS = 16
};

/* Older recordings have 0, read-only, and 1, writable; both executable. */
#define VS_PROTECT 8u

enum vs_req_op { VS_REQ_LOAD, VS_REQ_STORE, VS_REQ_FETCH, VS_REQ_MODIFY };
enum vs_req_pattern { VS_PATTERN_STRIDE, VS_PATTERN_RANDOM, VS_PATTERN_ZIPF, VS_PATTERN_CHASE };
/* When memory gets its frames: at once (before the program began); guest's at once but host's at
 * first touch; both at first touch. */
enum vs_req_backing {
    VS_BACKING_EAGER,
    VS_BACKING_HOST_TOUCH,
    VS_BACKING_TOUCH,
    VS_BACKING_POPULATE /* at once, by the guest's kernel: tables edited and pages cleared in time
                         */
};
/* What happens to the translations of the address space that is switched to. */
enum vs_req_switch { VS_SWITCH_MACHINE, VS_SWITCH_KEEP, VS_SWITCH_FLUSH };

/* Of VS_REQ_EXIT: a holds the trap and these. */
enum vs_req_exit {
    VS_REQ_EXIT_TRAP = 0xff,
    VS_REQ_EXIT_WRITE = 0x100,
    VS_REQ_EXIT_FETCH = 0x200,
    VS_REQ_EXIT_DEVICE = 0x400,   /* a device is accessed */
    VS_REQ_EXIT_USER = 0x800,     /* user space was asked */
    VS_REQ_EXIT_FORM = 16,        /* above this bit: vs_trap.scope, and */
    VS_REQ_EXIT_FIRMWARE = 4,     /* a hypercall to the firmware */
    VS_REQ_EXIT_WIDE = 8,         /* floating point: SVE */
    VS_REQ_EXIT_INJECTS = 0x1000, /* the entry carried an interrupt */
    VS_REQ_EXIT_SIGNALS = 0x2000, /* a write that was an event of the host's kernel: ioeventfd */
    VS_REQ_EXIT_X86 = 24,         /* above this bit: vs_trap.x86 */
};

/* Instructions of one COMPUTE: about an hour of a guest's time, as a WAIT has at most. */
#define VS_COMPUTE_MAX UINT64_C(10000000000000)
/* Time of one WAIT, RECV or TIMER: an hour, given in ns, and another one, in us. */
#define VS_WAIT_PS_MAX UINT64_C(7200000000000000)
/* Of a run: 100 days. One request more is still less than 2^63 ps, 106 days. */
#define VS_RUN_PS_MAX UINT64_C(8640000000000000000)

struct vs_trace_rec;

/* Page tables of x86-64, four levels, as recorded. */
struct vs_recorded_tables {
    uint64_t root, memory; /* (guest-)physical; what the recorded machine had, bytes */
    size_t n;
    const struct vs_recorded_table {
        uint64_t at; /* (guest-)physical */
        unsigned char bytes[4096];
    } * table; /* ascending */
};

/* What a recording's tables said of the records of a request, by half of the address space. The
 * same order as the counters replay.tables.*. */
enum vs_recorded_walk { VS_WALK_MATCH, VS_WALK_DIFFER, VS_WALK_ABSENT, VS_WALK_N };

/* PCI_READ and its like: the virtual function of the vCPU itself. */
#define VS_REQ_PCI_OWN 257u

struct vs_request {
    enum vs_req kind;
    uint64_t address, bytes, count, a, b, ps; /* chase: a = cycle (0 any), b = start */
    uint64_t stride;                          /* bytes, VS_PATTERN_STRIDE */
    double theta;                             /* Zipf exponent, VS_PATTERN_ZIPF */
    uint64_t work; /* instructions besides the access itself, per access (BULK) */
    enum vs_req_op op;
    enum vs_req_pattern pattern;
    enum vs_req_backing backing;        /* MAP */
    unsigned page_shift;                /* MAP: 0 = the machine's guest.page_size */
    bool depends;                       /* ACCESS: needs the value of the one before it */
    bool fixed;                         /* MAP at `address` */
    const struct vs_trace_rec *records; /* TRACE: valid until the next call of next() */
    size_t n_records;
    const uint64_t *walks;                   /* TRACE: [kernel, user][VS_WALK_N], or NULL */
    const struct vs_recorded_tables *tables; /* TABLES: valid as long as the source */
    char name[32];                           /* MARK */
};

struct vs_reply {
    uint64_t value;
    uint64_t now_ps;     /* the vCPU's clock */
    uint64_t interrupts; /* that the guest has handled so far, its timer's included */
    uint64_t steal_ps;   /* that it was ready and its processor another's, so far */
    /* accesses that VS_REQ_HOST_PROTECT made visible, and the last of them: exit qualification and
     * guest-physical address */
    uint64_t seen, qualification, guest_physical;
};

struct vs_guest_source {
    void *ctx;
    /* Fills *out with what comes next; *reply is the answer to the request before it. */
    void (*next)(void *ctx, const struct vs_reply *reply, struct vs_request *out);
    const char *(*error)(
        void *ctx); /* after VS_REQ_ERROR: one clear message, file:line or record */
    void (*close)(void *ctx);
    /* The place in the program that made the present request, "w.lua:3: "; NULL: it knows none. */
    void (*where)(void *ctx, char *out, size_t bytes);
};

#endif

/* SPDX-License-Identifier: MIT */
/* What a VM exit says in the VMCS's exit-information fields, with the meaning of the qualification
 * in words: SDM 3C 28.2. */
#include "vmcs/vmcs_impl.h"
#include "virtsim/port/world.h"

#include <stdio.h>
#include <string.h>

/* Tables 28-3, 28-5 and 28-7. */
static void qualification_text(char *text, uint32_t reason, uint64_t q)
{
    static const char *const access[] = {"MOV to", "MOV from", "CLTS, of", "LMSW, of"};
    switch (reason) {
    case VS_EXIT_CR_ACCESS:
        snprintf(text, VS_NOTE_TEXT, "%s CR%u, register %u", access[q >> 4 & 3u], (unsigned)q & 15u,
                 (unsigned)(q >> 8) & 15u);
        break;
    case VS_EXIT_IO_INSTRUCTION:
        snprintf(text, VS_NOTE_TEXT, "%s%s%s of %u byte%s, port 0x%x", q & 32u ? "REP " : "",
                 q & 8u ? "IN" : "OUT", q & 16u ? "S" : "", (unsigned)(q & 7u) + 1u,
                 q & 7u ? "s" : "", (unsigned)(q >> 16) & 0xffffu);
        break;
    case VS_EXIT_EPT_VIOLATION:
        snprintf(text, VS_NOTE_TEXT, "%s%s%s, entry allows %s%s%s%s, %s", q & 1u ? "read" : "",
                 q & 2u ? (q & 1u ? " and write" : "write") : "", q & 4u ? "fetch" : "",
                 q & 8u ? "r" : "", q & 16u ? "w" : "", q & 32u ? "x" : "",
                 q & 56u ? "" : "nothing",
                 q & 256u ? "of the final address" : "of a guest's table");
        break;
    default:
        break;
    }
}

unsigned vs__vmx_says(void *ctx, const struct vs_exit *exit, struct vs_note *out)
{
    struct vs_vmx_exit_info i;
    unsigned n = 0;
    (void)ctx;
    memcpy(&i, exit->own, sizeof i);
    out[n] = (struct vs_note){.name = "exit reason", .value = i.reason};
    snprintf(out[n++].text, VS_NOTE_TEXT, "%s", vs_op_name(exit->op));
    if (i.has_qualification) {
        out[n] = (struct vs_note){.name = "exit qualification", .value = i.qualification};
        qualification_text(out[n++].text, i.reason, i.qualification);
    }
    if (i.has_physical) {
        out[n++] = (struct vs_note){.name = "guest-physical address", .value = i.guest_physical};
    }
    if (i.has_linear) {
        out[n++] = (struct vs_note){.name = "guest-linear address", .value = i.guest_linear};
    }
    if (i.interruption) {
        out[n] = (struct vs_note){.name = "interruption information", .value = i.interruption};
        snprintf(out[n++].text, VS_NOTE_TEXT, "vector %u", i.interruption & 0xffu);
    }
    if (i.vectoring) {
        out[n] = (struct vs_note){.name = "IDT-vectoring information", .value = i.vectoring};
        snprintf(out[n++].text, VS_NOTE_TEXT, "vector %u", i.vectoring & 0xffu);
    }
    if (i.has_information) {
        out[n++] = (struct vs_note){.name = "instruction information", .value = i.information};
    }
    if (i.length) {
        out[n++] = (struct vs_note){.name = "instruction length", .value = i.length};
    }
    return n;
}

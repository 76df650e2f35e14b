/* SPDX-License-Identifier: MIT */
/* What a #VMEXIT says, as the VMCB has it afterwards, with the meaning of its bits in words: APM
 * volume 2, 15.7 to 15.12 and 15.25.6, appendix C. */
#include "svm/svm_impl.h"

#include <inttypes.h>
#include <stdio.h>

/* One note more; its text is what the caller writes. */
static char *add(struct vs_note *out, unsigned *n, const char *name, uint64_t value)
{
    struct vs_note *note = &out[(*n)++];
    *note = (struct vs_note){.name = name, .value = value};
    return note->text;
}

/* The code as appendix C calls it. */
static void code_text(char *text, uint64_t code)
{
    static const struct {
        uint32_t code;
        const char *name;
    } names[] = {
#define VS_SVM_EXIT(e, code, name, trap, kvm, text, control, information) {code, #e},
#include "svm/codes.def"
    };
    if (code < VS_SVM_READ_DR0) {
        snprintf(text, VS_NOTE_TEXT, "VMEXIT_CR%u_%s", (unsigned)code & 15u,
                 code < VS_SVM_WRITE_CR0 ? "READ" : "WRITE");
    } else if (code < VS_SVM_EXCEPTION) {
        snprintf(text, VS_NOTE_TEXT, "VMEXIT_DR%u_%s", (unsigned)code & 15u,
                 code < VS_SVM_WRITE_DR0 ? "READ" : "WRITE");
    } else if (code < VS_SVM_INTR) {
        snprintf(text, VS_NOTE_TEXT, "VMEXIT_EXCP%u", (unsigned)code - VS_SVM_EXCEPTION);
    } else if (code == VS_SVM_CR0_SEL_WRITE || code == VS_SVM_MSR || code >= VS_SVM_NPF) {
        snprintf(text, VS_NOTE_TEXT, "VMEXIT_%s",
                 code == VS_SVM_MSR                   ? "MSR"
                 : code == VS_SVM_NPF                 ? "NPF"
                 : code == VS_SVM_AVIC_INCOMPLETE_IPI ? "AVIC_INCOMPLETE_IPI"
                 : code == VS_SVM_AVIC_NOACCEL        ? "AVIC_NOACCEL"
                                                      : "CR0_SEL_WRITE");
    } else {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (names[i].code == code) {
                snprintf(text, VS_NOTE_TEXT, "VMEXIT_%s", names[i].name);
            }
        }
    }
}

/* Error code of a page fault, nested or not. */
static void fault_text(char *text, uint64_t code, bool nested)
{
    snprintf(text, VS_NOTE_TEXT, "%s%s%s%s%s", code & 1u ? "present" : "not present",
             code & 16u  ? ", fetch"
             : code & 2u ? ", write"
                         : ", read",
             code & 4u ? ", user" : ", supervisor", code & 8u ? ", reserved bit" : "",
             !nested           ? ""
             : code >> 32 & 1u ? ", of the final address"
             : code >> 33 & 1u ? ", of a guest's table"
                               : "");
}

/* EXITINFO1 of an I/O instruction in words. */
static void io_text(char *text, uint64_t info)
{
    snprintf(text, VS_NOTE_TEXT, "%s%s%s of %u byte%s, port 0x%x",
             info & VS_SVM_IOIO_REP ? "REP " : "", info & VS_SVM_IOIO_IN ? "IN" : "OUT",
             info & VS_SVM_IOIO_STR ? "S" : "", (unsigned)(info >> VS_SVM_IOIO_SIZE) & 7u,
             ((info >> VS_SVM_IOIO_SIZE) & 7u) == 1 ? "" : "s",
             (unsigned)(info >> VS_SVM_IOIO_PORT) & 0xffffu);
}

/* EXITINFO2 of an IPI that AVIC could not deliver: why, and of which entry of its table. */
static void ipi_text(char *text, uint64_t info)
{
    static const char *const why[] = {"its type is not AVIC's", "its target does not run",
                                      "there is no such target", "the backing page is invalid",
                                      "a vector below 16"};
    uint64_t id = info >> 32;
    snprintf(text, VS_NOTE_TEXT, "%s, index %u",
             id < sizeof why / sizeof why[0] ? why[id] : "reserved", (unsigned)info & 0xfffu);
}

/* EXITINFO1 and 2 where the code defines them; elsewhere they are undefined. */
static unsigned infos(const struct vs_svm *s, uint64_t code, struct vs_note *out, unsigned n)
{
    uint64_t one = vs_svm_get(s, VS_VMCB_EXITINFO1), two = vs_svm_get(s, VS_VMCB_EXITINFO2);
    if (code < VS_SVM_EXCEPTION || code == VS_SVM_CR0_SEL_WRITE) {
        if (s->config.decode_assists) {
            snprintf(add(out, &n, "EXITINFO1", one), VS_NOTE_TEXT, "MOV, general register %u",
                     (unsigned)one & 15u);
        }
        return n;
    }
    switch (code) {
    case VS_SVM_EXCEPTION + 14u:
        fault_text(add(out, &n, "EXITINFO1", one), one, false);
        snprintf(add(out, &n, "EXITINFO2", two), VS_NOTE_TEXT, "faulting address");
        break;
    case VS_SVM_INVLPG:
        if (s->config.decode_assists) {
            snprintf(add(out, &n, "EXITINFO1", one), VS_NOTE_TEXT, "linear address");
        }
        break;
    case VS_SVM_INVPCID:
        snprintf(add(out, &n, "EXITINFO1", one), VS_NOTE_TEXT, "the descriptor's address");
        snprintf(add(out, &n, "EXITINFO2", two), VS_NOTE_TEXT, "type");
        break;
    case VS_SVM_IOIO:
        io_text(add(out, &n, "EXITINFO1", one), one);
        snprintf(add(out, &n, "EXITINFO2", two), VS_NOTE_TEXT, "rIP of the next instruction");
        break;
    case VS_SVM_AVIC_INCOMPLETE_IPI:
        snprintf(add(out, &n, "EXITINFO1", one), VS_NOTE_TEXT, "ICR: vector %u, to %u",
                 (unsigned)one & 0xffu, (unsigned)(one >> 32));
        ipi_text(add(out, &n, "EXITINFO2", two), two);
        break;
    case VS_SVM_AVIC_NOACCEL:
        snprintf(add(out, &n, "EXITINFO1", one), VS_NOTE_TEXT, "%s of offset 0x%x",
                 one >> 32 & 1u ? "write" : "read", (unsigned)one & 0xff0u);
        break;
    case VS_SVM_MSR:
        snprintf(add(out, &n, "EXITINFO1", one), VS_NOTE_TEXT, one ? "WRMSR" : "RDMSR");
        break;
    case VS_SVM_NPF:
        fault_text(add(out, &n, "EXITINFO1", one), one, true);
        snprintf(add(out, &n, "EXITINFO2", two), VS_NOTE_TEXT, "guest-physical address");
        break;
    default:
        break;
    }
    return n;
}

unsigned vs__svm_says(void *ctx, const struct vs_exit *exit, struct vs_note *out)
{
    const struct vs_svm *s = ctx;
    unsigned n = 0;
    uint64_t code = vs_svm_get(s, VS_VMCB_EXITCODE), next = vs_svm_get(s, VS_VMCB_NRIP),
             event = vs_svm_get(s, VS_VMCB_EXITINTINFO);
    (void)exit; /* the VMCB has it all */
    code_text(add(out, &n, "EXITCODE", code), code);
    n = infos(s, code, out, n);
    if (event & VS_SVM_EVENT_VALID) {
        snprintf(add(out, &n, "EXITINTINFO", event), VS_NOTE_TEXT,
                 "during the delivery of vector %u", (unsigned)event & 0xffu);
    }
    if (next) {
        snprintf(add(out, &n, "nRIP", next), VS_NOTE_TEXT, "%" PRIu64 " bytes further",
                 next - vs_svm_get(s, VS_VMCB_RIP));
    }
    return n;
}

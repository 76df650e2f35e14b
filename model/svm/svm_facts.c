/* SPDX-License-Identifier: MIT */
/* What SVM has, counted in its tables and layouts. */
#include "svm/svm_impl.h"
#include "svm/svm_world.h"

#define OF "SVM"

/* The areas of the VMCB: its layout in svm.h. */
static void areas(const struct vs_facts *to)
{
    static const struct {
        const char *name;
        uint64_t begin, end;
    } area[] = {
        {"svm.vmcb.control_area.bytes", VS_VMCB_INTERCEPTS, VS_VMCB_STATE},
        {"svm.vmcb.state_save_area.bytes", VS_VMCB_STATE, VS_VMCB_LBR_END},
    };
    enum { AREAS = sizeof area / sizeof *area };
    for (size_t i = 0; i < AREAS; i++) {
        vs_fact(to, OF, area[i].name, area[i].end - area[i].begin, "bytes",
                "offsets of model/svm/svm.h; AMD APM volume 2, appendix B");
    }
    vs_fact(to, OF, "svm.vmcb.areas", AREAS, "areas",
            "control area and state-save area (model/svm/svm.h); AMD APM volume 2, appendix B");
}

/* The alignment that VMRUN asks for: the smallest address that its check of rAX takes. */
static uint64_t alignment(void)
{
    struct vs_svm s = {.wire.physical_bits = 48};
    uint64_t a = 1;
    while (!vs__svm_page(&s, a)) {
        a <<= 1;
    }
    return a;
}

void vs_svm_facts(const struct vs_facts *to)
{
    static const char instructions[] = ""
#define VS_SVM_INSTRUCTION(name) "+"
#define VS_SVM_NEUTRAL(name) "+"
#include "svm/instructions.def"
        ;
    static const char exits[] = ""
#define VS_SVM_EXIT(e, code, name, trap, kvm, text, control, information) "+"
#include "svm/codes.def"
        ;
    struct vs_svm_loaded *on = NULL;
    vs_fact(to, OF, "svm.instructions", sizeof instructions - 1, "instructions",
            "model/svm/instructions.def; AMD APM volume 2, chapter 15");
    areas(to);
    vs_fact(to, OF, "svm.vmcb.alignment", alignment(), "bytes",
            "smallest address that VMRUN's check takes (model/svm/svm_impl.h); AMD APM volume 3, "
            "VMRUN");
    vs_fact(to, OF, "svm.intercepts.words", sizeof on->vector / sizeof(uint32_t), "words",
            "size of the processor's copy (model/svm/svm.h), 32 bits a word; AMD APM volume 2, "
            "appendix B");
    vs_fact(to, OF, "svm.vmcb.clean_bits", VS_SVM_GROUPS, "bits",
            "model/svm/svm.h; AMD APM volume 2, figure 15-4");
    vs_fact(to, OF, "svm.exits.reached", sizeof exits - 1, "exits",
            "those of model/svm/codes.def that have an operation; AMD APM volume 2, appendix C");
}

/* SPDX-License-Identifier: MIT */
/* What Arm's virtualization architecture has, counted in this component's tables and encodings. */
#include "el2/el2_world.h"

#define OF "EL2"

/* How many of a table's exception classes differ: one class has a line for each of its causes. An
 * interrupt is none. */
static uint64_t classes(const uint16_t *class, size_t n)
{
    uint64_t differ = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = class[i] == VS_EL2_IRQ;
        for (size_t j = 0; j < i; j++) {
            seen = seen || class[j] == class[i];
        }
        differ += !seen;
    }
    return differ;
}

void vs_el2_facts(const struct vs_facts *to)
{
    static const uint16_t with[] = {
#define VS_EL2_EXIT(e, class, name, trap, kvm, text, control, syndrome) class,
#include "el2/classes.def"
    };
    static const uint16_t without[] = {
#define VS_EL2_UNREACHED(class, text, control, why) class,
#include "el2/classes.def"
    };
    uint64_t reached = classes(with, sizeof with / sizeof *with),
             other = classes(without, sizeof without / sizeof *without);
    vs_fact(to, OF, "el2.exception_levels", VS_PSTATE_EL_MASK + 1u, "levels",
            "width of PSTATE.EL as SPSR_EL2 holds it (model/el2/el2.h); Arm ARM, C5.2.19. EL3 is "
            "not simulated: an SMC is the hypervisor's");
    vs_fact(to, OF, "el2.exception_classes", reached + other, "classes",
            "model/el2/classes.def; Arm ARM, D17.2.37");
    vs_fact(to, OF, "el2.exception_classes.reached", reached, "classes",
            "those of model/el2/classes.def that have an operation");
}

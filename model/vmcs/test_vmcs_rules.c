/* SPDX-License-Identifier: MIT */
/* Every line of rules.def: a VMCS, and how its entry ends (SDM 3C chapter 27). */
#include "vmcs/test_vmcs.h"

#define HOLE (UINT64_C(1) << 60)

enum op { END, TURN_ON, TURN_OFF, PERMIT, HAVE, LACK, PUT, OR, NOT_BITS, PHYSICAL };

struct step {
    enum op op;
    size_t at; /* of a knob in the configuration; of a field in the table */
    uint64_t where, value;
};
#define CONFIG(name) offsetof(struct vs_vmcs_config, name), 0
#define KNOB(name)                                                                                 \
    {                                                                                              \
        TURN_ON, CONFIG(control_##name), 1                                                         \
    }
#define NOT(name)                                                                                  \
    {                                                                                              \
        TURN_OFF, CONFIG(control_##name), 0                                                        \
    }
#define MAY(word, bits)                                                                            \
    {                                                                                              \
        PERMIT, CONFIG(cap_##word), bits                                                           \
    }
#define CAP(word, bits)                                                                            \
    {                                                                                              \
        HAVE, CONFIG(cap_##word), bits                                                             \
    }
#define LACKS(word, bits)                                                                          \
    {                                                                                              \
        LACK, CONFIG(cap_##word), bits                                                             \
    }
#define SET(FIELD, value)                                                                          \
    {                                                                                              \
        PUT, VS_VMCS_AT_##FIELD, 0, value                                                          \
    }
#define ADD(FIELD, bits)                                                                           \
    {                                                                                              \
        OR, VS_VMCS_AT_##FIELD, 0, bits                                                            \
    }
#define TAKE(FIELD, bits)                                                                          \
    {                                                                                              \
        NOT_BITS, VS_VMCS_AT_##FIELD, 0, bits                                                      \
    }
#define MEMORY(where, value)                                                                       \
    {                                                                                              \
        PHYSICAL, 0, where, value                                                                  \
    }

/* How an entry ends: VMfail's number; basic exit reason and qualification. */
struct outcome {
    enum vs_vmx_result result;
    uint64_t number, qualification;
};
#define PASSES                                                                                     \
    {                                                                                              \
        VS_VMX_OK, 0, 0                                                                            \
    }
#define CONTROLS                                                                                   \
    {                                                                                              \
        VS_VMX_FAIL_VALID, VS_VMXERR_ENTRY_CONTROLS, 0                                             \
    }
#define HOST                                                                                       \
    {                                                                                              \
        VS_VMX_FAIL_VALID, VS_VMXERR_ENTRY_HOST, 0                                                 \
    }
#define GUEST(q)                                                                                   \
    {                                                                                              \
        VS_VMX_ENTRY_FAILED, VS_EXIT_INVALID_GUEST_STATE, q                                        \
    }
#define MSR(n)                                                                                     \
    {                                                                                              \
        VS_VMX_ENTRY_FAILED, VS_EXIT_MSR_LOADING, n                                                \
    }

#define STEPS 8u
static const struct rule {
    const char *section, *what;
    struct outcome ends;
    struct step step[STEPS + 1u];
} rules[] = {
#define VS_VMX_CASE(section, outcome, what, ...) {section, what, outcome, {__VA_ARGS__}},
#include "vmcs/rules.def"
#undef VS_VMX_CASE
};

/* What is said of the processor and of the knobs. */
static void configure(struct fixture *f, const struct step *s)
{
    uint64_t *word = (uint64_t *)(void *)((char *)&f->config + s->at);
    if (s->op == TURN_ON || s->op == TURN_OFF) {
        *word = s->value;
    } else if (s->op == PERMIT || s->op == HAVE) {
        *word |= s->value << (s->op == PERMIT ? 32 : 0);
    } else if (s->op == LACK) {
        *word &= ~s->value;
    }
}

/* What is said of the VMCS and of memory. */
static void spoil(struct fixture *f, const struct step *s)
{
    uint64_t was = s->op == OR || s->op == NOT_BITS ? vs_vmx_get(&f->x, (unsigned)s->at) : 0;
    if (s->op == PHYSICAL) {
        vs_phys_write64(f->phys, (vs_hpa){s->where}, s->value);
    } else if (s->op >= PUT) {
        write_field(f, vs_vmcs_fields[s->at].encoding,
                    s->op == PUT  ? s->value
                    : s->op == OR ? was | s->value
                                  : was & ~s->value);
    }
}

static void ends_as_it_says(struct fixture *f, const struct rule *r)
{
    const struct vs_vmcs_config config = f->config;
    for (const struct step *s = r->step; s->op; s++) {
        configure(f, s);
    }
    boot(f);
    for (const struct step *s = r->step; s->op; s++) {
        spoil(f, s);
    }
    enum vs_vmx_result got = vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH);
    bool late = got == VS_VMX_ENTRY_FAILED;
    uint64_t number = got == VS_VMX_OK ? 0
                      : late           ? read_field(f, VS_VMCS_EXIT_REASON)
                                       : read_field(f, VS_VMCS_INSTRUCTION_ERROR),
             qualification = late ? read_field(f, VS_VMCS_EXIT_QUALIFICATION) : 0;
    if (got != r->ends.result || number != (r->ends.number | (late ? VS_EXIT_ENTRY_FAILURE : 0)) ||
        qualification != r->ends.qualification) {
        fail_msg("%s, %s: result %d, number %llx, qualification %llu", r->section, r->what,
                 (int)got, (unsigned long long)number, (unsigned long long)qualification);
    }
    assert_int_equal(f->x.in_guest, got == VS_VMX_OK);
    f->config = config;
}

static void test_every_entry_ends_as_its_rule_says(void **state)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct step none = {0};
        assert_memory_equal(&rules[i].step[STEPS], &none, sizeof none);
        ends_as_it_says(*state, &rules[i]);
        (void)teardown(state);
        (void)setup(state);
    }
}

/* An entry that fails leaves the VMCS clear and the host running, so that mending the field is all
 * that the next one needs (27.8). */
static void test_what_failed_enters_once_it_is_mended(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t field;
        uint64_t bad;
    } rows[] = {{VS_VMCS_VPID, 0}, {VS_VMCS_HOST_CR0, 0}, {VS_VMCS_GUEST_RFLAGS, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        boot(f);
        uint64_t good = read_field(f, rows[i].field);
        write_field(f, rows[i].field, rows[i].bad);
        assert_int_not_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
        write_field(f, rows[i].field, good);
        assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    }
}

/* The rule of VTPR reads memory: it is looked at by an entry after which no field was written. */
static void test_a_priority_that_fell_is_seen_without_a_vmwrite(void **state)
{
    struct fixture *f = *state;
    struct vs_vmx_exit_info info;
    const struct vs_vmx_event cpuid = {.kind = VS_EV_CPUID, .length = 2};
    vs_phys_write64(f->phys, (vs_hpa){APIC_AT + 0x80}, 0x50);
    write_field(f, VS_VMCS_TPR_THRESHOLD, 5);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    assert_true(vs_vmx_intercept(&f->x, NULL, &cpuid, &info));
    assert_int_equal(vs_vmx_exit(&f->x, NULL, &info), VS_VMX_OK);
    vs_phys_write64(f->phys, (vs_hpa){APIC_AT + 0x80}, 0x40);
    assert_int_equal(vs_vmx_enter(&f->x, NULL, VS_VMX_RESUME), VS_VMX_FAIL_VALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_entry_ends_as_its_rule_says),
        T(test_what_failed_enters_once_it_is_mended),
        T(test_a_priority_that_fell_is_seen_without_a_vmwrite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Laws of what makes the simulator fast: with the fast port, without it, and charged one by one,
 * bulk operations leave the same caches, TLBs, tables, faults, clocks at every stop, and books. */
#include "effort.h"
#include "same_books.h"

#define REGION (4ull << 20)
#define MAPPED (3ull << 20) /* the rest faults when it is first touched */
#define COUNT 6000u

static uint64_t one_of(struct vs_rng *rng, const uint64_t *of, uint64_t n)
{
    return of[vs_rng_below(rng, n)];
}

/* Small structures, so that everything misses, evicts and writes back; some absent. */
static struct guest_machine_config any(struct vs_rng *rng)
{
    static const uint64_t small[] = {0, 4, 8, 32}, ways[] = {1, 8, 11, 16, 20}, some[] = {4, 8, 12};
    struct guest_machine_config c = guest_machine_defaults();
    c.ept.d4k_entries = 4u * one_of(rng, some, 3);
    c.ept.d4k_ways = 4;
    c.ept.l2_ways = one_of(rng, some, 3);
    c.ept.l2_entries = c.ept.l2_ways * 8u;
    c.ept.nested_entries = one_of(rng, small, 4);
    c.ept.gpde = one_of(rng, small, 4);
    c.ept.npde = one_of(rng, small, 4);
    c.ept.gpdpte = one_of(rng, small, 4);
    c.ept.npdpte = one_of(rng, small, 4);
    c.ept.line_entries = vs_rng_below(rng, 4) ? 0 : 8;
    c.ept.ept_ad = vs_rng_below(rng, 4) != 0;
    c.memory.l1d_ways = one_of(rng, ways, 5);
    c.memory.l1d_size = c.memory.l1d_ways * 8u * 64u;
    c.memory.l2_ways = one_of(rng, ways, 5);
    c.memory.l2_size = c.memory.l2_ways * 16u * 64u;
    c.memory.llc_ways = one_of(rng, ways, 5);
    c.memory.llc_size = c.memory.llc_ways * 24u * 64u;
    c.memory.walker_entry = vs_rng_below(rng, 4) ? 0 : 1;
    c.memory.llc_inclusive = vs_rng_below(rng, 8) == 0;
    c.cpu.ipc = 1300;
    return c;
}

#define STRIDES 7u
#define KINDS (6u + 2u * STRIDES + 1u)

static enum vs_status make(struct vs_cpu_bulk *b, const struct vs_cpu *c, uint32_t kind)
{
    static const vs_gva base = {GUEST_MACHINE_BASE};
    static const uint64_t stride[STRIDES] = {8, 16, 24, 64, 192, 4096, 20};
    enum vs_ref ref = kind % 2u ? VS_REF_WRITE : VS_REF_READ;
    if (kind >= 6) {
        uint64_t step = stride[(kind - 6u) / 2u % STRIDES];
        return kind == KINDS - 1u ? vs_bulk_stream(b, c, base, REGION, COUNT)
                                  : vs_bulk_stride(b, c, ref, base, REGION, step, 30u * COUNT);
    }
    return kind / 2u == 0   ? vs_bulk_random(b, c, ref, base, REGION, COUNT, 5)
           : kind / 2u == 1 ? vs_bulk_zipf(b, c, ref, base, REGION, 4096, 0.99, COUNT, 5)
                            : vs_bulk_chase(b, c, base, REGION, 64, COUNT, 5);
}

/* What a kernel and a hypervisor do about a fault, at no cost. */
static void handle(struct guest_machine *g)
{
    const struct vs_translation *f = &g->cpu.fault;
    if (f->fault == VS_FAULT_EPT_VIOLATION) {
        assert_int_equal(vs_vm_back(&g->vm, f->gpa.v), VS_OK);
    } else {
        assert_int_equal(f->fault, VS_FAULT_PAGE);
        assert_int_equal(vs_space_touch(&g->space, f->gva.v, 12, true, (f->gva.v >> 12) % 3u != 0),
                         VS_OK);
    }
}

/* What the second machine does without: the fast port, or counting what it can count. */
enum without { PORT, COUNTING };

/* The same on both machines, up to the same horizons. Returns how many accesses were gathered at
 * least. */
static uint64_t both_ways(struct vs_rng *rng, uint32_t kind, enum without without, bool window)
{
    static struct guest_machine g[2];
    struct guest_machine_config cfg = any(rng);
    struct vs_cpu_bulk b[2];
    uint64_t gathered = 0, faults = 0;
    bool far = vs_rng_below(rng, 3) == 0;            /* a horizon that never comes */
    const bool modifies = vs_rng_below(rng, 3) == 0; /* loads write what they have loaded */
    cfg.cpu.window = window ? 1u + vs_rng_below(rng, 100) : 0;
    for (uint32_t i = 0; i < 2; i++) {
        cfg.one_by_one = i == 1u && without == PORT;
        assert_true(guest_machine_make(&g[i], MAPPED, &cfg));
        assert_int_equal(make(&b[i], &g[i].cpu, kind), VS_OK);
        b[i].modifies = modifies && b[i].ref == VS_REF_READ && b[i].kind != VS_BULK_STREAM;
    }
    /* a variant that the host cannot leaves its own */
    (void)vs_memory_use(&g[0].memory, vs_memory_variant[vs_rng_below(rng, VS_MEMORY_VARIANTS)]);
    if (without == COUNTING) {
        g[1].cpu.exact = true;
        g[1].cpu.data.fast = false;
    }
    for (enum vs_cpu_stop stop = VS_CPU_HORIZON; stop != VS_CPU_DONE;) {
        uint64_t ahead = far ? UINT64_MAX / 2u : 1000 + vs_rng_below(rng, 500000000);
        vs_ps until = {vs_cpu_now_ps(&g[0].cpu) + ahead};
        stop = vs_cpu_bulk_run(&g[0].cpu, &b[0], until);
        gathered += g[0].core.gather.n;
        assert_int_equal(vs_cpu_bulk_run(&g[1].cpu, &b[1], until), stop);
        assert_int_equal(b[0].done, b[1].done);
        assert_int_equal(vs_cpu_now_ps(&g[0].cpu), vs_cpu_now_ps(&g[1].cpu));
        if (stop == VS_CPU_FAULT) {
            faults++;
            g[0].cpu.fault.walked.v = g[1].cpu.fault.walked.v = 0; /* not known while gathered */
            assert_memory_equal(&g[0].cpu.fault, &g[1].cpu.fault, sizeof g[0].cpu.fault);
            handle(&g[0]);
            handle(&g[1]);
        }
    }
    assert_true(faults > 100 || kind >= 6);
    for (uint32_t i = 0; i < 2; i++) {
        vs_txn_settle(&g[i].t);
        vs_bulk_free(&b[i]);
    }
    assert_true(vs_ledger_acc(g[0].ledger, g[0].t.actor, VS_OP_WALK)->n > 0);
    assert_same_books(&g[0], &g[1]);
    guest_machine_free(&g[0]);
    guest_machine_free(&g[1]);
    return gathered;
}

static void gathered_accesses_do_what_they_do_one_by_one(void **state)
{
    (void)state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 11, 0);
    uint64_t gathered = 0;
    static struct vs_cpu none;
    bool built = vs_cpu_attach_fast(&none, NULL);
    for (uint32_t i = 0; i < effort(60); i++) {
        gathered += both_ways(&rng, i % 6u, COUNTING, false);
    }
    assert_int_equal(gathered > 0, built);
}

static void no_result_depends_on_the_fast_port(void **state)
{
    (void)state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 12, 0);
    for (uint32_t i = 0; i < KINDS * effort(4);
         i++) { /* of four rounds every other with a window */
        (void)both_ways(&rng, i % KINDS, PORT, (i + i / KINDS) % 2u == 1u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathered_accesses_do_what_they_do_one_by_one),
        cmocka_unit_test(no_result_depends_on_the_fast_port)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

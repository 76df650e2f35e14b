/* SPDX-License-Identifier: MIT */
/* Laws of the table that the build makes of the shipped machines: a machine is what its files say,
 * whether they are read or not. */
#include "home.h"
#include "lua/shipped.h"
#include "platform.h"
#include "software.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HOME VS_BUILD_DIR "/tests/shipped_home"

/* Knobs as they are declared. */
static struct vs_knobs *fresh(void)
{
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    struct vs_knobs *k = vs_knobs_create(c, n);
    assert_non_null(k);
    return k;
}

/* Two stores have the same knobs, of the same origin. */
static void same_knobs(const struct vs_knobs *a, const struct vs_knobs *b)
{
    assert_int_equal(vs_knobs_count(a), vs_knobs_count(b));
    for (size_t i = 0; i < vs_knobs_count(a); i++) {
        const struct vs_knob *x = vs_knobs_at(a, i), *y = vs_knobs_at(b, i);
        assert_string_equal(x->desc->path, y->desc->path);
        assert_int_equal(x->value, y->value);
        assert_int_equal(x->grade, y->grade);
        assert_int_equal(x->rank, y->rank);
        assert_string_equal(x->source ? x->source : "", y->source ? y->source : "");
        assert_string_equal(x->set_by ? x->set_by : "", y->set_by ? y->set_by : "");
    }
}

/* Two machines say the same about themselves. */
static void same_info(const struct vs_machine_info *a, const struct vs_machine_info *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->calibrated, b->calibrated);
    assert_int_equal(a->n_stated, b->n_stated);
    for (size_t i = 0; i < a->n_stated; i++) {
        assert_string_equal(a->stated[i].file, b->stated[i].file);
        assert_string_equal(a->stated[i].of, b->stated[i].of);
        assert_string_equal(a->stated[i].prefix, b->stated[i].prefix);
        assert_int_equal(a->stated[i].taken, b->stated[i].taken);
    }
    assert_int_equal(a->n_groups, b->n_groups);
    for (size_t i = 0; i < a->n_groups; i++) {
        const struct vs_group *g = &a->group[i], *h = &b->group[i];
        assert_string_equal(g->name, h->name);
        assert_string_equal(g->source, h->source);
        assert_int_equal(g->grade, h->grade);
        assert_int_equal(g->n, h->n);
        for (size_t k = 0; k < g->n; k++) {
            assert_string_equal(g->member[k].path, h->member[k].path);
            assert_int_equal(g->member[k].value, h->member[k].value);
        }
    }
}

static struct vs_machine_info read_info, known_info;

/* One machine from its files and from the table. */
static void both_ways(void *ctx, const char *name, const char *path)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_knobs *read = fresh(), *known = fresh();
    size_t *n = ctx;
    struct vs_description d;
    const struct vs_shipped_machine *m = vs_shipped_machines.machine;
    (void)path;
    while (strcmp(m->name, name) != 0) {
        assert_true(++m < vs_shipped_machines.machine + vs_shipped_machines.n);
    }
    assert_int_equal(vs_machine_load(VS_SOURCE_DIR, name, read, &read_info, &errors), VS_OK);
    vs_machine_begin(&known_info, name);
    assert_true(vs_description_read(&d, &known_info, m->said, m->bytes, vs_software));
    assert_int_equal(vs_description_settle(&d, known, &known_info, 0, &errors), 0);
    same_knobs(read, known);
    same_info(&read_info, &known_info);
    vs_description_free(&d);
    vs_knobs_destroy(read);
    vs_knobs_destroy(known);
    ++*n;
}

static void test_each_machine_of_the_table_is_what_its_files_say(void **state)
{
    size_t n = 0;
    (void)state;
    vs_operations();
    vs_machine_each(VS_SOURCE_DIR, both_ways, &n);
    assert_int_equal(n, vs_shipped_machines.n);
    assert_true(n > 10);
}

/* Copies a file below scripts/lua into the other home; `more` is added to its end. */
static void copy_file(const char *name, const char *more)
{
    char from[600], to[600], text[65536];
    snprintf(from, sizeof from, "%s/scripts/lua/%s", VS_SOURCE_DIR, name);
    snprintf(to, sizeof to, HOME "/scripts/lua/%s", name);
    for (char *slash = to + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(to, 0777);
        *slash = '/';
    }
    FILE *f = fopen(from, "rb"), *g = fopen(to, "wb");
    assert_non_null(f);
    assert_non_null(g);
    size_t n = fread(text, 1, sizeof text, f);
    assert_true(n < sizeof text && fwrite(text, 1, n, g) == n);
    fputs(more, g);
    fclose(f);
    assert_int_equal(fclose(g), 0);
}

/* The value of a knob of that home's machine. */
static uint64_t value_of(const char *path)
{
    struct vs_errors errors = {NULL, 0};
    struct vs_knobs *k = fresh();
    assert_int_equal(vs_shipped_load(&vs_shipped_machines, vs_software, HOME, "skylake_sp_kvm", k,
                                     &read_info, &errors),
                     VS_OK);
    uint64_t v = vs_knobs_find(k, path)->value;
    vs_knobs_destroy(k);
    vs_errors_free(&errors);
    return v;
}

static void test_a_machine_one_of_whose_files_was_changed_is_read(void **state)
{
    const struct vs_shipped_machine *m = vs_shipped_machines.machine;
    (void)state;
    vs_operations();
    while (strcmp(m->name, "skylake_sp_kvm") != 0) {
        m++;
    }
    assert_non_null(strstr(m->files, "hypervisors/kvm.lua"));
    char files[4096];
    snprintf(files, sizeof files, "%s", m->files);
    char *rest = files;
    for (char *name; (name = strtok_r(rest, " ", &rest));) {
        copy_file(name, "");
    }
    uint64_t before = value_of("cpu.clock.mhz");
    /* any of them: that of the memory takes effect on what the processor's has said */
    copy_file("machines/skylake_sp_kvm.lua", "");
    FILE *f = fopen(HOME "/scripts/lua/machines/skylake_sp_kvm.lua", "wb");
    assert_non_null(f);
    fputs("return { text = 'another', cpu = 'skylake_sp', memory = 'skylake_sp', hypervisor = "
          "'kvm', iommu = 'vtd_skylake', nic = 'x710', set = { cpu = { clock = { mhz = { 1234, 'a "
          "test', 'assumed' } } } } }",
          f);
    assert_int_equal(fclose(f), 0);
    assert_int_not_equal(before, 1234);
    assert_int_equal(value_of("cpu.clock.mhz"), 1234);
    copy_file("machines/skylake_sp_kvm.lua", "-- a word");
    assert_int_equal(value_of("cpu.clock.mhz"), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_machine_of_the_table_is_what_its_files_say),
        cmocka_unit_test(test_a_machine_one_of_whose_files_was_changed_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

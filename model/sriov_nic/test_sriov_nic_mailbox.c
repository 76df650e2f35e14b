/* SPDX-License-Identifier: MIT */
/* Laws of the mailboxes of virtual functions: Intel 82599, VFMAILBOX and VFMBMEM. */
#include "test_sriov_nic.h"

static uint64_t get(struct world *w, uint32_t vf, uint64_t offset, uint64_t at)
{
    struct vs_function_port f = vs_nic_function_port(&w->nic, vf);
    return f.bar_read(f.ctx, 0, offset, 4, (vs_ps){at});
}

static void put(struct world *w, uint32_t vf, uint64_t offset, uint32_t value, uint64_t at)
{
    struct vs_function_port f = vs_nic_function_port(&w->nic, vf);
    f.bar_write(f.ctx, 0, offset, 4, value, (vs_ps){at});
}

/* The buffer belongs to who took it first until that one gives it back; the other one can neither
 * take nor change it, and no function sees another's. */
static void the_buffer_has_one_owner(void **state)
{
    struct world *w = *state;
    put(w, 0, VS_NIC_VFMBMEM, 7, 0);
    assert_int_equal(get(w, 0, VS_NIC_VFMBMEM, 0), 0); /* it was nobody's */
    put(w, 0, VS_NIC_VFMAILBOX, VS_NIC_MAIL_VFU, 0);
    put(w, 0, VS_NIC_VFMBMEM, 7, 0);
    assert_int_equal(get(w, 0, VS_NIC_VFMBMEM, 0), 7);
    assert_int_equal(get(w, 1, VS_NIC_VFMBMEM, 0), 0);
    assert_false(vs_nic_mail_lock(&w->nic, 0));
    assert_true(vs_nic_mail_lock(&w->nic, 1));
    put(w, 1, VS_NIC_VFMAILBOX, VS_NIC_MAIL_VFU, 0);
    assert_int_equal(get(w, 1, VS_NIC_VFMAILBOX, 0), VS_NIC_MAIL_PFU);
    put(w, 0, VS_NIC_VFMAILBOX, VS_NIC_MAIL_REQ, 0); /* which gives it back */
    assert_true(vs_nic_mail_lock(&w->nic, 0));
}

/* A request interrupts the physical function once, is there from its time on, and is taken once. */
static void a_request_is_taken_once(void **state)
{
    struct world *w = *state;
    vs_nic_mail_vector(&w->nic, 0xfee00000u, 0x41);
    put(w, 2, VS_NIC_VFMAILBOX, VS_NIC_MAIL_REQ, 1000);
    assert_int_equal(w->messages, 1);
    assert_int_equal(w->interrupted[0], PF);
    assert_int_equal(w->told[0], 0x41);
    assert_false(vs_nic_mail_take(&w->nic, 2, false, (vs_ps){999}));
    assert_false(vs_nic_mail_take(&w->nic, 1, false, (vs_ps){1000}));
    assert_true(vs_nic_mail_take(&w->nic, 2, false, (vs_ps){1000}));
    assert_false(vs_nic_mail_take(&w->nic, 2, false, (vs_ps){1001}));
    assert_false(vs_nic_mail_take(&w->nic, 2, true, (vs_ps){1001}));
}

/* Bits of the other side are set from their time on, and a read clears them. */
static void an_answer_is_seen_when_it_is_there_and_once(void **state)
{
    struct world *w = *state;
    assert_true(vs_nic_mail_lock(&w->nic, 0));
    vs_nic_mail_release(&w->nic, 0, false, (vs_ps){500});
    assert_true(vs_nic_mail_lock(&w->nic, 0));
    w->nic.fn[0].mailbox.word[0] = 0x80000001u;
    vs_nic_mail_release(&w->nic, 0, true, (vs_ps){700});
    assert_int_equal(get(w, 0, VS_NIC_VFMAILBOX, 499), 0);
    assert_int_equal(get(w, 0, VS_NIC_VFMAILBOX, 699), VS_NIC_MAIL_PFACK);
    assert_int_equal(get(w, 0, VS_NIC_VFMAILBOX, 700), VS_NIC_MAIL_PFSTS);
    assert_int_equal(get(w, 0, VS_NIC_VFMAILBOX, 700), 0);
    assert_int_equal(get(w, 0, VS_NIC_VFMBMEM, 700), 0x80000001u);
}

/* A reset of the function empties it; registers that are not whole, and adapters without, have
 * nothing there. */
static void a_reset_empties_it(void **state)
{
    struct world *w = *state;
    put(w, 0, VS_NIC_VFMAILBOX, VS_NIC_MAIL_VFU, 0);
    put(w, 0, VS_NIC_VFMBMEM + 60u, 9, 0);
    put(w, 0, VS_NIC_VFMAILBOX, VS_NIC_MAIL_REQ, 0);
    struct vs_function_port f = vs_nic_function_port(&w->nic, 0);
    assert_int_equal(f.bar_read(f.ctx, 0, VS_NIC_VFMBMEM + 60u, 8, (vs_ps){0}), 0);
    f.reset(f.ctx, (vs_ps){10});
    assert_int_equal(get(w, 0, VS_NIC_VFMBMEM + 60u, 10), 0);
    assert_false(vs_nic_mail_take(&w->nic, 0, false, (vs_ps){10}));
    w->nic.cfg.has_mailbox = 0;
    put(w, 0, VS_NIC_VFMAILBOX, VS_NIC_MAIL_VFU, 20);
    assert_int_equal(get(w, 0, VS_NIC_VFMAILBOX, 20), 0);
}

/* Three virtual functions with mailboxes, and the physical one. */
static int setup_mail(void **state)
{
    int bad = setup_as(state, 3, 1, VS_NIC_SINK);
    struct world *w = *state;
    w->nic.cfg.has_mailbox = 1;
    return bad;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_mail, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_buffer_has_one_owner),
        TEST(a_request_is_taken_once),
        TEST(an_answer_is_seen_when_it_is_there_and_once),
        TEST(a_reset_empties_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

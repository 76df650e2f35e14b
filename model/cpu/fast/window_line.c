/* SPDX-License-Identifier: MIT */
/* Many accesses to the lines of one page enter the window in one loop. */
#include "cpu/fast/fast.h"
#include "cpu/fast/window_run.h"

#define LINES_AHEAD 8u /* whose tags the host fetches in advance */

/* Books time to an account of the accesses. */
static void part(struct vs_run *r, uint16_t account, uint64_t n, uint64_t ps)
{
    r->acc->work[account].n += n;
    r->acc->work[account].ps += ps;
}

/* Books what the run has collected. */
static void flush(struct vs_run *r, uint32_t ref)
{
    struct vs_cpu *c = r->c;
    struct vs_l1 *l = &c->data;
    uint64_t n = 0;
    vs_count_ops(&c->window->beside, r->acc, r->n, r->sum, r->least, r->most);
    for (uint32_t i = 0; i < VS_LINE_LEVELS; i++) {
        if (r->level[i]) {
            n += r->level[i];
            part(r, l->lines.account[i], r->level[i], r->level[i] * l->lines.ps[i]);
        }
    }
    if (r->tlb != VS_CPU_TLB_NONE && n) {
        part(r, r->lookup.account, n, n * r->lookup.ps.v);
        vs__cpu_count_hits(vs_l1_tlb(l, ref == VS_REF_WRITE), n);
    }
    part(r, vs__window_account(c, VS_ACC_cpu_mshr_wait), r->waits, r->wait_ps);
    part(r, vs__window_account(c, VS_ACC_cpu_mshr_merge), r->merges, r->merge_ps);
    part(r, vs__window_account(c, VS_ACC_cpu_walk_merge), r->walks, r->walk_ps);
    c->count[VS_CNT_cpu_loads + (int)ref] += n;
    c->count[VS_CNT_cpu_mshr_merges] += r->merges;
    c->count[VS_CNT_cpu_walk_merges] += r->walks;
    if (r->hits) {
        vs__cpu_count_n(c, ref, r->tlb, 0, r->hits);
    }
    if (l->cache_hits[ref]) {
        *l->cache_hits[ref] += r->again;
    }
}

/* How many of k accesses, each with its instructions, enter before the window or the load queue is
 * full. */
static uint64_t fits(struct vs_cpu *c, uint64_t k, uint64_t entries_each)
{
    struct vs_cpu_window *w = c->window;
    uint64_t left = w->size, places = w->queue;
    vs__window_leave(w, vs_cpu_now_ps(c));
    if (w->head != w->tail) {
        const struct vs_window_slot *s = &w->ring[w->head & w->mask];
        left -= w->entries - s->entry;
        places -= w->accesses - s->access;
    }
    k = k * entries_each <= left ? k : left / entries_each;
    return k < places ? k : places;
}

/* k accesses that all wait for the same line, and for the same walk or none, and then complete at
 * `done`. Their lengths lie in one octave. */
static uint64_t all_wait(struct vs_run *r, const struct vs_run_common *m, uint64_t *carry,
                         uint64_t k, uint64_t now, uint64_t done, const struct vs_hist_octave *o)
{
    const struct vs_window_row *row = vs__row_of(&r->c->window->row, &m->pace, k, *carry);
    uint64_t first = now, last = now + row->after[k - 1u], sum = k * now + row->sum;
    for (uint64_t i = 0; i < k; i++) {
        o->counter[(done - first - row->after[i]) >> o->shift & (VS_HIST_SUB - 1u)]++;
    }
    r->acc->hist->n += k;
    now += row->took;
    *carry = row->carried;
    uint64_t lengths = k * done - sum, busy = k * (m->lookup + m->l1_ps), walk = 0;
    if (m->page_ps > first + m->lookup) {
        walk = k * (m->page_ps - m->lookup) - sum;
        r->walks += k;
        r->walk_ps += walk;
    }
    r->merges += lengths != busy + walk ? k : 0; /* all or none */
    r->merge_ps += lengths - busy - walk;
    r->n += k;
    r->sum += lengths;
    r->least = done - last < r->least ? done - last : r->least;
    r->most = done - first > r->most ? done - first : r->most;
    return now;
}

/* Up to k more accesses to the line of the last one. Stops at the first that completes later than
 * all before it, or would wait for room. */
static uint64_t same_line(struct vs_run *r, const struct vs_run_common *m, uint64_t k)
{
    struct vs_cpu *c = r->c;
    struct vs_cpu_window *w = c->window;
    uint64_t start = vs_cpu_now_ps(c), now = start, i = 0, waited = 0, n = m->instructions;
    /* they complete when page and line are there, if they are not before */
    uint64_t there = m->page_ps + m->l1_ps > m->line_ps ? m->page_ps + m->l1_ps : m->line_ps,
             done = w->last_ps;
    uint64_t *clock = n ? &c->carry : &w->carry, carry = *clock;
    k = fits(c, k, 1u + n);
    uint64_t latest =
        start + (k - 1u) * (m->pace.q + 1u) + m->lookup; /* the last knows its page by then */
    bool alike = k && k <= VS_WINDOW_ROW && there <= w->done_ps && latest + m->l1_ps < there &&
                 latest < m->until_ps && (m->page_ps <= start + m->lookup || m->page_ps > latest);
    struct vs_hist_octave o = {.counter = NULL};
    if (alike) {
        o = vs_hist_octave_of(r->acc->hist, there - start);
    }
    if (o.counter && there + m->lookup - latest >= o.least) {
        now = all_wait(r, m, &carry, k, start, there, &o);
        done = there;
        i = waited = k;
    }
    for (; i < k && now < m->until_ps; i++) {
        uint64_t at = now + m->lookup, walk = m->page_ps > at ? m->page_ps - at : 0;
        at += walk;
        uint64_t wait = m->line_ps > at + m->l1_ps ? m->line_ps - at - m->l1_ps : 0;
        if (at + wait + m->l1_ps > w->done_ps) {
            break;
        }
        done = at + wait + m->l1_ps;
        if (walk | wait) {
            vs__run_length(r, done - now);
            waited++;
            r->walks += walk != 0;
            r->walk_ps += walk;
            r->merges += wait != 0;
            r->merge_ps += wait;
        }
        now += vs__tick(&m->pace, &carry);
    }
    r->level[0] += waited;
    r->hits += i - waited;
    r->again += i;
    w->last_ps = done;
    w->entries += i * (1u + n);
    w->accesses += i;
    *clock = carry;
    vs__run_entered(c, m, i, now - start);
    return i;
}

/* Asks for the lines of the next n accesses at once, if all of these enter before `until`, when
 * somebody else may look: none completes later after all before it than it would take alone. Each
 * line has a set of its own in L1, so that it is the newest there until its last access. */
static bool ask(struct vs_cpu *c, struct vs_run_common *m, uint32_t ref, uint64_t hpa, uint64_t n,
                uint64_t stride)
{
    struct vs_l1 *l = &c->data;
    const struct vs_cpu_window *w = c->window;
    uint64_t size = 1ull << l->line_shift, step = stride < size ? 1u : stride >> l->line_shift;
    uint64_t lines = stride < size ? ((n - 1u) * stride + (hpa & (size - 1u))) / size + 1u : n,
             sets = l->cache.by_sets.n / step;
    lines = lines < VS_LINE_RUN ? lines : VS_LINE_RUN;
    lines = lines < sets ? lines : sets;
    if (!l->lines.run || lines < 2u || (stride > size && stride % size)) {
        return false;
    }
    uint64_t from = vs_cpu_now_ps(c), each = c->worst_ps[ref] + m->pace.q + 1u;
    from = w->done_ps > from ? w->done_ps : from;
    from = w->lines_until_ps > from ? w->lines_until_ps : from;
    from = m->page_ps > from ? m->page_ps : from;
    if (from + lines * (size / stride + 1u) * each >= m->until_ps) {
        return false;
    }
    uint64_t answered[VS_LINE_LEVELS] = {0}, line = hpa >> l->line_shift,
             had = vs_linetab_first(&l->cache, line, false); /* the others come alike */
    if (had) {
        m->known[0] = (uint8_t)l->lines.access(l->lines.ctx, line, (enum vs_ref)ref);
    }
    l->lines.run(l->lines.ctx, line + had * step, (uint32_t)(lines - had), step, (enum vs_ref)ref,
                 m->known + had, answered); /* nobody asks how many each answered */
    m->asked = (uint32_t)lines;
    m->at = 0;
    return true;
}

/* One access, to this line or the next. */
static void one(struct vs_run *r, struct vs_run_common *m, uint32_t ref, uint64_t line, bool same)
{
    struct vs_cpu *c = r->c;
    struct vs_cpu_window *w = c->window;
    struct vs_l1 *l = &c->data;
    vs__window_room(c);
    uint64_t start = vs_cpu_now_ps(c), at = start + m->lookup,
             walk = m->page_ps > at ? m->page_ps - at : 0;
    at += walk;
    struct vs_window_fill f = {.ps = m->l1_ps};
    if (same) {
        f.merged = m->line_ps > at + f.ps;
        f.wait_ps = f.merged ? m->line_ps - at - f.ps : 0;
        r->again++;
    } else {
        uint32_t level = m->at < m->asked ? m->known[m->at++]
                                          : l->lines.access(l->lines.ctx, line, (enum vs_ref)ref);
        f = vs__window_fill(c, l, line, ref, level, at);
    }
    uint64_t done = at + f.wait_ps + f.ps;
    if (!same) {
        m->line_ps = done;
    }
    r->merges += f.merged;
    r->merge_ps += f.merged ? f.wait_ps : 0;
    r->waits += f.wait_ps && !f.merged;
    r->wait_ps += f.merged ? 0 : f.wait_ps;
    r->walks += walk != 0;
    r->walk_ps += walk;
    if (walk | f.wait_ps) {
        vs__run_length(r, done - start);
        r->level[f.level]++;
    } else if (f.level) {
        vs__cpu_count(c, ref, r->tlb, f.level);
    } else {
        r->hits++;
    }
    if (done > w->done_ps) {
        vs__run_record(r, m, start, walk, f.merged ? VS_ACC_cpu_mshr_merge : VS_ACC_cpu_mshr_wait,
                       f.wait_ps, f.level);
    }
    vs__window_entered(w, done, ref);
    if (!m->instructions) {
        vs__window_issue(c);
    } else if (vs__window_roomy(c, m->instructions, false)) {
        uint64_t ps = vs__tick(&m->pace, &c->carry);
        c->pending_instructions += m->instructions;
        c->pending_instruction_ps += ps;
        c->pending_ps += ps;
        w->entries += m->instructions;
    } else {
        vs__window_instructions(c, m->instructions);
    }
}

/* How much time passes between accesses: as a fraction without rounding. */
static struct vs_pace pace_of(const struct vs_cpu *c, uint64_t instructions)
{
    const struct vs_cpu_window *w = c->window;
    struct vs_pace p = {.q = w->issue_q, .r = w->issue_r, .base = w->by_width};
    if (instructions) {
        p.base = w->by_ipc;
        p.q = instructions * c->instruction_q +
              vs_div(&p.base, instructions * c->instruction_r, &p.r);
    }
    return p;
}

uint64_t vs__window_lines(struct vs_cpu *c, uint64_t gva, uint32_t ref, uint64_t n, uint64_t stride,
                          uint64_t instructions, uint64_t until_ps)
{
    struct vs_cpu_window *w = c->window;
    struct vs_l1 *l = &c->data;
    uint64_t hpa = gva, end = UINT64_MAX, page_ps = 0;
    bool write = ref == VS_REF_WRITE, translated = c->cfg.translation != 0;
    const struct vs_op_acc *listened = c->txn->by_op[vs__window_op[ref]];
    if (ref == VS_REF_FETCH || c->depends || w->again || !l->cache.tag || !listened ||
        listened->sampler || (translated && !vs_l1_page(l, gva, write, &hpa, &end))) {
        return 0;
    }
    if (translated && w->walks_until_ps > vs_cpu_now_ps(c)) {
        page_ps = vs__window_walked(c, gva, 0); /* the youngest walk of this page */
        if (vs__window_walked(c, gva, page_ps) != page_ps) {
            return 0; /* an older one ends later: which of them counts changes on the way */
        }
    }
    uint64_t size = 1ull << l->line_shift, step = stride < size ? size : stride;
    uint64_t in_page = (end - gva + stride - 1u) / stride;
    n = n < in_page ? n : in_page;
    struct vs_divider by_stride = vs_divider_of(stride);
    uint32_t tlb = translated ? vs_l1_tlb(l, write)->last_table : VS_CPU_TLB_NONE;
    vs__window_actor(c);
    struct vs_run r = {.c = c,
                       .acc = w->beside.by_op[vs__window_op[ref]],
                       .tlb = tlb,
                       .lookup = c->lookups[ref][tlb].part[0],
                       .least = UINT64_MAX};
    struct vs_run_common m = {.instructions = instructions,
                              .lookup = translated ? r.lookup.ps.v : 0,
                              .l1_ps = l->lines.ps[0],
                              .page_ps = page_ps,
                              .until_ps = until_ps,
                              .pace = pace_of(c, instructions)};
    uint64_t i = 0, line = 0, left = 0; /* left: accesses to the present line */
    while (i < n && vs_cpu_now_ps(c) < until_ps) {
        bool same = left && vs_linetab_first(&l->cache, line, write);
        if (same) {
            uint64_t k = same_line(&r, &m, left < n - i ? left : n - i);
            i += k;
            left -= k;
            if (k) {
                continue;
            }
        } else {
            uint64_t at = hpa + i * stride;
            bool begins = !left;
            if (begins) {
                uint64_t rest;
                line = at >> l->line_shift;
                left = 1u + vs_div(&by_stride, size - 1u - (at & (size - 1u)), &rest);
            }
            if (m.at == m.asked && !ask(c, &m, ref, at, n - i, stride) &&
                c->fast_port.lines.prefetch && gva + i * stride + LINES_AHEAD * step < end) {
                c->fast_port.lines.prefetch(c->fast_port.lines.ctx,
                                            line + (LINES_AHEAD * step >> l->line_shift));
            }
            if (begins && m.at < m.asked && (size % stride == 0 || stride > size)) {
                uint64_t whole = (n - i) / left, known = m.asked - m.at,
                         made = vs__run_stream(&r, &m, ref, left, whole < known ? whole : known,
                                               step >> l->line_shift, line);
                if (made) {
                    i += made * left;
                    left = 0;
                    continue;
                }
            }
        }
        one(&r, &m, ref, line, same);
        i++;
        left--;
    }
    flush(&r, ref);
    return i;
}

/* SPDX-License-Identifier: MIT */
/* The window under a stream: line after line that is not in L1. */
#include "cpu/fast/window_run.h"

/* Whether all of a row that begins at `now` enter at their moments without waiting: those before
 * *oldest have left by then. Else *oldest is for whom one of them waits. */
static inline bool enter(const struct vs_cpu_window *w, const struct vs_window_row *row,
                         uint64_t now, uint64_t each, uint64_t entries, uint64_t *oldest)
{
    uint64_t head = w->head, tail = w->tail;
    for (; head != tail; head++) {
        const struct vs_window_slot *s = &w->ring[head & w->mask];
        if (s->done_ps <= now) {
            continue;
        }
        uint64_t places = s->access + w->queue - w->accesses,
                 room = s->entry + w->size - w->entries;
        if (places >= each && room >= each * entries) {
            break;
        }
        places = room < places * entries ? room / entries : places;
        if (s->done_ps > now + row->after[places]) {
            *oldest = head;
            return false;
        }
    }
    *oldest = head;
    return head != tail || (each <= w->queue && each * entries <= w->size);
}

/* Lines in a row that took equally long, which most do: nothing but their level decides. Of those
 * that did not wait the first access is counted elsewhere, since it took what it takes alone. */
struct alike {
    uint64_t length, n;
    bool waited;
};

/* Books accesses that all went alike, in closed form. */
static void book(struct vs_run *r, const struct vs_window_row *row, uint64_t each,
                 struct vs_hist_octave *o, const struct alike *a)
{
    uint64_t others = each - 1u, own = a->waited, least = a->length - row->after[others],
             most = a->length - row->after[!own];
    if (a->n == 0) {
        return;
    }
    if (least < o->least || most > o->most) {
        *o = vs_hist_octave_of(r->acc->hist, most);
    }
    if (least >= o->least && o->counter) {
        for (uint64_t i = !own; i < each; i++) {
            o->counter[(a->length - row->after[i]) >> o->shift & (VS_HIST_SUB - 1u)] += a->n;
        }
        r->acc->hist->n += (own + others) * a->n;
    } else {
        for (uint64_t i = !own; i < each; i++) {
            vs_hist_add(r->acc->hist, a->length - row->after[i], a->n);
        }
    }
    uint64_t ps = others * a->length - row->sum; /* each */
    r->n += (own + others) * a->n;
    r->sum += (ps + own * a->length) * a->n;
    r->least = least < r->least ? least : r->least;
    r->most = most > r->most ? most : r->most;
    r->merge_ps += ps * a->n;
}

uint64_t vs__run_stream(struct vs_run *r, struct vs_run_common *m, uint32_t ref, uint64_t each,
                        uint64_t lines, uint64_t step, uint64_t line)
{
    struct vs_cpu *c = r->c;
    struct vs_cpu_window *w = c->window;
    struct vs_txn *t = c->txn;
    const uint64_t entries = 1u + m->instructions, lookup = m->lookup, page_ps = m->page_ps,
                   waits = r->waits;
    uint64_t *clock = m->instructions ? &c->carry : &w->carry, carry = *clock;
    uint64_t fraction;
    (void)vs_div(&m->pace.base, each * m->pace.r, &fraction);
    if (each > VS_WINDOW_ROW || (each > 1u && fraction)) {
        return 0; /* each line another row */
    }
    const struct vs_window_row *row = vs__row_of(&w->row, &m->pace, each, carry);
    const uint64_t span = row->after[each - 1u], busy = lookup + m->l1_ps;
    struct vs_hist_octave o = {.least = 1};
    struct alike alike = {0};
    uint64_t begun = vs_cpu_now_ps(c), now = begun, made = 0, walks = 0;
    while (made < lines && m->known[m->at]) {
        uint64_t oldest;
        if (vs_unlikely(!enter(w, row, now, each, entries, &oldest))) {
            const struct vs_window_slot *s = &w->ring[oldest & w->mask];
            uint64_t room = s->entry + w->size - w->entries;
            if (oldest == w->tail || (room && w->accesses - s->access < w->queue) || t->tape) {
                break; /* the first has room, another has not; or the moment of the wait matters */
            }
            vs_ps until = {s->done_ps};
            c->count[room ? VS_CNT_cpu_queue_full : VS_CNT_cpu_window_full]++;
            vs_expose_ahead(t, &s->tape, now, vs__window_account(c, VS_ACC_cpu_order), until);
            begun += until.v - now;
            now = until.v;
            w->head = oldest + 1u;
            continue;
        }
        uint32_t level = m->known[m->at];
        uint64_t at = now + lookup, walked = page_ps > at ? page_ps : at,
                 free_ps = w->mshr[w->first].done_ps, from = free_ps > walked ? free_ps : walked,
                 done = from + c->data.lines.ps[level], length = done - now;
        if (now + span >= m->until_ps || length <= busy + span ||
            (walked != at && (page_ps <= at + span || done <= page_ps + m->l1_ps))) {
            break; /* not all accesses wait for the line, or not all for the walk */
        }
        w->head = oldest;
        bool waited = from != at;
        if (each == 1u) {
            if (waited) {
                vs__run_length(r, length);
            }
        } else if (length != alike.length || waited != alike.waited) {
            book(r, row, each, &o, &alike);
            alike = (struct alike){length, 1, waited};
        } else {
            alike.n++;
        }
        if (waited) {
            r->level[level]++;
            r->waits += from != walked;
            r->wait_ps += from - walked;
            if (walked != at) {
                r->walks += each;
                r->walk_ps += each * (page_ps - at) - row->sum;
                walks += (each - 1u) * (page_ps - at) - row->sum;
            }
        } else {
            vs__cpu_count(c, ref, r->tlb, level);
        }
        if (done > w->done_ps) {
            vs__run_record(r, m, now, walked - at, VS_ACC_cpu_mshr_wait, from - walked, level);
        }
        vs__window_entered(w, done, ref);
        w->entries += each * entries - 1u;
        w->accesses += each - 1u;
        vs__window_take(w, line, done);
        m->at++;
        now += each > 1u ? row->took : vs__tick(&m->pace, &carry);
        made++;
        line += step;
    }
    book(r, row, each, &o, &alike);
    uint64_t others = made * (each - 1u);
    m->line_ps = made ? w->last_ps : m->line_ps;
    r->again += others;
    r->level[0] += others;
    r->merges += others;
    r->merge_ps -= others * busy + walks;
    c->count[VS_CNT_cpu_mshr_waits] += r->waits - waits;
    vs__run_entered(c, m, made * each, now - begun);
    *clock = carry;
    return made;
}

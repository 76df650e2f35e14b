/* SPDX-License-Identifier: MIT */
/* A few lines more than most files: a transaction on its way through the link, whose steps the
 * compiler sees whole. */
#include "pcie/pcie.h"

#include <string.h>

#define VS_DEF_NAME pcie
#define VS_DEF_FILE "pcie/pcie.def"
#include "virtsim/def_tables.h"

#define SHORT_ADDRESS (1ull << 32) /* below it a request's header is a dword shorter */
#define CREDIT 16u                 /* bytes of one credit of data */
#define TRANSLATION_BYTES 8u       /* of a translation, and of an address to invalidate */
#define REGISTER_BYTES 4u          /* of a doorbell, and of an interrupt message */

/* Of a link below a switch: out of the way of the others, whose path is a hot one. */
#define SELDOM __attribute__((noinline))

/* Picoseconds for a byte, exactly, as a fraction. */
static void rate(uint64_t generation, uint64_t width, uint64_t *num, uint64_t *den)
{
    /* picoseconds of one byte on one lane: 8 bits at 2.5, 5 GT/s (8b/10b), then 8, 16, 32
     * (128b/130b) */
    static const struct {
        uint64_t num, den;
    } lane[] = {{4000, 1},
                {2000, 1},
                {8000 * 130, 8 * 128},
                {8000 * 130, 16 * 128},
                {8000 * 130, 32 * 128}};
    *num = lane[generation - 1u].num;
    *den = lane[generation - 1u].den * width;
}

/* Makes a link between a device and the root complex. */
enum vs_status vs_pcie_init(struct vs_pcie *p, const struct vs_pcie_config *c,
                            struct vs_ledger *ledger, const struct vs_dma_port *host,
                            const struct vs_msi_port *msi)
{
    memset(p, 0, sizeof *p);
    p->cfg = *c;
    p->limits = (struct vs_tlp_limits){(uint32_t)c->mps, (uint32_t)c->mrrs, (uint32_t)c->rcb};
    p->account = vs_ledger_accounts(ledger, &vs_pcie_desc);
    rate(c->generation, c->width, &p->rate_num, &p->rate_den);
    p->dllp_ps = vs_pcie_ps(p, c->dllp_bytes);
    p->posted_headers.free = c->posted_headers;
    p->posted_data.free = c->posted_data / CREDIT;
    p->requests.free = c->requests;
    p->host = *host;
    p->msi = *msi;
    vs_txn_beside(&p->mmio, ledger, vs_ledger_actor(ledger, "pcie0"));
    p->mmio.tape = &p->mmio_tape;
    return vs_slots_init(&p->tags, (uint32_t)c->tags);
}

/* Frees a link. */
void vs_pcie_free(struct vs_pcie *p)
{
    vs_slots_free(&p->tags);
    vs_tape_free(&p->mmio_tape);
}

void vs_pcie_below(struct vs_pcie *p, struct vs_pcie_switch *s)
{
    if (!s->rate_den) {
        rate(p->cfg.switch_generation, p->cfg.switch_width, &s->rate_num, &s->rate_den);
    }
    p->shared = s;
}

void vs_pcie_distance(struct vs_pcie *p, vs_ps one_way)
{
    p->far_ps = one_way.v;
}

/* Time on the link of `bytes`, rounded up to a picosecond. */
static inline uint64_t ps_of(const struct vs_pcie *p, uint64_t bytes)
{
    return (bytes * p->rate_num + p->rate_den - 1) / p->rate_den;
}

uint64_t vs_pcie_ps(const struct vs_pcie *p, uint64_t bytes)
{
    return ps_of(p, bytes);
}

/* Bytes of a request's packet besides its payload. */
static uint64_t request_bytes(const struct vs_pcie *p, uint64_t at)
{
    return p->cfg.request_bytes - (at < SHORT_ADDRESS ? 4u : 0);
}

/* The bytes of a prefix before the header of what this transaction sends. */
static inline uint64_t prefix_bytes(const struct vs_txn *t)
{
    return vs_pasid_bytes(t->prefix);
}

uint64_t vs_pcie_write_bytes(const struct vs_pcie *p, uint64_t at, uint64_t bytes)
{
    uint64_t payload, n = vs_tlp_count(VS_TLP_WRITE, at, bytes, &p->limits, &payload);
    return payload + n * request_bytes(p, at);
}

uint64_t vs_pcie_read_bytes(const struct vs_pcie *p, uint64_t at, uint64_t bytes, uint64_t *up)
{
    struct vs_tlps requests = vs_tlps_of(VS_TLP_READ, at, bytes);
    struct vs_tlp request;
    uint64_t down = 0, payload;
    *up = 0;
    while (vs_tlp_next(&requests, &p->limits, &request)) {
        uint64_t n =
            vs_tlp_count(VS_TLP_COMPLETION, request.at, request.bytes, &p->limits, &payload);
        *up += request_bytes(p, request.at);
        down += payload + n * p->cfg.completion_bytes;
    }
    return down;
}

/* An account of the link. */
static uint16_t acc(const struct vs_pcie *p, unsigned account)
{
    return (uint16_t)(p->account + account);
}

/* Charges time to an account of the link. */
static void charge(const struct vs_pcie *p, struct vs_txn *t, unsigned account, uint64_t ps)
{
    vs_ps d = {ps};
    vs_charge(t, acc(p, account), d);
}

/* Waits until a moment, on an account of the link. */
static void wait(const struct vs_pcie *p, struct vs_txn *t, unsigned account, uint64_t until_ps)
{
    vs_wait_until(t, acc(p, account), (vs_ps){until_ps});
}

void vs_pcie_cross(const struct vs_pcie *p, struct vs_txn *t)
{
    if (p->far_ps) {
        charge(p, t, VS_ACC_pcie_interconnect, p->far_ps);
    }
}

/* How long bytes take on a switch's own port. */
static uint64_t switched_ps(const struct vs_pcie_switch *s, uint64_t bytes)
{
    return (bytes * s->rate_num + s->rate_den - 1u) / s->rate_den;
}

/* A packet enters the second of two links, behind the switch: it took `first_ps` on the first until
 * now, its header `header_ps` of that. Cut through, it goes on as early as it can without running
 * dry. Those that follow it need not wait until it is through, so that its own time is for
 * arrive(). When it has arrived. */
static uint64_t pass(struct vs_pcie *p, const struct vs_txn *t, struct vs_way *way, uint64_t ps,
                     uint64_t first_ps, uint64_t header_ps)
{
    uint64_t rest = first_ps > header_ps ? first_ps - header_ps : 0,
             early = p->cfg.forwarding ? 0
                     : rest < ps       ? rest
                                       : ps,
             from = t->now_ps + p->cfg.switched - early;
    p->passing.late_ps = vs_way_grant(way, from, ps) - from;
    p->passing.rest_ps = ps - early;
    p->count[VS_CNT_pcie_forwarded]++;
    return from + p->passing.late_ps + ps;
}

/* The last packet that was sent is through the switch. */
static SELDOM void arrive(struct vs_pcie *p, struct vs_txn *t)
{
    charge(p, t, VS_ACC_pcie_switched, p->cfg.switched);
    wait(p, t, VS_ACC_pcie_busy, t->now_ps + p->passing.late_ps);
    charge(p, t, VS_ACC_pcie_serialize, p->passing.rest_ps);
}

/* An acknowledgement with credits on the upstream link of the switch. */
static void answer_above(struct vs_pcie *p, struct vs_way *back, uint64_t at_ps)
{
    (void)vs_way_grant(back, at_ps, switched_ps(p->shared, p->cfg.dllp_bytes));
}

/* Data-link traffic against a packet that has arrived over the device's link. */
static vs_inlined void answer(struct vs_pcie *p, struct vs_way *back, uint64_t at_ps)
{
    if (p->cfg.dllp_bytes) {
        p->count[back == &p->down ? VS_CNT_pcie_bytes_down : VS_CNT_pcie_bytes_up] +=
            p->cfg.dllp_bytes;
        (void)vs_way_grant(back, at_ps, p->dllp_ps);
    }
}

/* From the device's link to that above the switch, and from there to the device's. */
static SELDOM void climb(struct vs_pcie *p, const struct vs_txn *t, uint64_t bytes)
{
    uint64_t header = bytes < p->cfg.request_bytes ? bytes : p->cfg.request_bytes,
             at = pass(p, t, &p->shared->up, switched_ps(p->shared, bytes), vs_pcie_ps(p, bytes),
                       vs_pcie_ps(p, header));
    answer_above(p, &p->shared->down, at);
}

/* Carries bytes down through the switch. */
static SELDOM void descend(struct vs_pcie *p, struct vs_txn *t, uint64_t bytes)
{
    struct vs_pcie_switch *s = p->shared;
    uint64_t ps = switched_ps(s, bytes),
             header = bytes < p->cfg.completion_bytes ? bytes : p->cfg.completion_bytes;
    wait(p, t, VS_ACC_pcie_busy, vs_way_grant(&s->down, t->now_ps, ps));
    charge(p, t, VS_ACC_pcie_serialize, ps);
    answer_above(p, &s->up, t->now_ps);
    answer(p, &p->up, pass(p, t, &p->down, vs_pcie_ps(p, bytes), ps, switched_ps(s, header)));
}

/* One packet in one direction: waits for it, and lasts. When it began. */
static vs_inlined uint64_t carry(struct vs_pcie *p, struct vs_txn *t, struct vs_way *way,
                                 uint64_t bytes)
{
    uint64_t ps = ps_of(p, bytes), start = vs_way_grant(way, t->now_ps, ps);
    wait(p, t, VS_ACC_pcie_busy, start);
    charge(p, t, VS_ACC_pcie_serialize, ps);
    answer(p, way == &p->up ? &p->down : &p->up, t->now_ps);
    return start;
}

/* Puts bytes on the link towards the host, and says when they begin. */
static __attribute__((noinline)) uint64_t carry_up(struct vs_pcie *p, struct vs_txn *t,
                                                   uint64_t bytes)
{
    p->count[VS_CNT_pcie_tlps_up]++;
    p->count[VS_CNT_pcie_bytes_up] += bytes;
    uint64_t start = carry(p, t, &p->up, bytes);
    if (p->shared) {
        climb(p, t, bytes);
    }
    return start;
}

/* Puts bytes on the link towards the device. */
static __attribute__((noinline)) void carry_down(struct vs_pcie *p, struct vs_txn *t,
                                                 uint64_t bytes)
{
    p->count[VS_CNT_pcie_tlps_down]++;
    p->count[VS_CNT_pcie_bytes_down] += bytes;
    if (p->shared) {
        descend(p, t, bytes);
    } else {
        (void)carry(p, t, &p->down, bytes);
    }
}

/* The way of what was sent last. */
static inline void travel_up(struct vs_pcie *p, struct vs_txn *t)
{
    if (p->shared) {
        arrive(p, t);
    }
    charge(p, t, VS_ACC_pcie_upstream, p->cfg.upstream);
}

/* Travels to the device. */
static inline void travel_down(struct vs_pcie *p, struct vs_txn *t)
{
    if (p->shared) {
        arrive(p, t);
    }
    charge(p, t, VS_ACC_pcie_downstream, p->cfg.downstream);
}

/* ---- credits ---- */

/* Takes the credits back that come back first. */
static void returned(struct vs_credits *c)
{
    c->free += c->back[c->first].amount;
    c->first = (c->first + 1u) % VS_CREDIT_RETURNS;
    c->n--;
}

/* Waits until the receiver has room, and takes it. */
static SELDOM void spend_later(const struct vs_pcie *p, struct vs_txn *t, struct vs_credits *c,
                               uint64_t amount)
{
    while (c->n && (c->free < amount || c->back[c->first].at_ps <= t->now_ps)) {
        wait(p, t, VS_ACC_pcie_credits, c->back[c->first].at_ps);
        returned(c);
    }
    c->free -= amount;
}

/* Takes room at the receiver: most often there is some, with what has come back by now. */
static vs_inlined void spend(const struct vs_pcie *p, struct vs_txn *t, struct vs_credits *c,
                             uint64_t amount)
{
    while (c->n && c->back[c->first].at_ps <= t->now_ps) {
        returned(c);
    }
    if (vs_unlikely(c->free < amount)) {
        spend_later(p, t, c, amount);
    } else {
        c->free -= amount;
    }
}

/* The receiver is rid of it at `at_ps`; its word travels back. */
static vs_inlined void give_back(const struct vs_pcie *p, struct vs_credits *c, uint64_t at_ps,
                                 uint64_t amount)
{
    if (c->n == VS_CREDIT_RETURNS) { /* as late as the next one: one word returns both */
        uint32_t last = (c->first + c->n - 1u) % VS_CREDIT_RETURNS;
        c->back[last].amount += amount;
        c->back[last].at_ps = at_ps + p->cfg.downstream;
        return;
    }
    uint32_t next = (c->first + c->n++) % VS_CREDIT_RETURNS;
    c->back[next].at_ps = at_ps + p->cfg.downstream;
    c->back[next].amount = amount;
}

/* ---- what a device asks for ---- */

/* The completions of one request, or one that says that it is refused. */
static void complete(struct vs_pcie *p, struct vs_txn *t, const struct vs_tlp *request, bool good)
{
    struct vs_tlps parts = vs_tlps_of(VS_TLP_COMPLETION, request->at, request->bytes);
    struct vs_tlp part;
    if (!good) {
        carry_down(p, t, p->cfg.completion_bytes);
    }
    while (good && vs_tlp_next(&parts, &p->limits, &part)) {
        carry_down(p, t, part.payload + p->cfg.completion_bytes);
    }
    travel_down(p, t);
}

/* One request until its last completion is in the device; when the link had taken it. */
static vs_inlined bool request(struct vs_pcie *p, struct vs_txn *t, const struct vs_dma_port *host,
                               uint16_t requester, const struct vs_tlp *tlp, void *buf,
                               uint64_t *taken_ps)
{
    vs_open(t, VS_OP_DMA_READ);
    uint32_t tag = vs_acquire(t, acc(p, VS_ACC_pcie_tags_busy), &p->tags);
    spend(p, t, &p->requests, 1);
    *taken_ps = carry_up(p, t, request_bytes(p, tlp->at) + prefix_bytes(t));
    travel_up(p, t);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps); /* a read passes no posted write */
    bool good = host->read(host->ctx, t, requester, (vs_iova){tlp->at}, buf, tlp->bytes);
    give_back(p, &p->requests, t->now_ps, 1);
    complete(p, t, tlp, good);
    vs_release(&p->tags, tag, (vs_ps){t->now_ps});
    vs_close(t);
    return good;
}

/* Reads in as many requests as address and length need, each answered in completions. */
static __attribute__((noinline)) bool read_by(struct vs_pcie *p, struct vs_txn *t,
                                              const struct vs_dma_port *host, uint16_t requester,
                                              uint64_t at, void *buf, size_t bytes,
                                              uint64_t *taken_ps)
{
    struct vs_tlps requests = vs_tlps_of(VS_TLP_READ, at, bytes);
    struct vs_tlp tlp;
    char *to = buf;
    uint64_t last = t->now_ps;
    bool good = true;
    *taken_ps = t->now_ps;
    while (good && vs_tlp_next(&requests, &p->limits, &tlp)) {
        t->now_ps = *taken_ps; /* the next one goes out when the link has taken this one */
        good = request(p, t, host, requester, &tlp, to, taken_ps);
        to = to ? to + tlp.bytes : NULL;
        last = t->now_ps > last ? t->now_ps : last;
    }
    t->now_ps = last;
    return good;
}

bool vs_pcie_read(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                  size_t bytes, uint64_t *taken_ps)
{
    return read_by(p, t, &p->host, requester, at.v, buf, bytes, taken_ps);
}

/* Packets of a write on their way: as many as go to one page and as the root port can hold. */
struct burst {
    uint64_t at, bytes, headers, credits;
};

/* Whether the root port holds this packet beside those of the burst, and it is of the same page. */
static bool joins(const struct vs_pcie *p, const struct burst *b, const struct vs_tlp *tlp)
{
    return !b->headers ||
           (tlp->at >> 12 == b->at >> 12 && b->headers < p->cfg.posted_headers &&
            b->credits + (tlp->payload + CREDIT - 1u) / CREDIT <= p->cfg.posted_data / CREDIT);
}

/* Sends a posted write when it has credits. */
static vs_inlined void send(struct vs_pcie *p, struct vs_txn *t, struct burst *b,
                            const struct vs_tlp *tlp, uint64_t *taken_ps)
{
    uint64_t credits = (tlp->payload + CREDIT - 1u) / CREDIT;
    spend(p, t, &p->posted_headers, 1);
    spend(p, t, &p->posted_data, credits);
    *taken_ps = carry_up(p, t, tlp->payload + request_bytes(p, tlp->at) + prefix_bytes(t));
    b->at = b->headers ? b->at : tlp->at;
    b->bytes += tlp->bytes;
    b->headers++;
    b->credits += credits;
}

/* What was sent goes through the root port into memory. */
static vs_inlined bool drain(struct vs_pcie *p, struct vs_txn *t, const struct vs_dma_port *host,
                             uint16_t requester, const struct burst *b, const void *buf)
{
    travel_up(p, t);
    bool good = host->write(host->ctx, t, requester, (vs_iova){b->at}, buf, b->bytes);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps); /* writes are seen in the order they were sent */
    p->posted_ps = t->now_ps;
    give_back(p, &p->posted_headers, t->now_ps, b->headers);
    give_back(p, &p->posted_data, t->now_ps, b->credits);
    return good;
}

/* Writes in as many TLPs as address and length need. */
static __attribute__((noinline)) bool write_by(struct vs_pcie *p, struct vs_txn *t,
                                               const struct vs_dma_port *host, uint16_t requester,
                                               uint64_t at, const void *buf, size_t bytes,
                                               uint64_t *taken_ps)
{
    struct vs_tlps parts = vs_tlps_of(VS_TLP_WRITE, at, bytes);
    struct vs_tlp tlp;
    const char *from = buf;
    bool good = true, more = vs_tlp_next(&parts, &p->limits, &tlp);
    *taken_ps = t->now_ps;
    while (good && more) {
        struct burst b = {0, 0, 0, 0};
        t->now_ps = *taken_ps; /* the next burst follows on the link */
        vs_open(t, VS_OP_DMA_WRITE);
        for (; more && joins(p, &b, &tlp); more = vs_tlp_next(&parts, &p->limits, &tlp)) {
            send(p, t, &b, &tlp, taken_ps);
        }
        good = drain(p, t, host, requester, &b, from);
        vs_close(t);
        from = from ? from + b.bytes : NULL;
    }
    return good;
}

bool vs_pcie_write(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                   const void *buf, size_t bytes, uint64_t *taken_ps)
{
    return write_by(p, t, &p->host, requester, at.v, buf, bytes, taken_ps);
}

/* ---- translation services ---- */

void vs_pcie_translator(struct vs_pcie *p, const struct vs_translate_port *translator,
                        const struct vs_dma_port *direct)
{
    p->translator = *translator;
    p->direct = *direct;
}

bool vs_pcie_translate(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                       bool write, struct vs_ats_answer *out)
{
    vs_open(t, VS_OP_ATS_TRANSLATE);
    uint32_t tag = vs_acquire(t, acc(p, VS_ACC_pcie_tags_busy), &p->tags);
    spend(p, t, &p->requests, 1);
    (void)carry_up(p, t, request_bytes(p, at.v) + prefix_bytes(t));
    travel_up(p, t);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps);
    bool good = p->translator.translate(p->translator.ctx, t, requester, at, write, out);
    give_back(p, &p->requests, t->now_ps, 1);
    carry_down(p, t, p->cfg.completion_bytes + (good ? TRANSLATION_BYTES : 0));
    travel_down(p, t);
    vs_release(&p->tags, tag, (vs_ps){t->now_ps});
    vs_close(t);
    return good;
}

bool vs_pcie_read_translated(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_hpa at,
                             void *buf, size_t bytes, uint64_t *taken_ps)
{
    return read_by(p, t, &p->direct, requester, at.v, buf, bytes, taken_ps);
}

bool vs_pcie_write_translated(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_hpa at,
                              const void *buf, size_t bytes, uint64_t *taken_ps)
{
    return write_by(p, t, &p->direct, requester, at.v, buf, bytes, taken_ps);
}

void vs_pcie_invalidate(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                        unsigned order, const struct vs_invalidate_port *device)
{
    vs_open(t, VS_OP_ATS_INVALIDATE); /* a message with 8 bytes of data */
    carry_down(p, t, p->cfg.request_bytes + TRANSLATION_BYTES + prefix_bytes(t));
    travel_down(p, t);
    device->invalidate(device->ctx, t, requester, at, order);
    (void)carry_up(p, t, p->cfg.request_bytes); /* and one without */
    travel_up(p, t);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps); /* behind the writes that used what is gone */
    vs_close(t);
}

uint64_t vs_pcie_post_page(struct vs_pcie *p, struct vs_txn *t)
{
    spend(p, t, &p->posted_headers, 1); /* a message has four words, without data */
    uint64_t taken_ps = carry_up(p, t, request_bytes(p, UINT64_MAX) + prefix_bytes(t));
    travel_up(p, t);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps); /* behind the writes before it */
    give_back(p, &p->posted_headers, t->now_ps, 1);
    return taken_ps;
}

enum vs_page_response vs_pcie_request_page(struct vs_pcie *p, struct vs_txn *t,
                                           const struct vs_page_group *g,
                                           const struct vs_page_port *by)
{
    enum vs_page_response response = VS_PAGE_FAILURE;
    for (unsigned k = 1; k < g->n; k++) { /* they follow each other on the link */
        spend(p, t, &p->posted_headers, 1);
        (void)carry_up(p, t, request_bytes(p, UINT64_MAX) + prefix_bytes(t));
        give_back(p, &p->posted_headers, t->now_ps + p->cfg.upstream, 1);
    }
    (void)vs_pcie_post_page(p, t);
    for (unsigned k = 0; k < g->n; k++) {
        response = by->request(by->ctx, t, g, k);
    }
    carry_down(p, t, request_bytes(p, UINT64_MAX) + prefix_bytes(t));
    travel_down(p, t);
    return response;
}

enum vs_msi_result vs_pcie_message(struct vs_pcie *p, struct vs_txn *t, uint16_t requester,
                                   uint64_t address, uint32_t data)
{
    (void)carry_up(p, t, REGISTER_BYTES + request_bytes(p, address));
    travel_up(p, t);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps); /* a message is a posted write, too */
    vs_pcie_cross(p, t);
    return p->msi.write(p->msi.ctx, t, requester, address, data);
}

/* Reads at an address of the device's. */
static bool port_read(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                      size_t bytes, uint64_t *taken_ps)
{
    return vs_pcie_read(ctx, t, requester, at, buf, bytes, taken_ps);
}

/* Writes at an address of the device's. */
static bool port_write(void *ctx, struct vs_txn *t, uint16_t requester, vs_iova at, const void *buf,
                       size_t bytes, uint64_t *taken_ps)
{
    return vs_pcie_write(ctx, t, requester, at, buf, bytes, taken_ps);
}

/* Sends an interrupt message. */
static enum vs_msi_result port_message(void *ctx, struct vs_txn *t, uint16_t requester,
                                       uint64_t address, uint32_t data)
{
    return vs_pcie_message(ctx, t, requester, address, data);
}

struct vs_upstream_port vs_pcie_upstream(struct vs_pcie *p)
{
    return (struct vs_upstream_port){p, port_read, port_write, port_message, NULL, NULL};
}

/* ---- what the CPU writes ---- */

vs_ps vs_pcie_doorbell(struct vs_pcie *p, vs_ps at)
{
    struct vs_txn *t = &p->mmio;
    t->now_ps = at.v;
    vs_tape_clear(&p->mmio_tape);
    vs_pcie_cross(p, t);
    carry_down(p, t, REGISTER_BYTES + p->cfg.request_bytes); /* a 64-bit BAR above 4 GiB */
    travel_down(p, t);
    return (vs_ps){t->now_ps};
}

vs_ps vs_pcie_ask(struct vs_pcie *p, struct vs_txn *t, enum vs_pcie_ask what, unsigned bytes,
                  uint64_t cpu_ps)
{
    static const enum vs_op op[] = {VS_OP_MMIO_READ, VS_OP_CONFIG_READ, VS_OP_CONFIG_WRITE};
    /* a configuration request has a header of three dwords, and moves a whole dword */
    uint64_t header = p->cfg.request_bytes - (what == VS_PCIE_READ ? 0 : 4u),
             payload = what == VS_PCIE_READ && bytes > REGISTER_BYTES ? bytes : REGISTER_BYTES;
    bool writes = what == VS_PCIE_CONFIG_WRITE;
    vs_open(t, op[what]);
    p->count[VS_CNT_pcie_asked]++;
    charge(p, t, VS_ACC_pcie_mmio_read, cpu_ps);
    vs_pcie_cross(p, t);
    carry_down(p, t, header + (writes ? payload : 0));
    travel_down(p, t);
    charge(p, t, VS_ACC_pcie_reg, p->cfg.reg);
    vs_ps there = {t->now_ps};
    (void)carry_up(p, t, p->cfg.completion_bytes + (writes ? 0 : payload));
    travel_up(p, t);
    wait(p, t, VS_ACC_pcie_order, p->posted_ps); /* a completion passes no posted write */
    vs_pcie_cross(p, t);
    vs_close(t);
    return there;
}

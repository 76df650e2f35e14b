/* SPDX-License-Identifier: MIT */
#include "pcie/pcie.h"

#include <string.h>

#define VS_DEF_NAME pcie
#define VS_DEF_FILE "pcie/pcie.def"
#include "virtsim/def_tables.h"

void vs_pcie_check(const struct vs_pcie_config *c, struct vs_errors *errors)
{
    if (c->mps & (c->mps - 1)) {
        vs_error(errors, "pcie.mps = %llu is not a power of two", (unsigned long long)c->mps);
    }
    if (c->mrrs & (c->mrrs - 1)) {
        vs_error(errors, "pcie.mrrs = %llu is not a power of two", (unsigned long long)c->mrrs);
    }
    if (c->width & (c->width - 1)) {
        vs_error(errors, "pcie.width = %llu: links have 1, 2, 4, 8, 16 or 32 lanes",
                 (unsigned long long)c->width);
    }
}

void vs_pcie_init(struct vs_pcie *p, const struct vs_pcie_config *c, struct vs_ledger *ledger,
                  const struct vs_dma_port *host)
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
    memset(p, 0, sizeof *p);
    p->cfg = *c;
    p->account = vs_ledger_accounts(ledger, &vs_pcie_desc);
    p->rate_num = lane[c->generation - 1].num;
    p->rate_den = lane[c->generation - 1].den * c->width;
    p->host = *host;
}

uint64_t vs_pcie_ps(const struct vs_pcie *p, uint64_t bytes)
{
    return (bytes * p->rate_num + p->rate_den - 1) / p->rate_den;
}

static uint64_t tlps(uint64_t bytes, uint64_t limit)
{
    return bytes ? (bytes + limit - 1) / limit : 1;
}

uint64_t vs_pcie_write_bytes(const struct vs_pcie *p, uint64_t bytes)
{
    return bytes + tlps(bytes, p->cfg.mps) * (p->cfg.request_bytes + p->cfg.dllp_bytes);
}

uint64_t vs_pcie_read_bytes(const struct vs_pcie *p, uint64_t bytes, uint64_t *up)
{
    *up = tlps(bytes, p->cfg.mrrs) * (p->cfg.request_bytes + p->cfg.dllp_bytes);
    return bytes + tlps(bytes, p->cfg.mps) * (p->cfg.completion_bytes + p->cfg.dllp_bytes);
}

static void charge(const struct vs_pcie *p, struct vs_txn *t, unsigned account, uint64_t ps)
{
    vs_ps d = {ps};
    vs_charge(t, (uint16_t)(p->account + account), d);
}

/* Takes one direction of the link for `bytes`. */
static void occupy(struct vs_pcie *p, struct vs_txn *t, uint64_t *busy, uint64_t bytes)
{
    vs_ps free_at = {*busy};
    vs_wait_until(t, (uint16_t)(p->account + VS_ACC_pcie_busy), free_at);
    charge(p, t, VS_ACC_pcie_serialize, vs_pcie_ps(p, bytes));
    *busy = t->now_ps;
}

static void up(struct vs_pcie *p, struct vs_txn *t, uint64_t n, uint64_t bytes)
{
    p->count[VS_CNT_pcie_tlps_up] += n;
    p->count[VS_CNT_pcie_bytes_up] += bytes;
    occupy(p, t, &p->up_busy_ps, bytes);
    charge(p, t, VS_ACC_pcie_upstream, p->cfg.upstream);
}

bool vs_pcie_read(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at, void *buf,
                  size_t bytes)
{
    uint64_t requests, down = vs_pcie_read_bytes(p, bytes, &requests);
    vs_open(t, VS_OP_DMA_READ);
    up(p, t, tlps(bytes, p->cfg.mrrs), requests);
    bool good = p->host.read(p->host.ctx, t, requester, at, buf, bytes);
    if (!good) {
        down = p->cfg.completion_bytes; /* unsupported request: a completion without data */
    }
    p->count[VS_CNT_pcie_tlps_down] += good ? tlps(bytes, p->cfg.mps) : 1;
    p->count[VS_CNT_pcie_bytes_down] += down;
    occupy(p, t, &p->down_busy_ps, down);
    charge(p, t, VS_ACC_pcie_downstream, p->cfg.downstream);
    vs_close(t);
    return good;
}

bool vs_pcie_write(struct vs_pcie *p, struct vs_txn *t, uint16_t requester, vs_iova at,
                   const void *buf, size_t bytes)
{
    vs_open(t, VS_OP_DMA_WRITE);
    up(p, t, tlps(bytes, p->cfg.mps), vs_pcie_write_bytes(p, bytes));
    bool good = p->host.write(p->host.ctx, t, requester, at, buf, bytes);
    vs_close(t);
    return good;
}

vs_ps vs_pcie_doorbell(struct vs_pcie *p, vs_ps at)
{
    uint64_t bytes = 4 + p->cfg.request_bytes + p->cfg.dllp_bytes;
    uint64_t start = at.v > p->down_busy_ps ? at.v : p->down_busy_ps;
    p->count[VS_CNT_pcie_tlps_down]++;
    p->count[VS_CNT_pcie_bytes_down] += bytes;
    p->down_busy_ps = start + vs_pcie_ps(p, bytes);
    vs_ps there = {p->down_busy_ps + p->cfg.downstream};
    return there;
}

void vs_pcie_message(struct vs_pcie *p, struct vs_txn *t)
{
    up(p, t, 1, 4 + p->cfg.request_bytes + p->cfg.dllp_bytes);
}

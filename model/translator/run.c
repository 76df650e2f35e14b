/* SPDX-License-Identifier: MIT */
/* Blocks: which one is next, how it is found or made, what executing it fetches. */
#include "translator/translator.h"

#include "virtsim/knob.h"

#include <stdlib.h>

#define VS_DEF_NAME translator
#define VS_DEF_FILE "translator/translator.def"
#include "virtsim/def_tables.h"

#define PAGE (1ull << VS_TRANSLATOR_PAGE_SHIFT)

/* Executes instructions on an account of the translator's. */
static void work(struct vs_translator *c, struct vs_txn *t, unsigned account, uint64_t n)
{
    c->wire.core.work(c->wire.core.ctx, t, (uint16_t)(c->base + account), n);
}

enum { LOOKUP_OP, TRANSLATE_OP, WRITE_OP, OPS };
static enum vs_op ops[OPS];

void vs_translator_register(const char *world)
{
    static const struct vs_op_desc list[OPS] = {
        {"translator.lookup", "the next block is looked for: jump cache, table of all blocks", NULL,
         VS_TRAP_N},
        {"translator.translate", "a block is translated", NULL, VS_TRAP_N},
        {"translator.code_write", "a store to a page that blocks were translated from", NULL,
         VS_TRAP_N},
    };
    vs_ops_register(world, list, OPS, ops);
}

/* Memory for the jump cache; false: there is none. */
static bool make_jumps(struct vs_translator *c)
{
    const uint64_t bytes = (uint64_t)VS_TRANSLATOR_JUMP_BYTES << c->config.jump_bits,
                   pages = (bytes + PAGE - 1u) / PAGE;
    c->jump = calloc(1ull << c->config.jump_bits, sizeof *c->jump);
    c->jump_page = calloc(pages, sizeof *c->jump_page);
    bool good = c->jump && c->jump_page;
    for (uint64_t i = 0; good && i < pages; i++) {
        good = c->wire.frame(c->wire.ctx, &c->jump_page[i]);
    }
    return good;
}

enum vs_status vs_translator_init(struct vs_translator *c,
                                  const struct vs_translator_config *config,
                                  const struct vs_translator_wiring *wiring)
{
    *c = (struct vs_translator){.config = *config, .wire = *wiring};
    c->base = vs_ledger_accounts(wiring->ledger, &vs_translator_desc);
    c->cache = wiring->shares ? wiring->shares->cache : &c->own;
    if ((!wiring->shares && vs_translator_cache_init(&c->own)) || !make_jumps(c)) {
        vs_translator_free(c);
        return VS_E_NOMEM;
    }
    return VS_OK;
}

void vs_translator_free(struct vs_translator *c)
{
    vs_translator_cache_free(&c->own);
    free(c->jump);
    free(c->jump_page);
    c->jump = NULL;
    c->jump_page = NULL;
}

/* Bytes of the code of a block of so many bytes. */
static uint64_t code_of(const struct vs_translator *c, uint64_t bytes)
{
    return (bytes * c->config.block_code + c->config.block_bytes - 1u) / c->config.block_bytes;
}

/* Lines of the code of a block, from `from` bytes on. */
static void lines(struct vs_translator *c, struct vs_txn *t, uint64_t offset, uint64_t bytes,
                  enum vs_ref ref)
{
    const uint64_t at = c->wire.cache(c->wire.ctx, offset), first = at & ~(VS_TOUCH_BYTES - 1ull);
    vs_core_touches(&c->wire.core, t, (vs_gva){first}, at + bytes - first, ref);
}

/* ---- translation ---- */

/* The code of `bytes` more of the guest's is made. */
static void make_code(struct vs_translator *c, struct vs_txn *t, struct vs_translator_block *b,
                      uint32_t bytes)
{
    const uint64_t before = code_of(c, b->bytes), after = code_of(c, b->bytes + bytes);
    lines(c, t, b->code + before, after - before, VS_REF_WRITE);
    b->bytes += bytes;
    c->cache->used = b->code + after + c->config.block_extra;
}

/* One instruction more of the block that is being made. */
static void translate_one(struct vs_translator *c, struct vs_txn *t, struct vs_translator_block *b,
                          uint32_t bytes, uint64_t n)
{
    c->count[VS_CNT_translator_translated_instructions] += n;
    b->instructions += (uint32_t)n;
    c->wire.rounds(c->wire.ctx, t, VS_TRANSLATOR_ONE, n);
    make_code(c, t, b, bytes);
}

/* A block is made of n instructions at pc, whose bytes the translator reads. */
static uint32_t translate(struct vs_translator *c, struct vs_txn *t, uint64_t pc,
                          const struct vs_translator_place *at, uint32_t bytes, uint64_t n)
{
    vs_txn_settle(t);
    vs_open(t, ops[TRANSLATE_OP]);
    if (c->cache->used + code_of(c, bytes) + c->config.block_extra > c->config.cache_bytes) {
        c->count[VS_CNT_translator_cache_flushes]++;
        c->wire.path(c->wire.ctx, t, VS_TRANSLATOR_EMPTY);
        vs_translator_cache_empty(c->cache);
    }
    const uint32_t block = vs_translator_cache_add(c->cache, pc, at->gpa, 0);
    c->exhausted = c->exhausted || block == VS_TRANSLATOR_NONE;
    if (block != VS_TRANSLATOR_NONE) {
        c->count[VS_CNT_translator_translated]++;
        c->wire.path(c->wire.ctx, t, VS_TRANSLATOR_TRANSLATE);
        c->wire.core.touch(c->wire.core.ctx, t, (vs_gva){at->hva}, VS_REF_READ);
        translate_one(c, t, &c->cache->block[block], bytes, n);
    }
    vs_close(t);
    return block;
}

/* ---- the way from block to block ---- */

/* The block executed last, if it is still there. */
static struct vs_translator_block *last_block(struct vs_translator *c)
{
    return vs_translator_cache_holds(c->cache, c->last) ? &c->cache->block[c->last.block] : NULL;
}

/* translator_use_goto_tb: direct jumps stay in the page, which cannot change without a flush. */
static bool direct(const struct vs_translator *c, const struct vs_translator_block *from,
                   uint64_t pc)
{
    return c->config.chaining && from && (from->pc ^ pc) >> VS_TRANSLATOR_PAGE_SHIFT == 0;
}

/* The block that a direct jump of `from` leads to, if it is the one at pc. */
static uint32_t chained(const struct vs_translator *c, const struct vs_translator_block *from,
                        uint64_t pc)
{
    for (unsigned i = 0; i < 2u; i++) {
        const struct vs_translator_link to = from->jump[i];
        if (vs_translator_cache_holds(c->cache, to) && c->cache->block[to.block].pc == pc) {
            return to.block;
        }
    }
    return VS_TRANSLATOR_NONE;
}

/* A jump of `from` that leads nowhere yet; NULL: it has two targets already, so the branch at its
 * end is an indirect one. */
static struct vs_translator_link *open_jump(struct vs_translator *c,
                                            struct vs_translator_block *from)
{
    for (unsigned i = 0; i < 2u; i++) {
        if (!vs_translator_cache_holds(c->cache, from->jump[i])) {
            return &from->jump[i];
        }
    }
    return NULL;
}

/* The address of an entry of the jump cache. */
static vs_hpa jump_at(const struct vs_translator *c, uint64_t index)
{
    const uint64_t offset = index * VS_TRANSLATOR_JUMP_BYTES;
    return (vs_hpa){c->jump_page[offset >> VS_TRANSLATOR_PAGE_SHIFT] + (offset & (PAGE - 1u))};
}

/* The jump cache, then the table of all blocks, then a new one. False: the page faults. */
static bool look_up(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                    uint64_t n, bool kernel, uint32_t *out, bool *made,
                    struct vs_translation *fault)
{
    const uint64_t index = vs_translator_jump_index(c, pc);
    struct vs_translator_jump *j = &c->jump[index];
    c->count[VS_CNT_translator_lookups]++;
    c->wire.mem.touch(c->wire.mem.ctx, t, jump_at(c, index), VS_REF_READ);
    if (j->pc == pc && vs_translator_cache_holds(c->cache, j->to)) {
        c->count[VS_CNT_translator_jump_hits]++;
        *out = j->to.block;
        return true;
    }
    struct vs_translator_place at;
    c->wire.path(c->wire.ctx, t, VS_TRANSLATOR_FIND);
    if (!c->wire.place(c->wire.ctx, t, pc, bytes, kernel, &at, fault)) {
        return false;
    }
    *out = vs_translator_cache_find(c->cache, pc, at.gpa);
    c->count[VS_CNT_translator_table_hits] += *out != VS_TRANSLATOR_NONE;
    if (*out == VS_TRANSLATOR_NONE) {
        *out = translate(c, t, pc, &at, bytes, n);
        *made = true;
    } else {
        lines(c, t, c->cache->block[*out].code, 1, VS_REF_READ); /* its descriptor */
    }
    if (*out == VS_TRANSLATOR_NONE) {
        return false;
    }
    *j = (struct vs_translator_jump){pc, {*out, c->cache->block[*out].serial}};
    c->wire.mem.touch(c->wire.mem.ctx, t, jump_at(c, index), VS_REF_WRITE);
    return true;
}

/* By a lookup: the block calls the helper for that, or returns to the loop, which patches a direct
 * jump where there may be one. */
static bool by_lookup(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                      uint64_t n, bool kernel, uint32_t *out, bool *made,
                      struct vs_translation *fault)
{
    struct vs_translator_block *from = last_block(c);
    const bool patch = direct(c, from, pc) && open_jump(c, from);
    vs_txn_settle(t);
    vs_open(t, ops[LOOKUP_OP]);
    c->wire.path(c->wire.ctx, t, !from || patch ? VS_TRANSLATOR_DISPATCH : VS_TRANSLATOR_LOOKUP);
    const bool good = look_up(c, t, pc, bytes, n, kernel, out, made, fault);
    from = last_block(c); /* blocks may have moved, and been dropped */
    struct vs_translator_link *jump = good && patch && from ? open_jump(c, from) : NULL;
    if (jump) {
        *jump = (struct vs_translator_link){*out, c->cache->block[*out].serial};
        c->count[VS_CNT_translator_patched]++;
        c->wire.path(c->wire.ctx, t, VS_TRANSLATOR_CHAIN);
    }
    vs_close(t);
    return good;
}

/* The block at pc becomes the one that executes. */
static bool enter(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                  uint64_t n, bool kernel, bool *made, struct vs_translation *fault)
{
    const struct vs_translator_block *from = last_block(c);
    uint32_t block = direct(c, from, pc) ? chained(c, from, pc) : VS_TRANSLATOR_NONE;
    *made = false;
    if (block != VS_TRANSLATOR_NONE) {
        c->count[VS_CNT_translator_chained]++;
    } else if (!by_lookup(c, t, pc, bytes, n, kernel, &block, made, fault)) {
        c->last.serial = 0;
        return false;
    }
    c->last = (struct vs_translator_link){block, c->cache->block[block].serial};
    c->count[VS_CNT_translator_blocks]++;
    work(c, t, VS_ACC_translator_entry, c->config.block_entry);
    return true;
}

bool vs_translator_block(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                         bool kernel, struct vs_translation *fault)
{
    const uint64_t n = (bytes + c->config.instruction_bytes - 1u) / c->config.instruction_bytes;
    bool made;
    c->next_pc = 0;
    if (!enter(c, t, pc, bytes, n, kernel, &made, fault)) {
        return false;
    }
    const struct vs_translator_block *b = &c->cache->block[c->last.block];
    lines(c, t, b->code, code_of(c, b->bytes), VS_REF_FETCH);
    return true;
}

/* The instruction at pc is the next one of the block that executes. */
static bool goes_on(const struct vs_translator *c, const struct vs_translator_block *b, uint64_t pc)
{
    return b && pc == c->next_pc && (b->pc ^ pc) >> VS_TRANSLATOR_PAGE_SHIFT == 0 &&
           (c->making ? c->done < c->config.block_most : c->done < b->instructions);
}

bool vs_translator_fetch(struct vs_translator *c, struct vs_txn *t, uint64_t pc, uint32_t bytes,
                         bool kernel, struct vs_translation *fault)
{
    struct vs_translator_block *b = last_block(c);
    if (goes_on(c, b, pc)) {
        c->done++;
        if (c->making) {
            vs_txn_settle(t);
            vs_open(t, ops[TRANSLATE_OP]);
            translate_one(c, t, b, bytes, 1);
            vs_close(t);
        }
    } else {
        if (!enter(c, t, pc, bytes, 1, kernel, &c->making, fault)) {
            return false;
        }
        b = &c->cache->block[c->last.block];
        c->done = 1;
    }
    c->next_pc = pc + bytes;
    const uint64_t from = code_of(c, pc - b->pc), to = code_of(c, pc - b->pc + bytes);
    lines(c, t, b->code + from, to - from, VS_REF_FETCH);
    return true;
}

uint64_t vs_translator_becomes(const struct vs_translator *c, uint64_t n)
{
    const uint64_t in_block = c->config.block_bytes / c->config.instruction_bytes;
    return n * c->config.expansion / 10u + n / (in_block ? in_block : 1u) * c->config.block_entry;
}

void vs_translator_instructions(struct vs_translator *c, struct vs_txn *t, uint16_t account,
                                uint64_t n, bool blocks)
{
    const uint64_t tenths = n * c->config.expansion + c->carry,
                   in_block = c->config.block_bytes / c->config.instruction_bytes;
    c->count[VS_CNT_translator_instructions] += n;
    c->carry = tenths % 10u;
    c->wire.core.work(c->wire.core.ctx, t,
                      account ? account : (uint16_t)(c->base + VS_ACC_translator_code),
                      tenths / 10u);
    if (blocks && n) {
        work(c, t, VS_ACC_translator_entry,
             (n + in_block) / (in_block ? in_block : 1u) * c->config.block_entry);
    }
}

void vs_translator_written(struct vs_translator *c, struct vs_txn *t, uint64_t gpa, uint32_t bytes)
{
    if (!vs_translator_cache_has_page(c->cache, gpa)) {
        return;
    }
    c->count[VS_CNT_translator_code_writes]++;
    vs_txn_settle(t);
    vs_open(t, ops[WRITE_OP]);
    c->wire.path(c->wire.ctx, t, VS_TRANSLATOR_CODE_WRITE);
    const uint64_t n = vs_translator_cache_drop(c->cache, gpa, bytes);
    for (uint64_t i = 0; i < n; i++) {
        c->wire.path(c->wire.ctx, t, VS_TRANSLATOR_DROP);
    }
    c->count[VS_CNT_translator_invalidated] += n;
    vs_close(t);
}

/* Entries of the jump cache, n from `first` on, are emptied, and their lines written. */
static void forget(struct vs_translator *c, struct vs_txn *t, uint64_t first, uint64_t n)
{
    const uint64_t from = first * VS_TRANSLATOR_JUMP_BYTES,
                   end = (first + n) * VS_TRANSLATOR_JUMP_BYTES;
    for (uint64_t i = 0; i < n; i++) {
        c->jump[first + i].to.serial = 0;
    }
    for (uint64_t at = from, to; at < end; at = to) {
        to = (at & ~(PAGE - 1u)) + PAGE;
        to = to < end ? to : end;
        vs_mem_touches_on(
            &c->wire.mem, t,
            (vs_hpa){c->jump_page[at >> VS_TRANSLATOR_PAGE_SHIFT] + (at & (PAGE - 1u))}, to - at,
            VS_REF_WRITE, (uint16_t)(c->base + VS_ACC_translator_flush_lines));
    }
}

void vs_translator_forget(struct vs_translator *c, struct vs_txn *t)
{
    forget(c, t, 0, 1ull << c->config.jump_bits);
}

void vs_translator_forget_page(struct vs_translator *c, struct vs_txn *t, uint64_t gva)
{
    forget(c, t, vs_translator_jump_index(c, gva & ~(PAGE - 1u)),
           1ull << (unsigned)c->config.jump_bits / 2u);
}

/* SPDX-License-Identifier: MIT */
#include "elf/elf.h"

#include "elf/libdw.h"

#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct symbol {
    uint64_t at, end;
    const char *name;
    bool global;
};

struct line {
    uint64_t at;
    const char *file; /* NULL: a sequence ends */
    unsigned line;
};

struct vs_elf {
    const struct vs_libdw *dw;
    char *path;
    Dwfl *dwfl;
    bool moves;
    uint64_t text, text_end;
    struct symbol *symbol; /* functions, by address, none twice */
    size_t n_symbols;
    struct line *line; /* by address */
    size_t n_lines, cap_lines;
};

void vs_elf_close(struct vs_elf *e)
{
    if (e) {
        if (e->dwfl) {
            e->dw->dwfl_end(e->dwfl);
        }
        free(e->symbol);
        free(e->line);
        free(e->path);
        free(e);
    }
}

/* ---- reading ---- */

/* Where its code lies; false: it has none. */
static bool read_text(struct vs_elf *e, Elf *elf)
{
    size_t n = 0;
    GElf_Ehdr head;
    if (!e->dw->gelf_getehdr(elf, &head) || (head.e_type != ET_EXEC && head.e_type != ET_DYN) ||
        e->dw->elf_getphdrnum(elf, &n)) {
        return false;
    }
    e->moves = head.e_type == ET_DYN;
    e->text = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr p;
        if (e->dw->gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_LOAD && (p.p_flags & PF_X)) {
            e->text = p.p_vaddr < e->text ? p.p_vaddr : e->text;
            e->text_end = p.p_vaddr + p.p_memsz > e->text_end ? p.p_vaddr + p.p_memsz : e->text_end;
        }
    }
    return e->text < e->text_end;
}

/* By address; of several at one the global one, then the first by name. */
static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->global != y->global ? (x->global ? -1 : 1) : strcmp(x->name, y->name);
}

/* Reads the functions of a module's symbol table. */
static enum vs_status read_symbols(struct vs_elf *e, Dwfl_Module *m)
{
    int n = e->dw->dwfl_module_getsymtab(m);
    e->symbol = calloc(n > 0 ? (size_t)n : 1u, sizeof *e->symbol);
    if (!e->symbol) {
        return VS_E_NOMEM;
    }
    for (int i = 0; i < n; i++) {
        GElf_Sym s;
        GElf_Addr at;
        const char *name = e->dw->dwfl_module_getsym_info(m, i, &s, &at, NULL, NULL, NULL);
        unsigned type = GELF_ST_TYPE(s.st_info);
        if (name && *name && (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
            s.st_shndx != SHN_UNDEF && at >= e->text && at < e->text_end) {
            e->symbol[e->n_symbols++] =
                (struct symbol){at, at + s.st_size, name, GELF_ST_BIND(s.st_info) != STB_LOCAL};
        }
    }
    if (e->n_symbols) {
        qsort(e->symbol, e->n_symbols, sizeof *e->symbol, by_address);
    }
    size_t kept = 0;
    for (size_t i = 0; i < e->n_symbols; i++) {
        if (!kept || e->symbol[kept - 1u].at != e->symbol[i].at) {
            e->symbol[kept++] = e->symbol[i];
        }
    }
    e->n_symbols = kept;
    for (size_t i = 0; i < kept; i++) { /* one without a size, of assembly: to the next one */
        if (e->symbol[i].end == e->symbol[i].at) {
            e->symbol[i].end = i + 1u < kept ? e->symbol[i + 1u].at : e->text_end;
        }
    }
    return VS_OK;
}

/* Orders lines by address; an end comes before what begins there. */
static int by_line(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return (x->file != NULL) - (y->file != NULL); /* one ends where the next begins */
}

/* Appends a line of the debug information. */
static bool add_line(struct vs_elf *e, struct line l)
{
    if (e->n_lines == e->cap_lines) {
        size_t cap = e->cap_lines ? 2u * e->cap_lines : 1024u;
        struct line *grown = realloc(e->line, cap * sizeof *grown);
        if (!grown) {
            return false;
        }
        e->line = grown;
        e->cap_lines = cap;
    }
    e->line[e->n_lines++] = l;
    return true;
}

/* Reads the lines of a module that were executed. */
static enum vs_status read_lines(struct vs_elf *e, Dwfl_Module *m)
{
    const struct vs_libdw *dw = e->dw;
    Dwarf_Addr bias = 0;
    if (!dw->dwfl_module_getdwarf(m, &bias)) {
        return VS_OK; /* symbols only */
    }
    for (Dwarf_Die *unit = NULL; (unit = dw->dwfl_module_nextcu(m, unit, &bias));) {
        Dwarf_Lines *lines;
        size_t n;
        if (dw->dwarf_getsrclines(unit, &lines, &n)) {
            continue; /* a unit without code */
        }
        for (size_t i = 0; i < n; i++) {
            Dwarf_Line *l = dw->dwarf_onesrcline(lines, i);
            Dwarf_Addr at;
            int number = 0;
            bool end = false;
            if (dw->dwarf_lineaddr(l, &at) || dw->dwarf_lineno(l, &number) ||
                dw->dwarf_lineendsequence(l, &end)) {
                continue;
            }
            const char *file = end ? NULL : dw->dwarf_linesrc(l, NULL, NULL);
            if (!add_line(e, (struct line){at + bias, file, (unsigned)number})) {
                return VS_E_NOMEM;
            }
        }
    }
    if (e->n_lines) {
        qsort(e->line, e->n_lines, sizeof *e->line, by_line);
    }
    return VS_OK;
}

/* The whole file; NULL or what is wrong. */
static const char *read_file(struct vs_elf *e, int fd)
{
    static Dwfl_Callbacks calls;
    static char *debug_path; /* the standard one */
    const struct vs_libdw *dw = e->dw;
    calls = (Dwfl_Callbacks){.find_elf = dw->dwfl_build_id_find_elf,
                             .find_debuginfo = dw->dwfl_standard_find_debuginfo,
                             .section_address = dw->dwfl_offline_section_address,
                             .debuginfo_path = &debug_path};
    e->dwfl = dw->dwfl_begin(&calls);
    Dwfl_Module *m = e->dwfl ? dw->dwfl_report_elf(e->dwfl, e->path, e->path, fd, 0, false) : NULL;
    GElf_Addr bias;
    Elf *elf = NULL;
    if (!m || dw->dwfl_report_end(e->dwfl, NULL, NULL) ||
        !(elf = dw->dwfl_module_getelf(m, &bias))) {
        const char *why = dw->dwfl_errmsg(-1);
        return why ? why : "is no ELF file";
    }
    if (!read_text(e, elf)) {
        return "is no program: it has no code that could be loaded";
    }
    return read_symbols(e, m) || read_lines(e, m) ? "no memory is left for its tables" : NULL;
}

struct vs_elf *vs_elf_open(const char *path, struct vs_errors *errors)
{
    char why[300];
    const struct vs_libdw *dw = vs__libdw(why, sizeof why);
    struct vs_elf *e = dw ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        vs_error(errors, "%s: programs are read with libdw, which cannot be loaded: %s", path, why);
        return NULL;
    }
    e->dw = dw;
    e->path = strdup(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *wrong = fd < 0 ? strerror(errno) : e->path ? read_file(e, fd) : "no memory is left";
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!wrong && !e->n_symbols && !e->n_lines) {
        wrong = "has neither symbols nor a table of lines (it was stripped); give the file as it "
                "was linked";
    }
    if (wrong) {
        vs_error(errors, "%s: %s", path, wrong);
        vs_elf_close(e);
        return NULL;
    }
    return e;
}

const char *vs_elf_path(const struct vs_elf *e)
{
    return e->path;
}

bool vs_elf_has_lines(const struct vs_elf *e)
{
    return e->n_lines != 0;
}

bool vs_elf_moves(const struct vs_elf *e)
{
    return e->moves;
}

void vs_elf_text(const struct vs_elf *e, uint64_t *at, uint64_t *end)
{
    *at = e->text;
    *end = e->text_end;
}

/* ---- looking up ---- */

/* The last symbol that begins at or before it; n_symbols: none. */
static size_t symbol_before(const struct vs_elf *e, uint64_t at)
{
    size_t low = 0, high = e->n_symbols;
    while (low < high) {
        size_t mid = (low + high) / 2u;
        low = e->symbol[mid].at <= at ? mid + 1u : low;
        high = e->symbol[mid].at <= at ? high : mid;
    }
    return low ? low - 1u : e->n_symbols;
}

const char *vs_elf_symbol(const struct vs_elf *e, uint64_t at)
{
    size_t i = symbol_before(e, at);
    /* a symbol inside another one may end before it */
    for (unsigned back = 0; i < e->n_symbols && back < 16u; back++) {
        if (at < e->symbol[i].end) {
            return e->symbol[i].name;
        }
        i = i ? i - 1u : e->n_symbols;
    }
    return NULL;
}

bool vs_elf_line(const struct vs_elf *e, uint64_t at, const char **file, unsigned *line)
{
    size_t low = 0, high = e->n_lines;
    while (low < high) {
        size_t mid = (low + high) / 2u;
        low = e->line[mid].at <= at ? mid + 1u : low;
        high = e->line[mid].at <= at ? high : mid;
    }
    if (!low || !e->line[low - 1u].file || !e->line[low - 1u].line) {
        return false;
    }
    *file = e->line[low - 1u].file;
    *line = e->line[low - 1u].line;
    return true;
}

/* ---- where it was loaded ---- */

/* Says whether an address is among those executed, which are sorted. */
static bool executed_at(const uint64_t *executed, size_t n, uint64_t at)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2u;
        if (executed[mid] == at) {
            return true;
        }
        low = executed[mid] < at ? mid + 1u : low;
        high = executed[mid] < at ? high : mid;
    }
    return false;
}

struct vs_elf_match vs_elf_matches(const struct vs_elf *e, uint64_t base, const uint64_t *executed,
                                   size_t n)
{
    struct vs_elf_match m = {0};
    size_t last = e->n_symbols;
    for (size_t i = 0; i < n; i++) {
        uint64_t at = executed[i] - base;
        if (at < e->text || at >= e->text_end) {
            continue;
        }
        m.addresses++;
        size_t s = symbol_before(e, at);
        if (s != last && s < e->n_symbols && at < e->symbol[s].end) {
            last = s;
            m.functions++;
            m.entered += executed_at(executed, n, base + e->symbol[s].at);
        }
    }
    return m;
}

/* Orders numbers by size. */
static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

#define PAGE 4096u
#define PAIRS (1u << 22) /* of addresses and functions that are looked at */

bool vs_elf_find_base(const struct vs_elf *e, const uint64_t *executed, size_t n, uint64_t *base)
{
    /* a base is a multiple of the page: functions and addresses are put together by their place in
     * it, and each pair votes */
    uint64_t *vote = malloc(PAIRS * sizeof *vote);
    size_t votes = 0, first[PAGE + 1u] = {0}, best = 0, second = 0;
    uint32_t *order = malloc((e->n_symbols + 1u) * sizeof *order);
    *base = 0;
    for (size_t i = 0; order && i < e->n_symbols; i++) {
        first[e->symbol[i].at % PAGE + 1u]++;
    }
    for (unsigned k = 0; k < PAGE; k++) {
        first[k + 1u] += first[k];
    }
    for (size_t i = 0, at[PAGE] = {0}; order && i < e->n_symbols; i++) {
        unsigned k = e->symbol[i].at % PAGE;
        order[first[k] + at[k]++] = (uint32_t)i;
    }
    for (size_t i = 0; order && vote && i < n; i++) {
        for (size_t k = first[executed[i] % PAGE]; k < first[executed[i] % PAGE + 1u]; k++) {
            const struct symbol *s = &e->symbol[order[k]];
            if (executed[i] >= s->at && votes < PAIRS) {
                vote[votes++] = executed[i] - s->at;
            }
        }
    }
    if (votes) {
        qsort(vote, votes, sizeof *vote, by_value);
    }
    for (size_t i = 0, k; i < votes; i = k) {
        for (k = i; k < votes && vote[k] == vote[i]; k++) {
        }
        if (k - i > best) {
            second = best;
            best = k - i;
            *base = vote[i];
        } else if (k - i > second) {
            second = k - i;
        }
    }
    free(order);
    free(vote);
    return best >= 2u && best > 2u * second;
}

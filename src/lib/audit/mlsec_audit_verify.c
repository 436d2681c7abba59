/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/audit/mlsec_audit_verify.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>


#define MLSEC_AUDIT_BEGIN_LEN  (sizeof(MLSEC_AUDIT_BEGIN) - 1)


static void mlsec_audit_say(mlsec_audit_verify_t *v, int bad,
    const mlsec_audit_place_t *place, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static const unsigned char *mlsec_audit_next(const unsigned char *p,
    const unsigned char *end);
static int mlsec_audit_piece(mlsec_audit_verify_t *v, mlsec_str_t piece);
static void mlsec_audit_torn_add(mlsec_audit_verify_t *v, mlsec_str_t piece);
static void mlsec_audit_torn_again(mlsec_audit_verify_t *v,
    mlsec_str_t piece);
static mlsec_audit_known_t *mlsec_audit_known(mlsec_audit_verify_t *v,
    const unsigned char *name);
static mlsec_audit_known_t *mlsec_audit_known_add(mlsec_audit_verify_t *v,
    const mlsec_audit_parsed_t *p);
static void mlsec_audit_first(mlsec_audit_verify_t *v,
    const mlsec_audit_parsed_t *p);
static void mlsec_audit_follow(mlsec_audit_verify_t *v,
    mlsec_audit_known_t *c, const mlsec_audit_parsed_t *p,
    const unsigned char *computed);
static void mlsec_audit_past(mlsec_audit_verify_t *v, mlsec_audit_known_t *c,
    const mlsec_audit_parsed_t *p);
static void mlsec_audit_gap(mlsec_audit_known_t *c, uint64_t first,
    uint64_t last);
static int mlsec_audit_gap_fill(mlsec_audit_known_t *c, uint64_t seq);
static void mlsec_audit_advance(mlsec_audit_verify_t *v,
    mlsec_audit_known_t *c, const mlsec_audit_parsed_t *p,
    const unsigned char *computed);
static void mlsec_audit_named(mlsec_audit_verify_t *v,
    const mlsec_audit_head_t *head);


int
mlsec_audit_verify_init(mlsec_audit_verify_t *v, const mlsec_mem_t *mem,
    mlsec_audit_report_pt report, void *ctx)
{
    memset(v, 0, sizeof(mlsec_audit_verify_t));

    v->mem = *mem;
    v->report = report;
    v->ctx = ctx;

    return mlsec_audit_digest_init(&v->digest);
}


void
mlsec_audit_verify_free(mlsec_audit_verify_t *v)
{
    mlsec_audit_digest_free(&v->digest);
}


int
mlsec_audit_verify_expect(mlsec_audit_verify_t *v,
    const mlsec_audit_head_t *head)
{
    if (v->nexpect == MLSEC_AUDIT_EXPECT) {
        return MLSEC_DECLINED;
    }

    v->expect[v->nexpect].head = *head;
    v->expect[v->nexpect].seen = 0;
    v->nexpect++;

    return MLSEC_OK;
}


void
mlsec_audit_verify_file(mlsec_audit_verify_t *v, const char *name)
{
    v->place.file = name;
    v->place.line = 0;
    v->files++;
}


/*
 * A writer that could not write a line whole writes it again.  If it could not
 * end the torn one before somebody else wrote, two lines are one: what begins
 * with MLSEC_AUDIT_BEGIN is looked at by itself, since no string of a line
 * can have these bytes.
 */

int
mlsec_audit_verify_line(mlsec_audit_verify_t *v, mlsec_str_t line)
{
    mlsec_str_t           piece;
    const unsigned char  *next, *end;

    v->place.line++;
    piece = line;
    end = line.data + line.len;

    while (piece.len != 0) {
        next = mlsec_audit_next(piece.data + 1, end);
        piece.len = (size_t) (next - piece.data);

        if (mlsec_audit_piece(v, piece) != MLSEC_OK) {
            return MLSEC_NOMEM;
        }

        piece.data += piece.len;
        piece.len = (size_t) (end - piece.data);
    }

    return MLSEC_OK;
}


/* Where the next line begins, or end. */

static const unsigned char *
mlsec_audit_next(const unsigned char *p, const unsigned char *end)
{
    while ((size_t) (end - p) >= MLSEC_AUDIT_BEGIN_LEN) {
        p = memchr(p, '{', (size_t) (end - p) + 1 - MLSEC_AUDIT_BEGIN_LEN);

        if (p == NULL) {
            break;
        }

        if (memcmp(p, MLSEC_AUDIT_BEGIN, MLSEC_AUDIT_BEGIN_LEN) == 0) {
            return p;
        }

        p++;
    }

    return end;
}


static int
mlsec_audit_piece(mlsec_audit_verify_t *v, mlsec_str_t piece)
{
    size_t                i;
    unsigned char         computed[MLSEC_AUDIT_HASH];
    mlsec_audit_known_t  *c;
    mlsec_audit_parsed_t  p;

    if (mlsec_audit_parse(piece, &p) != MLSEC_OK) {
        mlsec_audit_torn_add(v, piece);
        return MLSEC_OK;
    }

    if (mlsec_audit_digest(&v->digest, p.hashed, computed) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    if (v->lines++ == 0) {
        v->whole = (p.event == MLSEC_AUDIT_START && p.nafter == 0);
    }

    mlsec_audit_torn_again(v, piece);

    if (memcmp(computed, p.head.hash, MLSEC_AUDIT_HASH) != 0) {
        mlsec_audit_say(v, 1, &v->place,
                        "the line has been changed: its hash is not that of "
                        "its text");
    }

    c = mlsec_audit_known(v, p.head.chain);

    if (c != NULL) {
        mlsec_audit_follow(v, c, &p, computed);

    } else {
        c = mlsec_audit_known_add(v, &p);

        if (c == NULL) {
            return MLSEC_NOMEM;
        }

        mlsec_audit_first(v, &p);
        mlsec_audit_advance(v, c, &p, computed);
    }

    for (i = 0; i < p.nafter; i++) {
        mlsec_audit_named(v, &p.after[i]);
    }

    if (p.event == MLSEC_AUDIT_DROPPED) {
        v->dropped += p.count;
        mlsec_audit_say(v, 0, &v->place,
                        "%" PRIu64 " records could not be written before "
                        "this line", p.count);
    }

    return MLSEC_OK;
}


static void
mlsec_audit_torn_add(mlsec_audit_verify_t *v, mlsec_str_t piece)
{
    /* what cannot be the beginning of a line never will be */

    if (memcmp(piece.data, MLSEC_AUDIT_BEGIN,
               piece.len < MLSEC_AUDIT_BEGIN_LEN ? piece.len
                                                 : MLSEC_AUDIT_BEGIN_LEN)
        != 0
        || v->ntorn == MLSEC_AUDIT_TORN)
    {
        mlsec_audit_say(v, 1, &v->place, "this is no line of an audit log");
        return;
    }

    v->torn[v->ntorn].text = piece;
    v->torn[v->ntorn].place = v->place;
    v->ntorn++;
}


static void
mlsec_audit_torn_again(mlsec_audit_verify_t *v, mlsec_str_t piece)
{
    size_t                     i;
    const mlsec_audit_torn_t  *torn;

    i = 0;

    while (i < v->ntorn) {
        torn = &v->torn[i];

        if (torn->text.len >= piece.len
            || memcmp(torn->text.data, piece.data, torn->text.len) != 0)
        {
            i++;
            continue;
        }

        mlsec_audit_say(v, 0, &torn->place,
                        "the beginning of a line, which is whole in %s:%"
                        PRIu64, v->place.file, v->place.line);

        v->torn[i] = v->torn[--v->ntorn];
    }
}


/* from the end: those that are at work are the last ones */

static mlsec_audit_known_t *
mlsec_audit_known(mlsec_audit_verify_t *v, const unsigned char *name)
{
    size_t  i;

    for (i = v->nchains; i; i--) {

        if (memcmp(v->chain[i - 1].head.chain, name, MLSEC_AUDIT_NAME) == 0) {
            return &v->chain[i - 1];
        }
    }

    return NULL;
}


static mlsec_audit_known_t *
mlsec_audit_known_add(mlsec_audit_verify_t *v, const mlsec_audit_parsed_t *p)
{
    size_t                room;
    mlsec_audit_known_t  *c;

    if (v->nchains == v->room) {
        room = v->room ? 2 * v->room : 16;
        c = v->mem.alloc(v->mem.ctx, room * sizeof(mlsec_audit_known_t));

        if (c == NULL) {
            return NULL;
        }

        if (v->nchains) {
            memcpy(c, v->chain, v->nchains * sizeof(mlsec_audit_known_t));
        }

        v->chain = c;
        v->room = room;
    }

    c = &v->chain[v->nchains++];
    memset(c, 0, sizeof(mlsec_audit_known_t));
    memcpy(c->head.chain, p->head.chain, MLSEC_AUDIT_NAME);

    return c;
}


/* The first line of a chain that the files have. */

static void
mlsec_audit_first(mlsec_audit_verify_t *v, const mlsec_audit_parsed_t *p)
{
    static const unsigned char  none[MLSEC_AUDIT_HASH];

    if (p->event == MLSEC_AUDIT_START && p->head.seq == 1) {

        if (memcmp(p->prev, none, MLSEC_AUDIT_HASH) != 0) {
            mlsec_audit_say(v, 1, &v->place, "the first line of a chain "
                            "names a line before it");
        }

        return;
    }

    if (p->event == MLSEC_AUDIT_REOPEN && v->files == 1) {
        mlsec_audit_say(v, 0, &v->place, "chain %.16s goes on from another "
                        "file, line %" PRIu64, p->head.chain,
                        p->head.seq - 1);
        return;
    }

    mlsec_audit_say(v, 1, &v->place, "the lines of chain %.16s before %"
                    PRIu64 " are missing", p->head.chain, p->head.seq);
}


static void
mlsec_audit_follow(mlsec_audit_verify_t *v, mlsec_audit_known_t *c,
    const mlsec_audit_parsed_t *p, const unsigned char *computed)
{
    if (p->head.seq <= c->head.seq) {
        mlsec_audit_past(v, c, p);
        return;
    }

    if (c->ended) {
        mlsec_audit_say(v, 1, &v->place, "chain %.16s has ended in %s:%"
                        PRIu64, c->head.chain, c->place.file, c->place.line);

    } else if (p->head.seq != c->head.seq + 1) {
        mlsec_audit_gap(c, c->head.seq + 1, p->head.seq - 1);
        mlsec_audit_say(v, 1, &v->place, "lines %" PRIu64 " to %" PRIu64
                        " of chain %.16s are missing before this one",
                        c->head.seq + 1, p->head.seq - 1, c->head.chain);

    } else if (memcmp(p->prev, c->head.hash, MLSEC_AUDIT_HASH) != 0
               && memcmp(p->prev, c->computed, MLSEC_AUDIT_HASH) != 0)
    {
        mlsec_audit_say(v, 1, &v->place, "the line before it in chain "
                        "%.16s, %s:%" PRIu64 ", is another one than was "
                        "written", c->head.chain, c->place.file,
                        c->place.line);
    }

    mlsec_audit_advance(v, c, p, computed);
}


/* A number that is not above the last one. */

static void
mlsec_audit_past(mlsec_audit_verify_t *v, mlsec_audit_known_t *c,
    const mlsec_audit_parsed_t *p)
{
    if (mlsec_audit_gap_fill(c, p->head.seq)) {
        c->lines++;
        mlsec_audit_say(v, 1, &v->place, "line %" PRIu64 " of chain %.16s "
                        "is out of order, it belongs before %s:%" PRIu64,
                        p->head.seq, c->head.chain, c->place.file,
                        c->place.line);
        return;
    }

    mlsec_audit_say(v, 1, &v->place, "line %" PRIu64 " of chain %.16s comes "
                    "twice", p->head.seq, c->head.chain);
}


static void
mlsec_audit_gap(mlsec_audit_known_t *c, uint64_t first, uint64_t last)
{
    if (c->ngaps < MLSEC_AUDIT_GAPS) {
        c->gap[c->ngaps].first = first;
        c->gap[c->ngaps].last = last;
        c->ngaps++;
    }
}


static int
mlsec_audit_gap_fill(mlsec_audit_known_t *c, uint64_t seq)
{
    size_t              i;
    uint64_t            last;
    mlsec_audit_gap_t  *gap;

    for (i = 0; i < c->ngaps; i++) {
        gap = &c->gap[i];

        if (seq < gap->first || seq > gap->last) {
            continue;
        }

        last = gap->last;
        gap->last = seq - 1;

        if (seq < last) {
            mlsec_audit_gap(c, seq + 1, last);
        }

        if (gap->first > gap->last) {
            *gap = c->gap[--c->ngaps];
        }

        return 1;
    }

    return 0;
}


static void
mlsec_audit_advance(mlsec_audit_verify_t *v, mlsec_audit_known_t *c,
    const mlsec_audit_parsed_t *p, const unsigned char *computed)
{
    size_t                i;
    mlsec_audit_expect_t *expect;

    c->head = p->head;
    memcpy(c->computed, computed, MLSEC_AUDIT_HASH);
    c->place = v->place;
    c->lines++;
    c->ended = (p->event == MLSEC_AUDIT_END);

    for (i = 0; i < v->nexpect; i++) {
        expect = &v->expect[i];

        if (expect->head.seq != p->head.seq
            || memcmp(expect->head.chain, p->head.chain, MLSEC_AUDIT_NAME)
               != 0)
        {
            continue;
        }

        expect->seen = 1;

        if (memcmp(expect->head.hash, p->head.hash, MLSEC_AUDIT_HASH) != 0) {
            mlsec_audit_say(v, 1, &v->place, "this line is another one than "
                            "was noted as line %" PRIu64 " of chain %.16s",
                            p->head.seq, p->head.chain);
        }
    }
}


/*
 * A line names how far another chain has come.  Its writer was dead by then,
 * so all of its lines are before this one; it may have written some more just
 * before it died, which nobody knew of.
 */

static void
mlsec_audit_named(mlsec_audit_verify_t *v, const mlsec_audit_head_t *head)
{
    mlsec_audit_known_t  *c;

    if (head->lost) {
        mlsec_audit_say(v, 0, &v->place, "chain %.16s has ended with %" PRIu64
                        " records that were not written", head->chain,
                        head->lost);
    }

    c = mlsec_audit_known(v, head->chain);

    if (c == NULL) {
        mlsec_audit_say(v, v->whole || v->files > 1, &v->place,
                        "of chain %.16s, which had %" PRIu64 " lines, there "
                        "is none", head->chain, head->seq);
        return;
    }

    c->named = 1;

    if (c->head.seq < head->seq) {
        mlsec_audit_say(v, 1, &c->place, "the lines of chain %.16s after "
                        "this one, %" PRIu64 " to %" PRIu64 ", are missing "
                        "(%s:%" PRIu64 " names them)", c->head.chain,
                        c->head.seq + 1, head->seq, v->place.file,
                        v->place.line);
        return;
    }

    if (c->head.seq == head->seq
        && memcmp(c->head.hash, head->hash, MLSEC_AUDIT_HASH) != 0
        && memcmp(c->computed, head->hash, MLSEC_AUDIT_HASH) != 0)
    {
        mlsec_audit_say(v, 1, &c->place, "the last line of chain %.16s is "
                        "another one than was written (%s:%" PRIu64
                        " names it)", c->head.chain, v->place.file,
                        v->place.line);
    }
}


void
mlsec_audit_verify_finish(mlsec_audit_verify_t *v, int ended)
{
    size_t                      i;
    const mlsec_audit_known_t  *c;

    for (i = 0; i < v->ntorn; i++) {
        mlsec_audit_say(v, 1, &v->torn[i].place, "this is the beginning of "
                        "a line, the rest is missing");
    }

    for (i = 0; i < v->nexpect; i++) {

        if (!v->expect[i].seen) {
            mlsec_audit_say(v, 1, &v->place, "line %" PRIu64 " of chain "
                            "%.16s, which was noted, is missing",
                            v->expect[i].head.seq, v->expect[i].head.chain);
        }
    }

    for (i = 0; i < v->nchains; i++) {
        c = &v->chain[i];

        if (!c->ended && !c->named) {
            mlsec_audit_say(v, ended, &c->place, "chain %.16s has not ended "
                            "with this line: its writer is at work or was "
                            "killed, or lines are missing", c->head.chain);
        }
    }
}


static void
mlsec_audit_say(mlsec_audit_verify_t *v, int bad,
    const mlsec_audit_place_t *place, const char *fmt, ...)
{
    char     text[512];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    v->bad += bad != 0;
    v->report(v->ctx, bad, place, text);
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Any file of an audit log; and any bytes in the fields of a line, which is
 * read again as what it is.
 */


#include "fuzz.h"
#include <lib/audit/mlsec_audit_verify.h>
#include <lib/json/mlsec_json.h>


static void
hear(void *ctx, int bad, const mlsec_audit_place_t *place, const char *text)
{
    uint64_t  *n = ctx;

    fuzz_assert(place->file != NULL && text[0] != '\0');
    *n += bad != 0;
}


static void
fuzz_verify(const unsigned char *data, size_t size)
{
    int                           rc;
    uint64_t                      bad;
    mlsec_mem_t                   mem;
    fuzz_arena_t                  arena;
    mlsec_audit_parsed_t          p;
    static mlsec_audit_verify_t   v;

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;
    bad = 0;

    fuzz_assert(mlsec_audit_verify_init(&v, &mem, hear, &bad) == MLSEC_OK);
    mlsec_audit_verify_file(&v, "f");

    rc = MLSEC_OK;

    while (size != 0 && rc == MLSEC_OK) {
        mlsec_str_t  line = fuzz_line(&data, &size);

        if (mlsec_audit_parse(line, &p) == MLSEC_OK) {
            fuzz_assert(p.head.seq >= 1 && p.nafter <= MLSEC_AUDIT_AFTER);
            fuzz_assert(p.hashed.len < line.len);
        }

        rc = mlsec_audit_verify_line(&v, line);
    }

    mlsec_audit_verify_finish(&v, 0);
    fuzz_assert(v.bad == bad);
    mlsec_audit_verify_free(&v);
    fuzz_free(&arena);
}


static void
fuzz_write(const unsigned char *data, size_t size)
{
    size_t                n;
    unsigned char        *line;
    mlsec_str_t           text;
    mlsec_audit_chain_t   c;
    mlsec_audit_record_t  r;
    mlsec_audit_parsed_t  p;

    memset(&r, 0, sizeof(r));
    r.event = MLSEC_AUDIT_DENY;
    r.time = (int64_t) size * 1000003;
    r.path = fuzz_line(&data, &size);
    r.identity = fuzz_line(&data, &size);
    r.roles = fuzz_line(&data, &size);
    r.reason.data = data;
    r.reason.len = size;

    line = malloc(MLSEC_AUDIT_LINE);
    fuzz_assert(line != NULL);
    fuzz_assert(mlsec_audit_chain_init(&c, (const unsigned char *) "12345678")
                == MLSEC_OK);

    n = mlsec_audit_line(&c, &r, line);
    fuzz_assert(n > 1 && n <= MLSEC_AUDIT_LINE);
    fuzz_assert(memchr(line, '\n', n) == line + n - 1);

    text.data = line;
    text.len = n - 1;
    fuzz_assert(mlsec_audit_parse(text, &p) == MLSEC_OK);
    fuzz_assert(p.event == MLSEC_AUDIT_DENY && p.nafter == 0);
    fuzz_assert(memcmp(&p.head, &c.head, sizeof(p.head)) == 0);

    mlsec_audit_chain_free(&c);
    free(line);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fuzz_verify(data, size);
    fuzz_write(data, size);

    return 0;
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Lines of an audit log, and the chains that they make.
 *
 * A line is a JSON object.  It belongs to the chain of one writer, has a
 * number in it, the hash of the line before it and its own:
 *
 *   {"v":1,"chain":"0123456789abcdef","seq":7,"time":...,"prev":P,"hash":H}
 *
 * H is SHA-256 of the bytes from "{" up to the comma before "hash", so it
 * covers P, and with it everything before.  No byte of a line can be another
 * one, no line be missing, come twice or elsewhere without a hash or a number
 * that does not fit.  What a chain cannot tell is that its end is missing:
 * therefore the last line of a chain says so, and the first of another chain
 * names how far those have come that have ended.
 *
 * docs/internals/audit.md tells the rest.
 */


#ifndef _MLSEC_AUDIT_H_INCLUDED_
#define _MLSEC_AUDIT_H_INCLUDED_


#include <lib/mlsec_types.h>
#include <openssl/types.h>


#define MLSEC_AUDIT_LINE   4096        /* longest line, bytes, with its end;
                                          a pipe takes as much at once */
#define MLSEC_AUDIT_NAME   16          /* of a chain: hexadecimal digits */
#define MLSEC_AUDIT_HASH   32          /* bytes */
#define MLSEC_AUDIT_AFTER  16          /* heads that one line can name */
#define MLSEC_AUDIT_BEGIN  "{\"v\":1,\"chain\":\""


typedef enum {
    MLSEC_AUDIT_START = 0,             /* a chain begins */
    MLSEC_AUDIT_REOPEN,                /* it goes on in another file */
    MLSEC_AUDIT_HEADS,                 /* others have ended */
    MLSEC_AUDIT_DENY,                  /* a request was refused */
    MLSEC_AUDIT_INTENT,                /* a write is about to be let through */
    MLSEC_AUDIT_WRITE,                 /* one was, with its result */
    MLSEC_AUDIT_DROPPED,               /* records that are missing here */
    MLSEC_AUDIT_END,                   /* the last line of a chain */

    MLSEC_AUDIT_EVENTS
} mlsec_audit_event_e;


/* How far a chain has come. */

typedef struct {
    unsigned char             chain[MLSEC_AUDIT_NAME];
    unsigned char             hash[MLSEC_AUDIT_HASH];
    uint64_t                  seq;     /* of its last line, 0: none */
    uint64_t                  lost;    /* records that were accepted and not
                                          written when the writer died */
} mlsec_audit_head_t;


/* SHA-256, prepared once. */

typedef struct {
    EVP_MD                   *md;
    EVP_MD_CTX               *ctx;
} mlsec_audit_digest_t;


typedef struct {
    mlsec_audit_head_t        head;
    mlsec_audit_digest_t      digest;
} mlsec_audit_chain_t;


/*
 * What a line says.  Strings are any bytes, those that are empty are left
 * out, those that are too long are cut, which the line then says.
 */

typedef struct {
    mlsec_audit_event_e       event;
    int64_t                   time;    /* ms since the epoch */
    uint64_t                  worker;  /* process id */
    unsigned                  status;  /* of the answer, 0: left out */
    uint64_t                  count;   /* of dropped records */
    mlsec_str_t               policy;
    mlsec_str_t               reason;
    mlsec_str_t               request_id;
    mlsec_str_t               identity;
    mlsec_str_t               roles;   /* with commas between them */
    mlsec_str_t               tenant;
    mlsec_str_t               client;
    mlsec_str_t               method;
    mlsec_str_t               route;
    mlsec_str_t               path;
    const mlsec_audit_head_t *after;
    size_t                    nafter;  /* at most MLSEC_AUDIT_AFTER */
} mlsec_audit_record_t;


/* A line as it was read. */

typedef struct {
    mlsec_audit_head_t        head;    /* seq, and the hash that it claims */
    unsigned char             prev[MLSEC_AUDIT_HASH];
    mlsec_audit_event_e       event;
    uint64_t                  count;   /* of MLSEC_AUDIT_DROPPED */
    mlsec_audit_head_t        after[MLSEC_AUDIT_AFTER];
    size_t                    nafter;
    mlsec_str_t               hashed;  /* the bytes that the hash is of */
} mlsec_audit_parsed_t;


/*
 * Prepares SHA-256.  MLSEC_OK, or MLSEC_NOMEM when OpenSSL gives none; then
 * nothing is to be freed.
 */
int mlsec_audit_digest_init(mlsec_audit_digest_t *d);

/* Frees what mlsec_audit_digest_init() made. */
void mlsec_audit_digest_free(mlsec_audit_digest_t *d);

/*
 * Hashes a text.  hash: MLSEC_AUDIT_HASH bytes.  MLSEC_OK or MLSEC_NOMEM.
 */
int mlsec_audit_digest(const mlsec_audit_digest_t *d, mlsec_str_t text,
    unsigned char *hash);

/*
 * Begins a chain.
 * random: 8 bytes that make its name, which no other chain may have.
 * MLSEC_OK, or MLSEC_NOMEM; mlsec_audit_chain_free() ends it.
 */
int mlsec_audit_chain_init(mlsec_audit_chain_t *c,
    const unsigned char *random);

/* Frees the memory of a chain. */
void mlsec_audit_chain_free(mlsec_audit_chain_t *c);

/*
 * Writes the next line of a chain.
 * dst: room for MLSEC_AUDIT_LINE bytes.
 * Returns the length of the line with its newline, and the chain is one line
 * longer; 0 if OpenSSL fails, and nothing has happened.
 */
size_t mlsec_audit_line(mlsec_audit_chain_t *c,
    const mlsec_audit_record_t *record, unsigned char *dst);

/*
 * Reads chain, number and hash of a line of one's own, looks at nothing else.
 * line: without its newline.
 * MLSEC_OK, or MLSEC_INVALID: it is no line of an audit log.
 */
int mlsec_audit_line_head(mlsec_str_t line, mlsec_audit_head_t *head);

/*
 * Reads a line of a file, any bytes, without its newline.  Whether the hash
 * is right is not looked at.
 * MLSEC_OK, or MLSEC_INVALID: it is no line of an audit log.
 */
int mlsec_audit_parse(mlsec_str_t line, mlsec_audit_parsed_t *p);

/* Returns the word for an event ("deny"), for any MLSEC_AUDIT_*. */
const char *mlsec_audit_event_name(mlsec_audit_event_e event);

/*
 * Writes bytes as hexadecimal digits in lower case, two for each.
 * Returns the byte after them.
 */
unsigned char *mlsec_audit_hex(unsigned char *dst, const unsigned char *p,
    size_t n);


#endif /* _MLSEC_AUDIT_H_INCLUDED_ */

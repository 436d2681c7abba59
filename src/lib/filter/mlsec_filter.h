/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The filter language: programs in jq's syntax, with jq's results, over
 * JSON text.  A program is compiled once, when the configuration is read,
 * and never written to again; any number of runs may use it at a time.
 *
 * A run is bounded in steps and in memory, never blocks, and calls for
 * nothing from outside: memory, time and randomness come with
 * mlsec_filter_env_t.
 *
 *     mlsec_filter_compile(&mem, text, names, n, &filter, &error);
 *
 *     mlsec_filter_start(filter, &env, &input, values, &run);
 *
 *     while ((rc = mlsec_filter_next(run)) == MLSEC_OK) {
 *         rc = mlsec_filter_write(run, &style, writer, ctx);
 *     }
 */


#ifndef _MLSEC_FILTER_H_INCLUDED_
#define _MLSEC_FILTER_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_FILTER_MAX_STEPS    10000000  /* instructions, by default */
#define MLSEC_FILTER_MAX_MEMORY   33554432  /* bytes, by default: 32 MB */
#define MLSEC_FILTER_MAX_PROGRAM  1048576   /* bytes of program text */
#define MLSEC_FILTER_MAX_TEXT     268435455 /* bytes of one JSON text */


/* What a run may return besides MLSEC_OK, _DECLINED and _NOMEM. */

typedef enum {
    MLSEC_FILTER_ERROR = -40,          /* an error that no try caught; its
                                          text: mlsec_filter_message() */
    MLSEC_FILTER_STEPS = -41,          /* env.max_steps is used up */
    MLSEC_FILTER_MEMORY = -42,         /* env.max_memory is used up */
    MLSEC_FILTER_OUTPUT = -43,         /* the writer said: no more */
    MLSEC_FILTER_INPUT = -44           /* an input is not JSON */
} mlsec_filter_rc;


typedef struct mlsec_filter_s      mlsec_filter_t;
typedef struct mlsec_filter_doc_s  mlsec_filter_doc_t;
typedef struct mlsec_filter_run_s  mlsec_filter_run_t;


/* Why a program does not compile. */

typedef struct {
    unsigned              line;        /* from 1 */
    unsigned              column;      /* from 1, in bytes */
    char                  reason[232]; /* English, no final dot, ends with a
                                          zero byte */
} mlsec_filter_error_t;


/*
 * One value that goes in.  "doc" wins over "parts", "parts" over "text"; all
 * NULL or empty is null.  What is pointed to must stay until the run is
 * over: results point into it.
 */

typedef struct mlsec_filter_value_s  mlsec_filter_value_t;

struct mlsec_filter_value_s {
    mlsec_str_t                  text;   /* one JSON document */
    const mlsec_filter_doc_t    *doc;    /* the same, indexed before */
    const mlsec_str_t           *names;  /* an object of "nparts" members: */
    const mlsec_filter_value_t  *parts;  /* these, not themselves parts;
                                            names are UTF-8, unescaped */
    unsigned                     nparts;
};


/* The surroundings of a run. */

typedef struct {
    mlsec_mem_t           mem;         /* everything of the run comes from
                                          here and stays until it is freed */
    uint64_t              max_steps;   /* 0: MLSEC_FILTER_MAX_STEPS */
    size_t                max_memory;  /* bytes asked of "mem"; 0:
                                          MLSEC_FILTER_MAX_MEMORY */
    double                now;         /* seconds since 1970, UTC */
    uint64_t              seed[2];     /* secret, random: hash of keys */
    unsigned              lenient:1;   /* 1: texts may hold nan and Infinity,
                                          as jq's may; not with the verbatim
                                          style */
} mlsec_filter_env_t;


/* How a result is written. */

typedef struct {
    unsigned              reformat:1;  /* 1: every byte is written anew, no
                                          blanks; 0: parts that are moved
                                          keep their bytes */
    unsigned              sort:1;      /* members by key; implies reformat */
    unsigned              raw:1;       /* strings without quotes */
    unsigned              indent:4;    /* blanks a level, 0: one line;
                                          implies reformat */
} mlsec_filter_style_t;


/*
 * Where results go: "len" more bytes, len > 0.
 * Returns MLSEC_OK, or anything else to stop.
 */
typedef int (*mlsec_filter_writer_pt)(void *ctx, const unsigned char *data,
    size_t len);


/*
 * Compiles a program.
 * mem: what the program is made of, used during this call only; must live
 * as long as *filter.  Roughly 20 kB for a program of 2 kB.
 * program: text, at most MLSEC_FILTER_MAX_PROGRAM bytes of UTF-8; may be gone
 * afterwards.
 * names, nnames: variables that are bound from outside, without the dollar,
 * at most 64; runs give their values in this order.
 * error: set on MLSEC_INVALID: the first thing that is wrong.
 * Returns MLSEC_OK, MLSEC_INVALID, or MLSEC_NOMEM.
 */
int mlsec_filter_compile(const mlsec_mem_t *mem, mlsec_str_t program,
    const mlsec_str_t *names, unsigned nnames, mlsec_filter_t **filter,
    mlsec_filter_error_t *error);

/*
 * Checks and indexes a JSON text, so that several runs need not do it.
 * text: must live, unchanged, as long as *doc.
 * offset: may be NULL; on an error, the byte at fault.
 * Returns MLSEC_OK; MLSEC_NOMEM; MLSEC_EMPTY; or a MLSEC_JSON_* error:
 * depth is not limited, otherwise what mlsec_json_scan() accepts.
 */
int mlsec_filter_index(const mlsec_mem_t *mem, mlsec_str_t text,
    mlsec_filter_doc_t **doc, size_t *offset);

/*
 * Begins a run.
 * input: the program's "."; NULL is null.
 * values: of the variables, as many as mlsec_filter_compile() was told; may
 * be NULL if that is none.
 * Returns MLSEC_OK; MLSEC_NOMEM; MLSEC_FILTER_MEMORY; or MLSEC_FILTER_INPUT
 * (a text is not JSON or over MLSEC_FILTER_MAX_TEXT).
 */
int mlsec_filter_start(const mlsec_filter_t *filter,
    const mlsec_filter_env_t *env, const mlsec_filter_value_t *input,
    const mlsec_filter_value_t *values, mlsec_filter_run_t **run);

/*
 * Computes the next result.
 * Returns MLSEC_OK: there is one; MLSEC_DECLINED: there are no more; or
 * MLSEC_FILTER_ERROR, _STEPS, _MEMORY, MLSEC_NOMEM: no more either.
 */
int mlsec_filter_next(mlsec_filter_run_t *run);

/*
 * Writes the result that mlsec_filter_next() has found, without a final
 * newline, in pieces of any size.
 * Returns MLSEC_OK; MLSEC_FILTER_OUTPUT if the writer did not return
 * MLSEC_OK; MLSEC_FILTER_MEMORY or MLSEC_NOMEM.
 */
int mlsec_filter_write(mlsec_filter_run_t *run,
    const mlsec_filter_style_t *style, mlsec_filter_writer_pt writer,
    void *ctx);

/*
 * Writes the value that error() was called with, as JSON.
 * Only after MLSEC_FILTER_ERROR.  Returns as mlsec_filter_write() does.
 */
int mlsec_filter_write_error(mlsec_filter_run_t *run,
    mlsec_filter_writer_pt writer, void *ctx);

/*
 * Returns what went wrong in the last call, in English, without a final
 * dot.  After MLSEC_FILTER_ERROR it is what the program said: it may hold
 * pieces of the inputs, hence must not be logged.  Valid as long as the run.
 */
mlsec_str_t mlsec_filter_message(mlsec_filter_run_t *run);

/*
 * Returns 1 if the result is false or null, 0 if not.  Only after
 * mlsec_filter_next() returned MLSEC_OK.
 */
int mlsec_filter_is_false(const mlsec_filter_run_t *run);

/* Returns the number of instructions that the run has executed so far. */
uint64_t mlsec_filter_steps(const mlsec_filter_run_t *run);

/* Returns the number of bytes that the run has asked of its memory so far. */
size_t mlsec_filter_memory(const mlsec_filter_run_t *run);


#endif /* _MLSEC_FILTER_H_INCLUDED_ */

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Runs: from start to the last result. */


#include <lib/filter/mlsec_filter_machine.h>
#include <lib/filter/mlsec_filter_tape.h>
#include <lib/json/mlsec_json.h>


#define MLSEC_FM_SLOTS  256            /* to begin with */
#define MLSEC_FM_FORKS  64


#define mlsec_fm_entry(name)  mlsec_fm_step_##name,

static const mlsec_fm_step_pt  mlsec_fm_steps[] = {
    MLSEC_FM_STEPS(mlsec_fm_entry)
};


static int mlsec_fm_load(mlsec_fm_t *m, const mlsec_filter_value_t *value,
    mlsec_fv_t *out);


const mlsec_fi_t *
mlsec_fm_back(mlsec_fm_t *m)
{
    mlsec_fm_fork_t  *fork;

    while (m->nforks != 0) {
        fork = &m->forks[--m->nforks];

        if (fork->kind == MLSEC_FM_FORK) {
            m->frame = fork->frame;
            m->regs = m->stack + fork->frame;
            m->top = fork->top;
            m->limit = m->nforks == 0 ? 0 : m->forks[m->nforks - 1].top;

            return m->f->code + fork->code;
        }
    }

    m->rc = MLSEC_DECLINED;

    return NULL;
}


const mlsec_fi_t *
mlsec_fm_fail(mlsec_fm_t *m, int rc)
{
    mlsec_fm_fork_t  *fork;

    if (rc != MLSEC_FX_ERROR) {
        m->rc = m->fx.rc;
        return NULL;
    }

    while (m->nforks != 0) {
        fork = &m->forks[--m->nforks];

        if (fork->kind == MLSEC_FM_TRY_END) {
            m->nforks = fork->link;
            continue;
        }

        if (fork->kind == MLSEC_FM_TRY) {
            m->frame = fork->frame;
            m->regs = m->stack + fork->frame;
            m->top = fork->top;
            m->limit = m->nforks == 0 ? 0 : m->forks[m->nforks - 1].top;

            m->regs[fork->reg] = m->fx.error;

            return m->f->code + fork->code;
        }
    }

    m->rc = MLSEC_FILTER_ERROR;

    return NULL;
}


mlsec_fm_fork_t *
mlsec_fm_more_forks(mlsec_fm_t *m)
{
    uint32_t          room;
    mlsec_fm_fork_t  *forks;

    room = 2 * m->forks_room;

    forks = mlsec_fx_alloc(&m->fx, room * sizeof(mlsec_fm_fork_t));

    if (forks != NULL) {
        memcpy(forks, m->forks, m->nforks * sizeof(mlsec_fm_fork_t));
        m->forks = forks;
        m->forks_room = room;
    }

    return forks;
}


int
mlsec_filter_start(const mlsec_filter_t *filter,
    const mlsec_filter_env_t *env, const mlsec_filter_value_t *input,
    const mlsec_filter_value_t *values, mlsec_filter_run_t **run)
{
    int          rc;
    uint32_t     i;
    mlsec_fm_t  *m;

    m = env->mem.alloc(env->mem.ctx, sizeof(mlsec_fm_t));
    if (m == NULL) {
        return MLSEC_NOMEM;
    }

    memset(m, 0, sizeof(mlsec_fm_t));
    *run = m;

    m->f = filter;
    m->lenient = env->lenient;
    m->max_steps = env->max_steps != 0 ? env->max_steps
                                       : MLSEC_FILTER_MAX_STEPS;
    m->fx.mem = env->mem;
    m->fx.max = env->max_memory != 0 ? env->max_memory
                                     : MLSEC_FILTER_MAX_MEMORY;
    m->fx.fuel = m->max_steps;
    m->fx.block = 4096;
    m->fx.seed[0] = env->seed[0];
    m->fx.seed[1] = env->seed[1];
    m->fx.now = env->now;
    m->fx.ready = filter->regex;

    m->room = filter->nregs + MLSEC_FM_SLOTS;
    m->forks_room = MLSEC_FM_FORKS;
    m->stack = mlsec_fx_alloc(&m->fx, m->room * sizeof(mlsec_fv_t));
    m->forks = mlsec_fx_alloc(&m->fx,
                              m->forks_room * sizeof(mlsec_fm_fork_t));

    if (m->stack == NULL || m->forks == NULL) {
        return m->fx.rc;
    }

    m->regs = m->stack;
    m->top = filter->nregs;
    m->next = filter->code;

    rc = mlsec_fm_load(m, input, &m->regs[0]);

    for (i = 0; rc == MLSEC_OK && i < filter->nvars; i++) {
        rc = mlsec_fm_load(m, &values[i], &m->regs[1 + i]);
    }

    return rc;
}


static int
mlsec_fm_load_text(mlsec_fm_t *m, mlsec_str_t text, mlsec_fv_t *out)
{
    int                  rc;
    mlsec_filter_doc_t  *doc;

    if (text.len == 0) {
        *out = mlsec_fv_null();
        return MLSEC_OK;
    }

    rc = mlsec_tape_build(&m->fx, text, m->lenient, &doc);

    if (rc != MLSEC_OK) {
        return rc == MLSEC_FX_FATAL ? m->fx.rc : MLSEC_FILTER_INPUT;
    }

    *out = mlsec_fv_tape(doc, 0);

    return MLSEC_OK;
}


static int
mlsec_fm_load(mlsec_fm_t *m, const mlsec_filter_value_t *value,
    mlsec_fv_t *out)
{
    int         rc;
    unsigned    i;
    mlsec_fv_t  key, part;

    *out = mlsec_fv_null();

    if (value == NULL) {
        return MLSEC_OK;
    }

    if (value->doc != NULL) {
        *out = mlsec_fv_tape(value->doc, 0);
        return MLSEC_OK;
    }

    if (value->parts == NULL) {
        return mlsec_fm_load_text(m, value->text, out);
    }

    if (mlsec_fv_new_object(&m->fx, value->nparts, out) != MLSEC_OK) {
        return m->fx.rc;
    }

    mlsec_fv_share(*out);

    for (i = 0; i < value->nparts; i++) {
        key = mlsec_fv_string(value->names[i].data, value->names[i].len);

        if (value->parts[i].doc != NULL) {
            part = mlsec_fv_tape(value->parts[i].doc, 0);

        } else {
            rc = mlsec_fm_load_text(m, value->parts[i].text, &part);

            if (rc != MLSEC_OK) {
                return rc;
            }
        }

        if (mlsec_fv_put(&m->fx, *out, key, part) != MLSEC_OK) {
            return m->fx.rc;
        }
    }

    return MLSEC_OK;
}


int
mlsec_filter_next(mlsec_filter_run_t *run)
{
    const mlsec_fi_t  *i;

    i = run->next;
    run->next = NULL;

    if (i == NULL) {
        return run->rc == MLSEC_OK ? MLSEC_DECLINED : run->rc;
    }

    run->rc = MLSEC_OK;

    while (i != NULL) {

        if (run->fx.fuel <= 1) {
            run->fx.fuel = 0;
            run->rc = MLSEC_FILTER_STEPS;
            break;
        }

        run->fx.fuel--;
        i = mlsec_fm_steps[i->op](run, i);
    }

    return run->rc;
}


int
mlsec_filter_write(mlsec_filter_run_t *run,
    const mlsec_filter_style_t *style, mlsec_filter_writer_pt writer,
    void *ctx)
{
    int  rc;

    rc = mlsec_fv_write(&run->fx, run->result, style, writer, ctx);

    return rc == MLSEC_FX_FATAL ? run->fx.rc : rc;
}


int
mlsec_filter_write_error(mlsec_filter_run_t *run,
    mlsec_filter_writer_pt writer, void *ctx)
{
    int                   rc;
    mlsec_filter_style_t  style;

    memset(&style, 0, sizeof(mlsec_filter_style_t));

    rc = mlsec_fv_write(&run->fx, run->fx.error, &style, writer, ctx);

    return rc == MLSEC_FX_FATAL ? run->fx.rc : rc;
}


static mlsec_str_t
mlsec_fm_text(const char *s)
{
    mlsec_str_t  text;

    text.data = (const unsigned char *) s;
    text.len = strlen(s);

    return text;
}


mlsec_str_t
mlsec_filter_message(mlsec_filter_run_t *run)
{
    mlsec_fv_t   s;
    mlsec_str_t  text;

    switch (run->rc) {

    case MLSEC_FILTER_ERROR:
        break;

    case MLSEC_FILTER_STEPS:
        return mlsec_fm_text("too many steps");

    case MLSEC_FILTER_MEMORY:
        return mlsec_fm_text("out of the memory of the filter");

    case MLSEC_NOMEM:
        return mlsec_fm_text("out of memory");

    default:
        return mlsec_fm_text("");
    }

    s = run->fx.error;

    if (mlsec_fv_is_string(s)) {

        if (mlsec_fv_decode(&run->fx, &s) != MLSEC_OK) {
            return mlsec_fm_text("out of memory");
        }

    } else {

        if (mlsec_fv_to_json(&run->fx, s, &s) != MLSEC_OK
            || mlsec_fv_concat(&run->fx,
                               mlsec_fv_literal("(not a string): "), s, &s)
               != MLSEC_OK)
        {
            return mlsec_fm_text("out of memory");
        }
    }

    text.data = s.u.str;
    text.len = s.n;

    return text;
}


int
mlsec_filter_is_false(const mlsec_filter_run_t *run)
{
    return !mlsec_fv_truth(run->result);
}


uint64_t
mlsec_filter_steps(const mlsec_filter_run_t *run)
{
    return run->max_steps - run->fx.fuel;
}


size_t
mlsec_filter_memory(const mlsec_filter_run_t *run)
{
    return run->fx.used;
}


int
mlsec_filter_index(const mlsec_mem_t *mem, mlsec_str_t text,
    mlsec_filter_doc_t **doc, size_t *offset)
{
    int         rc;
    mlsec_fx_t  fx;

    memset(&fx, 0, sizeof(fx));
    fx.mem = *mem;
    fx.max = SIZE_MAX;
    fx.block = 256;
    fx.fuel = UINT64_MAX;

    rc = mlsec_tape_build(&fx, text, 0, doc);

    if (rc == MLSEC_FX_FATAL) {
        return MLSEC_NOMEM;
    }

    if (rc == MLSEC_OK) {
        return MLSEC_OK;
    }

    rc = mlsec_json_scan(text, MLSEC_JSON_MAX_DEPTH, NULL, offset);

    return rc == MLSEC_OK ? MLSEC_JSON_TRUNCATED : rc;
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../gen.h"
#include <jansson.h>
#include <lib/json/mlsec_json.h>
#include <lib/aggregate/mlsec_merge.h>


#define MAX_PARTS  6

/* bodies that stand for a part without one */

#define FAILED     "-failed"
#define OMITTED    "-omitted"


typedef struct {
    mlsec_merge_mode_e      mode;
    mlsec_merge_conflict_e  on_conflict;
    const char             *bodies[MAX_PARTS];
    const char             *errors;
    const char             *expected;
    const char             *conflicts;     /* "part:key ..." */
} merge_case_t;


#define NS     MLSEC_MERGE_NAMESPACE, MLSEC_CONFLICT_ERROR
#define ARRAY  MLSEC_MERGE_ARRAY, MLSEC_CONFLICT_ERROR
#define CONCAT MLSEC_MERGE_CONCAT, MLSEC_CONFLICT_ERROR
#define FLAT   MLSEC_MERGE_FLAT, MLSEC_CONFLICT_ERROR
#define FIRST  MLSEC_MERGE_FLAT, MLSEC_CONFLICT_FIRST
#define LAST   MLSEC_MERGE_FLAT, MLSEC_CONFLICT_LAST

#define E      "[{\"part\":\"p0\"}]"


static const merge_case_t  cases[] = {

    /* namespace: the names are p0, p1, ... */

    { NS, { NULL }, "", "{}", "" },
    { NS, { NULL }, E, "{\"errors\":" E "}", "" },
    { NS, { "1" }, "", "{\"p0\":1}", "" },
    { NS, { "1" }, E, "{\"p0\":1,\"errors\":" E "}", "" },
    { NS, { " {\"a\" : 1} \n", "[ 2 ]" }, "",
      "{\"p0\":{\"a\" : 1},\"p1\":[ 2 ]}", "" },
    { NS, { FAILED, "2" }, "", "{\"p0\":null,\"p1\":2}", "" },
    { NS, { FAILED, "2" }, E, "{\"p0\":null,\"p1\":2,\"errors\":" E "}", "" },
    { NS, { "1", FAILED }, E, "{\"p0\":1,\"p1\":null,\"errors\":" E "}", "" },
    { NS, { FAILED }, E, "{\"p0\":null,\"errors\":" E "}", "" },
    { NS, { OMITTED, "2" }, "", "{\"p1\":2}", "" },
    { NS, { "1", OMITTED, "3" }, E, "{\"p0\":1,\"p2\":3,\"errors\":" E "}",
      "" },
    { NS, { OMITTED }, "", "{}", "" },
    { NS, { OMITTED }, E, "{\"errors\":" E "}", "" },
    { NS, { "\"a\"", "null", "1.10", "12345678901234567890" }, "",
      "{\"p0\":\"a\",\"p1\":null,\"p2\":1.10,\"p3\":12345678901234567890}",
      "" },
    { NS, { "{\"errors\":1}" }, E, "{\"p0\":{\"errors\":1},\"errors\":" E "}",
      "" },

    /* array */

    { ARRAY, { NULL }, "", "[]", "" },
    { ARRAY, { NULL }, E, "[]", "" },
    { ARRAY, { "1", " [2] ", "{}" }, "", "[1,[2],{}]", "" },
    { ARRAY, { "1", FAILED, "3" }, E, "[1,null,3]", "" },
    { ARRAY, { FAILED, FAILED }, E, "[null,null]", "" },
    { ARRAY, { OMITTED, "2", OMITTED, "4" }, "", "[2,4]", "" },
    { ARRAY, { OMITTED }, "", "[]", "" },

    /* concat */

    { CONCAT, { NULL }, "", "[]", "" },
    { CONCAT, { "[1,2]", "[3]" }, "", "[1,2,3]", "" },
    { CONCAT, { " [ 1 , 2 ] ", "[ ]", "[3]" }, E, "[1 , 2,3]", "" },
    { CONCAT, { "[]", "[]" }, "", "[]", "" },
    { CONCAT, { "[]", "[1]", "[]" }, "", "[1]", "" },
    { CONCAT, { FAILED, "[[]]", OMITTED, "[{}]", FAILED }, E, "[[],{}]", "" },
    { CONCAT, { FAILED }, E, "[]", "" },

    /* flat */

    { FLAT, { NULL }, "", "{}", "" },
    { FLAT, { NULL }, E, "{\"errors\":" E "}", "" },
    { FLAT, { "{}" }, "", "{}", "" },
    { FLAT, { "{}", "{ }" }, E, "{\"errors\":" E "}", "" },
    { FLAT, { FAILED, OMITTED }, E, "{\"errors\":" E "}", "" },
    { FLAT, { "{\"a\":1}" }, "", "{\"a\":1}", "" },
    { FLAT, { "{\"a\":1}" }, E, "{\"a\":1,\"errors\":" E "}", "" },
    { FLAT, { " { \"a\" : 1 , \"b\":2 } ", "{\"c\":3}" }, "",
      "{\"a\" : 1 , \"b\":2,\"c\":3}", "" },
    { FLAT, { "{\"a\":1}", FAILED, "{\"b\":2}", OMITTED, "{\"c\":3}" }, E,
      "{\"a\":1,\"b\":2,\"c\":3,\"errors\":" E "}", "" },
    { FLAT, { "{}", "{\"a\":1}", "{}" }, "", "{\"a\":1}", "" },
    { FLAT, { "{\"a\":1.10,\"b\":1e400}", "{\"c\":[ 1 ]}" }, "",
      "{\"a\":1.10,\"b\":1e400,\"c\":[ 1 ]}", "" },

    { FLAT, { "{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}" }, "",
      "{\"a\":1,\"b\":2,\"c\":4}", "1:b" },
    { FIRST, { "{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}" }, "",
      "{\"a\":1,\"b\":2,\"c\":4}", "" },
    { LAST, { "{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}" }, "",
      "{\"a\":1,\"b\":3,\"c\":4}", "" },
    { LAST, { "{\"a\":1,\"b\":2}", "{\"a\" : 3}", "{\"b\":4,\"a\":5}" }, "",
      "{\"a\":5,\"b\":4}", "" },
    { FLAT, { "{\"a\":1}", "{\"a\":2}", "{\"a\":3}" }, E,
      "{\"a\":1,\"errors\":" E "}", "1:a 2:a" },
    { FLAT, { "{\"a\":1}", "{\"x\":0,\"a\":2,\"y\":0}" }, "",
      "{\"a\":1,\"x\":0,\"y\":0}", "1:a" },
    { FLAT, { "{\"a\":1}", "{\"\\u0061\":2}" }, "", "{\"a\":1}",
      "1:\\u0061" },
    { LAST, { "{\"\\u0061\":1}", "{\"a\":2}" }, "", "{\"\\u0061\":2}", "" },
    { FLAT, { "{\"\":1}", "{\"\":2}" }, "", "{\"\":1}", "1:" },
    { FLAT, { "{\"\xc3\xa9\":1}", "{\"\\u00e9\":2}" }, "",
      "{\"\xc3\xa9\":1}", "1:\\u00e9" },

    /* duplicates inside one body */

    { FLAT, { "{\"a\":1,\"b\":2,\"a\":3}" }, "", "{\"a\":3,\"b\":2}", "" },
    { FIRST, { "{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":4}" }, "",
      "{\"a\":2}", "" },
    { LAST, { "{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":4}" }, "",
      "{\"a\":4}", "" },
    { FLAT, { "{\"a\":1}", "{\"a\":2,\"b\":0,\"a\":3}" }, "",
      "{\"a\":1,\"b\":0}", "1:a" },
    { FLAT, { "{\"b\":0}", "{\"a\":2,\"a\":3}" }, "",
      "{\"b\":0,\"a\":3}", "" },

    /* a member called errors */

    { FLAT, { "{\"errors\":[],\"a\":1}" }, E, "{\"errors\":[],\"a\":1}",
      "" },
    { FLAT, { "{\"a\":1}", "{\"\\u0065rrors\":0}" }, E,
      "{\"a\":1,\"\\u0065rrors\":0}", "" },
    { FLAT, { "{\"errors\":1}", "{\"errors\":2}" }, E, "{\"errors\":1}",
      "1:errors" },
    { FLAT, { "{\"a\":{\"errors\":1}}" }, E,
      "{\"a\":{\"errors\":1},\"errors\":" E "}", "" }
};


static const uint64_t  seed[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };


static int
emit_gen(void *ctx, const unsigned char *data, size_t len)
{
    if (len == 0) {
        abort();
    }

    gen_put(ctx, data, len);

    return 0;
}


static size_t
merge_parts(mlsec_merge_part_t *parts, const char *const *bodies)
{
    size_t  n;

    static const char *const  names[] = { "p0", "p1", "p2", "p3", "p4", "p5" };

    for (n = 0; n < MAX_PARTS && bodies[n] != NULL; n++) {
        parts[n].name = tap_str(names[n]);
        parts[n].body = tap_str(bodies[n]);
        parts[n].state = MLSEC_PART_BODY;

        if (bodies[n][0] == '-') {
            parts[n].body = tap_str("");
            parts[n].state = strcmp(bodies[n], FAILED) == 0
                             ? MLSEC_PART_FAILED : MLSEC_PART_OMITTED;
        }
    }

    return n;
}


static void
test_cases(void)
{
    size_t               i, k, n;
    gen_t                out, told;
    char                 number[32];
    mlsec_mem_t          mem;
    tap_arena_t          arena;
    mlsec_merge_t        m;
    mlsec_merge_conf_t   conf;
    mlsec_merge_part_t   parts[MAX_PARTS];
    const merge_case_t  *c;

    memset(&out, 0, sizeof(gen_t));
    memset(&told, 0, sizeof(gen_t));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        mem = tap_mem(&arena);
        out.len = 0;
        told.len = 0;

        conf = (mlsec_merge_conf_t) { c->mode, c->on_conflict,
                                      { seed[0], seed[1] } };
        n = merge_parts(parts, c->bodies);

        tap_is(mlsec_merge_plan(&m, &mem, &conf, parts, n), MLSEC_OK, "plan");
        tap_is(mlsec_merge_emit(&m, tap_str(c->errors), emit_gen, &out),
               MLSEC_OK, "emit");
        tap_is_str((mlsec_str_t) { out.data, out.len },
                   tap_str(c->expected), c->expected);
        tap_is((long long) mlsec_merge_size(&m, tap_str(c->errors)),
               (long long) out.len, "size");

        for (k = 0; k < m.nconflicts; k++) {
            snprintf(number, sizeof(number), "%s%zu:", k ? " " : "",
                     m.conflicts[k].part);
            gen_text(&told, number);
            gen_put(&told, m.conflicts[k].key.data, m.conflicts[k].key.len);
        }

        tap_is_str((mlsec_str_t) { told.data, told.len },
                   tap_str(c->conflicts), "conflicts");

        tap_free(&arena);
    }

    free(out.data);
    free(told.data);
}


static void
test_check(void)
{
    size_t  i;

    static const struct {
        const char  *body;
        int          rc[4];            /* by mlsec_merge_mode_e */
    } checks[] = {
        { " {} ", { MLSEC_OK, MLSEC_OK, MLSEC_OK, MLSEC_BADTYPE } },
        { "\n[]", { MLSEC_OK, MLSEC_BADTYPE, MLSEC_OK, MLSEC_OK } },
        { "null", { MLSEC_OK, MLSEC_BADTYPE, MLSEC_OK, MLSEC_BADTYPE } },
        { "1", { MLSEC_OK, MLSEC_BADTYPE, MLSEC_OK, MLSEC_BADTYPE } },
        { "\"{\"", { MLSEC_OK, MLSEC_BADTYPE, MLSEC_OK, MLSEC_BADTYPE } },
        { "", { MLSEC_BADTYPE, MLSEC_BADTYPE, MLSEC_BADTYPE,
                MLSEC_BADTYPE } }
    };

    int                 mode;
    mlsec_mem_t         mem;
    tap_arena_t         arena;
    mlsec_merge_t       m;
    mlsec_merge_conf_t  conf;
    mlsec_merge_part_t  part;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {

        for (mode = MLSEC_MERGE_NAMESPACE; mode <= MLSEC_MERGE_CONCAT; mode++)
        {
            tap_is(mlsec_merge_check((mlsec_merge_mode_e) mode,
                                     tap_str(checks[i].body)),
                   checks[i].rc[mode], checks[i].body);

            mem = tap_mem(&arena);
            memset(&conf, 0, sizeof(mlsec_merge_conf_t));
            conf.mode = (mlsec_merge_mode_e) mode;

            part.name = tap_str("p0");
            part.body = tap_str(checks[i].body);
            part.state = MLSEC_PART_BODY;

            tap_is(mlsec_merge_plan(&m, &mem, &conf, &part, 1),
                   checks[i].rc[mode], "and the plan says the same");
            tap_free(&arena);
        }
    }
}


static void
test_has_errors(void)
{
    size_t  i;

    static const struct {
        mlsec_merge_mode_e   mode;
        const char          *bodies[MAX_PARTS];
        unsigned             has_errors;
    } table[] = {
        { MLSEC_MERGE_FLAT, { "{\"errors\":1}" }, 1 },
        { MLSEC_MERGE_FLAT, { "{\"a\":1}", "{\"err\\u006frs\":1}" }, 1 },
        { MLSEC_MERGE_FLAT, { "{\"a\":1}" }, 0 },
        { MLSEC_MERGE_FLAT, { "{\"a\":{\"errors\":1}}" }, 0 },
        { MLSEC_MERGE_FLAT, { "{\"error\":1,\"errorss\":1}" }, 0 },
        { MLSEC_MERGE_FLAT, { "{}" }, 0 },
        { MLSEC_MERGE_FLAT, { FAILED }, 0 },
        { MLSEC_MERGE_NAMESPACE, { "{\"errors\":1}" }, 0 },
        { MLSEC_MERGE_ARRAY, { "{\"errors\":1}" }, 0 }
    };

    mlsec_mem_t         mem;
    tap_arena_t         arena;
    mlsec_merge_t       m;
    mlsec_merge_conf_t  conf;
    mlsec_merge_part_t  parts[MAX_PARTS];

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        mem = tap_mem(&arena);
        memset(&conf, 0, sizeof(mlsec_merge_conf_t));
        conf.mode = table[i].mode;

        (void) mlsec_merge_plan(&m, &mem, &conf, parts,
                                merge_parts(parts, table[i].bodies));
        tap_is(m.has_errors, table[i].has_errors, table[i].bodies[0]);
        tap_free(&arena);
    }
}


typedef struct {
    size_t                calls;
    size_t                stop;
} emit_stop_t;


static int
emit_stop(void *ctx, const unsigned char *data, size_t len)
{
    emit_stop_t  *stop = ctx;

    (void) data;
    (void) len;

    return ++stop->calls == stop->stop ? 42 : 0;
}


/* Nothing is emitted after the callback has said stop. */

static void
test_stop(void)
{
    int                 mode;
    size_t              n;
    mlsec_mem_t         mem;
    tap_arena_t         arena;
    emit_stop_t         stop;
    mlsec_merge_t       m;
    mlsec_merge_conf_t  conf;
    mlsec_merge_part_t  parts[MAX_PARTS];

    static const char *const  objects[MAX_PARTS] = {
        "{\"a\":1}", "{\"b\":1}", "{\"a\":2,\"a\":3}"
    };
    static const char *const  arrays[MAX_PARTS] = { "[1]", "[2]", "[3]" };

    for (mode = MLSEC_MERGE_NAMESPACE; mode <= MLSEC_MERGE_CONCAT; mode++) {
        mem = tap_mem(&arena);
        memset(&conf, 0, sizeof(mlsec_merge_conf_t));
        conf.mode = (mlsec_merge_mode_e) mode;
        conf.on_conflict = MLSEC_CONFLICT_LAST;

        n = merge_parts(parts, mode == MLSEC_MERGE_CONCAT ? arrays : objects);
        tap_is(mlsec_merge_plan(&m, &mem, &conf, parts, n), MLSEC_OK, "plan");

        stop = (emit_stop_t) { 0, 0 };
        tap_is(mlsec_merge_emit(&m, tap_str(E), emit_stop, &stop), MLSEC_OK,
               "emit");

        for (n = stop.calls; n > 0; n--) {
            stop = (emit_stop_t) { 0, n };
            tap_is(mlsec_merge_emit(&m, tap_str(E), emit_stop, &stop), 42,
                   "stopped");
            tap_is((long long) stop.calls, (long long) n, "at once");
        }

        tap_free(&arena);
    }
}


/* Many members, with memory that ends after each allocation in turn. */

static void
test_many(void)
{
    int                  rc;
    char                 text[64];
    size_t               i, n, allocs;
    gen_t                g, out;
    mlsec_mem_t          mem;
    tap_arena_t          arena;
    mlsec_merge_t        m;
    mlsec_merge_conf_t   conf;
    mlsec_merge_part_t   parts[2];

    memset(&g, 0, sizeof(gen_t));
    memset(&out, 0, sizeof(gen_t));
    gen_text(&g, "{\"key\\u0020\":0");

    for (i = 0; i < 5000; i++) {
        snprintf(text, sizeof(text), ",\"key %zu\":%zu", i, i);
        gen_text(&g, text);
    }

    gen_text(&g, "}");

    parts[0].name = tap_str("p0");
    parts[0].body = (mlsec_str_t) { g.data, g.len };
    parts[0].state = MLSEC_PART_BODY;
    parts[1] = parts[0];

    conf = (mlsec_merge_conf_t) { FLAT, { seed[0], seed[1] } };

    mem = tap_mem(&arena);
    tap_is(mlsec_merge_plan(&m, &mem, &conf, parts, 2), MLSEC_OK, "plan");
    tap_is((long long) m.nconflicts, 5001, "every member is a conflict");

    tap_is(mlsec_merge_emit(&m, tap_str(""), emit_gen, &out), MLSEC_OK,
           "emit");
    tap_is_str((mlsec_str_t) { out.data, out.len }, parts[0].body,
               "the first body is the result");

    allocs = arena.n;
    tap_free(&arena);

    for (n = 0; n < allocs; n++) {
        mem = tap_mem(&arena);
        arena.fail_after = n;
        rc = mlsec_merge_plan(&m, &mem, &conf, parts, 2);
        tap_is(rc, MLSEC_NOMEM, "no memory");
        tap_free(&arena);
    }

    free(g.data);
    free(out.data);
}


/* What the modes mean, said with Jansson; the text is compared, order too. */

static json_t *
model_merge(const mlsec_merge_conf_t *conf, const mlsec_merge_part_t *parts,
    size_t n, size_t *conflicts)
{
    int          wins;
    char         name[32];
    size_t       i;
    json_t      *result, *body, *v;
    const char  *key;

    result = conf->mode <= MLSEC_MERGE_FLAT ? json_object() : json_array();
    *conflicts = 0;

    for (i = 0; i < n; i++) {

        if (parts[i].state == MLSEC_PART_OMITTED
            || (parts[i].state == MLSEC_PART_FAILED
                && (conf->mode == MLSEC_MERGE_FLAT
                    || conf->mode == MLSEC_MERGE_CONCAT)))
        {
            continue;
        }

        body = parts[i].state == MLSEC_PART_FAILED
               ? json_null()
               : json_loadb((const char *) parts[i].body.data,
                            parts[i].body.len, JSON_DECODE_ANY, NULL);

        switch (conf->mode) {

        case MLSEC_MERGE_NAMESPACE:
            snprintf(name, sizeof(name), "p%zu", i);
            json_object_set(result, name, body);
            break;

        case MLSEC_MERGE_ARRAY:
            json_array_append(result, body);
            break;

        case MLSEC_MERGE_CONCAT:
            json_array_extend(result, body);
            break;

        default:
            json_object_foreach(body, key, v) {
                wins = json_object_get(result, key) == NULL
                       || conf->on_conflict == MLSEC_CONFLICT_LAST;

                *conflicts += !wins
                              && conf->on_conflict == MLSEC_CONFLICT_ERROR;

                if (wins) {
                    json_object_set(result, key, v);
                }
            }
        }

        json_decref(body);
    }


    return result;
}


static int
random_agrees(const mlsec_merge_conf_t *conf, const mlsec_merge_part_t *parts,
    size_t n)
{
    int            pass;
    char          *text, *model_text;
    gen_t          out;
    json_t        *got, *model;
    size_t         i, conflicts;
    mlsec_mem_t    mem;
    tap_arena_t    arena;
    mlsec_merge_t  m;

    memset(&out, 0, sizeof(gen_t));
    mem = tap_mem(&arena);

    pass = mlsec_merge_plan(&m, &mem, conf, parts, n) == MLSEC_OK
           && mlsec_merge_emit(&m, tap_str(""), emit_gen, &out) == MLSEC_OK
           && mlsec_merge_size(&m, tap_str("")) == out.len
           && mlsec_json_scan((mlsec_str_t) { out.data, out.len }, 0, NULL,
                              NULL) == MLSEC_OK;

    model = model_merge(conf, parts, n, &conflicts);
    got = json_loadb((const char *) out.data, out.len, 0, NULL);

    text = json_dumps(got, JSON_COMPACT);
    model_text = json_dumps(model, JSON_COMPACT);

    pass = pass && text != NULL && model_text != NULL
           && strcmp(text, model_text) == 0 && m.nconflicts == conflicts
           && (conf->mode != MLSEC_MERGE_FLAT
               || m.has_errors == (json_object_get(model, "errors") != NULL));

    if (!pass) {
        tap_diag("mode %d, %d: %s, expected %s", conf->mode,
                 conf->on_conflict, text, model_text);

        for (i = 0; i < n; i++) {
            tap_diag("%zu: %d %.*s", i, parts[i].state,
                     (int) parts[i].body.len,
                     (const char *) parts[i].body.data);
        }
    }

    free(text);
    free(model_text);
    free(out.data);
    json_decref(got);
    json_decref(model);
    tap_free(&arena);

    return pass;
}


static void
test_random(void)
{
    int                 i, pass, kind;
    size_t              k, n;
    gen_t               bodies[MAX_PARTS];
    mlsec_merge_conf_t  conf;
    mlsec_merge_part_t  parts[MAX_PARTS];

    static const char *const  none[MAX_PARTS] = { "", "", "", "", "", "" };

    tap_seed();
    memset(bodies, 0, sizeof(bodies));
    merge_parts(parts, none);
    pass = 1;

    for (i = 0; i < 10000 && pass; i++) {
        conf.mode = (mlsec_merge_mode_e) (i % 4);
        conf.on_conflict = (mlsec_merge_conflict_e) tap_random(3);
        conf.seed[0] = tap_random(~(uint64_t) 0);
        conf.seed[1] = tap_random(~(uint64_t) 0);

        kind = conf.mode == MLSEC_MERGE_FLAT ? '{'
                            : conf.mode == MLSEC_MERGE_CONCAT ? '[' : 0;
        n = tap_random(MAX_PARTS + 1);

        for (k = 0; k < n; k++) {
            bodies[k].len = 0;
            gen_value(&bodies[k], (unsigned) tap_random(4), kind);

            parts[k].body = (mlsec_str_t) { bodies[k].data, bodies[k].len };
            parts[k].state = tap_random(4) ? MLSEC_PART_BODY
                             : tap_random(2) ? MLSEC_PART_FAILED
                                             : MLSEC_PART_OMITTED;
        }

        pass = random_agrees(&conf, parts, n);
    }

    for (k = 0; k < MAX_PARTS; k++) {
        free(bodies[k].data);
    }

    tap_ok(pass, "random bodies, as Jansson would do it");
}


int
main(void)
{
    test_cases();
    test_check();
    test_has_errors();
    test_stop();
    test_many();
    test_random();

    return tap_done();
}

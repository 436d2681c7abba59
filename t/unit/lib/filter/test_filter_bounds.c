/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The filter language: what a program may not do, and what stops one that
 * does not stop by itself.
 */


#include "filter.h"


/* Programs that do not compile: line:column: reason. */

static const filter_case_t  refused[] = {
    { "input", "", "1:1: input/0 is not allowed: a program has one input, and "
      "does not read more" },
    { ".a | inputs", "", "1:6: inputs/0 is not allowed: a program has one "
      "input, and does not read more" },
    { "debug", "", "1:1: debug/0 is not allowed: a program writes nothing but "
      "its results" },
    { "debug(.a)", "", "1:1: debug/1 is not allowed: a program writes nothing "
      "but its results" },
    { "stderr", "", "1:1: stderr/0 is not allowed: a program writes nothing "
      "but its results" },
    { "env.PATH", "", "1:1: env/0 is not allowed: a program does not see the "
      "environment" },
    { ".\n| $ENV", "", "2:3: \"$ENV\" is not allowed: a program does not see "
      "the environment" },
    { "input_filename", "", "1:1: input_filename/0 is not allowed: a program "
      "reads no files" },
    { "halt_error", "", "1:1: halt_error/0 is not allowed: a program cannot "
      "end its process, use error" },
    { "import \"a\" as a; .", "", "1:1: \"import\" is not allowed: a program "
      "has no modules and reads no files, put the definitions into it" },
    { "include \"a\"; .", "", "1:1: \"include\" is not allowed: a program has "
      "no modules and reads no files, put the definitions into it" },
    { "a::b", "", "1:1: a::b/0 is not allowed: there are no modules" },
    { "1 | nosuch", "", "1:5: nosuch/0 is not defined" },
    { ".a\n| map(.b; .c)", "", "2:3: map/2 is not defined: map takes another "
      "number of arguments" },
    { "def f(a): a; f", "", "1:14: f/0 is not defined" },
    { "_match(\"a\"; null; true)", "", "1:1: _match/3 is not defined" },
    { "$x", "", "1:1: $x is not defined" },
    { "break $x", "", "1:7: $*label-x is not defined" },
    { "@nosuch", "", "1:1: @nosuch is not a format" },
    { "# nothing\n(", "", "2:2: syntax error: the program ends here, expected "
      "an expression" },
    { ".a |", "", "1:5: syntax error: the program ends here, expected an "
      "expression" },
    { ".a )", "", "1:4: syntax error: unexpected \")\", expected an operator "
      "or the end of the program" },
    { "if . then 1", "", "1:12: syntax error: the program ends here, expected "
      "\"elif\", \"else\" or \"end\"" },
    { "1 == 2 == 3", "", "1:8: syntax error: unexpected \"==\", expected no "
      "second operator of this kind (use parentheses)" },
    { "{1: 2}", "", "1:2: cannot use a number as object key, write "
      "(1|tostring)" },
    { "\"abc", "", "1:1: the string is not closed" },
    { "\"\\x\"", "", "1:2: invalid escape \"\\x\" in a string" },
    { "\"\xff\"", "", "1:2: the program is not UTF-8" },
    { ". as [] | 1", "", "1:7: syntax error: unexpected \"]\", expected a "
      "pattern: $name, [...] or {...}" },
};

/* Errors of a run, as they are caught. */

static const filter_case_t  errors[] = {
    { ".a", "1", "error: Cannot index number with string (\"a\")" },
    { ".[]", "1", "error: Cannot iterate over number (1)" },
    { "{} + 1", "", "error: object ({}) and number (1) cannot be added" },
    { "1 / 0", "", "error: number (1) and number (0) cannot be divided "
      "because the divisor is zero" },
    { "\"0123456789012345678901234567890123456789\" - 1", "",
      "error: string (\"012345678901234567890123...\") and number (1) cannot "
      "be subtracted" },
    { "error({a: 1})", "", "error: (not a string): {\"a\":1}" },
    { ".", "[1,", "input" },
    { ".", "nan", "input" },
};


static void
test_steps(void)
{
    size_t           i;
    filter_text_t    out;
    filter_limits_t  limits;

    static const char *const  endless[] = {
        "def f: f; f", "[repeat(1)]", "last(range(0; infinite))",
        "until(false; . + 1)", "def f: 1, f; last(f)",
        "[recurse(.)] | length", "reduce repeat(1) as $x (0; . + $x)",
        "def f(g): g | f(g + 1); f(1)", "first(repeat(1) | select(. == 2))",
        "[range(1000000)] | sort_by(-.) | length",
        "\"a\" * 100000 | [match(\"a\"; \"g\")] | length"
    };

    for (i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        memset(&limits, 0, sizeof(limits));
        limits.fail_after = ~(size_t) 0;
        limits.max_steps = 100000;

        filter_eval(endless[i], "1", &limits, &out);

        tap_ok((limits.rc == MLSEC_FILTER_STEPS
                && strcmp((char *) out.data, "error: too many steps") == 0
                && limits.steps <= 100000)
               || limits.rc == MLSEC_FILTER_MEMORY,
               "stopped: %s", endless[i]);
        free(out.data);
    }

    /* the bound is exact: what needs n steps runs with n + 1, not with less */

    memset(&limits, 0, sizeof(limits));
    limits.fail_after = ~(size_t) 0;
    filter_eval("[range(100)] | add", "", &limits, &out);
    free(out.data);

    limits.max_steps = limits.steps + 1;
    filter_eval("[range(100)] | add", "", &limits, &out);
    tap_is(limits.rc, MLSEC_DECLINED, "as many steps as are needed");
    free(out.data);

    limits.max_steps = limits.steps - 1;
    filter_eval("[range(100)] | add", "", &limits, &out);
    tap_is(limits.rc, MLSEC_FILTER_STEPS, "one step less");
    free(out.data);
}


/*
 * A pattern that is written in the program costs a run less than one that is
 * made by it, and means the same.
 */

static void
test_ready(void)
{
    size_t           i;
    uint64_t         steps;
    filter_text_t    out, made;
    filter_limits_t  limits;

    static const struct {
        const char  *ready;
        const char  *made;
    } programs[] = {
        { "test(\"^A+b\"; \"i\")", "\"^A+b\" as $p | test($p; \"i\")" },
        { "test(\"^A+b\")", "\"^A+b\" as $p | test($p)" },
        { "[match(\"a\"; \"g\").offset]",
          "\"a\" as $p | [match($p; \"g\").offset]" },
        { "capture(\"(?<x>b)\")", "\"(?<x>b)\" as $p | capture($p)" },
        { "[scan(\"a\")]", "\"a\" as $p | [scan($p)]" },
        { "split(\"a+\"; null)", "\"a+\" as $p | split($p; null)" },
        { "[splits(\"b\")]", "\"b\" as $p | [splits($p)]" },
        { "sub(\"a\"; \"x\")", "\"a\" as $p | sub($p; \"x\")" },
        { "gsub(\"A\"; \"x\"; \"i\")",
          "\"A\" as $p | gsub($p; \"x\"; \"i\")" }
    };

    for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        memset(&limits, 0, sizeof(limits));
        limits.fail_after = ~(size_t) 0;

        filter_eval(programs[i].ready, "\"aabba\"", &limits, &out);
        steps = limits.steps;

        filter_eval(programs[i].made, "\"aabba\"", &limits, &made);

        tap_ok(steps + 80 < limits.steps, "%s: %u steps, %u",
               programs[i].ready, (unsigned) steps, (unsigned) limits.steps);
        tap_ok(strcmp((char *) out.data, (char *) made.data) == 0,
               "%s: the same", programs[i].ready);

        free(out.data);
        free(made.data);
    }
}


static void
test_memory(void)
{
    size_t           i;
    filter_text_t    out;
    filter_limits_t  limits;

    static const char *const  greedy[] = {
        "[range(10000000)]", "\"a\" * 100000000",
        "reduce range(1000000) as $i (\"\"; . + \"abcdefgh\\($i)\")",
        "def f: 1 + f; f", "def f: [f]; f", "[limit(1000000; repeat(\"x\"))]",
        ".[500000000] = 1", "reduce range(100) as $i ([1]; . + .)",
        "reduce range(100) as $i (\"x\"; . + .)",
        "[range(300000)] | map(tostring) | join(\",\")",
        "def f: ., ([.] | f); last(f)", "[combinations(100)]"
    };

    for (i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++) {
        memset(&limits, 0, sizeof(limits));
        limits.fail_after = ~(size_t) 0;
        limits.max_memory = 2 << 20;

        filter_eval(greedy[i], "[1,2]", &limits, &out);

        tap_ok((limits.rc == MLSEC_FILTER_MEMORY
                || limits.rc == MLSEC_FILTER_STEPS
                || strstr((char *) out.data, "error") != NULL)
               && limits.memory <= 2 << 20, "stopped: %s", greedy[i]);

        if (i == 0) {
            tap_is_str(tap_str((char *) out.data),
                       tap_str("error: out of the memory of the filter"),
                       "what is said about it");
        }

        free(out.data);
    }
}


/*
 * Loops that must not use more memory the longer they run, or not much: what
 * is written to in place is not copied.
 */

static void
test_constant_memory(void)
{
    size_t           i;
    filter_text_t    out;
    filter_limits_t  limits;

    static const char *const  loops[] = {
        "last(range(300000))", "0 | until(. == 100000; . + 1)",
        "[limit(3; 0 | repeat(. + 1) | select(. > 50000))] | length",
        "last(0 | while(. < 50000; . + 1))",
        "reduce range(300000) as $i (0; . + $i)",
        "def f: if . == 100000 then . else . + 1 | f end; 0 | f",
        "last(foreach range(300000) as $i (0; . + $i))",
        "first(range(300000) | select(. == 299999))",
        "def f(g): if . == 0 then g else . - 1 | f(g) end; 100000 | f(7)",

        /* these keep a little of each round: a path, a message */

        "reduce range(100000) as $i ({}; .a += $i)",
        "reduce range(100000) as $i ([0]; .[0] = $i)",
        "reduce range(100000) as $i ([]; . + [$i]) | length",
        "0 | until(. == 50000; (try error(\"x\") catch 1) + .)"
    };

    for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        memset(&limits, 0, sizeof(limits));
        limits.fail_after = ~(size_t) 0;

        filter_eval(loops[i], "1", &limits, &out);

        if (!tap_ok(limits.rc == MLSEC_DECLINED
                    && limits.memory < (i < 9 ? 256 << 10 : 16 << 20),
                    "constant: %s", loops[i]))
        {
            tap_diag("%zu bytes, %s", limits.memory, out.data);
        }

        free(out.data);
    }
}


/* Depth of programs and of data. */

static void
test_depth(void)
{
    size_t           i, n;
    char            *program;
    filter_text_t    out;
    filter_limits_t  limits;

    static const struct {
        const char  *open;
        const char  *middle;
        const char  *close;
    } nests[] = {
        { "(", ".", ")" }, { "[", "", "]" }, { "{a:", "1", "}" },
        { "if ", "1", " then 1 end" }, { "-", "1", "" },
        { "try ", "1", "" }, { "\"\\(", "1", ")\"" }, { ".[", "0", "]" },
        { ". as [", "$x", "]" }, { "def f: ", "1", "; f" },
        { "1 as $x | ", "1", "" }, { "map(", ".", ")" },
        { "reduce . as $x (", "1", "; 1)" }, { "1 + ", "1", "" }
    };

    for (i = 0; i < sizeof(nests) / sizeof(nests[0]); i++) {
        program = malloc(5000 * 20);
        program[0] = '\0';

        for (n = 0; n < 5000; n++) {
            strcpy(program + n * strlen(nests[i].open), nests[i].open);
        }

        strcat(program, nests[i].middle);

        memset(&limits, 0, sizeof(limits));
        limits.fail_after = ~(size_t) 0;
        filter_eval(program, "1", &limits, &out);

        tap_ok(strstr((char *) out.data, "deep") != NULL
               || strstr((char *) out.data, "syntax error") != NULL,
               "5000 times %s", nests[i].open);
        free(out.data);
        free(program);
    }

    memset(&limits, 0, sizeof(limits));
    limits.fail_after = ~(size_t) 0;
    filter_eval("reduce range(20000) as $i (1; [.]) | tojson | fromjson "
                "| [flatten, (. == .), ([., .] | sort | length), "
                "([..] | length)]", "", &limits, &out);
    tap_is_str(tap_str((char *) out.data), tap_str("[[1],true,2,20001]\n"),
               "data 20000 levels deep");
    free(out.data);
}


/* Each allocation may fail: the run ends, and says why. */

static void
test_no_memory(void)
{
    size_t           n;
    unsigned         failed;
    filter_text_t    out;
    filter_limits_t  limits;

    failed = 0;

    for (n = 0; n < 40; n++) {
        memset(&limits, 0, sizeof(limits));
        limits.fail_after = n;

        filter_eval("[.[] | tojson, (. as {$a} ?// $a | $a), "
                    "(try .b.c catch .)] | group_by(type) | map(add?)",
                    "[{\"a\":1},{\"a\":[1,2]}]", &limits, &out);
        free(out.data);

        if (limits.rc != MLSEC_NOMEM) {
            break;
        }

        failed++;
    }

    tap_ok(failed > 0 && n < 40, "%u allocations can fail", failed);
}


static int
test_refuse(void *ctx, const unsigned char *data, size_t len)
{
    (void) data;

    *(size_t *) ctx -= len < *(size_t *) ctx ? len : *(size_t *) ctx;

    return *(size_t *) ctx == 0 ? -1 : MLSEC_OK;
}


static void
test_output(void)
{
    size_t                  room;
    tap_arena_t             arena;
    mlsec_mem_t             mem;
    mlsec_filter_t         *filter;
    mlsec_filter_env_t      env;
    mlsec_filter_run_t     *run;
    mlsec_filter_style_t    style;
    mlsec_filter_error_t    error;

    mem = tap_mem(&arena);
    memset(&env, 0, sizeof(env));
    memset(&style, 0, sizeof(style));
    env.mem = mem;

    tap_is(mlsec_filter_compile(&mem, tap_lit("[range(10000)]"), NULL, 0,
                                &filter, &error), MLSEC_OK, "compiled");
    tap_is(mlsec_filter_start(filter, &env, NULL, NULL, &run), MLSEC_OK,
           "started");
    tap_is(mlsec_filter_next(run), MLSEC_OK, "a result");

    room = 20000;
    tap_is(mlsec_filter_write(run, &style, test_refuse, &room),
           MLSEC_FILTER_OUTPUT, "the writer says no");

    room = 200000;
    tap_is(mlsec_filter_write(run, &style, test_refuse, &room), MLSEC_OK,
           "and may be asked again");
    tap_is(mlsec_filter_next(run), MLSEC_DECLINED, "no more results");
    tap_is(mlsec_filter_next(run), MLSEC_DECLINED, "nor later");

    tap_free(&arena);
}


int
main(void)
{
    filter_table(refused);
    filter_table(errors);
    test_steps();
    test_ready();
    test_memory();
    test_constant_memory();
    test_depth();
    test_no_memory();
    test_output();

    return tap_done();
}

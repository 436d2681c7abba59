/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * mlsec-jq: the filter language on the command line, for trying programs
 * before they go into nginx.conf.  Options and exit codes are those of jq.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <lib/filter/mlsec_filter.h>
#include <lib/json/mlsec_json.h>
#include <lib/mlsec_text.h>
#include <mlsec_cli/mlsec_cli.h>


#define MAX_VARS  64


const char  mlsec_cli_name[] = "mlsec-jq";


typedef struct {
    unsigned char        *data;
    size_t                len;
    size_t                room;
} text_t;

typedef struct {
    mlsec_filter_style_t  style;
    int                   no_newline;
    int                   null_input;
    int                   slurp;
    int                   raw_input;
    int                   exit_status;
    int                   compact;
    int                   verbatim;
    uint64_t              max_steps;
    size_t                max_memory;
    const char           *program;
    const char           *program_file;
    const char           *files[256];
    unsigned              nfiles;
    mlsec_str_t           names[MAX_VARS];
    mlsec_filter_value_t  values[MAX_VARS];
    unsigned              nvars;
    const mlsec_filter_t *filter;
    int                   status;      /* what is to be returned */
    int                   last_false;  /* -1: no result so far */
} options_t;


/* Memory of one run, freed at once. */

typedef struct piece_s  piece_t;

struct piece_s {
    piece_t              *next;
    size_t                size;        /* keeps the rest aligned */
};


static void *
arena_alloc(void *ctx, size_t size)
{
    piece_t  *p, **pieces = ctx;

    p = malloc(sizeof(piece_t) + size);

    if (p == NULL) {
        return NULL;
    }

    p->next = *pieces;
    p->size = size;
    *pieces = p;

    return p + 1;
}


static void
arena_free(piece_t **pieces)
{
    piece_t  *p;

    while (*pieces != NULL) {
        p = *pieces;
        *pieces = p->next;
        free(p);
    }
}


static void
put(text_t *t, const void *data, size_t len)
{
    if (t->room - t->len < len + 1) {
        t->room = 2 * t->room + len + 64;
        t->data = realloc(t->data, t->room);

        if (t->data == NULL) {
            mlsec_cli_die("out of memory");
        }
    }

    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}


/* Reads a file, "-" or NULL for standard input, behind what is in "t". */

static int
read_file(const char *name, text_t *t)
{
    FILE    *file;
    char     buf[65536];
    size_t   n;

    file = name == NULL || strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");

    if (file == NULL) {
        fprintf(stderr, "mlsec-jq: error: Could not open %s: %s\n", name,
                strerror(errno));
        return -1;
    }

    put(t, "", 0);

    while ((n = fread(buf, 1, sizeof(buf), file)) != 0) {
        put(t, buf, n);
    }

    if (file != stdin) {
        fclose(file);
    }

    return 0;
}


/*
 * Cuts the next document off: brackets are counted outside of strings, a
 * scalar ends before white space or a bracket.  Whether it is JSON is found
 * out later.
 */

static mlsec_str_t
next_document(mlsec_str_t *rest)
{
    size_t                depth;
    mlsec_str_t           doc;
    const unsigned char  *p, *end;

    p = rest->data;
    end = p + rest->len;

    while (p != end && strchr(" \t\r\n", *p) != NULL && *p != '\0') {
        p++;
    }

    doc.data = p;
    depth = 0;

    while (p != end) {

        if (*p == '"') {

            if (depth == 0 && p != doc.data) {
                break;
            }

            for (p++; p != end && *p != '"'; p++) {
                if (*p == '\\' && p + 1 != end) {
                    p++;
                }
            }

            p += p != end;

        } else if (*p == '{' || *p == '[') {

            if (depth == 0 && p != doc.data) {
                break;
            }

            depth++;
            p++;

        } else if (*p == '}' || *p == ']') {
            depth -= depth != 0;
            p++;

        } else if (depth == 0 && *p != '\0' && strchr(" \t\r\n", *p) != NULL) {
            break;

        } else {
            p++;
            continue;
        }

        if (depth == 0) {
            break;
        }
    }

    doc.len = (size_t) (p - doc.data);
    rest->data = p;
    rest->len = (size_t) (end - p);

    return doc;
}


static void
quote(text_t *t, mlsec_str_t raw)
{
    size_t          len;
    unsigned char  *p;

    len = mlsec_text_escaped_len(raw);
    p = malloc(len + 1);

    if (p == NULL) {
        mlsec_cli_die("out of memory");
    }

    (void) mlsec_text_escape(p, raw);
    put(t, "\"", 1);
    put(t, p, len);
    put(t, "\"", 1);
    free(p);
}


static int
emit(void *ctx, const unsigned char *data, size_t len)
{
    (void) ctx;

    return fwrite(data, 1, len, stdout) == len ? MLSEC_OK : -1;
}


static void
report(options_t *o, mlsec_filter_run_t *run, int rc)
{
    mlsec_str_t  message;

    if (rc == MLSEC_DECLINED) {
        return;
    }

    message = mlsec_filter_message(run);
    fprintf(stderr, "mlsec-jq: error (at <stdin>:0): %.*s\n",
            (int) message.len, message.data);
    o->status = 5;
}


/* Runs the program on one input and prints what comes out. */

static void
run_one(options_t *o, const mlsec_filter_value_t *input)
{
    int                  rc;
    size_t               offset;
    piece_t             *pieces;
    struct timespec      now;
    mlsec_filter_env_t   env;
    mlsec_filter_run_t  *run;

    pieces = NULL;
    memset(&env, 0, sizeof(env));
    env.mem.alloc = arena_alloc;
    env.mem.ctx = &pieces;
    env.max_steps = o->max_steps;
    env.max_memory = o->max_memory;
    env.lenient = !o->verbatim;

    clock_gettime(CLOCK_REALTIME, &now);
    env.now = (double) now.tv_sec + (double) now.tv_nsec / 1e9;
    env.seed[0] = (uint64_t) now.tv_nsec;
    env.seed[1] = (uint64_t) (uintptr_t) &env;

    rc = mlsec_filter_start(o->filter, &env, input, o->values, &run);

    if (rc != MLSEC_OK) {
        offset = 0;

        if (rc == MLSEC_FILTER_INPUT && input != NULL) {
            rc = mlsec_json_scan(input->text, MLSEC_JSON_MAX_DEPTH, NULL,
                                 &offset);
        }

        fprintf(stderr, "mlsec-jq: error: input is not JSON: %s at byte "
                "%zu\n", mlsec_json_strerror(rc), offset);
        o->status = 2;
        arena_free(&pieces);
        return;
    }

    while ((rc = mlsec_filter_next(run)) == MLSEC_OK) {
        rc = mlsec_filter_write(run, &o->style, emit, NULL);

        if (rc != MLSEC_OK) {
            break;
        }

        if (!o->no_newline) {
            putchar('\n');
        }

        o->last_false = mlsec_filter_is_false(run);
    }

    report(o, run, rc);
    arena_free(&pieces);
}


/* Lines of raw text are inputs of their own. */

static void
run_lines(options_t *o, mlsec_str_t text)
{
    text_t                t;
    mlsec_str_t           line;
    const unsigned char  *end;
    mlsec_filter_value_t  input;

    memset(&t, 0, sizeof(t));

    while (text.len != 0) {
        end = memchr(text.data, '\n', text.len);
        line.data = text.data;
        line.len = end == NULL ? text.len : (size_t) (end - text.data);
        text.data += line.len + (end != NULL);
        text.len -= line.len + (end != NULL);

        t.len = 0;
        quote(&t, line);

        memset(&input, 0, sizeof(input));
        input.text.data = t.data;
        input.text.len = t.len;
        run_one(o, &input);
    }

    free(t.data);
}


static void
run_all(options_t *o, mlsec_str_t text)
{
    text_t                t;
    mlsec_str_t           doc;
    mlsec_filter_value_t  input;

    memset(&input, 0, sizeof(input));
    memset(&t, 0, sizeof(t));

    if (o->null_input) {
        run_one(o, NULL);
        return;
    }

    if (o->raw_input && !o->slurp) {
        run_lines(o, text);
        return;
    }

    if (o->raw_input) {
        quote(&t, text);

    } else if (o->slurp) {
        put(&t, "[", 1);

        for (doc = next_document(&text); doc.len != 0;
             doc = next_document(&text))
        {
            if (t.len != 1) {
                put(&t, ",", 1);
            }

            put(&t, doc.data, doc.len);
        }

        put(&t, "]", 1);
    }

    if (t.data != NULL) {
        input.text.data = t.data;
        input.text.len = t.len;
        run_one(o, &input);
        free(t.data);
        return;
    }

    for (doc = next_document(&text); doc.len != 0 && o->status != 2;
         doc = next_document(&text))
    {
        input.text = doc;
        run_one(o, &input);
    }
}


static void
add_variable(options_t *o, const char *name, mlsec_str_t text)
{
    if (o->nvars == MAX_VARS) {
        mlsec_cli_die("too many variables");
    }

    o->names[o->nvars].data = (const unsigned char *) name;
    o->names[o->nvars].len = strlen(name);
    memset(&o->values[o->nvars], 0, sizeof(mlsec_filter_value_t));
    o->values[o->nvars].text = text;
    o->nvars++;
}


static void
variable_option(options_t *o, const char *option, const char *name,
    const char *value)
{
    size_t       offset;
    text_t       t, file;
    mlsec_str_t  text, doc;

    if (name == NULL || value == NULL) {
        fprintf(stderr, "mlsec-jq: --%s takes two parameters (e.g. --%s "
                "name value)\n", option, option);
        exit(2);
    }

    memset(&t, 0, sizeof(t));
    memset(&file, 0, sizeof(file));
    text.data = (const unsigned char *) value;
    text.len = strlen(value);

    if (strcmp(option, "arg") == 0) {
        quote(&t, text);

    } else if (strcmp(option, "argjson") == 0) {

        if (mlsec_json_scan(text, MLSEC_JSON_MAX_DEPTH, NULL, &offset)
            != MLSEC_OK)
        {
            fprintf(stderr, "mlsec-jq: Invalid JSON text passed to "
                    "--argjson\n");
            exit(2);
        }

        put(&t, text.data, text.len);

    } else {

        if (read_file(value, &file) != 0) {
            exit(2);
        }

        text.data = file.data;
        text.len = file.len;

        if (strcmp(option, "rawfile") == 0) {
            quote(&t, text);

        } else {
            put(&t, "[", 1);

            for (doc = next_document(&text); doc.len != 0;
                 doc = next_document(&text))
            {
                if (t.len != 1) {
                    put(&t, ",", 1);
                }

                put(&t, doc.data, doc.len);
            }

            put(&t, "]", 1);
        }
    }

    text.data = t.data;
    text.len = t.len;
    add_variable(o, name, text);
}


static void
usage(FILE *out)
{
    fputs("usage: mlsec-jq [options] PROGRAM [file...]\n"
          "  -c  one line a result       -r  strings without quotes\n"
          "  -j  -r without newlines     -S  members by key\n"
          "  -n  null is the only input  -s  one array of all inputs\n"
          "  -R  lines of text as input  -e  exit code by the last result\n"
          "  -f FILE  program from a file    --indent N, --tab\n"
          "  --arg NAME TEXT   --argjson NAME JSON\n"
          "  --slurpfile NAME FILE   --rawfile NAME FILE\n"
          "  --verbatim  moved parts keep their bytes, as in nginx\n"
          "  --max-steps N   --max-memory BYTES\n"
          "exit: 0; 1, 4 with -e: last result false or null, no result;\n"
          "      2 usage or input; 3 the program; 5 an error in a run\n",
          out);
}


static void
short_options(options_t *o, const char *p)
{
    for ( /* void */ ; *p != '\0'; p++) {

        switch (*p) {
        case 'c': o->compact = 1; break;
        case 'r': o->style.raw = 1; break;
        case 'j': o->style.raw = 1; o->no_newline = 1; break;
        case 'S': o->style.sort = 1; break;
        case 'n': o->null_input = 1; break;
        case 's': o->slurp = 1; break;
        case 'R': o->raw_input = 1; break;
        case 'e': o->exit_status = 1; break;
        case 'M': case 'C': case 'a': break;
        case 'h': usage(stdout); exit(0);
        default:
            fprintf(stderr, "mlsec-jq: Unknown arguments: -%c\n", *p);
            usage(stderr);
            exit(2);
        }
    }
}


static int
long_option(options_t *o, const char *p, char **next)
{
    size_t  i;

    static const char *const  with_two[] = {
        "arg", "argjson", "slurpfile", "rawfile"
    };

    static const struct {
        const char  *name;
        char         letter[2];
    } names[] = {
        { "compact-output", "c" }, { "raw-output", "r" },
        { "join-output", "j" }, { "sort-keys", "S" }, { "null-input", "n" },
        { "slurp", "s" }, { "raw-input", "R" }, { "exit-status", "e" },
        { "help", "h" }, { "monochrome-output", "M" }
    };

    for (i = 0; i < sizeof(with_two) / sizeof(with_two[0]); i++) {
        if (strcmp(p, with_two[i]) == 0) {
            variable_option(o, p, next[0], next[0] == NULL ? NULL : next[1]);
            return 2;
        }
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(p, names[i].name) == 0) {
            short_options(o, names[i].letter);
            return 0;
        }
    }

    if (strcmp(p, "verbatim") == 0) {
        o->verbatim = 1;
        return 0;
    }

    if (strcmp(p, "tab") == 0) {
        o->style.indent = 8;
        return 0;
    }

    if (next[0] == NULL) {
        mlsec_cli_die("an option without its value, or unknown: --%s", p);
    }

    if (strcmp(p, "indent") == 0) {
        i = (size_t) atoi(next[0]);

        if (i > 7) {
            mlsec_cli_die("Cannot indent more than 7 characters");
        }

        o->style.indent = (unsigned) i & 7;
        o->compact |= i == 0;

    } else if (strcmp(p, "max-steps") == 0) {
        o->max_steps = strtoull(next[0], NULL, 10);

    } else if (strcmp(p, "max-memory") == 0) {
        o->max_memory = strtoull(next[0], NULL, 10);

    } else if (strcmp(p, "from-file") == 0) {
        o->program_file = next[0];

    } else {
        mlsec_cli_die("Unknown arguments: --%s", p);
    }

    return 1;
}


static void
parse_options(options_t *o, char **argv)
{
    int   done;

    done = 0;

    for (argv++; *argv != NULL; argv++) {

        if (!done && strcmp(*argv, "--") == 0) {
            done = 1;

        } else if (!done && strncmp(*argv, "--", 2) == 0) {
            argv += long_option(o, *argv + 2, argv + 1);

        } else if (!done && strcmp(*argv, "-f") == 0 && argv[1] != NULL) {
            o->program_file = *++argv;

        } else if (!done && (*argv)[0] == '-' && (*argv)[1] != '\0'
                   && (o->program != NULL || o->program_file != NULL
                       || strspn(*argv + 1, "crjSnsReMCah")
                          == strlen(*argv + 1)))
        {
            short_options(o, *argv + 1);

        } else if (o->program == NULL && o->program_file == NULL) {
            o->program = *argv;

        } else if (o->nfiles < 256) {
            o->files[o->nfiles++] = *argv;
        }
    }

    if (o->program == NULL && o->program_file == NULL) {
        usage(stderr);
        exit(2);
    }
}


static void
compile(options_t *o)
{
    int                    rc;
    text_t                 t;
    mlsec_mem_t            mem;
    mlsec_str_t            text;
    mlsec_filter_t        *filter;
    mlsec_filter_error_t   error;

    static piece_t  *pieces;

    memset(&t, 0, sizeof(t));

    if (o->program_file != NULL) {

        if (read_file(o->program_file, &t) != 0) {
            exit(2);
        }

    } else {
        put(&t, o->program, strlen(o->program));
    }

    text.data = t.data;
    text.len = t.len;
    mem.alloc = arena_alloc;
    mem.ctx = &pieces;

    rc = mlsec_filter_compile(&mem, text, o->names, o->nvars, &filter,
                              &error);

    if (rc == MLSEC_INVALID) {
        fprintf(stderr, "mlsec-jq: error: %s at line %u, column %u\n",
                error.reason, error.line, error.column);
        exit(3);
    }

    if (rc != MLSEC_OK) {
        mlsec_cli_die("out of memory");
    }

    o->filter = filter;
}


int
main(int argc, char **argv)
{
    text_t       t;
    unsigned     i;
    options_t    o;
    mlsec_str_t  text;

    (void) argc;

    memset(&o, 0, sizeof(o));
    memset(&t, 0, sizeof(t));
    o.style.indent = 2;
    o.last_false = -1;

    parse_options(&o, argv);
    compile(&o);

    if (o.compact || o.verbatim) {
        o.style.indent = 0;
    }

    o.style.reformat = !o.verbatim;

    if (!o.null_input) {

        if (o.nfiles == 0) {
            (void) read_file(NULL, &t);
        }

        for (i = 0; i < o.nfiles; i++) {
            if (read_file(o.files[i], &t) != 0) {
                o.status = 2;
            }
        }
    }

    text.data = t.data;
    text.len = t.len;

    run_all(&o, text);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        mlsec_cli_die("writing output failed");
    }

    if (o.status == 0 && o.exit_status && o.last_false != 0) {
        return o.last_false < 0 ? 4 : 1;
    }

    return o.status;
}

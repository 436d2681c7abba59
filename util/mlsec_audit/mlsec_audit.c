/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * mlsec-audit: whether an audit log is what the gateway wrote.
 *
 *   verify   checks files, in the order in which they were written
 *   heads    prints how far each chain has come, to be kept elsewhere
 *
 * Exit codes: 0 the files are good; 1 they are not, with one line for each
 * thing that is wrong on stdout; 2 anything else, with one line on stderr.
 */


#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <lib/audit/mlsec_audit_verify.h>
#include <mlsec_cli/mlsec_cli.h>


typedef struct {
    const char   *heads;
    char        **files;
    int           nfiles;
    int           ended;
    int           quiet;
} options_t;


const char  mlsec_cli_name[] = "mlsec-audit";


static const char  usage[] =
    "usage: mlsec-audit verify [--ended] [--heads FILE] [--quiet] FILE...\n"
    "       mlsec-audit heads FILE...\n"
    "\n"
    "Files in the order in which they were written, the oldest first; \"-\"\n"
    "is stdin.  --ended: the gateway has stopped, each chain must have ended.\n"
    "--heads: what \"heads\" has printed before must still be there.\n"
    "--quiet: without notes about what is not wrong.\n"
    "Exit code 0: good; 1: not; 2: it could not be found out.\n";


/* A log may be larger than the memory: it is mapped where that can be done. */

static mlsec_str_t
read_file(const char *name)
{
    return strcmp(name, "-") == 0 ? mlsec_cli_read(STDIN_FILENO, name)
                                  : mlsec_cli_file(name);
}


static void
report(void *ctx, int bad, const mlsec_audit_place_t *place, const char *text)
{
    const options_t  *o = ctx;

    if (bad || !o->quiet) {
        printf("%s:%" PRIu64 ": %s%s\n", place->file, place->line,
               bad ? "" : "note: ", text);
    }
}


/* Cuts a line off; 0 when there is none. */

static int
next_line(mlsec_str_t *text, mlsec_str_t *line)
{
    const unsigned char  *p;

    if (text->len == 0) {
        return 0;
    }

    *line = *text;
    p = memchr(text->data, '\n', text->len);

    if (p == NULL) {
        text->len = 0;
        return 1;
    }

    line->len = (size_t) (p - line->data);
    text->data = p + 1;
    text->len -= line->len + 1;

    return 1;
}


/* Heads are printed as lines of "CHAIN SEQ HASH". */

static void
read_heads(mlsec_audit_verify_t *v, const char *name)
{
    int                  n;
    char                 chain[17], hash[65], buffer[128];
    size_t               i;
    unsigned             byte;
    mlsec_str_t          text, line;
    mlsec_audit_head_t   head;

    text = read_file(name);

    while (next_line(&text, &line)) {
        snprintf(buffer, sizeof(buffer), "%.*s", (int) line.len,
                 (const char *) line.data);

        n = -1;
        memset(&head, 0, sizeof(head));

        if (sscanf(buffer, "%16[0-9a-f] %" SCNu64 " %64[0-9a-f]%n", chain,
                   &head.seq, hash, &n)
            != 3
            || n != (int) line.len || strlen(chain) != 16
            || strlen(hash) != 64)
        {
            mlsec_cli_die("\"%s\": expected lines that \"mlsec-audit heads\""
                          " printed", name);
        }

        memcpy(head.chain, chain, MLSEC_AUDIT_NAME);

        for (i = 0; i < MLSEC_AUDIT_HASH; i++) {
            sscanf(hash + 2 * i, "%2x", &byte);
            head.hash[i] = (unsigned char) byte;
        }

        if (mlsec_audit_verify_expect(v, &head) != MLSEC_OK) {
            mlsec_cli_die("\"%s\": more than %d lines", name,
                          MLSEC_AUDIT_EXPECT);
        }
    }
}


static void
read_lines(mlsec_audit_verify_t *v, const options_t *o)
{
    int          i;
    mlsec_str_t  text, line;

    if (o->nfiles == 0) {
        mlsec_cli_die("no FILE is given");
    }

    for (i = 0; i < o->nfiles; i++) {
        text = read_file(o->files[i]);
        mlsec_audit_verify_file(v, o->files[i]);

        while (next_line(&text, &line)) {

            if (mlsec_audit_verify_line(v, line) != MLSEC_OK) {
                mlsec_cli_die("no memory");
            }
        }
    }
}


static int
verify(mlsec_audit_verify_t *v, const options_t *o)
{
    if (o->heads != NULL) {
        read_heads(v, o->heads);
    }

    read_lines(v, o);
    mlsec_audit_verify_finish(v, o->ended);

    printf("%s: %" PRIu64 " lines of %zu chains, %" PRIu64 " records "
           "dropped, %" PRIu64 " faults\n", v->bad ? "bad" : "good",
           v->lines, v->nchains, v->dropped, v->bad);

    return v->bad != 0;
}


static int
heads(mlsec_audit_verify_t *v, const options_t *o)
{
    size_t               i;
    unsigned char        hash[2 * MLSEC_AUDIT_HASH];
    mlsec_audit_head_t  *head;

    read_lines(v, o);

    for (i = 0; i < v->nchains; i++) {
        head = &v->chain[i].head;
        mlsec_audit_hex(hash, head->hash, MLSEC_AUDIT_HASH);
        printf("%.16s %" PRIu64 " %.64s\n", (char *) head->chain, head->seq,
               (char *) hash);
    }

    return 0;
}


/* Findings are for "verify". */

static void
silence(void *ctx, int bad, const mlsec_audit_place_t *place,
    const char *text)
{
    (void) ctx;
    (void) bad;
    (void) place;
    (void) text;
}


static void
parse(options_t *o, int argc, char **argv)
{
    int  i;

    memset(o, 0, sizeof(options_t));
    o->files = argv;

    for (i = 2; i < argc; i++) {

        if (strcmp(argv[i], "--ended") == 0) {
            o->ended = 1;

        } else if (strcmp(argv[i], "--quiet") == 0) {
            o->quiet = 1;

        } else if (strcmp(argv[i], "--heads") == 0 && i + 1 < argc) {
            o->heads = argv[++i];

        } else if (strncmp(argv[i], "--", 2) == 0) {
            mlsec_cli_die("\"%s\" is unknown or has no value", argv[i]);

        } else {
            argv[o->nfiles++] = argv[i];
        }
    }
}


int
main(int argc, char **argv)
{
    size_t                i;
    options_t             o;
    mlsec_audit_verify_t  v;

    static const struct {
        const char             *name;
        int                   (*run)(mlsec_audit_verify_t *v,
                                     const options_t *o);
        mlsec_audit_report_pt   report;
    } commands[] = {
        { "verify", verify, report }, { "heads", heads, silence }
    };

    for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {

        if (strcmp(argv[1], commands[i].name) == 0) {
            parse(&o, argc, argv);

            if (mlsec_audit_verify_init(&v, &mlsec_cli_memory,
                                        commands[i].report, &o)
                != MLSEC_OK)
            {
                mlsec_cli_die("OpenSSL has no SHA-256");
            }

            return commands[i].run(&v, &o);
        }
    }

    fputs(usage, stderr);

    return 2;
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_proc.h>

#include <string.h>


#define MLSEC_PROC_IDLE     3            /* columns of "cpu" */
#define MLSEC_PROC_IOWAIT   4
#define MLSEC_PROC_STEAL    7

#define MLSEC_PROC_UTIME    12           /* columns behind the name */
#define MLSEC_PROC_STIME    13
#define MLSEC_PROC_RSS      22


static int mlsec_proc_blank(unsigned char c);
static mlsec_str_t mlsec_proc_word(mlsec_str_t *text);
static mlsec_str_t mlsec_proc_line(mlsec_str_t *text);
static int mlsec_proc_number(mlsec_str_t word, uint64_t *value);
static int mlsec_proc_is(mlsec_str_t word, const char *name);
static int mlsec_proc_in_list(mlsec_str_t list, const char *name);


int
mlsec_proc_cpu(mlsec_str_t text, mlsec_proc_cpu_t *cpu)
{
    unsigned     i;
    uint64_t     value;
    mlsec_str_t  line;

    line = mlsec_proc_line(&text);

    if (!mlsec_proc_is(mlsec_proc_word(&line), "cpu")) {
        return MLSEC_DECLINED;
    }

    cpu->busy = 0;
    cpu->total = 0;

    for (i = 0; i <= MLSEC_PROC_STEAL; i++) {

        /* Linux 2.6 and later have all of them, others fewer */

        if (mlsec_proc_next(&line, &value) != MLSEC_OK) {
            break;
        }

        cpu->total += value;

        if (i != MLSEC_PROC_IDLE && i != MLSEC_PROC_IOWAIT) {
            cpu->busy += value;
        }
    }

    return i > MLSEC_PROC_IDLE ? MLSEC_OK : MLSEC_DECLINED;
}


int
mlsec_proc_process(mlsec_str_t text, mlsec_proc_process_t *process)
{
    unsigned     i;
    uint64_t     value;
    mlsec_str_t  word;

    /* "42 (a name) S ...": the name may have brackets and blanks itself */

    word = text;

    while (word.len && word.data[word.len - 1] != ')') {
        word.len--;
    }

    text.data += word.len;
    text.len -= word.len;

    if (word.len == 0 || mlsec_proc_word(&text).len != 1) {
        return MLSEC_DECLINED;
    }

    process->cpu = 0;

    for (i = 2; i <= MLSEC_PROC_RSS; i++) {
        word = mlsec_proc_word(&text);

        if (i != MLSEC_PROC_UTIME && i != MLSEC_PROC_STIME
            && i != MLSEC_PROC_RSS)
        {
            continue;
        }

        if (mlsec_proc_number(word, &value) != MLSEC_OK) {
            return MLSEC_DECLINED;
        }

        if (i == MLSEC_PROC_RSS) {
            process->rss = value;

        } else {
            process->cpu += value;
        }
    }

    return MLSEC_OK;
}


int
mlsec_proc_field(mlsec_str_t text, const char *name, uint64_t *value)
{
    mlsec_str_t  line, word;

    while (text.len) {
        line = mlsec_proc_line(&text);
        word = mlsec_proc_word(&line);

        if (word.len && word.data[word.len - 1] == ':') {
            word.len--;
        }

        if (mlsec_proc_is(word, name)) {
            return mlsec_proc_next(&line, value);
        }
    }

    return MLSEC_DECLINED;
}


int
mlsec_proc_load(mlsec_str_t text, uint64_t load[3])
{
    size_t       dot;
    unsigned     i;
    uint64_t     part;
    mlsec_str_t  word, whole;

    for (i = 0; i < 3; i++) {
        word = mlsec_proc_word(&text);

        for (dot = 0; dot < word.len && word.data[dot] != '.'; dot++) {
            /* void */
        }

        /* always with two digits behind the dot */

        if (word.len - dot != 3) {
            return MLSEC_DECLINED;
        }

        whole.data = word.data;
        whole.len = dot;
        word.data += dot + 1;
        word.len = 2;

        if (mlsec_proc_number(whole, &load[i]) != MLSEC_OK
            || mlsec_proc_number(word, &part) != MLSEC_OK)
        {
            return MLSEC_DECLINED;
        }

        load[i] = load[i] * 100 + part;
    }

    return MLSEC_OK;
}


int
mlsec_proc_next(mlsec_str_t *text, uint64_t *value)
{
    return mlsec_proc_number(mlsec_proc_word(text), value);
}


/* "4:memory:/a/b", "0::/a/b"; a path may hold colons. */

int
mlsec_proc_cgroup(mlsec_str_t text, const char *controller, mlsec_str_t *path)
{
    size_t       i, colon;
    mlsec_str_t  line, list;

    while (text.len) {
        line = mlsec_proc_line(&text);

        for (colon = 0; colon < line.len && line.data[colon] != ':'; colon++) {
            /* void */
        }

        for (i = colon + 1; i < line.len && line.data[i] != ':'; i++) {
            /* void */
        }

        if (i + 1 >= line.len || line.data[i + 1] != '/') {
            continue;
        }

        list.data = line.data + colon + 1;
        list.len = i - colon - 1;

        if (mlsec_proc_in_list(list, controller)) {
            path->data = line.data + i + 1;
            path->len = line.len - i - 1;

            return MLSEC_OK;
        }
    }

    return MLSEC_DECLINED;
}


static int
mlsec_proc_in_list(mlsec_str_t list, const char *name)
{
    size_t       i;
    mlsec_str_t  word;

    if (list.len == 0) {
        return *name == '\0';
    }

    while (*name && list.len) {

        for (i = 0; i < list.len && list.data[i] != ','; i++) { /* void */ }

        word.data = list.data;
        word.len = i;

        if (mlsec_proc_is(word, name)) {
            return 1;
        }

        i += (i < list.len);
        list.data += i;
        list.len -= i;
    }

    return 0;
}


/* Up to the end of the line, which is cut off the text. */

static mlsec_str_t
mlsec_proc_line(mlsec_str_t *text)
{
    size_t       i;
    mlsec_str_t  line;

    for (i = 0; i < text->len && text->data[i] != '\n'; i++) { /* void */ }

    line.data = text->data;
    line.len = i;

    i += (i < text->len);
    text->data += i;
    text->len -= i;

    return line;
}


static int
mlsec_proc_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}


/* Between blanks; empty at the end of the text. */

static mlsec_str_t
mlsec_proc_word(mlsec_str_t *text)
{
    size_t       i, start;
    mlsec_str_t  word;

    for (start = 0; start < text->len; start++) {

        if (!mlsec_proc_blank(text->data[start])) {
            break;
        }
    }

    for (i = start; i < text->len; i++) {

        if (mlsec_proc_blank(text->data[i])) {
            break;
        }
    }

    word.data = text->data + start;
    word.len = i - start;

    text->data += i;
    text->len -= i;

    return word;
}


static int
mlsec_proc_number(mlsec_str_t word, uint64_t *value)
{
    size_t    i;
    uint64_t  n;

    /* 19 digits are always below 2^64 */

    if (word.len == 0 || word.len > 19) {
        return MLSEC_DECLINED;
    }

    for (i = 0, n = 0; i < word.len; i++) {

        if (word.data[i] < '0' || word.data[i] > '9') {
            return MLSEC_DECLINED;
        }

        n = n * 10 + (word.data[i] - '0');
    }

    *value = n;

    return MLSEC_OK;
}


static int
mlsec_proc_is(mlsec_str_t word, const char *name)
{
    return word.len == strlen(name) && memcmp(word.data, name, word.len) == 0;
}

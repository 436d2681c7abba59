/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/audit/mlsec_audit.h>
#include <lib/json/mlsec_json.h>
#include <string.h>


#define MLSEC_AUDIT_DEPTH  4
#define MLSEC_AUDIT_HEX    (2 * MLSEC_AUDIT_HASH)

/* what a line ends with: ,"prev":"..." and ,"hash":"..."} */

#define MLSEC_AUDIT_MEMBER (sizeof(",\"hash\":\"\"") - 1 + MLSEC_AUDIT_HEX)
#define MLSEC_AUDIT_TAIL   (2 * MLSEC_AUDIT_MEMBER + 1)


static int mlsec_audit_take_hash(const unsigned char *p, const char *key,
    unsigned char *hash);
static int mlsec_audit_take_hex(const unsigned char *p, size_t n,
    unsigned char *dst);
static int mlsec_audit_take_number(mlsec_str_t text, uint64_t *value);
static int mlsec_audit_take_event(mlsec_str_t line, mlsec_audit_parsed_t *p);
static int mlsec_audit_take_after(mlsec_str_t line, mlsec_audit_parsed_t *p);
static int mlsec_audit_take_head(mlsec_str_t object,
    mlsec_audit_head_t *head);
static int mlsec_audit_member(mlsec_str_t object, const char *name,
    mlsec_str_t *value);


int
mlsec_audit_line_head(mlsec_str_t line, mlsec_audit_head_t *head)
{
    mlsec_str_t           number;
    unsigned char         bytes[MLSEC_AUDIT_NAME / 2];
    const unsigned char  *p;

    static const char  seq[] = "\",\"seq\":";

    if (line.len < sizeof(MLSEC_AUDIT_BEGIN) + MLSEC_AUDIT_NAME + sizeof(seq)
                   + MLSEC_AUDIT_TAIL
        || line.len >= MLSEC_AUDIT_LINE
        || memcmp(line.data, MLSEC_AUDIT_BEGIN, sizeof(MLSEC_AUDIT_BEGIN) - 1)
           != 0)
    {
        return MLSEC_INVALID;
    }

    p = line.data + sizeof(MLSEC_AUDIT_BEGIN) - 1;

    if (mlsec_audit_take_hex(p, sizeof(bytes), bytes) != MLSEC_OK
        || memcmp(p + MLSEC_AUDIT_NAME, seq, sizeof(seq) - 1) != 0)
    {
        return MLSEC_INVALID;
    }

    memcpy(head->chain, p, MLSEC_AUDIT_NAME);
    head->lost = 0;

    number.data = p + MLSEC_AUDIT_NAME + sizeof(seq) - 1;
    p = memchr(number.data, ',', 21);

    if (p == NULL) {
        return MLSEC_INVALID;
    }

    number.len = (size_t) (p - number.data);

    if (mlsec_audit_take_number(number, &head->seq) != MLSEC_OK
        || head->seq == 0
        || line.data[line.len - 1] != '}')
    {
        return MLSEC_INVALID;
    }

    return mlsec_audit_take_hash(line.data + line.len - 1
                                 - MLSEC_AUDIT_MEMBER, "hash", head->hash);
}


int
mlsec_audit_parse(mlsec_str_t line, mlsec_audit_parsed_t *p)
{
    mlsec_json_type_e  type;

    if (mlsec_audit_line_head(line, &p->head) != MLSEC_OK
        || mlsec_audit_take_hash(line.data + line.len - MLSEC_AUDIT_TAIL,
                                 "prev", p->prev)
           != MLSEC_OK
        || mlsec_json_scan(line, MLSEC_AUDIT_DEPTH, &type, NULL) != MLSEC_OK
        || mlsec_audit_take_event(line, p) != MLSEC_OK)
    {
        return MLSEC_INVALID;
    }

    p->hashed.data = line.data;
    p->hashed.len = line.len - 1 - MLSEC_AUDIT_MEMBER;

    return mlsec_audit_take_after(line, p);
}


/* p: where ,"KEY":"..." has to stand; key: of four letters */

static int
mlsec_audit_take_hash(const unsigned char *p, const char *key,
    unsigned char *hash)
{
    if (memcmp(p, ",\"", 2) != 0 || memcmp(p + 2, key, 4) != 0
        || memcmp(p + 6, "\":\"", 3) != 0
        || p[9 + MLSEC_AUDIT_HEX] != '"')
    {
        return MLSEC_INVALID;
    }

    return mlsec_audit_take_hex(p + 9, MLSEC_AUDIT_HASH, hash);
}


/* n: bytes, of two digits in lower case each */

static int
mlsec_audit_take_hex(const unsigned char *p, size_t n, unsigned char *dst)
{
    size_t  i;
    int     digit;

    for (i = 0; i < 2 * n; i++) {

        if (p[i] >= '0' && p[i] <= '9') {
            digit = p[i] - '0';

        } else if (p[i] >= 'a' && p[i] <= 'f') {
            digit = p[i] - 'a' + 10;

        } else {
            return MLSEC_INVALID;
        }

        dst[i / 2] = (unsigned char) ((i & 1 ? dst[i / 2] << 4 : 0) | digit);
    }

    return MLSEC_OK;
}


/* decimal, as it is written: no sign, no zero in front */

static int
mlsec_audit_take_number(mlsec_str_t text, uint64_t *value)
{
    size_t    i;
    uint64_t  n;

    if (text.len == 0 || text.len > 19
        || (text.len > 1 && text.data[0] == '0'))
    {
        return MLSEC_INVALID;
    }

    n = 0;

    for (i = 0; i < text.len; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return MLSEC_INVALID;
        }

        n = n * 10 + (uint64_t) (text.data[i] - '0');
    }

    *value = n;

    return MLSEC_OK;
}


static int
mlsec_audit_take_event(mlsec_str_t line, mlsec_audit_parsed_t *p)
{
    int          event;
    mlsec_str_t  value, name;
    const char  *word;

    if (mlsec_audit_member(line, "event", &value) != MLSEC_OK
        || mlsec_json_string(value, &name) != MLSEC_OK)
    {
        return MLSEC_INVALID;
    }

    for (event = 0; event < MLSEC_AUDIT_EVENTS; event++) {
        word = mlsec_audit_event_name(event);

        if (name.len == strlen(word)
            && memcmp(name.data, word, name.len) == 0)
        {
            break;
        }
    }

    if (event == MLSEC_AUDIT_EVENTS) {
        return MLSEC_INVALID;
    }

    p->event = event;
    p->count = 0;

    if (event != MLSEC_AUDIT_DROPPED) {
        return MLSEC_OK;
    }

    if (mlsec_audit_member(line, "records", &value) != MLSEC_OK) {
        return MLSEC_INVALID;
    }

    return mlsec_audit_take_number(value, &p->count);
}


static int
mlsec_audit_take_after(mlsec_str_t line, mlsec_audit_parsed_t *p)
{
    mlsec_str_t        list, object;
    mlsec_json_iter_t  it;

    p->nafter = 0;

    if (mlsec_audit_member(line, "after", &list) != MLSEC_OK) {
        return MLSEC_OK;
    }

    if (mlsec_json_elements(&it, list) != MLSEC_OK) {
        return MLSEC_INVALID;
    }

    while (mlsec_json_next_element(&it, &object) == MLSEC_OK) {

        if (p->nafter == MLSEC_AUDIT_AFTER
            || mlsec_audit_take_head(object, &p->after[p->nafter++])
               != MLSEC_OK)
        {
            return MLSEC_INVALID;
        }
    }

    return MLSEC_OK;
}


static int
mlsec_audit_take_head(mlsec_str_t object, mlsec_audit_head_t *head)
{
    mlsec_str_t    value, text;
    unsigned char  bytes[MLSEC_AUDIT_NAME / 2];

    head->lost = 0;

    if (mlsec_audit_member(object, "lost", &value) == MLSEC_OK
        && mlsec_audit_take_number(value, &head->lost) != MLSEC_OK)
    {
        return MLSEC_INVALID;
    }

    if (mlsec_audit_member(object, "seq", &value) != MLSEC_OK
        || mlsec_audit_take_number(value, &head->seq) != MLSEC_OK
        || mlsec_audit_member(object, "chain", &value) != MLSEC_OK
        || mlsec_json_string(value, &text) != MLSEC_OK
        || text.len != MLSEC_AUDIT_NAME
        || mlsec_audit_take_hex(text.data, sizeof(bytes), bytes) != MLSEC_OK)
    {
        return MLSEC_INVALID;
    }

    memcpy(head->chain, text.data, MLSEC_AUDIT_NAME);

    if (mlsec_audit_member(object, "hash", &value) != MLSEC_OK
        || mlsec_json_string(value, &text) != MLSEC_OK
        || text.len != MLSEC_AUDIT_HEX)
    {
        return MLSEC_INVALID;
    }

    return mlsec_audit_take_hex(text.data, MLSEC_AUDIT_HASH, head->hash);
}


static int
mlsec_audit_member(mlsec_str_t object, const char *name, mlsec_str_t *value)
{
    mlsec_str_t  key;

    key.data = (const unsigned char *) name;
    key.len = strlen(name);

    return mlsec_json_find(object, key, value);
}

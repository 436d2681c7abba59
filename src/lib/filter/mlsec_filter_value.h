/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Values of the filter language: 16 bytes each, passed by value.
 *
 * What came in as JSON text stays text.  A RAWARRAY or RAWOBJECT is a place
 * on the tape of its document, a NUMTEXT or STRTEXT a piece of the document
 * itself; they are read when somebody asks, and written as they were.
 *
 * What a program makes lives in the arena of its run, is never freed before
 * the run's end, and is not counted.  Instead an array or object knows
 * whether more than one place may refer to it ("shared").  Whoever copies a
 * reference sets the mark (mlsec_fv_share()); whoever holds the only one
 * may write in place.  The mark is never taken back: in doubt a writer
 * copies, one level deep.
 */


#ifndef _MLSEC_FILTER_VALUE_H_INCLUDED_
#define _MLSEC_FILTER_VALUE_H_INCLUDED_


#include <lib/filter/mlsec_filter.h>
#include <string.h>


typedef enum {
    MLSEC_FV_NULL = 0,
    MLSEC_FV_FALSE,
    MLSEC_FV_TRUE,
    MLSEC_FV_NUMBER,
    MLSEC_FV_NUMTEXT,                  /* a number as it was written */
    MLSEC_FV_STRING,                   /* UTF-8 */
    MLSEC_FV_STRTEXT,                  /* inside of a JSON string, escapes
                                          not decoded */
    MLSEC_FV_ARRAY,
    MLSEC_FV_RAWARRAY,
    MLSEC_FV_OBJECT,
    MLSEC_FV_RAWOBJECT,

    /* never seen by a program: */

    MLSEC_FV_CLOSURE,
    MLSEC_FV_MARK,                     /* heights of the machine's stacks */
    MLSEC_FV_PATH,                     /* where a value was found */
    MLSEC_FV_NOPATH,                   /* nobody asked where */
    MLSEC_FV_BADPATH                   /* asked, but it was made, not found */
} mlsec_fv_type_e;


typedef struct mlsec_fv_array_s   mlsec_fv_array_t;
typedef struct mlsec_fv_object_s  mlsec_fv_object_t;
typedef struct mlsec_fv_path_s    mlsec_fv_path_t;

typedef struct {
    uint8_t                         type;      /* mlsec_fv_type_e */
    uint8_t                         spare[3];
    uint32_t                        n;         /* strings, texts: bytes;
                                                  ARRAY: elements; RAW...:
                                                  place on the tape */
    union {
        double                      number;
        const unsigned char        *str;
        mlsec_fv_array_t           *array;
        mlsec_fv_object_t          *object;
        const mlsec_filter_doc_t   *doc;
        const mlsec_fv_path_t      *path;      /* NULL: the root */
        struct {
            uint32_t                code;      /* index of an instruction */
            uint32_t                frame;     /* of its definition */
        } closure;
        struct {
            uint32_t                fork;
            uint32_t                top;
        } mark;
    } u;
} mlsec_fv_t;


/*
 * Several values may use one store, each its own number of elements from
 * the beginning: appending behind the longest of them is done in place.
 */

struct mlsec_fv_array_s {
    uint32_t                        used;      /* elements of the longest */
    uint32_t                        room;
    uint32_t                        shared;    /* 0 or 1 */
    mlsec_fv_t                     *items;
};

typedef struct {
    mlsec_fv_t                      key;       /* a STRING */
    mlsec_fv_t                      value;
} mlsec_fv_member_t;

/* Members in the order of their arrival; a hash table if there are many. */

struct mlsec_fv_object_s {
    uint32_t                        count;
    uint32_t                        room;
    uint32_t                        shared;    /* 0 or 1 */
    uint32_t                        mask;      /* slots - 1 */
    uint32_t                       *slots;     /* index + 1, 0: free; NULL:
                                                  no table */
    mlsec_fv_member_t              *members;
};

/* A path grows at its end, and the beginnings are shared. */

struct mlsec_fv_path_s {
    const mlsec_fv_path_t          *parent;
    uint32_t                        depth;     /* keys, with this one */
    mlsec_fv_t                      key;
};


/*
 * The tape of a document: an entry a scalar or key, two a container.
 *   scalar, key: position of its first byte; tag, length in the text
 *   container:   position; tag, index of the entry behind it
 *                number of elements or members; length in the text
 * then its elements, or keys and values in turn.
 */

typedef struct {
    uint32_t                        pos;
    uint32_t                        val;       /* tag in the upper 4 bits */
} mlsec_fv_tape_t;

typedef enum {
    MLSEC_TAPE_NULL = 0,
    MLSEC_TAPE_FALSE,
    MLSEC_TAPE_TRUE,
    MLSEC_TAPE_NUMBER,
    MLSEC_TAPE_STRING,                 /* no backslash in it */
    MLSEC_TAPE_ESCAPED,
    MLSEC_TAPE_ARRAY,
    MLSEC_TAPE_OBJECT
} mlsec_fv_tag_e;

#define mlsec_tape_tag(e)  ((e).val >> 28)
#define mlsec_tape_val(e)  ((e).val & 0x0fffffff)

struct mlsec_filter_doc_s {
    const unsigned char            *text;
    const mlsec_fv_tape_t          *tape;
    uint32_t                        n;         /* entries */
    unsigned                        escapes;   /* 1: keys may have them */
};


/* What every function on values needs: memory, bounds, the error. */

typedef struct {
    mlsec_mem_t                     mem;
    unsigned char                  *pos;       /* of the current block */
    unsigned char                  *end;
    size_t                          block;     /* size of the next one */
    size_t                          used;      /* bytes asked of mem */
    size_t                          max;

    const unsigned char            *tail;      /* end of the last string made
                                                  by joining, and of the room
                                                  behind it */
    const unsigned char            *tail_end;

    uint64_t                        fuel;      /* steps left */
    uint64_t                        seed[2];
    double                          now;
    void                           *regex;     /* compiled patterns */
    const void                     *ready;     /* those of the program */

    int                             rc;        /* why the run cannot go on:
                                                  set with FATAL */
    mlsec_fv_t                      error;     /* set with ERROR */
} mlsec_fx_t;


/* Codes of functions on values, besides MLSEC_OK. */

#define MLSEC_FX_ERROR  MLSEC_FILTER_ERROR     /* fx->error, can be caught */
#define MLSEC_FX_FATAL  (-60)                  /* fx->rc, cannot */


#define mlsec_fv_is_string(v)                                                 \
    ((v).type == MLSEC_FV_STRING || (v).type == MLSEC_FV_STRTEXT)
#define mlsec_fv_is_number(v)                                                 \
    ((v).type == MLSEC_FV_NUMBER || (v).type == MLSEC_FV_NUMTEXT)
#define mlsec_fv_is_array(v)                                                  \
    ((v).type == MLSEC_FV_ARRAY || (v).type == MLSEC_FV_RAWARRAY)
#define mlsec_fv_is_object(v)                                                 \
    ((v).type == MLSEC_FV_OBJECT || (v).type == MLSEC_FV_RAWOBJECT)
#define mlsec_fv_truth(v)  ((v).type > MLSEC_FV_FALSE)


/* Returns the value null, of which there is one only. */
static inline mlsec_fv_t
mlsec_fv_null(void)
{
    mlsec_fv_t  v;

    memset(&v, 0, sizeof(v));

    return v;
}


/* Returns true for a "b" that is not 0, else false. */
static inline mlsec_fv_t
mlsec_fv_bool(int b)
{
    mlsec_fv_t  v;

    v = mlsec_fv_null();
    v.type = b ? MLSEC_FV_TRUE : MLSEC_FV_FALSE;

    return v;
}


/* Returns the value that is this number, nan and infinities included. */
static inline mlsec_fv_t
mlsec_fv_number(double number)
{
    mlsec_fv_t  v;

    v = mlsec_fv_null();
    v.type = MLSEC_FV_NUMBER;
    v.u.number = number;

    return v;
}


/* Returns a string of these bytes, which are not copied. */
static inline mlsec_fv_t
mlsec_fv_string(const unsigned char *data, size_t len)
{
    mlsec_fv_t  v;

    v = mlsec_fv_null();
    v.type = MLSEC_FV_STRING;
    v.n = (uint32_t) len;
    v.u.str = data;

    return v;
}


/* The same for a string literal of C. */
#define mlsec_fv_literal(s)                                                   \
    mlsec_fv_string((const unsigned char *) (s), sizeof(s) - 1)


/* Notes that more than one place refers to the value from now on. */
static inline void
mlsec_fv_share(mlsec_fv_t v)
{
    if (v.type == MLSEC_FV_ARRAY) {
        v.u.array->shared = 1;

    } else if (v.type == MLSEC_FV_OBJECT) {
        v.u.object->shared = 1;
    }
}


/*
 * Returns 1 if both hold the same "n" bytes, else 0.  Keys and words are
 * short: for them two loads that overlap cost less than a call.
 */
static inline int
mlsec_fv_same_bytes(const unsigned char *a, const unsigned char *b, size_t n)
{
    uint32_t  a4, b4, c4, d4;
    uint64_t  a8, b8, c8, d8;

    if (n > 16) {
        return memcmp(a, b, n) == 0;
    }

    if (n >= 8) {
        memcpy(&a8, a, 8);
        memcpy(&b8, b, 8);
        memcpy(&c8, a + n - 8, 8);
        memcpy(&d8, b + n - 8, 8);

        return ((a8 ^ b8) | (c8 ^ d8)) == 0;
    }

    if (n >= 4) {
        memcpy(&a4, a, 4);
        memcpy(&b4, b, 4);
        memcpy(&c4, a + n - 4, 4);
        memcpy(&d4, b + n - 4, 4);

        return ((a4 ^ b4) | (c4 ^ d4)) == 0;
    }

    return n == 0 || (a[0] == b[0] && a[n - 1] == b[n - 1]
                      && a[n / 2] == b[n / 2]);
}


/*
 * Allocates from the arena of the run, aligned to 8 bytes.
 * Returns NULL, with fx->rc set, if a bound is reached.
 */
void *mlsec_fx_alloc(mlsec_fx_t *fx, size_t size);

/* Takes "n" steps.  Returns MLSEC_OK, or MLSEC_FX_FATAL if none are left. */
int mlsec_fx_charge(mlsec_fx_t *fx, uint64_t n);

/*
 * Makes an error out of a format: %s, %d and %% as in printf(); %V: a
 * pointer to a mlsec_fv_t, as JSON, cut short; %T: one, its type; %S: one, a
 * string, as it is.
 * Returns MLSEC_FX_ERROR, or MLSEC_FX_FATAL without memory.
 */
int mlsec_fx_raise(mlsec_fx_t *fx, const char *fmt, ...);

/* Makes a string out of a copy of the bytes, as mlsec_fx_alloc() may fail. */
int mlsec_fv_copy_string(mlsec_fx_t *fx, const unsigned char *data,
    size_t len, mlsec_fv_t *out);

/*
 * Decodes: on return *v is a STRING.  v: a STRING or STRTEXT.
 * Returns MLSEC_OK or MLSEC_FX_FATAL.
 */
int mlsec_fv_decode(mlsec_fx_t *fx, mlsec_fv_t *v);

/*
 * Joins two strings; at the end of the string that was joined last it costs
 * the length of "b" only.
 */
int mlsec_fv_concat(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out);

/* Returns the name of the type that a program sees: "null", "boolean"... */
const char *mlsec_fv_type_name(mlsec_fv_t v);

/* Returns the number of a NUMBER or NUMTEXT. */
double mlsec_fv_double(mlsec_fv_t v);


/* Containers. */

/* Makes an array with room for "room" elements and none in it. */
int mlsec_fv_new_array(mlsec_fx_t *fx, size_t room, mlsec_fv_t *out);

/*
 * Appends, in place where that is possible: *array is the longer array
 * afterwards, and the only one if it was.  array: an ARRAY.
 */
int mlsec_fv_append(mlsec_fx_t *fx, mlsec_fv_t *array, mlsec_fv_t item);

/* Makes an object with room for "room" members and none in it. */
int mlsec_fv_new_object(mlsec_fx_t *fx, size_t room, mlsec_fv_t *out);

/*
 * Sets a member in place.  object: an OBJECT that is not shared; key: a
 * string.
 */
int mlsec_fv_put(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key,
    mlsec_fv_t value);

/*
 * Makes *v an ARRAY or OBJECT that may be written to: a copy, one level
 * deep, unless it is one, "own" is 1 and it is not shared.
 */
int mlsec_fv_own(mlsec_fx_t *fx, mlsec_fv_t *v, int own);

/*
 * Finds a member.  object: OBJECT or RAWOBJECT; key: a STRING.
 * Returns 1 with *out set, 0 if there is none, with *out null.
 */
int mlsec_fv_get(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key,
    mlsec_fv_t *out);

/* Takes a member out, in place.  object: an OBJECT that is not shared. */
int mlsec_fv_drop(mlsec_fx_t *fx, mlsec_fv_t object, mlsec_fv_t key);

/* Finds the place of a member of an OBJECT, for writing; NULL: none. */
mlsec_fv_t *mlsec_fv_place(mlsec_fx_t *fx, mlsec_fv_t object,
    mlsec_fv_t key);

/* Returns the number of elements of any array; no bounds, no failure. */
uint32_t mlsec_fv_count(mlsec_fv_t array);

/* Returns element "i", 0 <= i < mlsec_fv_count(array). */
mlsec_fv_t mlsec_fv_item(mlsec_fv_t array, uint32_t i);

/*
 * Makes a list of all elements: a pointer into the store, or a new list.
 * items: not to be written to.
 */
int mlsec_fv_items(mlsec_fx_t *fx, mlsec_fv_t array,
    const mlsec_fv_t **items, uint32_t *n);

/*
 * Makes *v an OBJECT if it is a RAWOBJECT: of members with the same key only
 * the last value is kept, in the place of the first.
 */
int mlsec_fv_load(mlsec_fx_t *fx, mlsec_fv_t *v);

/* Lists the members of an object by key, in jq's order. */
int mlsec_fv_sorted(mlsec_fx_t *fx, mlsec_fv_t object,
    const mlsec_fv_member_t ***members, uint32_t *n);


/* The tape. */

/* Returns the number of a NUMTEXT that is no digits: nan, Infinity. */
mlsec_fv_t mlsec_fv_odd_number(mlsec_fv_t v);

/* Returns the value at entry "i". */
static inline mlsec_fv_t
mlsec_fv_tape(const mlsec_filter_doc_t *doc, uint32_t i)
{
    mlsec_fv_t       v;
    mlsec_fv_tape_t  e;

    static const uint8_t  types[] = {
        MLSEC_FV_NULL, MLSEC_FV_FALSE, MLSEC_FV_TRUE, MLSEC_FV_NUMTEXT,
        MLSEC_FV_STRING, MLSEC_FV_STRTEXT, MLSEC_FV_RAWARRAY,
        MLSEC_FV_RAWOBJECT
    };

    e = doc->tape[i];

    v = mlsec_fv_null();
    v.type = types[mlsec_tape_tag(e)];

    if (v.type >= MLSEC_FV_RAWARRAY) {
        v.n = i;
        v.u.doc = doc;

    } else if (v.type >= MLSEC_FV_NUMTEXT) {
        v.n = mlsec_tape_val(e);
        v.u.str = doc->text + e.pos + (v.type != MLSEC_FV_NUMTEXT);

        if (v.type == MLSEC_FV_NUMTEXT && v.u.str[v.n - 1] > '9') {
            v = mlsec_fv_odd_number(v);
        }
    }

    return v;
}


/* Returns the entry behind the value at "i". */
static inline uint32_t
mlsec_tape_next(const mlsec_fv_tape_t *tape, uint32_t i)
{
    return tape[i].val >= (uint32_t) MLSEC_TAPE_ARRAY << 28
           ? mlsec_tape_val(tape[i]) : i + 1;
}


/* Walks over elements or members of any kind. */

typedef struct {
    mlsec_fv_t                      of;
    uint32_t                        pos;
    uint32_t                        left;
} mlsec_fv_iter_t;

/* Begins a walk.  v: an array or object of any kind. */
void mlsec_fv_iter(mlsec_fv_iter_t *it, mlsec_fv_t v);

/*
 * Takes the next element.  key: set for objects, may be a STRTEXT.
 * Returns 1, or 0 after the last one.  Equal keys are not looked for.
 */
int mlsec_fv_next(mlsec_fv_iter_t *it, mlsec_fv_t *key, mlsec_fv_t *value);


/* Order, numbers, output. */

/*
 * Compares in jq's total order: null, false, true, numbers, strings, arrays,
 * objects.
 * result: less than, equal to, or greater than 0.
 */
int mlsec_fv_compare(mlsec_fx_t *fx, mlsec_fv_t a, mlsec_fv_t b,
    int *result);

/*
 * Sorts a list, stable, by keys[i] with items[i] going along.
 * keys: "width" of them an item, one after the other.
 */
int mlsec_fv_sort(mlsec_fx_t *fx, mlsec_fv_t *items, uint32_t n,
    const mlsec_fv_t *keys, uint32_t width);

/* Reads a number that fits the grammar of JSON. */
double mlsec_fv_parse_number(const unsigned char *p, size_t len);

#define MLSEC_FV_NUMBER_LEN  40

/* Writes a number as jq does.  Returns the number of bytes. */
size_t mlsec_fv_print_number(unsigned char dst[MLSEC_FV_NUMBER_LEN],
    double number);

/*
 * Writes a value as JSON.
 * Returns MLSEC_OK, MLSEC_FX_FATAL, or MLSEC_FILTER_OUTPUT.
 */
int mlsec_fv_write(mlsec_fx_t *fx, mlsec_fv_t v,
    const mlsec_filter_style_t *style, mlsec_filter_writer_pt writer,
    void *ctx);

/* Makes a string of the value's JSON. */
int mlsec_fv_to_json(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out);

/* Makes a string: strings as they are, others as JSON. */
int mlsec_fv_to_string(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out);


/* A string that grows, in the arena. */

typedef struct {
    unsigned char                  *data;
    size_t                          len;
    size_t                          room;
} mlsec_fx_text_t;

/* Makes room for "len" bytes more.  Returns MLSEC_OK or MLSEC_FX_FATAL. */
int mlsec_fx_room(mlsec_fx_t *fx, mlsec_fx_text_t *text, size_t len);

/* Appends bytes.  Returns MLSEC_OK or MLSEC_FX_FATAL. */
int mlsec_fx_put(mlsec_fx_t *fx, mlsec_fx_text_t *text, const void *data,
    size_t len);


/* Paths: mlsec_filter_path.c */

#define MLSEC_FV_MAX_PATH  10000       /* keys that getpath, setpath, delpaths
                                          take, as jq's */

/*
 * Takes the value at one key: a string of an object, an index of an array, a
 * slice {"start","end"} of an array or string, or an array to look for.
 */
int mlsec_fv_at(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t key,
    mlsec_fv_t *out);

/* Appends a key to a path. */
int mlsec_fv_path_add(mlsec_fx_t *fx, mlsec_fv_t path, mlsec_fv_t key,
    mlsec_fv_t *out);

/* Makes an array of a PATH's keys. */
int mlsec_fv_path_array(mlsec_fx_t *fx, mlsec_fv_t path, mlsec_fv_t *out);

/* Takes the value at a path, given as an array; null where there is none. */
int mlsec_fv_get_path(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t path,
    mlsec_fv_t *out);

/*
 * Sets the value at a path, given as an array; arrays and objects on the way
 * are made.  own: as mlsec_fv_own().
 */
int mlsec_fv_set_path(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t path,
    mlsec_fv_t value, int own, mlsec_fv_t *out);

/* Deletes what is at any of these paths. */
int mlsec_fv_delete_paths(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t paths,
    mlsec_fv_t *out);


/* Arithmetic: mlsec_filter_math.c */

typedef enum {
    MLSEC_FV_ADD = 0,
    MLSEC_FV_SUB,
    MLSEC_FV_MUL,
    MLSEC_FV_DIV,
    MLSEC_FV_MOD
} mlsec_fv_math_e;

/* Computes "a op b" for values of any type, op: mlsec_fv_math_e. */
int mlsec_fv_math(mlsec_fx_t *fx, int op, mlsec_fv_t a, mlsec_fv_t b,
    mlsec_fv_t *out);

/*
 * Splits a string into an array at each "by", or between all characters if
 * that is empty.
 */
int mlsec_fv_split(mlsec_fx_t *fx, mlsec_fv_t string, mlsec_fv_t by,
    mlsec_fv_t *out);


#endif /* _MLSEC_FILTER_VALUE_H_INCLUDED_ */

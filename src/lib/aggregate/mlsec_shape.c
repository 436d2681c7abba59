/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A list of paths is a tree of names: "a,b.c" has the leaf a, and b with
 * the leaf c below it.  Applying it walks the text once, with a frame for
 * each open object or array on the way; a value that the list says all
 * about is copied or skipped whole.
 *
 * Each member and element is written with a comma behind it, and the last
 * comma becomes the closing bracket.  Where pick meets a member that it has
 * already kept, the earlier one is overwritten with NUL, a byte that accepted
 * JSON does not hold, and all of those are taken out at the end: the last
 * counts, and the time stays linear.
 */


#include <lib/aggregate/mlsec_shape.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>


typedef struct mlsec_path_node_s  mlsec_path_node_t;

struct mlsec_path_node_s {
    mlsec_str_t           name;
    mlsec_path_node_t    *child;
    mlsec_path_node_t    *next;        /* sibling */
    size_t                index;       /* unique in the tree */
    unsigned              leaf;        /* 1: a path ends here, and what is
                                          below does not count */
};


struct mlsec_paths_s {
    mlsec_path_node_t     root;
    size_t                nnodes;
};


typedef struct {
    const mlsec_path_node_t  *node;    /* whose children apply */
    unsigned char             close;   /* the bracket */
    unsigned char             member;  /* 1: a member's value */
} mlsec_shape_frame_t;


/* Where a member kept by pick stands in the output, its comma included. */

typedef struct {
    size_t                start;
    size_t                end;         /* 0: it does not */
} mlsec_shape_kept_t;


typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
    unsigned char        *out;
    unsigned char        *dst;
    mlsec_shape_kept_t   *kept;        /* by node index; NULL in drop */
    size_t                depth;       /* frames in use */
    unsigned              due;         /* 1: a comma or bracket must come */
    unsigned              holes;       /* 1: NULs are in the output */
    mlsec_shape_frame_t   frames[MLSEC_JSON_MAX_DEPTH];
} mlsec_shape_t;


static size_t mlsec_path_step(mlsec_str_t list, size_t pos);
static int mlsec_paths_add(const mlsec_mem_t *mem, mlsec_paths_t *paths,
    mlsec_str_t list, size_t *pos);
static mlsec_path_node_t *mlsec_path_child(const mlsec_mem_t *mem,
    mlsec_paths_t *paths, mlsec_path_node_t *parent, mlsec_str_t name);
static int mlsec_shape_apply(const mlsec_paths_t *paths,
    const mlsec_mem_t *mem, mlsec_str_t text, mlsec_str_t *out,
    unsigned pick);
static int mlsec_shape_run(mlsec_shape_t *s);
static int mlsec_shape_enter(mlsec_shape_t *s, const mlsec_path_node_t *node,
    unsigned member);
static void mlsec_shape_leave(mlsec_shape_t *s);
static int mlsec_shape_member(mlsec_shape_t *s);
static void mlsec_shape_forget(mlsec_shape_t *s,
    const mlsec_path_node_t *node);
static void mlsec_shape_squeeze(mlsec_shape_t *s);
static int mlsec_shape_element(mlsec_shape_t *s);
static void mlsec_shape_copy(mlsec_shape_t *s, const unsigned char *start,
    const unsigned char *end);


int
mlsec_shape_check_target(mlsec_str_t path, size_t *error)
{
    size_t  pos, end, steps;

    pos = 0;

    for (steps = 1; /* void */ ; steps++) {
        end = mlsec_path_step(path, pos);

        if (end == pos || steps > MLSEC_SHAPE_MAX_STEPS) {
            *error = pos;
            return MLSEC_INVALID;
        }

        if (end == path.len) {
            return MLSEC_OK;
        }

        if (path.data[end] == ',') {
            *error = end;
            return MLSEC_INVALID;
        }

        pos = end + 1;
    }
}


int
mlsec_shape_target(mlsec_str_t text, mlsec_str_t path, mlsec_str_t *value)
{
    size_t       pos, end;
    mlsec_str_t  name, object;

    object = text;

    for (pos = 0; /* void */ ; pos = end + 1) {
        end = mlsec_path_step(path, pos);

        name.data = path.data + pos;
        name.len = end - pos;

        if (mlsec_json_find(object, name, &object) != MLSEC_OK) {
            return MLSEC_DECLINED;
        }

        if (end >= path.len) {
            *value = object;
            return MLSEC_OK;
        }
    }
}


int
mlsec_paths_compile(const mlsec_mem_t *mem, mlsec_str_t list,
    mlsec_paths_t **paths, size_t *error)
{
    int             rc;
    size_t          pos;
    mlsec_paths_t  *p;

    p = mem->alloc(mem->ctx, sizeof(mlsec_paths_t));

    if (p == NULL) {
        return MLSEC_NOMEM;
    }

    memset(p, 0, sizeof(mlsec_paths_t));

    pos = 0;

    for ( ;; ) {
        rc = mlsec_paths_add(mem, p, list, &pos);

        if (rc == MLSEC_INVALID) {
            *error = pos;
        }

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (pos == list.len) {
            *paths = p;
            return MLSEC_OK;
        }

        pos++;
    }
}


/* Returns the index of the end of the name at "pos". */

static size_t
mlsec_path_step(mlsec_str_t list, size_t pos)
{
    while (pos < list.len && list.data[pos] != '.' && list.data[pos] != ',') {
        pos++;
    }

    return pos;
}


/*
 * Adds the path at *pos.
 * pos: becomes the index of the end of the path; the fault, if MLSEC_INVALID.
 */

static int
mlsec_paths_add(const mlsec_mem_t *mem, mlsec_paths_t *paths,
    mlsec_str_t list, size_t *pos)
{
    size_t              end, steps;
    mlsec_str_t         name;
    mlsec_path_node_t  *node;

    node = &paths->root;

    for (steps = 1; /* void */ ; steps++) {
        end = mlsec_path_step(list, *pos);

        if (end == *pos || steps > MLSEC_SHAPE_MAX_STEPS) {
            return MLSEC_INVALID;
        }

        name.data = list.data + *pos;
        name.len = end - *pos;

        /* below a path that ends here already, names are only checked */

        if (node != NULL) {
            node = mlsec_path_child(mem, paths, node, name);

            if (node == NULL) {
                return MLSEC_NOMEM;
            }

            if (end == list.len || list.data[end] == ',') {
                node->leaf = 1;
            }

            if (node->leaf) {
                node = NULL;
            }
        }

        *pos = end;

        if (end == list.len || list.data[end] == ',') {
            return MLSEC_OK;
        }

        *pos = end + 1;
    }
}


/* Returns the child of that name, made if there is none, or NULL. */

static mlsec_path_node_t *
mlsec_path_child(const mlsec_mem_t *mem, mlsec_paths_t *paths,
    mlsec_path_node_t *parent, mlsec_str_t name)
{
    mlsec_path_node_t  *n;

    for (n = parent->child; n != NULL; n = n->next) {

        if (n->name.len == name.len
            && memcmp(n->name.data, name.data, name.len) == 0)
        {
            return n;
        }
    }

    n = mem->alloc(mem->ctx, sizeof(mlsec_path_node_t));

    if (n == NULL) {
        return NULL;
    }

    memset(n, 0, sizeof(mlsec_path_node_t));

    n->name = name;
    n->index = paths->nnodes++;
    n->next = parent->child;
    parent->child = n;

    return n;
}


int
mlsec_paths_pick(const mlsec_paths_t *paths, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out)
{
    return mlsec_shape_apply(paths, mem, text, out, 1);
}


int
mlsec_paths_drop(const mlsec_paths_t *paths, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out)
{
    return mlsec_shape_apply(paths, mem, text, out, 0);
}


static int
mlsec_shape_apply(const mlsec_paths_t *paths, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out, unsigned pick)
{
    int            rc;
    size_t         size;
    mlsec_shape_t  s;

    text = mlsec_json_trim(text);

    if (text.len == 0 || (text.data[0] | 0x20) != '{') {
        return MLSEC_BADTYPE;
    }

    size = pick ? paths->nnodes * sizeof(mlsec_shape_kept_t) : 0;

    /*
     * Every byte written answers to one that was read, but for a comma that
     * waits to become a bracket, in text that breaks off there.
     */

    s.kept = mem->alloc(mem->ctx, size + text.len + 1);

    if (s.kept == NULL) {
        return MLSEC_NOMEM;
    }

    s.p = text.data;
    s.end = text.data + text.len;
    s.out = (unsigned char *) s.kept + size;
    s.dst = s.out;
    s.depth = 0;
    s.holes = 0;

    if (!pick) {
        s.kept = NULL;
    }

    rc = mlsec_shape_enter(&s, &paths->root, 0);

    if (rc == MLSEC_OK) {
        rc = mlsec_shape_run(&s);
    }

    if (rc == MLSEC_OK) {

        if (s.holes) {
            mlsec_shape_squeeze(&s);
        }

        out->data = s.out;
        out->len = (size_t) (s.dst - s.out);
    }

    return rc;
}


static int
mlsec_shape_run(mlsec_shape_t *s)
{
    int                   rc;
    mlsec_shape_frame_t  *frame;

    for ( ;; ) {
        frame = &s->frames[s->depth - 1];
        s->p = mlsec_json_skip_space(s->p, s->end);

        if (s->p == s->end) {
            return MLSEC_BADTYPE;
        }

        if (*s->p == ',') {
            s->p++;
            s->due = 0;
            continue;
        }

        if (*s->p == frame->close) {
            mlsec_shape_leave(s);
            s->due = 1;

            if (s->depth == 0) {
                return MLSEC_OK;
            }

            continue;
        }

        if (s->due) {
            return MLSEC_BADTYPE;
        }

        s->due = 1;
        rc = frame->close == '}' ? mlsec_shape_member(s)
                                 : mlsec_shape_element(s);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }
}


/* Opens the object or array at s->p. */

static int
mlsec_shape_enter(mlsec_shape_t *s, const mlsec_path_node_t *node,
    unsigned member)
{
    mlsec_shape_frame_t      *frame;
    const mlsec_path_node_t  *n;

    if (s->depth == MLSEC_JSON_MAX_DEPTH) {
        return MLSEC_BADTYPE;
    }

    frame = &s->frames[s->depth++];
    frame->node = node;
    frame->member = (unsigned char) member;
    frame->close = *s->p == '{' ? '}' : ']';

    if (s->kept != NULL && frame->close == '}') {
        for (n = node->child; n != NULL; n = n->next) {
            s->kept[n->index].end = 0;
        }
    }

    *s->dst++ = *s->p++;
    s->due = 0;

    return MLSEC_OK;
}


static void
mlsec_shape_leave(mlsec_shape_t *s)
{
    mlsec_shape_frame_t  *frame;

    frame = &s->frames[--s->depth];

    while (s->dst[-1] == '\0') {
        s->dst--;
    }

    if (s->dst[-1] == ',') {
        s->dst--;
    }

    *s->dst++ = *s->p++;

    if (s->depth == 0) {
        return;
    }

    *s->dst++ = ',';

    if (s->kept != NULL && frame->member) {
        s->kept[frame->node->index].end = (size_t) (s->dst - s->out);
    }
}


static int
mlsec_shape_member(mlsec_shape_t *s)
{
    mlsec_str_t               key;
    const unsigned char      *start, *value;
    const mlsec_path_node_t  *n;

    if (*s->p != '"') {
        return MLSEC_BADTYPE;
    }

    start = s->p;
    key.data = start + 1;
    s->p = mlsec_json_string_end(key.data, s->end);
    key.len = (size_t) (s->p - key.data);

    if (s->p == s->end) {
        return MLSEC_BADTYPE;
    }

    value = mlsec_json_skip_space(s->p + 1, s->end);

    if (value == s->end || *value != ':') {
        return MLSEC_BADTYPE;
    }

    value = mlsec_json_skip_space(value + 1, s->end);

    if (value == s->end) {
        return MLSEC_BADTYPE;
    }

    for (n = s->frames[s->depth - 1].node->child; n != NULL; n = n->next) {
        if (mlsec_json_key_is(key, n->name)) {
            break;
        }
    }

    if (n != NULL && s->kept != NULL) {
        mlsec_shape_forget(s, n);
    }

    s->p = value;

    if (n != NULL && !n->leaf && (*value | 0x20) == '{') {
        mlsec_shape_copy(s, start, key.data + key.len + 1);
        *s->dst++ = ':';
        return mlsec_shape_enter(s, n, 1);
    }

    s->p = mlsec_json_skip(value, s->end);

    if (s->kept != NULL ? n == NULL || !n->leaf : n != NULL && n->leaf) {
        return MLSEC_OK;
    }

    mlsec_shape_copy(s, start, key.data + key.len + 1);
    *s->dst++ = ':';
    mlsec_shape_copy(s, value, s->p);
    *s->dst++ = ',';

    if (s->kept != NULL) {
        s->kept[n->index].end = (size_t) (s->dst - s->out);
    }

    return MLSEC_OK;
}


/*
 * Wipes out what was kept of an earlier duplicate of the member that is about
 * to be looked at, and notes where that one would start.
 */

static void
mlsec_shape_forget(mlsec_shape_t *s, const mlsec_path_node_t *node)
{
    mlsec_shape_kept_t  *kept;

    kept = &s->kept[node->index];

    if (kept->end != 0) {
        memset(s->out + kept->start, '\0', kept->end - kept->start);
        s->holes = 1;
    }

    kept->start = (size_t) (s->dst - s->out);
    kept->end = 0;
}


/* Moves the output together over its holes. */

static void
mlsec_shape_squeeze(mlsec_shape_t *s)
{
    unsigned char  *p, *last, *dst;

    last = s->dst;
    dst = memchr(s->out, '\0', (size_t) (last - s->out));

    if (dst == NULL) {
        return;
    }

    for (p = dst; p < last; p++) {
        if (*p != '\0') {
            *dst++ = *p;
        }
    }

    s->dst = dst;
}


static int
mlsec_shape_element(mlsec_shape_t *s)
{
    const unsigned char  *value;

    value = s->p;

    if ((*value | 0x20) == '{') {
        return mlsec_shape_enter(s, s->frames[s->depth - 1].node, 0);
    }

    s->p = mlsec_json_skip(value, s->end);

    if (s->p == value) {
        return MLSEC_BADTYPE;
    }

    if (s->kept == NULL) {
        mlsec_shape_copy(s, value, s->p);
        *s->dst++ = ',';
    }

    return MLSEC_OK;
}


static void
mlsec_shape_copy(mlsec_shape_t *s, const unsigned char *start,
    const unsigned char *end)
{
    size_t  n;

    n = (size_t) (end - start);
    memcpy(s->dst, start, n);
    s->dst += n;
}

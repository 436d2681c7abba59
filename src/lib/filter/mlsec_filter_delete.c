/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Deleting many paths at once.  All of them speak of the value as it was
 * before: the sorted list is taken apart key by key from the root down, what
 * is to be deleted of each container is noted, and the notes are carried out
 * from the leaves up.
 */


#include <lib/filter/mlsec_filter_path.h>


typedef struct mlsec_fd_note_s  mlsec_fd_note_t;

/* Paths lo to hi - 1, which agree in "depth" keys and lead to "place". */

struct mlsec_fd_note_s {
    mlsec_fd_note_t   *next;
    mlsec_fv_t        *place;
    mlsec_fd_note_t   *array;          /* not NULL: "part" is a slice of what
                                          is at its place */
    mlsec_fv_t         key;            /* that slice's */
    mlsec_fv_t         part;
    uint32_t           lo;
    uint32_t           hi;
    uint32_t           depth;
    uint32_t           owned;          /* 1: the container is a copy */
    uint32_t           nkeys;
    mlsec_fv_t        *keys;           /* what is deleted of the container */
};


static int mlsec_fd_open(mlsec_fx_t *fx, mlsec_fd_note_t *note,
    const mlsec_fv_t *paths, mlsec_fd_note_t **todo);
static int mlsec_fd_child(mlsec_fx_t *fx, mlsec_fd_note_t *note,
    mlsec_fv_t key, mlsec_fd_note_t **todo);
static int mlsec_fd_delete(mlsec_fx_t *fx, mlsec_fd_note_t *note);
static int mlsec_fd_delete_elements(mlsec_fx_t *fx, mlsec_fd_note_t *note);


static int
mlsec_fd_check_paths(mlsec_fx_t *fx, const mlsec_fv_t *paths, uint32_t n)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        if (!mlsec_fv_is_array(paths[i])) {
            return mlsec_fx_raise(fx, "Path must be specified as an array");
        }

        if (mlsec_fv_count(paths[i]) > MLSEC_FV_MAX_PATH) {
            return mlsec_fx_raise(fx, "Path too deep");
        }
    }

    return MLSEC_OK;
}


int
mlsec_fv_delete_paths(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t paths,
    mlsec_fv_t *out)
{
    int               rc;
    uint32_t          n;
    mlsec_fv_t       *list;
    mlsec_fd_note_t  *todo, *done, *note;
    const mlsec_fv_t *items;

    *out = v;

    if (!mlsec_fv_is_array(paths)) {
        return mlsec_fx_raise(fx, "Paths must be specified as an array");
    }

    if (mlsec_fv_items(fx, paths, &items, &n) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    rc = mlsec_fd_check_paths(fx, items, n);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (n == 0) {
        return MLSEC_OK;
    }

    list = mlsec_fx_alloc(fx, n * sizeof(mlsec_fv_t));
    todo = mlsec_fx_alloc(fx, sizeof(mlsec_fd_note_t));

    if (list == NULL || todo == NULL) {
        return MLSEC_FX_FATAL;
    }

    memcpy(list, items, n * sizeof(mlsec_fv_t));

    if (mlsec_fv_sort(fx, list, n, items, 1) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    if (mlsec_fv_count(list[0]) == 0) {
        *out = mlsec_fv_null();
        return MLSEC_OK;
    }

    memset(todo, 0, sizeof(mlsec_fd_note_t));
    todo->place = out;
    todo->hi = n;
    done = NULL;

    while (todo != NULL) {
        note = todo;
        todo = note->next;
        note->next = done;
        done = note;

        rc = mlsec_fd_open(fx, note, list, &todo);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    for (note = done; note != NULL; note = note->next) {
        rc = mlsec_fd_delete(fx, note);

        if (rc == MLSEC_OK && note->array != NULL) {
            rc = mlsec_fv_splice(fx, note->array->place, note->key,
                                 note->part);
        }

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    return MLSEC_OK;
}


/* Groups the paths by their next key. */

static int
mlsec_fd_open(mlsec_fx_t *fx, mlsec_fd_note_t *note, const mlsec_fv_t *paths,
    mlsec_fd_note_t **todo)
{
    int         rc, order;
    uint32_t    i, j;
    mlsec_fv_t  key;

    note->nkeys = 0;
    note->keys = mlsec_fx_alloc(fx, (note->hi - note->lo)
                                    * sizeof(mlsec_fv_t));

    if (note->keys == NULL
        || mlsec_fx_charge(fx, note->hi - note->lo) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = note->lo; i < note->hi; i = j) {
        key = mlsec_fv_item(paths[i], note->depth);

        for (j = i + 1; j < note->hi; j++) {

            if (mlsec_fv_compare(fx, key,
                                 mlsec_fv_item(paths[j], note->depth), &order)
                != MLSEC_OK)
            {
                return MLSEC_FX_FATAL;
            }

            if (order != 0) {
                break;
            }
        }

        /* the shortest comes first, and says it for all behind it */

        if (mlsec_fv_count(paths[i]) == note->depth + 1) {
            note->keys[note->nkeys++] = key;
            continue;
        }

        rc = mlsec_fd_child(fx, note, key, todo);

        if (rc != MLSEC_OK) {
            return rc;
        }

        if ((*todo) != NULL && (*todo)->lo == (*todo)->hi) {
            (*todo)->lo = i;
            (*todo)->hi = j;
        }
    }

    return MLSEC_OK;
}


/* Goes on below "key"; what is not there need not be deleted. */

static int
mlsec_fd_child(mlsec_fx_t *fx, mlsec_fd_note_t *note, mlsec_fv_t key,
    mlsec_fd_note_t **todo)
{
    int               rc;
    mlsec_fv_t        value;
    mlsec_fd_note_t  *child;

    rc = mlsec_fv_at(fx, *note->place, key, &value);

    if (rc != MLSEC_OK || value.type == MLSEC_FV_NULL) {
        return rc;
    }

    child = mlsec_fx_alloc(fx, sizeof(mlsec_fd_note_t));
    if (child == NULL) {
        return MLSEC_FX_FATAL;
    }

    memset(child, 0, sizeof(mlsec_fd_note_t));
    child->place = note->place;
    child->depth = note->depth + 1;
    child->next = *todo;

    if (mlsec_fv_is_object(key)) {
        child->array = note;
        child->key = key;
        child->part = value;
        child->place = &child->part;

    } else {

        /* places of other children point into the copy: it is made once */

        rc = mlsec_fv_step(fx, &child->place, key, note->owned);

        if (rc != MLSEC_OK) {
            return rc;
        }

        note->owned = 1;
    }

    *todo = child;

    return MLSEC_OK;
}


static int
mlsec_fd_delete(mlsec_fx_t *fx, mlsec_fd_note_t *note)
{
    uint32_t    i;
    mlsec_fv_t  key;

    if (note->nkeys == 0 || note->place->type == MLSEC_FV_NULL) {
        return MLSEC_OK;
    }

    if (mlsec_fv_is_array(*note->place)) {
        return mlsec_fd_delete_elements(fx, note);
    }

    if (!mlsec_fv_is_object(*note->place)) {
        return mlsec_fx_raise(fx, "Cannot delete field at %s index of %T",
                              mlsec_fv_is_string(note->keys[0]) ? "object"
                                                                : "array",
                              note->place);
    }

    if (mlsec_fv_own(fx, note->place, 0) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < note->nkeys; i++) {
        key = note->keys[i];

        if (!mlsec_fv_is_string(key)) {
            return mlsec_fx_raise(fx, "Cannot delete field at %s index of "
                                  "object",
                                  mlsec_fv_is_object(key) ? "object"
                                                          : "array");
        }

        if (mlsec_fv_decode(fx, &key) != MLSEC_OK
            || mlsec_fv_drop(fx, *note->place, key) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}


static int
mlsec_fd_delete_elements(mlsec_fx_t *fx, mlsec_fd_note_t *note)
{
    int                rc;
    double             at;
    uint32_t           i, k, n, start, end;
    mlsec_fv_t         copy;
    unsigned char     *gone;
    const mlsec_fv_t  *items;

    if (mlsec_fv_items(fx, *note->place, &items, &n) != MLSEC_OK
        || mlsec_fv_new_array(fx, n, &copy) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    gone = mlsec_fx_alloc(fx, (size_t) n + 1);

    if (gone == NULL || mlsec_fx_charge(fx, n / 4) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    memset(gone, 0, n);

    for (k = 0; k < note->nkeys; k++) {

        if (mlsec_fv_is_number(note->keys[k])) {
            at = mlsec_fv_double(note->keys[k]);
            at = at < 0 ? (at > -1 ? 0 : at + n) : at;

            if (at >= 0 && at < n) {
                gone[(uint32_t) at] = 1;
            }

            continue;
        }

        if (!mlsec_fv_is_object(note->keys[k])) {
            return mlsec_fx_raise(fx, "Cannot delete field at %s index of "
                                  "array",
                                  mlsec_fv_is_string(note->keys[k])
                                  ? "object" : "array");
        }

        rc = mlsec_fv_slice_bounds(fx, note->keys[k], n, &start, &end);

        if (rc != MLSEC_OK) {
            return rc;
        }

        memset(gone + start, 1, end - start);
    }

    for (i = 0; i < n; i++) {
        if (!gone[i]) {
            (void) mlsec_fv_append(fx, &copy, items[i]);
        }
    }

    *note->place = copy;

    return MLSEC_OK;
}

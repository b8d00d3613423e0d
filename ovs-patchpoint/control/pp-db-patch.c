/* SPDX-License-Identifier: Apache-2.0 */

/* The patches of this host, to the PatchPoint database.
 *
 * In: the pool, what was refused of it, counts of hits.  Out: rows of Patch.
 * A pool may have thousands: its rows are compared when it has changed, and
 * otherwise only those are touched whose count has.
 *
 * Runs in control's main loop.  Owns the counts that the database had before
 * the daemon was started. */

#include <config.h>

#include "pp-db.h"

#include <stdlib.h>

#include "openvswitch/shash.h"
#include "ovsdb-idl.h"
#include "patch/pp-affects.h"
#include "patch/pp-patch.h"
#include "patch/pp-pool.h"
#include "pp-control.h"
#include "pp-db-private.h"
#include "pp-engine-proc.h"
#include "pp-hits.h"
#include "timeval.h"
#include "util.h"

/* Rows that are made at once: more would take long. */
#define INSERTS_MAX 500

/* Of one patch, by id. */
struct count {
    int64_t base;               /* The database's, at first sight. */
    bool adopted;
    uint64_t seen;              /* Since the daemon was started. */
    int64_t last;               /* When that grew, in ms since the epoch. */
};

static struct shash counts = SHASH_INITIALIZER(&counts);
static struct ovsdb_idl_index *by_id;
static const struct pp_pool *written_pool;
static char *written_error;

void
pp_db_patch_start(struct ovsdb_idl *idl)
{
    by_id = ovsdb_idl_index_create1(idl, &pprec_patch_col_id);
}

static const struct pprec_patch *
find(const char *id)
{
    struct pprec_patch *like = pprec_patch_index_init_row(by_id);
    const struct pprec_patch *found;

    pprec_patch_index_set_id(like, id);
    found = pprec_patch_index_find(by_id, like);
    pprec_patch_index_destroy_row(like);
    return found && !strcmp(found->host, pp_db_host()) ? found : NULL;
}

/* Brings the count of 'id' up to date; true if it has grown. */
static bool
count_run(const struct pp_control *ctl, const char *id, struct count **countp)
{
    uint64_t n = pp_hits_count(id, pp_engine_counters(ctl->engine));
    struct count *count = shash_find_data(&counts, id);

    if (!count) {
        count = xzalloc(sizeof *count);
        shash_add(&counts, id, count);
    }
    *countp = count;
    if (n == count->seen) {
        return false;
    }
    count->seen = n;
    count->last = time_wall_msec();
    return true;
}

static void
put_count(const struct pprec_patch *row, struct count *count, bool is_new)
{
    if (!count->adopted) {
        count->adopted = true;
        count->base = is_new ? 0 : row->hits;
        if (!count->last && !is_new && row->n_last_hit) {
            count->last = row->last_hit[0];
        }
    }
    pprec_patch_set_hits(row, count->base + (int64_t) count->seen);
    pprec_patch_set_last_hit(row, &count->last, count->last != 0);
}

static void
put_patch(const struct pprec_patch *row, const struct pp_patch *patch,
          const char *error)
{
    const char **affects = xmalloc(MAX(1, patch->n_affects)
                                   * sizeof *affects);

    for (size_t i = 0; i < patch->n_affects; i++) {
        affects[i] = xasprintf("%s%s%s", patch->affects[i].product,
                               patch->affects[i].versions ? " " : "",
                               patch->affects[i].versions
                               ? patch->affects[i].versions : "");
    }
    pprec_patch_set_title(row, patch->title);
    pprec_patch_set_severity(row, &patch->severity, 1);
    pprec_patch_set_proxy(row, patch->proxy->name);
    pprec_patch_set_affects(row, affects, patch->n_affects);
    pprec_patch_set_vendor(row, patch->vendor);
    pprec_patch_set_file(row, patch->file);
    pprec_patch_set_status(row, "loaded");
    pprec_patch_set_error(row, error);
    for (size_t i = 0; i < patch->n_affects; i++) {
        free(CONST_CAST(char *, affects[i]));
    }
    free(affects);
}

/* What is wrong with files, by the id that a file's name says: the first fault
 * of each. */
static void
read_errors(const struct pp_control *ctl, struct shash *errors)
{
    char *copy = xstrdup(ctl->pool_error ? ctl->pool_error : "");
    char *line, *save = NULL;

    for (line = strtok_r(copy, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *end = strstr(line, ".yaml:");
        char *file, *id;

        if (!end) {
            continue;           /* Not about one file. */
        }
        file = xmemdup0(line, (size_t) (end - line));
        id = base_name(file);
        if (!shash_find(errors, id)) {
            shash_add(errors, id, xstrdup(line));
        }
        free(id);
        free(file);
    }
    free(copy);
}

static void
put_refused(const struct pprec_patch *row, const char *error)
{
    char *file = xmemdup0(error, (size_t) (strstr(error, ".yaml:") - error)
                          + strlen(".yaml"));

    pprec_patch_set_status(row, "refused");
    pprec_patch_set_error(row, error);
    pprec_patch_set_file(row, file);
    free(file);
}

static struct pprec_patch *
insert(const char *id)
{
    struct pprec_patch *row = pprec_patch_insert(pp_db_txn());

    pprec_patch_set_host(row, pp_db_host());
    pprec_patch_set_id(row, id);
    return row;
}

/* Compares all rows.  Returns false if there are more to be made. */
static bool
put_all(const struct pp_control *ctl)
{
    struct shash errors = SHASH_INITIALIZER(&errors);
    const struct pprec_patch *row;
    struct shash_node *node;
    size_t inserted = 0;
    struct count *count;

    read_errors(ctl, &errors);
    PPREC_PATCH_FOR_EACH_SAFE (row, pp_db_idl()) {
        const struct pp_patch *patch = pp_pool_find(ctl->pool, row->id, NULL);
        const char *error = shash_find_data(&errors, row->id);

        if (strcmp(row->host, pp_db_host())) {
            continue;
        }
        if (patch) {
            put_patch(row, patch, error);
            count_run(ctl, row->id, &count);
            put_count(row, count, false);
        } else if (error) {
            put_refused(row, error);
        } else {
            pprec_patch_delete(row);
        }
    }
    for (size_t i = 0; i < ctl->pool->n && inserted < INSERTS_MAX; i++) {
        const struct pp_patch *patch = ctl->pool->patches[i];

        if (!find(patch->id)) {
            row = insert(patch->id);
            put_patch(row, patch, shash_find_data(&errors, patch->id));
            count_run(ctl, patch->id, &count);
            put_count(row, count, true);
            inserted++;
        }
    }
    SHASH_FOR_EACH (node, &errors) {
        if (inserted < INSERTS_MAX && !find(node->name)
            && !pp_pool_find(ctl->pool, node->name, NULL)) {
            put_refused(insert(node->name), node->data);
            inserted++;
        }
    }
    shash_destroy_free_data(&errors);
    return inserted < INSERTS_MAX;
}

bool
pp_db_patch_write(const struct pp_control *ctl)
{
    bool all = true;

    if (ctl->pool != written_pool
        || (ctl->pool->n && !pprec_patch_first(pp_db_idl()))
        || !nullable_string_is_equal(ctl->pool_error, written_error)) {
        all = put_all(ctl);
        if (all) {
            written_pool = ctl->pool;
            free(written_error);
            written_error = nullable_xstrdup(ctl->pool_error);
        }
        return all;
    }
    for (size_t i = 0; i < ctl->pool->n; i++) {
        const char *id = ctl->pool->patches[i]->id;
        struct count *count;

        if (count_run(ctl, id, &count)) {
            const struct pprec_patch *row = find(id);

            if (row) {
                put_count(row, count, false);
            }
        }
    }
    return true;
}

void
pp_db_patch_again(void)
{
    written_pool = NULL;
}

void
pp_db_patch_destroy(void)
{
    shash_destroy_free_data(&counts);
    shash_init(&counts);
    free(written_error);
    written_error = NULL;
    written_pool = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The check of a snapshot; see pp-snapshot.h.
 *
 * In: bytes that claim to be a snapshot.  Out: what is wrong with them.  Runs
 * in the engine, before it uses them, and in control, after it made them. */

#include <config.h>

#include "engine/pp-snapshot.h"

#include "engine/pp-ipc.h"
#include "patch/pp-program.h"
#include "pp-proxy.h"
#include "registry.h"

/* True if 'part', of records of 'size' bytes, lies within 'total'. */
static bool
part_is_good(struct pp_snap_part part, uint64_t size, uint64_t total)
{
    return (part.off % 8 == 0 && part.off >= sizeof(struct pp_snapshot)
            && part.off <= total && part.n * size <= total - part.off);
}

static const char *
check_service(const struct pp_snapshot *snap,
              const struct pp_snap_service *service,
              const struct pp_program *program)
{
    uint64_t sets_end = (uint64_t) snap->sets.off + snap->sets.n;

    if (service->proxy >= pp_proxies_count()) {
        return "a service's proxy is not known";
    } else if (service->transport > PP_UDP
               || service->fail > PP_FAIL_CLOSED
               || service->opaque > PP_OPAQUE_REFUSE) {
        return "a service's transport, fail or opaque mode is out of range";
    } else if (service->patchset % 8 || service->patchset < snap->sets.off
               || service->patchset >= sets_end) {
        return "a service's patch set is out of range";
    }
    return pp_patchset_check(
        (const void *) ((const uint8_t *) snap + service->patchset),
        (size_t) (sets_end - service->patchset), program);
}

static bool
is_within(uint64_t value, uint64_t min, uint64_t max)
{
    return value >= min && value <= max;
}

static bool
limits_are_good(const struct pp_limits *limits)
{
    return (true
#define PP_LIMIT(MEMBER, NAME, DEFAULT, MIN, MAX, DOC)                       \
            && is_within(limits->MEMBER, MIN, MAX)
            PP_LIMITS
#undef PP_LIMIT
            );
}

static const char *
check_server(const struct pp_snapshot *snap,
             const struct pp_snap_server *server)
{
    if (server->services.off > snap->services.n
        || server->services.n > snap->services.n - server->services.off) {
        return "a server's services are out of range";
    } else if (server->bridge >= PP_BRIDGES_MAX
               || server->name[PP_NAME_LEN - 1]) {
        return "a server's bridge or name is out of range";
    }
    return NULL;
}

static const char *
check_slot(const struct pp_snap_slot *slot)
{
    return (slot->bridge >= PP_BRIDGES_MAX || slot->slot > PP_VID_MAX
            || slot->vlan > PP_VID_MAX
            ? "a slot's bridge, number or VLAN is out of range" : NULL);
}

static const char *
check_row(const struct pp_snapshot *snap, const struct pp_snap_row *row)
{
    switch ((enum pp_snap_row_kind) row->kind) {
    case PP_ROW_SERVER:
        return check_server(snap, &row->server);
    case PP_ROW_SLOT:
        return check_slot(&row->slot);
    case PP_ROW_SERVER_GONE:
    case PP_ROW_SLOT_GONE:
        return NULL;
    default:
        return "a row is of no kind that there is";
    }
}

const char *
pp_snapshot_check_rows(const struct pp_snapshot *snap,
                       const struct pp_snap_row *rows, uint32_t n)
{
    const char *error = NULL;

    for (uint32_t i = 0; i < n && !error; i++) {
        error = check_row(snap, &rows[i]);
    }
    return error;
}

const char *
pp_snapshot_check(const void *data, size_t size)
{
    const struct pp_snapshot *snap = data;
    const struct pp_program *program;
    const char *error;

    if (size < sizeof *snap || snap->magic != PP_SNAPSHOT_MAGIC) {
        return "this is not a snapshot";
    } else if (snap->version != PP_SNAPSHOT_VERSION) {
        return "the snapshot is of another version";
    } else if (snap->size != size) {
        return "the snapshot's size is wrong";
    } else if (!limits_are_good(&snap->limits)) {
        return "a limit is out of range";
    } else if (snap->cuts_max > PP_CUTS_MAX) {
        return "too many connections would be cut through";
    } else if (!part_is_good(snap->rows, sizeof(struct pp_snap_row), size)
               || !part_is_good(snap->services,
                                sizeof(struct pp_snap_service), size)
               || !part_is_good(snap->sets, 1, size)
               || !part_is_good(snap->program, 1, size)
               || (snap->numbers.n
                   && !part_is_good(snap->numbers, sizeof(uint32_t), size))) {
        return "a part of the snapshot is out of range";
    }
    program = (const void *) ((const uint8_t *) data + snap->program.off);
    error = pp_program_check(program, snap->program.n, pp_proxies);
    if (error) {
        return error;
    } else if (pp_program_n_patches(program) > PP_PATCHES_MAX) {
        return "there are too many patches";
    } else if (snap->numbers.n
               && snap->numbers.n != pp_program_n_patches(program)) {
        return "not every patch has a number";
    }
    for (uint32_t i = 0; i < snap->numbers.n; i++) {
        if (pp_snapshot_number(snap, i) >= PP_PATCHES_MAX) {
            return "the number of a patch is out of range";
        }
    }
    error = pp_snapshot_check_rows(snap, pp_snapshot_rows(snap),
                                   snap->rows.n);
    if (error) {
        return error;
    }
    for (uint32_t i = 0; i < snap->services.n; i++) {
        error = check_service(snap, &pp_snapshot_services(snap)[i], program);
        if (error) {
            return error;
        }
    }
    return NULL;
}

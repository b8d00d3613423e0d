/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_SNAPSHOT_H
#define PP_SNAPSHOT_H 1

/* The snapshot: all that the engine knows of patches and policy.
 *
 * Control writes it once into a memfd, seals it and hands it over; from then
 * on nobody changes it.  It is flat: offsets from its first byte, no
 * pointers, host byte order, every part at a multiple of 8 bytes.  The engine
 * checks it whole with pp_snapshot_check() before it uses any of it, and goes
 * on with the one it has if the check fails. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/pp-limits.h"
#include "openvswitch/types.h"

#define PP_SNAPSHOT_MAGIC 0x50504f56u
#define PP_SNAPSHOT_VERSION 8

#define PP_NAME_LEN 64          /* Names, with their NUL. */

#define PP_VID_MAX 4095
#define PP_SLOT_NONE 0xffff

#define PP_CUTS_MAX 4096        /* Connections that are cut through. */

enum pp_fail {
    PP_FAIL_OPEN,               /* What cannot be inspected passes. */
    PP_FAIL_CLOSED,             /* What cannot be inspected is dropped. */
};

enum pp_opaque {
    PP_OPAQUE_PASS,             /* What becomes opaque goes on... */
    PP_OPAQUE_REFUSE,           /* ...or is reset. */
};

/* Where 'n' records of some kind stand. */
struct pp_snap_part {
    uint32_t off;
    uint32_t n;
};

struct pp_snapshot {
    uint32_t magic;
    uint32_t version;
    uint64_t serial;            /* Grows by one a snapshot. */
    uint64_t after;             /* 0: all is here.  Else servers and slots stay
                                 * as they are with what has this serial, but
                                 * for 'rows'; and all services of that are
                                 * here at the same indexes, maybe with more
                                 * behind them. */
    uint64_t size;              /* Bytes in all. */
    struct pp_limits limits;
    struct pp_snap_part rows;       /* struct pp_snap_row. */
    struct pp_snap_part services;   /* struct pp_snap_service. */
    struct pp_snap_part sets;       /* n BYTES of struct pp_patchsets. */
    struct pp_snap_part program;    /* n BYTES of a struct pp_program. */
    struct pp_snap_part numbers;    /* uint32_t: by patch, the number by
                                     * which control knows it; none: as the
                                     * program numbers them. */
    uint32_t cuts_max;          /* As many connections may be cut through at a
                                 * time (pp-cut.h); up to PP_CUTS_MAX. */
    uint32_t pad;
};

/* A protected interface of a VM. */
struct pp_snap_server {
    uint32_t id;                /* Not 0; stable while the server is known. */
    uint32_t bridge;            /* As in PP_IPC_TAP. */
    struct eth_addr mac;
    uint16_t slot;              /* VID that says "from this port" of untagged
                                 * frames; PP_SLOT_NONE: it has no port yet;
                                 * 0: frames have no slots. */
    struct pp_snap_part services;   /* Indexes into 'services'. */
    char name[PP_NAME_LEN];     /* Interface name, for people. */
    uint8_t in_vlans;           /* 1: its frames come in more than one VLAN, so
                                 * that it may have the same addresses and
                                 * ports in several; else 0. */
    uint8_t pad[7];
};

/* What a slot says of the frames that have it. */
struct pp_snap_slot {
    uint32_t bridge;            /* As in PP_IPC_TAP. */
    uint32_t server;            /* Id of the server whose port they come from;
                                 * 0: another port. */
    uint16_t slot;
    uint16_t vlan;              /* Their VLAN: that of their tag, or else of
                                 * their port; 0: none. */
    uint32_t pad;
};

/* One server or slot: what it is, or that it is gone. */
enum pp_snap_row_kind {
    PP_ROW_SERVER = 1,          /* In place of one with the same id, if any. */
    PP_ROW_SERVER_GONE,         /* Only 'id' counts. */
    PP_ROW_SLOT,                /* In place of one with the same number. */
    PP_ROW_SLOT_GONE,           /* Only 'bridge' and 'slot' count. */
};

struct pp_snap_row {
    uint32_t kind;              /* enum pp_snap_row_kind. */
    uint32_t pad;
    union {
        struct pp_snap_server server;
        struct pp_snap_slot slot;
    };
};

/* A protected port of a server. */
struct pp_snap_service {
    uint16_t port;              /* Host byte order. */
    uint8_t transport;          /* enum pp_transport. */
    uint8_t proxy;              /* Index into pp_proxies[]. */
    uint8_t fail;               /* enum pp_fail. */
    uint8_t opaque;             /* enum pp_opaque. */
    uint8_t pad[2];
    uint32_t patchset;          /* Byte offset of its struct pp_patchset from
                                 * the snapshot's first byte. */
};

/* NULL if the 'size' bytes at 'data' are a snapshot that is safe to use, or
 * what is wrong with it, in words. */
const char *pp_snapshot_check(const void *data, size_t size);

/* The same for 'n' rows that are to be used with a snapshot that was
 * checked. */
const char *pp_snapshot_check_rows(const struct pp_snapshot *,
                                   const struct pp_snap_row *, uint32_t n);

static inline const struct pp_snap_row *
pp_snapshot_rows(const struct pp_snapshot *snap)
{
    return (const void *) ((const uint8_t *) snap + snap->rows.off);
}

static inline const struct pp_snap_service *
pp_snapshot_services(const struct pp_snapshot *snap)
{
    return (const void *) ((const uint8_t *) snap + snap->services.off);
}

/* The number by which control knows patch 'patch' of the program. */
static inline uint32_t
pp_snapshot_number(const struct pp_snapshot *snap, uint32_t patch)
{
    const uint32_t *numbers
        = (const void *) ((const uint8_t *) snap + snap->numbers.off);

    return snap->numbers.n ? numbers[patch] : patch;
}

#endif /* pp-snapshot.h */

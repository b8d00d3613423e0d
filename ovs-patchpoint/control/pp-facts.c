/* SPDX-License-Identifier: Apache-2.0 */

/* What is known of a VM, as named policies select by it; see pp-facts.h.
 *
 * In: the model of the virtual network, services that were discovered, DNS
 * names that the PatchPoint database has of the VM.  Out: the policy that
 * selects it.
 *
 * Runs in control's main loop.  Owns nothing. */

#include <config.h>

#include "pp-facts.h"

#include <stdio.h>

#include "lib/vswitch-idl.h"
#include "pp-addresses.h"
#include "pp-control.h"
#include "pp-db.h"
#include "pp-named.h"
#include "pp-services.h"
#include "util.h"

static void
add(struct pp_facts *facts, enum pp_selector selector, const char *value)
{
    if (value) {
        svec_add(&facts->values[selector], value);
    }
}

const struct pp_named *
pp_facts_select(const struct pp_iface *iface)
{
    const struct smap *ids = &iface->row->external_ids;
    const struct pp_discovered *service;
    const struct pp_named *named;
    struct pp_facts facts;
    char vlan[16];

    if (!pp_named_any_selectors()) {
        return NULL;
    }
    pp_facts_init(&facts);
    snprintf(vlan, sizeof vlan, "%"PRId64,
             iface->port->n_tag ? iface->port->tag[0] : INT64_C(0));
    add(&facts, PP_SELECT_HOST, pp_db_host());
    add(&facts, PP_SELECT_BRIDGE, iface->bridge->name);
    add(&facts, PP_SELECT_VLAN, vlan);
    if (!iface->behind) {
        add(&facts, PP_SELECT_IFACE_ID, smap_get(ids, "iface-id"));
        add(&facts, PP_SELECT_VM_ID, smap_get(ids, "vm-id"));
        add(&facts, PP_SELECT_VM_ID, smap_get(ids, "vm-uuid"));
    }
    if (!pp_addresses_list_names(iface, &facts.values[PP_SELECT_NAME])
        || ovs_list_is_empty(&iface->addresses)) {
        pp_db_add_names(iface->name, &facts);
    }
    PP_FOR_EACH_DISCOVERED (service, iface->server_id) {
        add(&facts, PP_SELECT_PRODUCT, service->product);
    }
    named = pp_named_select(&facts);
    pp_facts_destroy(&facts);
    return named;
}

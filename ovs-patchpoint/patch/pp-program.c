/* SPDX-License-Identifier: Apache-2.0 */

/* Compiled patches: what is looked up in them, and patch sets; see
 * pp-program.h.
 *
 * In: a sound program.  Out: what is in it.  Runs in the engine and in
 * control; owns nothing, allocates nothing. */

#include <config.h>

#include "patch/pp-program.h"

#include <string.h>

#include "patch/pp-func.h"
#include "patch/pp-param.h"
#include "patch/pp-patch.h"
#include "patch/pp-regex.h"
#include "pp-proxy.h"

static uint64_t
hash_fields(uint64_t hash, const struct pp_field *fields)
{
    for (const struct pp_field *f = fields; f && f->name; f++) {
        uint32_t facts[4] = { f->type, f->events, f->editable,
                              f->key_nocase };

        hash = pp_hash_bytes(hash, f->name, strlen(f->name) + 1);
        hash = pp_hash_bytes(hash, facts, sizeof facts);
        if (f->key) {
            hash = pp_hash_bytes(hash, f->key, strlen(f->key) + 1);
        }
        for (const struct pp_field *e = f->elem; e && e->name; e++) {
            uint32_t elem_facts[2] = { e->type, e->editable };

            hash = pp_hash_bytes(hash, e->name, strlen(e->name) + 1);
            hash = pp_hash_bytes(hash, elem_facts, sizeof elem_facts);
        }
    }
    return hash;
}

uint64_t
pp_proxy_fingerprint(const struct pp_proxy *proxy)
{
    uint64_t hash = PP_HASH_BASIS;

    hash = pp_hash_bytes(hash, proxy->name, strlen(proxy->name) + 1);
    for (const struct pp_event *e = proxy->events; e->name; e++) {
        uint8_t dir = e->dir;

        hash = pp_hash_bytes(hash, e->name, strlen(e->name) + 1);
        hash = pp_hash_bytes(hash, &dir, 1);
    }
    return hash_fields(hash, proxy->fields);
}

uint32_t
pp_program_find_proxy(const struct pp_program *program, const char *name)
{
    const struct pp_program_proxy *table
        = pp_program_at(program, program->proxies);

    for (uint32_t i = 0; i < program->proxies.n; i++) {
        if (!strcmp((const char *)
                    pp_program_text(program, table[i].name.off, 0).p, name)) {
            return i;
        }
    }
    return PP_NONE;
}

uint32_t
pp_program_find_patch(const struct pp_program *program, const char *id)
{
    uint32_t low = 0, high = program->patches.n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int cmp = strcmp(pp_program_patch_id(program, mid), id);

        if (!cmp) {
            return mid;
        } else if (cmp < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return PP_NONE;
}

/* Keys. */

uint32_t
pp_key_of_number(int64_t number)
{
    return (uint32_t) ((uint64_t) number * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Patch sets. */

static uint32_t
set_words(const struct pp_program *program)
{
    return program->patches.n ? (program->patches.n + 63) / 64 : 1;
}

size_t
pp_patchset_size(const struct pp_program *program)
{
    return (sizeof(struct pp_patchset)
            + 8 * (2 * (size_t) set_words(program) + program->proxies.n
                   + program->param_words));
}

/* The first word of parameters. */
static size_t
param_base(const struct pp_patchset *set)
{
    return 2 * (size_t) set->words + set->n_proxies;
}

void
pp_patchset_init(struct pp_patchset *set, const struct pp_program *program)
{
    size_t size = pp_patchset_size(program);

    memset(set, 0, size);
    set->n_patches = program->patches.n;
    set->words = set_words(program);
    set->n_proxies = program->proxies.n;
    set->size = (uint32_t) size;
    for (uint32_t i = 0; i < program->params.n; i++) {
        const struct pp_program_param *p = &pp_program_params(program)[i];
        uint64_t *words = set->data + param_base(set) + p->word;

        *words = (p->type == PP_TYPE_BYTES ? p->bytes.n : (uint64_t) p->value);
        if (p->type == PP_TYPE_BYTES) {
            memcpy(words + 1, pp_program_text(program, p->bytes.off, 0).p,
                   p->bytes.n);
        }
    }
}

void
pp_patchset_set_param(struct pp_patchset *set,
                      const struct pp_program *program, uint32_t patch,
                      uint32_t param, const struct pp_param_value *value)
{
    const struct pp_program_patch *p = pp_program_patch(program, patch);
    uint64_t *words = set->data + param_base(set);

    words += pp_program_params(program)[p->first_param + param].word;
    *words = (uint64_t) value->i;
    if (pp_program_params(program)[p->first_param + param].type
        == PP_TYPE_BYTES) {
        memcpy(words + 1, value->bytes, (size_t) value->i);
    }
}

struct pp_value
pp_patchset_param(const struct pp_patchset *set,
                  const struct pp_program *program, uint32_t param)
{
    const struct pp_program_param *p = &pp_program_params(program)[param];
    const uint64_t *words = set->data + param_base(set) + p->word;

    return (p->type == PP_TYPE_BYTES ? pp_value_bytes(words + 1, *words)
            : p->type == PP_TYPE_BOOL ? pp_value_bool(*words)
            : pp_value_int((int64_t) *words));
}

void
pp_patchset_set(struct pp_patchset *set, const struct pp_program *program,
                uint32_t patch, enum pp_patch_mode mode)
{
    uint64_t *enforce = set->data;
    uint64_t *monitor = enforce + set->words;
    uint64_t *wants = monitor + set->words;
    uint64_t bit = UINT64_C(1) << (patch % 64);
    const struct pp_program_patch *p;

    if (patch >= set->n_patches) {
        return;
    }
    enforce[patch / 64] &= ~bit;
    monitor[patch / 64] &= ~bit;
    p = pp_program_patch(program, patch);
    if (mode != PP_MODE_OFF) {
        (mode == PP_MODE_ENFORCE ? enforce : monitor)[patch / 64] |= bit;
        wants[p->proxy] |= p->events;
        return;
    }
    memset(wants, 0, set->n_proxies * sizeof *wants);
    for (uint32_t i = 0; i < set->n_patches; i++) {
        if (pp_patchset_mode(set, i) != PP_MODE_OFF) {
            p = pp_program_patch(program, i);
            wants[p->proxy] |= p->events;
        }
    }
}

const char *
pp_patchset_check(const struct pp_patchset *set, size_t size,
                  const struct pp_program *program)
{
    if (size < sizeof *set || (uintptr_t) set % 8
        || set->size > size || set->size != pp_patchset_size(program)
        || set->n_patches != program->patches.n
        || set->words != set_words(program)
        || set->n_proxies != program->proxies.n) {
        return "it is no set of this program's patches";
    }
    for (uint32_t i = 0; i < program->params.n; i++) {
        const struct pp_program_param *p = &pp_program_params(program)[i];
        int64_t value = (int64_t) set->data[param_base(set) + p->word];

        if (value < p->min || value > p->max) {
            return "a parameter's value is out of range";
        }
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What the operations of expressions take and give; see pp-expr.h.
 *
 * In: an operation.  Out: its types.  Runs wherever a program is checked; owns
 * nothing. */

#include <config.h>

#include "patch/pp-expr.h"

const char *
pp_op_signature(enum pp_op op)
{
    switch (op) {
    case PP_OP_BOOL:
        return "b:";
    case PP_OP_INT:
    case PP_OP_INDEX:
        return "i:";
    case PP_OP_BYTES:
    case PP_OP_CLASS:
    case PP_OP_NETS:
    case PP_OP_DATE:
    case PP_OP_PIECE:
        return "s:";
    case PP_OP_SET:
    case PP_OP_END:
    case PP_OP_STATE:
    case PP_OP_PARAM:
    case PP_OP_FIELD:
    case PP_OP_ELEM:
        return "*:";
    case PP_OP_LIST:
        return "l:";
    case PP_OP_SELECT:
        return "l:*";
    case PP_OP_FIRST:
        return "*:l";
    case PP_OP_SPLIT:
        return "l:ss";
    case PP_OP_NOT:
        return "b:b";
    case PP_OP_MATCHES:
        return "b:s";
    case PP_OP_AND:
    case PP_OP_OR:
        return "b:bb";
    case PP_OP_IF:
        return "*:b**";
    case PP_OP_EQ:
    case PP_OP_NE:
    case PP_OP_LT:
    case PP_OP_LE:
    case PP_OP_GT:
    case PP_OP_GE:
    case PP_OP_IN:
        return "b:**";
    case PP_OP_EQ_NOCASE:
        return "b:ss";
    case PP_OP_ADD:
    case PP_OP_SUB:
    case PP_OP_MUL:
    case PP_OP_DIV:
    case PP_OP_MOD:
    case PP_OP_BIT_AND:
    case PP_OP_BIT_OR:
    case PP_OP_SHL:
    case PP_OP_SHR:
        return "i:ii";
    case PP_OP_NEG:
        return "i:i";
    case PP_OP_ANY:
    case PP_OP_ALL:
        return "b:lb";
    case PP_OP_COUNT_IF:
        return "i:lb";
    case PP_OP_SUM:
        return "i:li";
    case PP_OP_COUNT:
        return "i:l";
    case PP_OP_CALL:
    case PP_N_OPS:
    default:
        return NULL;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_FUNC_PRIVATE_H
#define PP_FUNC_PRIVATE_H 1

/* What the files of functions share, and what their table points to.  What
 * each of them does is in the table, in pp-func.c. */

#include "patch/pp-func.h"

#define ARGS struct pp_arena *arena, const struct pp_value *a, \
             struct pp_value *r
#define UNUSED_ARENA (void) arena

/* Offsets outside of 'n' bytes are moved to its ends. */
static inline size_t
pp_clamp_offset(int64_t i, size_t n)
{
    return i < 0 ? 0 : (uint64_t) i > n ? n : (size_t) i;
}

static inline bool
pp_give_bool(struct pp_value *r, bool b)
{
    *r = pp_value_bool(b);
    return true;
}

static inline bool
pp_give_int(struct pp_value *r, int64_t i)
{
    *r = pp_value_int(i);
    return true;
}

static inline bool
pp_give_bytes(struct pp_value *r, const void *p, size_t n)
{
    *r = pp_value_bytes(p, n);
    return true;
}

static inline bool
pp_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

#define PP_FUNC(NAME) bool pp_func_##NAME(ARGS)

/* pp-func-text.c */
PP_FUNC(contains);
PP_FUNC(starts_with);
PP_FUNC(ends_with);
PP_FUNC(contains_nocase);
PP_FUNC(starts_with_nocase);
PP_FUNC(ends_with_nocase);
PP_FUNC(only);
PP_FUNC(any_of);
PP_FUNC(is_decimal);
PP_FUNC(is_hex);
PP_FUNC(is_token);
PP_FUNC(len);
PP_FUNC(find);
PP_FUNC(find_last);
PP_FUNC(count_of);
PP_FUNC(split_count);
PP_FUNC(nesting);
PP_FUNC(slice);
PP_FUNC(trim);
PP_FUNC(strip);
PP_FUNC(before);
PP_FUNC(after);
PP_FUNC(last);
PP_FUNC(lower);
PP_FUNC(upper);
PP_FUNC(concat);
PP_FUNC(replace_all);
PP_FUNC(replace_first);
PP_FUNC(translate);

/* pp-func-number.c */
PP_FUNC(byte);
PP_FUNC(be16);
PP_FUNC(be32);
PP_FUNC(le16);
PP_FUNC(le32);
PP_FUNC(bits);
PP_FUNC(parse_int);
PP_FUNC(parse_hex);
PP_FUNC(strtol);
PP_FUNC(strtoul);
PP_FUNC(strtol_rest);
PP_FUNC(signed);
PP_FUNC(min);
PP_FUNC(max);
PP_FUNC(decimal);
PP_FUNC(hex);
PP_FUNC(put_byte);
PP_FUNC(put_be16);
PP_FUNC(put_be32);
PP_FUNC(put_le16);
PP_FUNC(put_le32);

/* pp-func-version.c */
PP_FUNC(version);

/* pp-func-path.c */
PP_FUNC(escapes_root);
PP_FUNC(normalize_path);
PP_FUNC(remove_dot_segments);
PP_FUNC(python_normpath);
PP_FUNC(nginx_path);
PP_FUNC(drop_path_parameters);
PP_FUNC(windows_path);

/* pp-func-decode.c */
PP_FUNC(percent_decode);
PP_FUNC(form_decode);
PP_FUNC(percent_encode);
PP_FUNC(html_escape);
PP_FUNC(html_unescape);
PP_FUNC(is_base64);
PP_FUNC(base64_decode);
PP_FUNC(base64_decode_lenient);
PP_FUNC(quoted_printable_decode);

#endif /* pp-func-private.h */

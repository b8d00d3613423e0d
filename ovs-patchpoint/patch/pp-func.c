/* SPDX-License-Identifier: Apache-2.0 */

/* The table of the named functions of the patch language; see pp-func.h.
 *
 * In: names.  Out: entries.  Runs in the engine and in whatever checks
 * patches; owns nothing. */

#include <config.h>

#include "patch/pp-func.h"

#include <string.h>

#include "patch/pp-func-private.h"

const struct pp_func pp_funcs[] = {
    { "contains", "b:ss", 8, pp_func_contains,
      "True if Y stands somewhere in X; also written X contains Y." },
    { "starts_with", "b:ss", 1, pp_func_starts_with,
      "True if X starts with Y; also written X starts_with Y." },
    { "ends_with", "b:ss", 1, pp_func_ends_with,
      "True if X ends with Y; also written X ends_with Y." },
    { "contains_nocase", "b:ss", 16, pp_func_contains_nocase,
      "As contains(), without regard to ASCII case." },
    { "starts_with_nocase", "b:ss", 1, pp_func_starts_with_nocase,
      "As starts_with(), without regard to ASCII case." },
    { "ends_with_nocase", "b:ss", 1, pp_func_ends_with_nocase,
      "As ends_with(), without regard to ASCII case." },
    { "only", "b:sc", 8, pp_func_only,
      "True if every byte of X is in the class; so it is of empty bytes." },
    { "any_of", "b:sc", 8, pp_func_any_of,
      "True if some byte of X is in the class." },
    { "is_decimal", "b:s", 4, pp_func_is_decimal,
      "True if X is one or more digits and nothing else." },
    { "is_hex", "b:s", 4, pp_func_is_hex,
      "True if X is one or more hexadecimal digits and nothing else." },
    { "is_token", "b:s", 8, pp_func_is_token,
      "True if X is a token as in RFC 9110 section 5.6.2." },
    { "is_base64", "b:s", 8, pp_func_is_base64,
      "True if X is base64 as in RFC 4648 section 4: padded, nothing but its "
      "alphabet." },
    { "escapes_root", "b:s", 16, pp_func_escapes_root,
      "True if the path's '..' segments lead above where it starts, at any "
      "point; '/' separates, empty segments do not count." },

    { "len", "i:s", 1, pp_func_len, "The number of bytes in X." },
    { "find", "i:ss", 8, pp_func_find,
      "Where Y first stands in X, from 0, or -1." },
    { "find_last", "i:ss", 8, pp_func_find_last,
      "Where Y last stands in X, from 0, or -1." },
    { "count_of", "i:sc", 8, pp_func_count_of,
      "How many bytes of X are in the class." },
    { "split_count", "i:ss", 8, pp_func_split_count,
      "How many pieces X falls into at each Y; 1 if Y is not in it." },
    { "nesting", "i:scc", 8, pp_func_nesting,
      "How many bytes of the first class are open at once at most, each "
      "closed by one of the second." },
    { "byte", "i:si", 1, pp_func_byte, "The byte at offset I of X, or -1." },
    { "be16", "i:si", 1, pp_func_be16,
      "The 16-bit big-endian number at offset I of X, or -1." },
    { "be32", "i:si", 1, pp_func_be32,
      "The 32-bit big-endian number at offset I of X, or -1." },
    { "le16", "i:si", 1, pp_func_le16,
      "The 16-bit little-endian number at offset I of X, or -1." },
    { "le32", "i:si", 1, pp_func_le32,
      "The 32-bit little-endian number at offset I of X, or -1." },
    { "bits", "i:sii", 4, pp_func_bits,
      "The J bits, 1 to 63, of X from bit I on, of which 0 is the highest of "
      "the first byte; -1 if they are not all there." },
    { "parse_int", "i:s", 4, pp_func_parse_int,
      "The value of decimal digits, saturating, or -1 if X is anything "
      "else." },
    { "parse_hex", "i:s", 4, pp_func_parse_hex,
      "The value of hexadecimal digits, saturating, or -1 if X is anything "
      "else." },
    { "strtol", "i:si", 4, pp_func_strtol,
      "What C's strtol() makes of X in base I, 2 to 36 or 0: white space, a "
      "sign, digits, anything; saturating at 64 bits, 0 if it is no number." },
    { "strtoul", "i:si", 4, pp_func_strtoul,
      "The same for strtoul(), for which -1 is its largest number; what is "
      "beyond 63 bits is 9223372036854775807." },
    { "signed", "i:ii", 1, pp_func_signed,
      "The number that the low J bits of I, 1 to 64, are in two's "
      "complement." },
    { "min", "i:ii", 1, pp_func_min, "The smaller of the two." },
    { "max", "i:ii", 1, pp_func_max, "The larger of the two." },

    { "slice", "s:sii", 1, pp_func_slice,
      "The bytes of X from offset I up to, not with, offset J; offsets "
      "outside are moved to the ends." },
    { "trim", "s:s", 4, pp_func_trim,
      "X without spaces and tabs at its ends." },
    { "strip", "s:sc", 4, pp_func_strip,
      "X without bytes of the class at its ends." },
    { "before", "s:ss", 8, pp_func_before,
      "What is in front of the first Y in X; all of X if there is none." },
    { "after", "s:ss", 8, pp_func_after,
      "What is behind the first Y in X; empty if there is none." },
    { "last", "s:ss", 8, pp_func_last,
      "What is behind the last Y in X; all of X if there is none." },
    { "strtol_rest", "s:si", 4, pp_func_strtol_rest,
      "What follows the number that strtol(X, I) reads; all of X if it reads "
      "none." },

    { "percent_decode", "s:s", 16, pp_func_percent_decode,
      "X with each %HH decoded, once; a '%' without two hexadecimal digits "
      "stays." },
    { "form_decode", "s:s", 16, pp_func_form_decode,
      "The same with '+' read as a space first." },
    { "percent_encode", "s:s", 16, pp_func_percent_encode,
      "X with %HH for each byte that is not a letter, a digit or one of "
      "'-._~'." },
    { "lower", "s:s", 8, pp_func_lower,
      "X with ASCII letters in lower case." },
    { "upper", "s:s", 8, pp_func_upper,
      "X with ASCII letters in upper case." },
    { "concat", "s:ss", 8, pp_func_concat,
      "X and Y, one behind the other; takes more arguments too." },
    { "html_escape", "s:s", 16, pp_func_html_escape,
      "X with &lt; &gt; &amp; &quot; and &#39; for the bytes that HTML "
      "minds." },
    { "html_unescape", "s:s", 32, pp_func_html_unescape,
      "X with each character reference as the UTF-8 of its character: all "
      "numbers, as HTML reads them, and the names of ASCII characters and "
      "nbsp." },
    { "base64_decode", "s:s", 16, pp_func_base64_decode,
      "The bytes that X is base64 of; empty unless is_base64(X)." },
    { "base64_decode_lenient", "s:s", 16, pp_func_base64_decode_lenient,
      "The same for lenient servers: up to the first '=', either alphabet of "
      "RFC 4648, anything else passed over." },
    { "quoted_printable_decode", "s:s", 16, pp_func_quoted_printable_decode,
      "X decoded as in RFC 2045 section 6.7; an '=' that starts nothing "
      "stays." },
    { "replace_all", "s:sss", 16, pp_func_replace_all,
      "X with each Y in it replaced by Z." },
    { "replace_first", "s:sss", 16, pp_func_replace_first,
      "X with the first Y in it replaced by Z." },
    { "translate", "s:scs", 16, pp_func_translate,
      "X with each byte of the class replaced by Y." },
    { "normalize_path", "s:s", 16, pp_func_normalize_path,
      "The path without empty and dot segments; '..' takes its "
      "predecessor with it, and vanishes at the root." },
    { "remove_dot_segments", "s:s", 16, pp_func_remove_dot_segments,
      "The path without dot segments as RFC 3986 section 5.2.4 removes them: "
      "empty segments stay and count." },
    { "python_normpath", "s:s", 16, pp_func_python_normpath,
      "Python's posixpath.normpath(): as normalize_path(), but no slash stays "
      "at the end, two at the start stay two, and nothing is '.'." },
    { "nginx_path", "s:s", 16, pp_func_nginx_path,
      "What nginx makes of the raw path X: decoded and normalised in one "
      "pass, slashes merged; empty if it refuses it." },
    { "drop_path_parameters", "s:s", 8, pp_func_drop_path_parameters,
      "The path without what is from a ';' to the next '/', as servlet "
      "containers read it." },
    { "windows_path", "s:s", 8, pp_func_windows_path,
      "The path with each backslash a slash and without dots and spaces at "
      "the end of names, as Windows reads it; '.' and '..' stay." },
    { "decimal", "s:i", 4, pp_func_decimal, "The number in decimal digits." },
    { "hex", "s:s", 8, pp_func_hex, "X in lower case hexadecimal digits." },
    { "put_byte", "s:i", 2, pp_func_put_byte,
      "One byte with the number's value." },
    { "put_be16", "s:i", 2, pp_func_put_be16,
      "Two bytes, big-endian, with the number's value." },
    { "put_be32", "s:i", 2, pp_func_put_be32,
      "Four bytes, big-endian, with the number's value." },
    { "put_le16", "s:i", 2, pp_func_put_le16,
      "Two bytes, little-endian, with the number's value." },
    { "put_le32", "s:i", 2, pp_func_put_le32,
      "Four bytes, little-endian, with the number's value." },

    { "ip_address", "s:s", 8, pp_func_ip_address,
      "The 4 or 16 bytes of the IP address that X says in text; empty if it "
      "is none." },
    { "ip_text", "s:s", 8, pp_func_ip_text,
      "The IP address of 4 or 16 bytes X as text; empty if X is none." },

    { "in_net", "b:sn", 2, pp_func_in_net,
      "True if X, the 4 or 16 bytes of an address, is in one of the networks; "
      "also written X in net NETS." },
    { "version", "v:s", 8, pp_func_version,
      "The version that X starts with." },

    { "python_repr", "s:s", 16, pp_func_python_repr,
      "X as Python's repr() of the text that Latin-1 makes of it." },
    { "latin1_upper", "s:s", 8, pp_func_latin1_upper,
      "X with letters of Latin-1 in upper case, as Python has it." },
    { "node_ascii", "s:s", 8, pp_func_node_ascii,
      "X with the highest bit of each byte cleared, as Node.js decodes "
      "ASCII." },
    { "npm_ip", "s:s", 8, pp_func_npm_ip,
      "The 4 or 16 bytes of the address that X is for npm's ip; empty if it "
      "is none." },
    { "ftp_srv_host", "s:s", 16, pp_func_ftp_srv_host,
      "\"=\" and the host that ftp-srv connects to for the PORT or EPRT in "
      "the line X; empty if it is none." },
    { "qs_without", "s:ssi", 64, pp_func_qs_without,
      "The query X with no value behind a key that has the element Y, and "
      "it not as the first, where qs, limited to depth I, would make such a "
      "value a prototype." },
    { NULL, NULL, 0, NULL, NULL },
};

unsigned int
pp_func_count(void)
{
    return sizeof pp_funcs / sizeof pp_funcs[0] - 1;
}

int
pp_func_by_name(const char *name, size_t n)
{
    for (unsigned int i = 0; pp_funcs[i].name; i++) {
        if (!strncmp(pp_funcs[i].name, name, n) && !pp_funcs[i].name[n]) {
            return (int) i;
        }
    }
    return -1;
}

uint64_t
pp_func_fingerprint(void)
{
    uint64_t hash = PP_HASH_BASIS;

    for (const struct pp_func *f = pp_funcs; f->name; f++) {
        hash = pp_hash_bytes(hash, f->name, strlen(f->name) + 1);
        hash = pp_hash_bytes(hash, f->signature, strlen(f->signature) + 1);
    }
    return hash;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The lexer of the expression language; see pp-lex.h.
 *
 * In: the text of an expression.  Out: tokens, one at a time.  Runs in
 * control and in the tools, never in the engine; owns the string of the
 * current token. */

#include <config.h>

#include "patch/pp-lex.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

void
pp_lexer_init(struct pp_lexer *lex, const char *input, size_t n)
{
    *lex = (struct pp_lexer) { .input = input, .n_input = n };
    pp_lexer_next(lex);
}

void
pp_lexer_destroy(struct pp_lexer *lex)
{
    free(lex->string);
    lex->string = NULL;
}

/* The byte 'ahead' bytes from here, or -1. */
static int
peek(const struct pp_lexer *lex, size_t ahead)
{
    return (ahead < lex->n_input - lex->pos
            ? (unsigned char) lex->input[lex->pos + ahead] : -1);
}

static bool
is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static int
hex_digit(int c)
{
    return (is_digit(c) ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

static enum pp_token
bad(struct pp_lexer *lex, const char *error)
{
    lex->error = error;
    return PP_T_BAD;
}

static enum pp_token
lex_name(struct pp_lexer *lex)
{
    static const struct {
        const char *word;
        enum pp_token token;
    } words[] = {
        { "and", PP_T_AND }, { "or", PP_T_OR }, { "not", PP_T_NOT },
        { "in", PP_T_IN }, { "true", PP_T_TRUE }, { "false", PP_T_FALSE },
    };

    while (is_name_start(peek(lex, 0)) || is_digit(peek(lex, 0))
           || (peek(lex, 0) == '.' && is_name_start(peek(lex, 1)))) {
        lex->pos++;
    }
    lex->text = lex->input + lex->off;
    lex->n = lex->pos - lex->off;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strlen(words[i].word) == lex->n
            && !memcmp(words[i].word, lex->text, lex->n)) {
            return words[i].token;
        }
    }
    return PP_T_NAME;
}

static enum pp_token
lex_int(struct pp_lexer *lex)
{
    int64_t base = 10;
    size_t first;

    if (peek(lex, 0) == '0' && (peek(lex, 1) == 'x' || peek(lex, 1) == 'X')) {
        base = 16;
        lex->pos += 2;
    }
    lex->integer = 0;
    first = lex->pos;
    for (;;) {
        int digit = hex_digit(peek(lex, 0));

        if (digit < 0 || digit >= base) {
            break;
        }
        if (lex->integer > (INT64_MAX - digit) / base) {
            return bad(lex, "the number does not fit into 64 bits");
        }
        lex->integer = lex->integer * base + digit;
        lex->pos++;
    }
    if (lex->pos == first || is_name_start(peek(lex, 0))
        || is_digit(peek(lex, 0))) {
        return bad(lex, "not a number: decimal digits, or 0x and "
                   "hexadecimal ones, are");
    }
    return PP_T_INT;
}

static enum pp_token
lex_string(struct pp_lexer *lex)
{
    int quote = peek(lex, 0);

    lex->string = xmalloc(lex->n_input - lex->pos + 1);
    lex->n_string = 0;
    lex->pos++;
    for (;;) {
        int c = peek(lex, 0);

        if (c < 0) {
            lex->pos = lex->off;
            return bad(lex, "the string that starts here does not end");
        }
        lex->pos++;
        if (c == quote) {
            return PP_T_STRING;
        }
        if (c == '\\') {
            c = peek(lex, 0);
            lex->pos++;
            switch (c) {
            case 'r':
                c = '\r';
                break;
            case 'n':
                c = '\n';
                break;
            case 't':
                c = '\t';
                break;
            case '0':
                c = '\0';
                break;
            case '\\':
            case '"':
            case '\'':
                break;
            case 'x':
                if (hex_digit(peek(lex, 0)) < 0
                    || hex_digit(peek(lex, 1)) < 0) {
                    lex->off = lex->pos - 2;
                    return bad(lex, "\\x wants two hexadecimal digits");
                }
                c = hex_digit(peek(lex, 0)) << 4 | hex_digit(peek(lex, 1));
                lex->pos += 2;
                break;
            default:
                lex->pos = MIN(lex->pos, lex->n_input);
                lex->off = lex->pos >= 2 ? lex->pos - 2 : 0;
                return bad(lex, "unknown escape: \\r \\n \\t \\0 \\xHH \\\\ "
                           "\\\" and \\' are known");
            }
        }
        lex->string[lex->n_string++] = (uint8_t) c;
    }
}

static enum pp_token
lex_punctuation(struct pp_lexer *lex)
{
    static const struct {
        char text[3];
        enum pp_token token;
    } marks[] = {
        { "==", PP_T_EQ }, { "!=", PP_T_NE }, { "<=", PP_T_LE },
        { ">=", PP_T_GE }, { "~=", PP_T_EQ_NOCASE }, { "&&", PP_T_AND },
        { "||", PP_T_OR }, { "<<", PP_T_SHL }, { ">>", PP_T_SHR },
        { "&", PP_T_BIT_AND }, { "|", PP_T_BIT_OR },
        { "<", PP_T_LT }, { ">", PP_T_GT },
        { "!", PP_T_NOT }, { "+", PP_T_PLUS }, { "-", PP_T_MINUS },
        { "*", PP_T_STAR }, { "/", PP_T_SLASH }, { "%", PP_T_PERCENT },
        { "(", PP_T_LPAREN }, { ")", PP_T_RPAREN }, { "[", PP_T_LBRACKET },
        { "]", PP_T_RBRACKET }, { ",", PP_T_COMMA }, { ".", PP_T_DOT },
    };

    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        size_t n = strlen(marks[i].text);

        if (lex->n_input - lex->pos >= n
            && !memcmp(lex->input + lex->pos, marks[i].text, n)) {
            lex->pos += n;
            return marks[i].token;
        }
    }
    if (peek(lex, 0) == '=') {
        return bad(lex, "a single '=' means nothing: '==' compares");
    }
    return bad(lex, "this character has no meaning in an expression");
}

void
pp_lexer_next(struct pp_lexer *lex)
{
    int c;

    pp_lexer_destroy(lex);
    while (peek(lex, 0) == ' ' || peek(lex, 0) == '\t'
           || peek(lex, 0) == '\n' || peek(lex, 0) == '\r') {
        lex->pos++;
    }
    lex->off = lex->pos;
    c = peek(lex, 0);
    lex->token = (c < 0 ? PP_T_END
                  : is_name_start(c) ? lex_name(lex)
                  : is_digit(c) ? lex_int(lex)
                  : c == '"' || c == '\'' ? lex_string(lex)
                  : lex_punctuation(lex));
}

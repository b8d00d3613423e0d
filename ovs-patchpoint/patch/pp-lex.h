/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_LEX_H
#define PP_LEX_H 1

/* Words of the expression language. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pp_token {
    PP_T_END,
    PP_T_NAME,                  /* A field or function: 'text', 'n'. */
    PP_T_INT,                   /* 'integer' */
    PP_T_STRING,                /* 'string', 'n_string' */
    PP_T_AND, PP_T_OR, PP_T_NOT, PP_T_IN,
    PP_T_TRUE, PP_T_FALSE,
    PP_T_EQ, PP_T_NE, PP_T_LT, PP_T_LE, PP_T_GT, PP_T_GE,
    PP_T_EQ_NOCASE,
    PP_T_BIT_AND, PP_T_BIT_OR, PP_T_SHL, PP_T_SHR,
    PP_T_PLUS, PP_T_MINUS, PP_T_STAR, PP_T_SLASH, PP_T_PERCENT,
    PP_T_LPAREN, PP_T_RPAREN, PP_T_LBRACKET, PP_T_RBRACKET,
    PP_T_COMMA, PP_T_DOT,
    PP_T_BAD,                   /* 'error' says what is wrong. */
};

struct pp_lexer {
    const char *input;
    size_t n_input;
    size_t pos;                 /* Of what comes after the token. */

    enum pp_token token;
    size_t off;                 /* Where the token starts. */
    const char *text;
    size_t n;
    int64_t integer;
    uint8_t *string;            /* Owned by the lexer until the next token,
                                 * unless taken (set to NULL). */
    size_t n_string;
    const char *error;
};

void pp_lexer_init(struct pp_lexer *, const char *input, size_t n);
void pp_lexer_destroy(struct pp_lexer *);

/* Goes on to the next token. */
void pp_lexer_next(struct pp_lexer *);

#endif /* pp-lex.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* The table of what patches may name.
 *
 * In: nothing.  Out: a table, which the manual is checked against too.  Read
 * by all threads; owns nothing. */

#include <config.h>

#include "ftp-fields.h"
#include "pp-ftp.h"

/* The events that a field is there in. */
#define COMMAND (UINT32_C(1) << PP_FTP_E_COMMAND)
#define PIPELINED (UINT32_C(1) << PP_FTP_E_PIPELINED)
#define ANY (COMMAND | PIPELINED)

/* Arguments that are secrets (RFC 959 4.1.1, RFC 2228 3). */
static const struct pp_secret passwords = {
    .where = "verb",
    .names = (const char *const []) { "pass", "acct", "adat", NULL },
};

/* Other commands may be in it. */
static const struct pp_secret always;

const struct pp_field pp_ftp_field_table[] = {
    [PP_FTP_F_VERB] = {
        .name = "verb",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The command: the first word, as sent.",
    },
    [PP_FTP_F_VERB_BEFORE] = {
        .name = "verb.before",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .doc = "The white space before the command.",
    },
    [PP_FTP_F_ARGUMENT] = {
        .name = "argument",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .secret = &passwords,
        .doc = "All behind the command and the white space that follows it.",
    },
    [PP_FTP_F_ARGUMENT_PRESENT] = {
        .name = "argument.present",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "There is white space behind the command, even with nothing "
               "after it.",
    },
    [PP_FTP_F_ARGUMENT_SEPARATOR] = {
        .name = "argument.separator",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .doc = "The white space between command and argument.",
    },
    [PP_FTP_F_SUBVERB] = {
        .name = "subverb",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The first word of the argument of SITE or OPTS, else empty.",
    },
    [PP_FTP_F_SUBARGUMENT] = {
        .name = "subargument",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "All behind that word and the white space that follows it, "
               "else empty.",
    },
    [PP_FTP_F_PATH] = {
        .name = "path",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The path in the argument of a command that has one, else "
               "empty.",
    },
    [PP_FTP_F_PATH_PRESENT] = {
        .name = "path.present",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "The command has a path, and it is not empty.",
    },
    [PP_FTP_F_LINE] = {
        .name = "line",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .secret = &passwords,
        .doc = "The line without Telnet commands and without its line "
               "ending.",
    },
    [PP_FTP_F_LINE_RAW] = {
        .name = "line.raw",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .secret = &passwords,
        .doc = "The line as sent, without its line ending.",
    },
    [PP_FTP_F_LINE_ENDING] = {
        .name = "line.ending",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .doc = "What ends the line: CRLF or LF; empty where FIN does or the "
               "line is truncated.",
    },
    [PP_FTP_F_LINE_AFTER_LF] = {
        .name = "line.after_lf",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "The last line that the server has ended with LF alone: where "
               "only CRLF ends a line, both are one.",
    },
    [PP_FTP_F_LINE_TELNET] = {
        .name = "line.telnet",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "There is a Telnet command in the line, or a byte 255.",
    },
    [PP_FTP_F_LINE_TRUNCATED] = {
        .name = "line.truncated",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "The line is longer than 65,536 bytes; these are the first of "
               "them.",
    },
    [PP_FTP_F_ADDRESS] = {
        .name = "address",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .doc = "The address in PORT, EPRT or LPRT, of 4 or 16 bytes; empty "
               "where it is none.",
    },
    [PP_FTP_F_ADDRESS_PORT] = {
        .name = "address.port",
        .type = PP_TYPE_INT,
        .events = COMMAND,
        .doc = "The port in PORT, EPRT or LPRT, or -1 where there is none.",
    },
    [PP_FTP_F_ADDRESS_FAMILY] = {
        .name = "address.family",
        .type = PP_TYPE_INT,
        .events = COMMAND,
        .doc = "The number for the address family in EPRT or LPRT, or -1.",
    },
    [PP_FTP_F_ADDRESS_VALID] = {
        .name = "address.valid",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "The argument of PORT, EPRT or LPRT is as the RFC has it, and "
               "nothing else.",
    },
    [PP_FTP_F_PIPELINED] = {
        .name = "pipelined",
        .type = PP_TYPE_BYTES,
        .events = PIPELINED,
        .secret = &always,
        .doc = "What was sent between AUTH and the reply to it.",
    },
    [PP_FTP_F_CLIENT_ADDRESS] = {
        .name = "client.address",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "The client's address, of 4 or 16 bytes.",
    },
    [PP_FTP_F_CLIENT_PORT] = {
        .name = "client.port",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The client's port.",
    },
    [PP_FTP_F_SERVER_ADDRESS] = {
        .name = "server.address",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "The server's address, of 4 or 16 bytes.",
    },
    [PP_FTP_F_SERVER_PORT] = {
        .name = "server.port",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The server's port.",
    },
    [PP_FTP_F_LOGGED_IN] = {
        .name = "logged_in",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server has let the client in.",
    },
    [PP_FTP_F_LOGIN_WANTS] = {
        .name = "login.wants",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "What the server wants next to let the client in: user, "
               "password, account, or nothing, which is empty.",
    },
    [PP_FTP_F_LOGIN_FAILURES] = {
        .name = "login.failures",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "How many USER, PASS and ACCT the server has refused.",
    },
    [PP_FTP_F_USER] = {
        .name = "user",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "The first 64 bytes of the argument of the last USER that the "
               "server has.",
    },
    [PP_FTP_F_RENAMING] = {
        .name = "renaming",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The command before was RNFR, and the server agreed to it.",
    },
    [PP_FTP_F_PREVIOUS] = {
        .name = "previous",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "The first 8 bytes of the command before this one that the "
               "server has, in upper case.",
    },
    [PP_FTP_F_COMMANDS] = {
        .name = "commands",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "How many commands the server has.",
    },
    [PP_FTP_F_UNANSWERED] = {
        .name = "unanswered",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "How many commands the server has and has not answered for "
               "good, the greeting counted as a reply to one.",
    },
    [PP_FTP_F_TRANSFERRING] = {
        .name = "transferring",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server has begun a transfer and not ended it.",
    },
    { .name = NULL },
};

/* True when 'field' is there in units such as 'm'. */
bool
pp_ftp_field_there(const struct pp_ftp_msg *m, unsigned int field)
{
    return field < PP_FTP_N_FIELDS
           && pp_ftp_field_table[field].events & UINT32_C(1) << m->event;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The table of what patches may name.
 *
 * In: nothing.  Out: a table, which the manual is checked against too.  Read
 * by all threads; owns nothing. */

#include <config.h>

#include "smtp-fields.h"
#include "pp-smtp.h"

/* The events that a field is there in. */
#define EVENT(NAME) (UINT32_C(1) << PP_SMTP_E_##NAME)
#define COMMAND EVENT(COMMAND)
#define AUTH EVENT(AUTH)
#define PLAINTEXT EVENT(PLAINTEXT)
#define LINE (EVENT(BREAK) | EVENT(DATA))
#define ANY (COMMAND | AUTH | PLAINTEXT | LINE)

/* Credentials (RFC 4954). */
static const struct pp_secret credentials = {
    .where = "command.verb",
    .names = (const char *const []) { "auth", NULL },
};

static const struct pp_secret always;

static const struct pp_field parameter_fields[] = {
    [PP_SMTP_PARAM_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "What stands before the equals sign, as sent.",
    },
    [PP_SMTP_PARAM_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "What stands behind the equals sign.",
    },
    [PP_SMTP_PARAM_HAS_VALUE] = {
        .name = "has_value",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "There is an equals sign.",
    },
    [PP_SMTP_PARAM_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The parameter as sent.",
    },
    { .name = NULL },
};

const struct pp_field pp_smtp_field_table[] = {
    [PP_SMTP_F_COMMAND_VERB] = {
        .name = "command.verb",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The command's first word, in upper case.",
    },
    [PP_SMTP_F_COMMAND_ARGUMENT] = {
        .name = "command.argument",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .secret = &credentials,
        .doc = "What stands behind the verb, without blanks around it.",
    },
    [PP_SMTP_F_COMMAND_LINE] = {
        .name = "command.line",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .secret = &credentials,
        .doc = "The whole command as sent, without its line ending; of one "
               "longer than 16 KiB, what is in front.",
    },
    [PP_SMTP_F_COMMAND_ENDING] = {
        .name = "command.ending",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The line ending as sent: CRLF, or LF alone; empty where the "
               "line is too long to be seen whole, or FIN ends it.",
    },
    [PP_SMTP_F_COMMAND_HAS_PATH] = {
        .name = "command.has_path",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "The command is MAIL with FROM:, or RCPT with TO:, or with "
               "another word, or none, and angle brackets.",
    },
    [PP_SMTP_F_COMMAND_PATH] = {
        .name = "command.path",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The reverse-path of MAIL, the forward-path of RCPT, without "
               "the angle brackets.",
    },
    [PP_SMTP_F_COMMAND_PARAMETERS] = {
        .name = "command.parameters",
        .type = PP_TYPE_LIST,
        .events = COMMAND,
        .elem = parameter_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The parameters of MAIL and RCPT, such as SIZE=1000, "
               "BODY=8BITMIME, SMTPUTF8.",
    },
    [PP_SMTP_F_COMMAND_HELO] = {
        .name = "command.helo",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The name in HELO, EHLO or LHLO: the first word behind the "
               "verb.",
    },
    [PP_SMTP_F_COMMAND_MECHANISM] = {
        .name = "command.mechanism",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .doc = "The mechanism in AUTH.",
    },
    [PP_SMTP_F_COMMAND_INITIAL] = {
        .name = "command.initial",
        .type = PP_TYPE_BYTES,
        .events = COMMAND,
        .editable = true,
        .secret = &always,
        .doc = "The initial response in AUTH, as sent.",
    },
    [PP_SMTP_F_COMMAND_CHUNK] = {
        .name = "command.chunk",
        .type = PP_TYPE_INT,
        .events = COMMAND,
        .doc = "The number of bytes that BDAT announces, or -1.",
    },
    [PP_SMTP_F_COMMAND_LAST] = {
        .name = "command.last",
        .type = PP_TYPE_BOOL,
        .events = COMMAND,
        .doc = "The command is a BDAT with LAST.",
    },
    [PP_SMTP_F_COMMAND_BEHIND] = {
        .name = "command.behind",
        .type = PP_TYPE_INT,
        .events = COMMAND,
        .doc = "The number of bytes that have come behind the command so "
               "far; how many depends on the network, as it does for a "
               "server that looks.",
    },
    [PP_SMTP_F_AUTH_LINE] = {
        .name = "auth.line",
        .type = PP_TYPE_BYTES,
        .events = AUTH,
        .editable = true,
        .secret = &always,
        .doc = "The client's line as sent, without its line ending.",
    },
    [PP_SMTP_F_AUTH_ENDING] = {
        .name = "auth.ending",
        .type = PP_TYPE_BYTES,
        .events = AUTH,
        .editable = true,
        .doc = "The line ending as sent.",
    },
    [PP_SMTP_F_PLAINTEXT] = {
        .name = "plaintext",
        .type = PP_TYPE_BYTES,
        .events = PLAINTEXT,
        .editable = true,
        .secret = &always,
        .doc = "The bytes as sent.",
    },
    [PP_SMTP_F_DATA_TEXT] = {
        .name = "data.text",
        .type = PP_TYPE_BYTES,
        .events = LINE,
        .editable = true,
        .doc = "The line as sent, without its ending; of a line longer than "
               "8 KiB, a part; in break, of a line that follows CRLF and "
               "does not start with a dot, what is from its first CR or LF "
               "on.",
    },
    [PP_SMTP_F_DATA_ENDING] = {
        .name = "data.ending",
        .type = PP_TYPE_BYTES,
        .events = LINE,
        .editable = true,
        .doc = "The ending as sent: CRLF, or LF alone; empty where a part of "
               "the line is still to come.",
    },
    [PP_SMTP_F_DATA_BEFORE] = {
        .name = "data.before",
        .type = PP_TYPE_BYTES,
        .events = LINE,
        .doc = "The ending of the line before; CRLF for the first line of a "
               "message, empty for a later part of a line.",
    },
    [PP_SMTP_F_DATA_FIRST_ENDING] = {
        .name = "data.first_ending",
        .type = PP_TYPE_BYTES,
        .events = LINE,
        .doc = "The ending of the message's first line.",
    },
    [PP_SMTP_F_DATA_START] = {
        .name = "data.start",
        .type = PP_TYPE_BOOL,
        .events = LINE,
        .doc = "A line starts here, after whichever ending.",
    },
    [PP_SMTP_F_DATA_DOT] = {
        .name = "data.dot",
        .type = PP_TYPE_BOOL,
        .events = LINE,
        .doc = "The line is just a dot, or a dot with CRs behind it: the end "
               "of the message for a server that takes the endings around "
               "it.",
    },
    [PP_SMTP_F_DATA_LAST] = {
        .name = "data.last",
        .type = PP_TYPE_BOOL,
        .events = LINE,
        .doc = "The line is just a dot and stands between CRLF and CRLF: the "
               "end of the message for every server.",
    },
    [PP_SMTP_F_DATA_HEADER] = {
        .name = "data.header",
        .type = PP_TYPE_BOOL,
        .events = LINE,
        .doc = "No empty line has come before, after whichever ending.",
    },
    [PP_SMTP_F_DATA_FIELDS] = {
        .name = "data.fields",
        .type = PP_TYPE_BOOL,
        .events = LINE,
        .doc = "The header section goes on here for a server that ends lines "
               "at CRLF alone: every one so far is a field, with a name and "
               "a colon, or continues one.  The empty line is a part of it.",
    },
    [PP_SMTP_F_DATA_LENGTH] = {
        .name = "data.length",
        .type = PP_TYPE_INT,
        .events = LINE,
        .doc = "The number of bytes since the last CRLF, with this line's "
               "and its ending: how long the line is for a server to which "
               "LF alone is no ending.",
    },
    [PP_SMTP_F_DATA_NUMBER] = {
        .name = "data.number",
        .type = PP_TYPE_INT,
        .events = LINE,
        .doc = "The number of the line in its message, from 0, by whichever "
               "endings.",
    },
    [PP_SMTP_F_DATA_WHOLE] = {
        .name = "data.whole",
        .type = PP_TYPE_BYTES,
        .events = LINE,
        .editable = true,
        .doc = "The line with its ending.",
    },
    [PP_SMTP_F_SESSION_COMMANDS] = {
        .name = "session.commands",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The number of commands before this one.",
    },
    [PP_SMTP_F_SESSION_OWED] = {
        .name = "session.owed",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The number of replies that the server still owes.",
    },
    [PP_SMTP_F_SESSION_ESMTP] = {
        .name = "session.esmtp",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "EHLO or LHLO was accepted.",
    },
    [PP_SMTP_F_SESSION_AUTHENTICATED] = {
        .name = "session.authenticated",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "AUTH has succeeded.",
    },
    [PP_SMTP_F_SESSION_MAIL] = {
        .name = "session.mail",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "A sender was accepted; a mail transaction is on.",
    },
    [PP_SMTP_F_SESSION_RECIPIENTS] = {
        .name = "session.recipients",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The number of recipients accepted in this transaction.",
    },
    [PP_SMTP_F_SESSION_REFUSED] = {
        .name = "session.refused",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The number of recipients refused in this transaction.",
    },
    [PP_SMTP_F_SESSION_MESSAGES] = {
        .name = "session.messages",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The number of messages accepted so far.",
    },
    [PP_SMTP_F_SESSION_PIPELINING] = {
        .name = "session.pipelining",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server offered PIPELINING.",
    },
    [PP_SMTP_F_SESSION_CHUNKING] = {
        .name = "session.chunking",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server offered CHUNKING.",
    },
    [PP_SMTP_F_SESSION_STARTTLS] = {
        .name = "session.starttls",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server offered STARTTLS.",
    },
    [PP_SMTP_F_SESSION_AUTH] = {
        .name = "session.auth",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server offered AUTH.",
    },
    [PP_SMTP_F_SESSION_EIGHTBIT] = {
        .name = "session.eightbitmime",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server offered 8BITMIME.",
    },
    [PP_SMTP_F_SESSION_SMTPUTF8] = {
        .name = "session.smtputf8",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The server offered SMTPUTF8.",
    },
    { .name = NULL },
};

/* SPDX-License-Identifier: Apache-2.0 */

/* The table of what patches may name.
 *
 * In: nothing.  Out: a table, which the manual is checked against too.  Read
 * by all threads; owns nothing. */

#include <config.h>

#include "http-fields.h"
#include "pp-http.h"

/* The events that a field is there in. */
#define EVENT(NAME) (UINT32_C(1) << PP_HTTP_E_##NAME)
#define REQUEST (EVENT(REQUEST) | EVENT(BODY))
#define CHUNK EVENT(CHUNK)
#define TRAILERS (EVENT(TRAILERS) | EVENT(BODY))
#define BODY EVENT(BODY)
#define RESPONSE EVENT(RESPONSE)
#define ANY (REQUEST | CHUNK | TRAILERS)

/* Headers, parameters and parts of forms that hold credentials. */
static const struct pp_secret header = {
    .where = "name",
    .names = (const char *const []) {
        "authorization", "proxy-authorization", "cookie", "x-api-key",
        "x-auth-token", "x-csrf-token", NULL,
    },
};

static const struct pp_secret parameter = {
    .where = "name",
    .names = (const char *const []) {
        "password", "passwd", "pass", "pwd", "passphrase", "secret", "token",
        "access_token", "refresh_token", "id_token", "client_secret",
        "api_key", "apikey", NULL,
    },
};

/* Cookies, and what such headers and parameters may be in. */
static const struct pp_secret always;

static const struct pp_field header_fields[] = {
    [PP_HTTP_FIELD_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The field name without white space around it.",
    },
    [PP_HTTP_FIELD_RAW_NAME] = {
        .name = "raw_name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The field name as sent: all before the colon.",
    },
    [PP_HTTP_FIELD_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &header,
        .doc = "The value without white space around it; a fold within "
               "is one space.",
    },
    [PP_HTTP_FIELD_RAW_VALUE] = {
        .name = "raw_value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &header,
        .doc = "The value as sent: all between the colon and the line "
               "ending.",
    },
    [PP_HTTP_FIELD_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &header,
        .doc = "The whole field line as sent, with those folded into it "
               "and the line ending.",
    },
    [PP_HTTP_FIELD_LINE_ENDING] = {
        .name = "line_ending",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .doc = "What ends the line, or the last one folded into it: CRLF "
               "or LF; empty where FIN does.",
    },
    [PP_HTTP_FIELD_FOLDED] = {
        .name = "folded",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The field goes on in a line that starts with white "
               "space.",
    },
    [PP_HTTP_FIELD_HAS_COLON] = {
        .name = "has_colon",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is a colon in the line.",
    },
    [PP_HTTP_FIELD_BARE_CR] = {
        .name = "bare_cr",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is a CR without LF behind it.",
    },
    [PP_HTTP_FIELD_BARE_LF] = {
        .name = "bare_lf",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is a LF without CR before it: the line, or one "
               "folded into it, ends so.",
    },
    { .name = NULL },
};

static const struct pp_field param_fields[] = {
    [PP_HTTP_PARAM_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The name with percent-encoding decoded and plus signs as "
               "spaces.",
    },
    [PP_HTTP_PARAM_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &parameter,
        .doc = "The value with percent-encoding decoded and plus signs "
               "as spaces.",
    },
    [PP_HTTP_PARAM_RAW_NAME] = {
        .name = "raw_name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The name as sent: all before the first equals sign.",
    },
    [PP_HTTP_PARAM_RAW_VALUE] = {
        .name = "raw_value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &parameter,
        .doc = "The value as sent: all behind the first equals sign.",
    },
    [PP_HTTP_PARAM_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &parameter,
        .doc = "The whole parameter as sent.",
    },
    [PP_HTTP_PARAM_HAS_EQUALS] = {
        .name = "has_equals",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is an equals sign.",
    },
    { .name = NULL },
};

static const struct pp_field cookie_fields[] = {
    [PP_HTTP_COOKIE_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The name of the cookie; all of it where there is no "
               "equals sign.",
    },
    [PP_HTTP_COOKIE_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &always,
        .doc = "The value of the cookie as sent, quotes and all.",
    },
    [PP_HTTP_COOKIE_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &always,
        .doc = "The cookie as sent: all between the semicolons, white "
               "space too.",
    },
    [PP_HTTP_COOKIE_HAS_EQUALS] = {
        .name = "has_equals",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is an equals sign.",
    },
    [PP_HTTP_COOKIE_HEADER] = {
        .name = "header",
        .type = PP_TYPE_INT,
        .events = ANY,
        .doc = "The index in headers of the Cookie that it stands in.",
    },
    [PP_HTTP_COOKIE_FIRST] = {
        .name = "first",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The cookie stands first in its field, with nothing before it.",
    },
    { .name = NULL },
};

static const struct pp_field token_fields[] = {
    [PP_HTTP_TOKEN_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The token as sent, without parameters.",
    },
    [PP_HTTP_TOKEN_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The whole list member as sent.",
    },
    { .name = NULL },
};

static const struct pp_field attribute_fields[] = {
    [PP_HTTP_ATTR_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The name of the parameter.",
    },
    [PP_HTTP_ATTR_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The value of the parameter, without quotes around it.",
    },
    [PP_HTTP_ATTR_RAW_VALUE] = {
        .name = "raw_value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The value of the parameter as sent.",
    },
    [PP_HTTP_ATTR_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The whole parameter as sent, without the semicolon.",
    },
    [PP_HTTP_ATTR_HAS_EQUALS] = {
        .name = "has_equals",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is an equals sign.",
    },
    { .name = NULL },
};

static const struct pp_field form_fields[] = {
    [PP_HTTP_FORM_NAME] = {
        .name = "name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The name; of a pair decoded as in a query, of a part as "
               "sent.",
    },
    [PP_HTTP_FORM_VALUE] = {
        .name = "value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &parameter,
        .doc = "The value; of a pair decoded as in a query, of a part "
               "its content as sent.",
    },
    [PP_HTTP_FORM_RAW_NAME] = {
        .name = "raw_name",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The name as sent.",
    },
    [PP_HTTP_FORM_RAW_VALUE] = {
        .name = "raw_value",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &parameter,
        .doc = "The value as sent.",
    },
    [PP_HTTP_FORM_RAW] = {
        .name = "raw",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .secret = &parameter,
        .doc = "The whole pair as sent, or the part's own field lines "
               "and content.",
    },
    [PP_HTTP_FORM_HAS_EQUALS] = {
        .name = "has_equals",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "There is an equals sign; always so with a part.",
    },
    [PP_HTTP_FORM_FILENAME] = {
        .name = "filename",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The file name that a part has, else empty.",
    },
    [PP_HTTP_FORM_HAS_FILENAME] = {
        .name = "has_filename",
        .type = PP_TYPE_BOOL,
        .events = ANY,
        .doc = "The part has a file name, even an empty one.",
    },
    [PP_HTTP_FORM_CONTENT_TYPE] = {
        .name = "content_type",
        .type = PP_TYPE_BYTES,
        .events = ANY,
        .editable = true,
        .doc = "The Content-Type that a part has, else empty.",
    },
    { .name = NULL },
};

const struct pp_field pp_http_field_table[] = {
    [PP_HTTP_F_METHOD] = {
        .name = "method",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The method as sent.",
    },
    [PP_HTTP_F_TARGET] = {
        .name = "target",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The request target as sent.",
    },
    [PP_HTTP_F_TARGET_FORM] = {
        .name = "target.form",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The form of the target: origin, absolute, authority, "
               "asterisk or other.",
    },
    [PP_HTTP_F_TARGET_AUTHORITY] = {
        .name = "target.authority",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The authority in an absolute or authority form target, "
               "else empty.",
    },
    [PP_HTTP_F_PATH] = {
        .name = "path",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The path of the target as sent, before the first "
               "question mark.  That of CONNECT is empty by the rules; where "
               "its target has one, many servers act on that.",
    },
    [PP_HTTP_F_PATH_DECODED] = {
        .name = "path.decoded",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The path with percent-encoding decoded once.",
    },
    [PP_HTTP_F_QUERY] = {
        .name = "query",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The query as sent, without the question mark.",
    },
    [PP_HTTP_F_QUERY_PRESENT] = {
        .name = "query.present",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "There is a question mark in the target.",
    },
    [PP_HTTP_F_QUERY_PARAMS] = {
        .name = "query.params",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = param_fields,
        .key = "name",
        .doc = "The parameters of the query, separated by ampersands; "
               "empty ones are left out.",
    },
    [PP_HTTP_F_VERSION] = {
        .name = "version",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The protocol version as sent, such as HTTP/1.1; empty "
               "where there is none.",
    },
    [PP_HTTP_F_VERSION_MAJOR] = {
        .name = "version.major",
        .type = PP_TYPE_INT,
        .events = REQUEST,
        .doc = "The first number of the version, or -1 where it is not "
               "of the form HTTP/digit.digit.",
    },
    [PP_HTTP_F_VERSION_MINOR] = {
        .name = "version.minor",
        .type = PP_TYPE_INT,
        .events = REQUEST,
        .doc = "The second number of the version, or -1 where it is not "
               "of the form HTTP/digit.digit.",
    },
    [PP_HTTP_F_REQUEST_LINE] = {
        .name = "request_line",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The request line as sent, without its line ending.",
    },
    [PP_HTTP_F_REQUEST_LINE_ENDING] = {
        .name = "request_line.line_ending",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "What ends the request line: CRLF or LF; empty where FIN "
               "does.",
    },
    [PP_HTTP_F_METHOD_SEPARATOR] = {
        .name = "request_line.method_separator",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The white space between method and target.",
    },
    [PP_HTTP_F_VERSION_SEPARATOR] = {
        .name = "request_line.version_separator",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The white space between target and version.",
    },
    [PP_HTTP_F_HEAD] = {
        .name = "head",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .secret = &always,
        .doc = "The whole head as sent: the request line, the field lines "
               "and the empty line.",
    },
    [PP_HTTP_F_IRREGULAR] = {
        .name = "irregular",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "The head has not the form of RFC 9112: a token for a method, "
               "a target of visible ASCII and the version, with one space "
               "between them; in each field line a token and a colon, no "
               "line folded into it; CRLF behind every line.  What values "
               "consist of does not count.  Ordinary requests are told apart "
               "by this one look.",
    },
    [PP_HTTP_F_HEADERS] = {
        .name = "headers",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = header_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The header field lines, in their order; folded lines are "
               "part of the one they continue.",
    },
    [PP_HTTP_F_HEADERS_LINE_ENDING] = {
        .name = "headers.line_ending",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The empty line that ends the head: CRLF or LF; empty "
               "where FIN does.",
    },
    [PP_HTTP_F_HEADERS_TRUNCATED] = {
        .name = "headers.truncated",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "The head was ended by FIN, not by an empty line.",
    },
    [PP_HTTP_F_HOST] = {
        .name = "host",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .editable = true,
        .doc = "The host asked: the authority of an absolute target, "
               "else the value of the first Host.",
    },
    [PP_HTTP_F_COOKIES] = {
        .name = "cookies",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = cookie_fields,
        .key = "name",
        .doc = "The cookies of all Cookie fields, separated by "
               "semicolons; empty ones are left out.",
    },
    [PP_HTTP_F_COOKIES_QUOTED] = {
        .name = "cookies.quoted",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = cookie_fields,
        .key = "name",
        .doc = "The cookies as Python servers split them: a value in "
               "double quotes may hold semicolons.",
    },
    [PP_HTTP_F_COOKIES_TEXT] = {
        .name = "cookies.text",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .secret = &always,
        .doc = "The values of all Cookie fields, joined by a comma, as "
               "Python servers do.",
    },
    [PP_HTTP_F_CONNECTION] = {
        .name = "connection",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = token_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The options of all Connection fields.",
    },
    [PP_HTTP_F_CONTENT_LENGTH] = {
        .name = "content_length",
        .type = PP_TYPE_INT,
        .events = REQUEST,
        .doc = "Content-Length as a lenient server reads it, or -1 where "
               "there is none.",
    },
    [PP_HTTP_F_CONTENT_LENGTH_COUNT] = {
        .name = "content_length.count",
        .type = PP_TYPE_INT,
        .events = REQUEST,
        .doc = "The number of Content-Length fields.",
    },
    [PP_HTTP_F_CONTENT_LENGTH_TEXT] = {
        .name = "content_length.text",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The values of all Content-Length fields, joined by a "
               "comma and a space.",
    },
    [PP_HTTP_F_CONTENT_LENGTH_VALID] = {
        .name = "content_length.valid",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "There is a Content-Length, and each of its values is "
               "digits only and the same.",
    },
    [PP_HTTP_F_TRANSFER_ENCODING] = {
        .name = "transfer_encoding",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The values of all Transfer-Encoding fields, joined by a "
               "comma and a space.",
    },
    [PP_HTTP_F_TRANSFER_ENCODING_COUNT] = {
        .name = "transfer_encoding.count",
        .type = PP_TYPE_INT,
        .events = REQUEST,
        .doc = "The number of Transfer-Encoding fields.",
    },
    [PP_HTTP_F_TRANSFER_ENCODING_CODINGS] = {
        .name = "transfer_encoding.codings",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = token_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The codings of all Transfer-Encoding fields.",
    },
    [PP_HTTP_F_FRAMING_CHUNKED] = {
        .name = "framing.chunked",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "The content is read as chunked.",
    },
    [PP_HTTP_F_FRAMING_BOTH] = {
        .name = "framing.both",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "There is a Transfer-Encoding and a Content-Length.",
    },
    [PP_HTTP_F_FRAMING_CONFLICT] = {
        .name = "framing.conflict",
        .type = PP_TYPE_BOOL,
        .events = REQUEST,
        .doc = "Content-Length has values that differ, and nothing "
               "overrides it.",
    },
    [PP_HTTP_F_CONTENT_TYPE] = {
        .name = "content_type",
        .type = PP_TYPE_BYTES,
        .events = REQUEST,
        .doc = "The media type of the content in lower case, without "
               "parameters.",
    },
    [PP_HTTP_F_CONTENT_TYPE_COUNT] = {
        .name = "content_type.count",
        .type = PP_TYPE_INT,
        .events = REQUEST,
        .doc = "The number of Content-Type fields.",
    },
    [PP_HTTP_F_CONTENT_TYPE_PARAMS] = {
        .name = "content_type.params",
        .type = PP_TYPE_LIST,
        .events = REQUEST,
        .editable = true,
        .elem = attribute_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The parameters of the media type.",
    },
    [PP_HTTP_F_BODY] = {
        .name = "body",
        .type = PP_TYPE_BYTES,
        .events = BODY,
        .editable = true,
        .secret = &always,
        .doc = "The content of the request, without transfer codings.",
    },
    [PP_HTTP_F_BODY_LENGTH] = {
        .name = "body.length",
        .type = PP_TYPE_INT,
        .events = BODY,
        .doc = "The length of the content in bytes, without transfer "
               "codings.",
    },
    [PP_HTTP_F_BODY_TRUNCATED] = {
        .name = "body.truncated",
        .type = PP_TYPE_BOOL,
        .events = BODY,
        .doc = "The content was ended by FIN before its length.",
    },
    [PP_HTTP_F_BODY_PARAMS] = {
        .name = "body.params",
        .type = PP_TYPE_LIST,
        .events = BODY,
        .editable = true,
        .elem = form_fields,
        .key = "name",
        .doc = "The parameters of the form: its pairs, or the parts of a "
               "multipart one.",
    },
    [PP_HTTP_F_CHUNK_LINE] = {
        .name = "chunk.line",
        .type = PP_TYPE_BYTES,
        .events = CHUNK,
        .editable = true,
        .doc = "The header line of the chunk without its line ending.",
    },
    [PP_HTTP_F_CHUNK_SIZE_TEXT] = {
        .name = "chunk.size_text",
        .type = PP_TYPE_BYTES,
        .events = CHUNK,
        .doc = "The header line as far as the first semicolon, white "
               "space and all.",
    },
    [PP_HTTP_F_CHUNK_SIZE] = {
        .name = "chunk.size",
        .type = PP_TYPE_INT,
        .events = CHUNK,
        .doc = "The size of the chunk as a lenient server reads it, or "
               "-1 where it has none.",
    },
    [PP_HTTP_F_CHUNK_SIZE_VALID] = {
        .name = "chunk.size_valid",
        .type = PP_TYPE_BOOL,
        .events = CHUNK,
        .doc = "The size text is hexadecimal digits and nothing else.",
    },
    [PP_HTTP_F_CHUNK_EXT] = {
        .name = "chunk.ext",
        .type = PP_TYPE_BYTES,
        .events = CHUNK,
        .editable = true,
        .doc = "The header line from the first semicolon on.",
    },
    [PP_HTTP_F_CHUNK_AFTER_SIZE] = {
        .name = "chunk.after_size",
        .type = PP_TYPE_BYTES,
        .events = CHUNK,
        .doc = "The header line behind its leading hexadecimal digits.",
    },
    [PP_HTTP_F_CHUNK_LINE_ENDING] = {
        .name = "chunk.line_ending",
        .type = PP_TYPE_BYTES,
        .events = CHUNK,
        .doc = "What ends the header line: CRLF or LF; empty where FIN "
               "does.",
    },
    [PP_HTTP_F_CHUNK_TRUNCATED] = {
        .name = "chunk.truncated",
        .type = PP_TYPE_BOOL,
        .events = CHUNK,
        .doc = "The header line is longer than 32,768 bytes, of which these "
               "are the first.",
    },
    [PP_HTTP_F_CHUNK_BEFORE] = {
        .name = "chunk.before",
        .type = PP_TYPE_BYTES,
        .events = CHUNK,
        .doc = "What ends the data of the chunk before this one where "
               "that is not CRLF, else empty.",
    },
    [PP_HTTP_F_CHUNK_LAST] = {
        .name = "chunk.last",
        .type = PP_TYPE_BOOL,
        .events = CHUNK,
        .doc = "The chunk is the last one, of size 0.",
    },
    [PP_HTTP_F_TRAILERS] = {
        .name = "trailers",
        .type = PP_TYPE_LIST,
        .events = TRAILERS,
        .editable = true,
        .elem = header_fields,
        .key = "name",
        .key_nocase = true,
        .doc = "The trailer field lines, in their order.",
    },
    [PP_HTTP_F_TRAILERS_LINE_ENDING] = {
        .name = "trailers.line_ending",
        .type = PP_TYPE_BYTES,
        .events = TRAILERS,
        .doc = "The empty line that ends the trailers: CRLF or LF; empty "
               "where FIN does.",
    },
    [PP_HTTP_F_TRAILERS_TEXT] = {
        .name = "trailers.text",
        .type = PP_TYPE_BYTES,
        .events = TRAILERS,
        .secret = &always,
        .doc = "The trailers as sent, with the empty line.",
    },
    [PP_HTTP_F_TRAILERS_IRREGULAR] = {
        .name = "trailers.irregular",
        .type = PP_TYPE_BOOL,
        .events = TRAILERS,
        .doc = "As irregular, of the trailers.",
    },
    [PP_HTTP_F_UNANSWERED] = {
        .name = "unanswered",
        .type = PP_TYPE_INT,
        .events = REQUEST | CHUNK | TRAILERS,
        .doc = "How many requests have reached the server and have no final "
               "response yet.",
    },
    [PP_HTTP_F_REPLIED] = {
        .name = "replied",
        .type = PP_TYPE_BOOL,
        .events = REQUEST | CHUNK | TRAILERS,
        .doc = "The client was sent a byte on this connection before, by "
               "the server or in its name.",
    },
    [PP_HTTP_F_STATUS] = {
        .name = "status",
        .type = PP_TYPE_INT,
        .events = RESPONSE,
        .doc = "The status code of the response, or -1 where there is "
               "none.",
    },
    { .name = NULL },
};

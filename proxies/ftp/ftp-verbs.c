/* SPDX-License-Identifier: Apache-2.0 */

/* What is known of each command.
 *
 * In: a command's name.  Out: what its argument holds, and what it means for
 * the connection.  Runs in the engine's data threads; owns nothing. */

#include <config.h>

#include "pp-ftp.h"

/* RFC 959 4.1 and 5.3, RFC 775 (X...), RFC 1639, RFC 2228, RFC 2389,
 * RFC 2428, RFC 3659, draft-somers-ftp-mfxx, draft-bryan-ftp-hash.  What is
 * not here means nothing to the proxy. */
static const struct {
    const char *name;
    struct pp_ftp_command command;
} commands[] = {
    { "ACCT", { .verb = PP_FTP_V_ACCT } },
    { "ALLO", { .verb = PP_FTP_V_OTHER } },
    { "APPE", { PP_FTP_V_TRANSFER, PP_FTP_PATH, false } },
    { "AUTH", { .verb = PP_FTP_V_AUTH } },
    { "CWD", { .path = PP_FTP_PATH } },
    { "DELE", { .path = PP_FTP_PATH } },
    { "EPRT", { .verb = PP_FTP_V_EPRT } },
    { "EPSV", { .verb = PP_FTP_V_OTHER } },
    { "HASH", { .path = PP_FTP_PATH } },
    { "LIST", { PP_FTP_V_TRANSFER, PP_FTP_PATH_OPTIONS, false } },
    { "LPRT", { .verb = PP_FTP_V_LPRT } },
    { "MDTM", { .path = PP_FTP_PATH } },
    { "MFCT", { .path = PP_FTP_PATH_WORD } },
    { "MFF", { .path = PP_FTP_PATH_WORD } },
    { "MFMT", { .path = PP_FTP_PATH_WORD } },
    { "MKD", { .path = PP_FTP_PATH } },
    { "MLSD", { PP_FTP_V_TRANSFER, PP_FTP_PATH, false } },
    { "MLST", { .path = PP_FTP_PATH } },
    { "NLST", { PP_FTP_V_TRANSFER, PP_FTP_PATH_OPTIONS, false } },
    { "MODE", { .verb = PP_FTP_V_OTHER } },
    { "OPTS", { .sub = true } },
    { "PASS", { .verb = PP_FTP_V_PASS } },
    { "PBSZ", { .verb = PP_FTP_V_OTHER } },
    { "PORT", { .verb = PP_FTP_V_PORT } },
    { "PROT", { .verb = PP_FTP_V_OTHER } },
    { "REIN", { .verb = PP_FTP_V_REIN } },
    { "REST", { .verb = PP_FTP_V_OTHER } },
    { "RETR", { PP_FTP_V_TRANSFER, PP_FTP_PATH, false } },
    { "RMD", { .path = PP_FTP_PATH } },
    { "RNFR", { PP_FTP_V_RNFR, PP_FTP_PATH, false } },
    { "RNTO", { PP_FTP_V_RNTO, PP_FTP_PATH, false } },
    { "SITE", { .path = PP_FTP_PATH_SITE, .sub = true } },
    { "SIZE", { .path = PP_FTP_PATH } },
    { "SMNT", { .path = PP_FTP_PATH } },
    { "STAT", { PP_FTP_V_STAT, PP_FTP_PATH_OPTIONS, false } },
    { "STOR", { PP_FTP_V_TRANSFER, PP_FTP_PATH, false } },
    { "STRU", { .verb = PP_FTP_V_OTHER } },
    { "STOU", { PP_FTP_V_TRANSFER, PP_FTP_PATH, false } },
    { "TYPE", { .verb = PP_FTP_V_OTHER } },
    { "USER", { .verb = PP_FTP_V_USER } },
    { "XCRC", { .path = PP_FTP_PATH } },
    { "XCWD", { .path = PP_FTP_PATH } },
    { "XMD5", { .path = PP_FTP_PATH } },
    { "XMKD", { .path = PP_FTP_PATH } },
    { "XRMD", { .path = PP_FTP_PATH } },
    { "XSHA", { .path = PP_FTP_PATH } },
    { "XSHA1", { .path = PP_FTP_PATH } },
    { "XSHA256", { .path = PP_FTP_PATH } },
    { "XSHA512", { .path = PP_FTP_PATH } },
};

/* What SITE is followed by in the servers that there are. */
static const struct {
    const char *name;
    enum pp_ftp_path path;
} site_commands[] = {
    { "CHGRP", PP_FTP_PATH_WORD },
    { "CHMOD", PP_FTP_PATH_WORD },
    { "CPFR", PP_FTP_PATH },
    { "CPTO", PP_FTP_PATH },
    { "MKDIR", PP_FTP_PATH },
    { "RMDIR", PP_FTP_PATH },
};

/* How many bytes of a command stand at 'start': all of them, or as many as
 * there are before 'end'; 0 if there is none. */
uint32_t
pp_ftp_verb_at(const struct pp_reader *text, uint32_t start, uint32_t end)
{
    size_t i;
    uint32_t n;

    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const char *name = commands[i].name;

        for (n = 0; name[n] && start + n < end
             && (pp_ftp_upper(pp_reader_peek(text, start + n))
                 == name[n]); n++) {
            continue;
        }
        if (n && (!name[n] || start + n == end)) {
            return n;
        }
    }
    return 0;
}

/* True when 's' is 'word', which is in upper case, in any case (RFC 959
 * 5.3). */
bool
pp_ftp_equals(const struct pp_reader *text, struct pp_span s,
              const char *word)
{
    uint32_t i;

    for (i = 0; word[i]; i++) {
        if (i >= s.len
            || pp_ftp_upper(pp_reader_peek(text, s.off + i)) != word[i]) {
            return false;
        }
    }
    return i == s.len;
}

/* What is known of the command 'verb'. */
struct pp_ftp_command
pp_ftp_command(const struct pp_reader *text, struct pp_span verb)
{
    size_t i;

    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (pp_ftp_equals(text, verb, commands[i].name)) {
            return commands[i].command;
        }
    }
    return (struct pp_ftp_command) {
        .verb = verb.len ? PP_FTP_V_OTHER : PP_FTP_V_NONE,
    };
}

/* Where the path is in what follows SITE 'sub'. */
enum pp_ftp_path
pp_ftp_site_path(const struct pp_reader *text, struct pp_span sub)
{
    size_t i;

    for (i = 0; i < sizeof site_commands / sizeof site_commands[0]; i++) {
        if (pp_ftp_equals(text, sub, site_commands[i].name)) {
            return site_commands[i].path;
        }
    }
    return PP_FTP_NO_PATH;
}

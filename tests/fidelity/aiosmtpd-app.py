# SPDX-License-Identifier: Apache-2.0
"""aiosmtpd's server with STARTTLS; says what each message was, to the byte; of
one longer than 1 MiB, its checksum.  $IDENT is how it calls itself, if not as
it does by itself."""

import asyncio
import hashlib
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP


def log(what):
    os.write(1, (json.dumps(what) + "\n").encode())


class Handler:
    async def handle_DATA(self, server, session, envelope):
        content = envelope.original_content
        if len(content) > 1 << 20:
            content = hashlib.sha256(content).hexdigest().encode()
        log({"event": "message", "from": envelope.mail_from,
             "to": envelope.rcpt_tos, "tls": session.ssl is not None,
             "content": content.decode("latin-1")})
        return "250 OK"


class Server(SMTP):
    ended = False

    def connection_lost(self, error):
        super().connection_lost(error)
        # Once, though TLS is lost and then what is below it.
        if not self.ended:
            self.ended = True
            log({"event": "closed"})


async def main(host, port, certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    handler = Handler()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(handler, hostname="mx.test", tls_context=tls,
                       data_size_limit=64 << 20, enable_SMTPUTF8=True,
                       ident=os.environ.get("IDENT")),
        host, port)
    log({"event": "listening"})
    await server.serve_forever()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

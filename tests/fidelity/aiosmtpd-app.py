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


class Commands(Handler):
    """Says what there was of commands that take an address or a name."""

    @staticmethod
    def say(argument):
        log({"event": "command", "argument": argument})
        return "250 OK"

    async def handle_HELO(self, server, session, envelope, name):
        session.host_name = name
        return self.say(name)

    async def handle_EHLO(self, server, session, envelope, name, replies):
        session.host_name = name
        self.say(name)
        return replies

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return self.say(address)

    async def handle_RCPT(self, server, session, envelope, address, options):
        envelope.rcpt_tos.append(address)
        return self.say(address)

    async def handle_VRFY(self, server, session, envelope, address):
        return self.say(address)


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
    handler = Commands() if os.environ.get("FRAMING") else Handler()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(handler, hostname="mx.test", tls_context=tls,
                       data_size_limit=64 << 20, enable_SMTPUTF8=True,
                       ident=os.environ.get("IDENT")),
        host, port)
    log({"event": "listening"})
    await server.serve_forever()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

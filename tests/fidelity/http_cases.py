# SPDX-License-Identifier: Apache-2.0
"""What the cases of HTTP servers share: requests, field by field."""


def ask(*fields, content=b"", method=b"POST", version=b"1.1"):
    return (method + b" /x HTTP/" + version + b"\r\nHost: a\r\n"
            + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + content)

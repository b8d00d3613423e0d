/* SPDX-License-Identifier: Apache-2.0 */

#ifndef HTTP_DRIVER_H
#define HTTP_DRIVER_H 1

/* What the HTTP/1 proxy's tests share. */

#include "proxy-driver.h"

#define http proxy

#define HTTP_LETTERS "RCTBA"            /* Of events, in logs. */

enum {
    REQUEST = 1 << 0,
    CHUNK = 1 << 1,
    TRAILERS = 1 << 2,
    BODY = 1 << 3,
    RESPONSE = 1 << 4,
    TO_SERVER = REQUEST | CHUNK | TRAILERS,
};

/* Messages. */
#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
#define FORM "POST / HTTP/1.1\r\nContent-Type: " \
             "application/x-www-form-urlencoded\r\n"
#define CONTENT(LENGTH, BYTES) FORM "Content-Length: " LENGTH "\r\n\r\n" BYTES
#define CHUNKS(BYTES) FORM "Transfer-Encoding: chunked\r\n\r\n" BYTES

#endif /* http-driver.h */

# SPDX-License-Identifier: Apache-2.0
#
# The HTTP/1 proxy: one line a file.

proxies_libpp_proxies_a_SOURCES += \
	proxies/http/http-body.c \
	proxies/http/http-chunk.c \
	proxies/http/http-commit.c \
	proxies/http/http-content.c \
	proxies/http/http-field-table.c \
	proxies/http/http-fields.c \
	proxies/http/http-fields.h \
	proxies/http/http-head.c \
	proxies/http/http-held.c \
	proxies/http/http-lists.c \
	proxies/http/http-locate.c \
	proxies/http/http-multipart.c \
	proxies/http/http-preface.c \
	proxies/http/http-readings.c \
	proxies/http/http-reframe.c \
	proxies/http/http-refuse.c \
	proxies/http/http-request.c \
	proxies/http/http-response.c \
	proxies/http/http-to-server.h \
	proxies/http/http-watch.c \
	proxies/http/pp-http.c \
	proxies/http/pp-http.h

dist_man_MANS += proxies/http/ovs-patchpoint-http.7

# SPDX-License-Identifier: Apache-2.0
#
# What a proxy knows of the world: one line a file.

proxies_libpp_proxies_a_SOURCES += \
	proxies/contract/pp-ber.c \
	proxies/contract/pp-ber.h \
	proxies/contract/pp-proxy.c \
	proxies/contract/pp-proxy.h \
	proxies/contract/pp-reader.h \
	proxies/contract/pp-scan.h \
	proxies/contract/pp-tls.h \
	proxies/contract/pp-value.c \
	proxies/contract/pp-value.h

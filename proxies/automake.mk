# SPDX-License-Identifier: Apache-2.0
#
# The proxies, one folder each.  To add one: its folder, one include line
# here, and one line in proxies/registry.c.

noinst_LIBRARIES += proxies/libpp-proxies.a
proxies_libpp_proxies_a_SOURCES = \
	proxies/registry.c \
	proxies/registry.h

include proxies/contract/automake.mk
include proxies/ftp/automake.mk
include proxies/http/automake.mk
include proxies/ldap/automake.mk
include proxies/smtp/automake.mk

# SPDX-License-Identifier: Apache-2.0
#
# The LDAP proxy: one line a file.

proxies_libpp_proxies_a_SOURCES += \
	proxies/ldap/ldap-decode.c \
	proxies/ldap/ldap-field-table.c \
	proxies/ldap/ldap-fields.c \
	proxies/ldap/ldap-fields.h \
	proxies/ldap/ldap-filter.c \
	proxies/ldap/ldap-locate.c \
	proxies/ldap/ldap-reframe.c \
	proxies/ldap/ldap-refuse.c \
	proxies/ldap/ldap-request.c \
	proxies/ldap/ldap-response.c \
	proxies/ldap/pp-ldap.c \
	proxies/ldap/pp-ldap.h

dist_man_MANS += proxies/ldap/ovs-patchpoint-ldap.7

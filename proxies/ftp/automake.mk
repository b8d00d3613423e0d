# SPDX-License-Identifier: Apache-2.0
#
# The FTP proxy: one line a file.

proxies_libpp_proxies_a_SOURCES += \
	proxies/ftp/ftp-address.c \
	proxies/ftp/ftp-command.c \
	proxies/ftp/ftp-field-table.c \
	proxies/ftp/ftp-fields.c \
	proxies/ftp/ftp-fields.h \
	proxies/ftp/ftp-line.c \
	proxies/ftp/ftp-locate.c \
	proxies/ftp/ftp-readings.c \
	proxies/ftp/ftp-refuse.c \
	proxies/ftp/ftp-reply.c \
	proxies/ftp/ftp-verbs.c \
	proxies/ftp/pp-ftp.c \
	proxies/ftp/pp-ftp.h

dist_man_MANS += proxies/ftp/ovs-patchpoint-ftp.7

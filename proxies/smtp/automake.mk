# SPDX-License-Identifier: Apache-2.0
#
# The SMTP proxy: one line a file.

proxies_libpp_proxies_a_SOURCES += \
	proxies/smtp/pp-smtp.c \
	proxies/smtp/pp-smtp.h \
	proxies/smtp/smtp-command.c \
	proxies/smtp/smtp-data.c \
	proxies/smtp/smtp-field-table.c \
	proxies/smtp/smtp-fields.c \
	proxies/smtp/smtp-fields.h \
	proxies/smtp/smtp-head.c \
	proxies/smtp/smtp-line.c \
	proxies/smtp/smtp-refuse.c \
	proxies/smtp/smtp-reply.c \
	proxies/smtp/smtp-watch.c

dist_man_MANS += proxies/smtp/ovs-patchpoint-smtp.7

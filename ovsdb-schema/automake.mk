# SPDX-License-Identifier: Apache-2.0
#
# The PatchPoint database: its schema, the manual of it and the C to work with
# it, both made by Open vSwitch's own tools.

dist_pkgdata_DATA += ovsdb-schema/patchpoint.ovsschema
dist_pkgdata_SCRIPTS += ovsdb-schema/ovs-patchpoint-db
EXTRA_DIST += \
	ovsdb-schema/patchpoint-idl.ann \
	ovsdb-schema/patchpoint.xml

PP_IDL_BUILT = \
	ovsdb-schema/patchpoint-idl.c \
	ovsdb-schema/patchpoint-idl.h
BUILT_SOURCES += $(PP_IDL_BUILT)
CLEANFILES += $(PP_IDL_BUILT) ovsdb-schema/patchpoint-idl.ovsidl

noinst_LIBRARIES += ovsdb-schema/libpp-ovsdb.a
nodist_ovsdb_schema_libpp_ovsdb_a_SOURCES = $(PP_IDL_BUILT)
# We do not answer for what is generated.
ovsdb_schema_libpp_ovsdb_a_CFLAGS = $(AM_CFLAGS) -w

ovsdb-schema/patchpoint-idl.ovsidl: ovsdb-schema/patchpoint.ovsschema \
	ovsdb-schema/patchpoint-idl.ann | $(OVS_STAMP)
	$(AM_V_at)$(MKDIR_P) ovsdb-schema
	$(AM_V_GEN)$(OVSDB_IDLC) annotate \
	  $(srcdir)/ovsdb-schema/patchpoint.ovsschema \
	  $(srcdir)/ovsdb-schema/patchpoint-idl.ann > $@.tmp && mv $@.tmp $@
ovsdb-schema/patchpoint-idl.c: ovsdb-schema/patchpoint-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-source $< > $@.tmp && mv $@.tmp $@
ovsdb-schema/patchpoint-idl.h: ovsdb-schema/patchpoint-idl.ovsidl
	$(AM_V_GEN)$(OVSDB_IDLC) c-idl-header $< > $@.tmp && mv $@.tmp $@

# The manual, patchpoint(5).
man_MANS += ovsdb-schema/patchpoint.5
CLEANFILES += ovsdb-schema/patchpoint.5
ovsdb-schema/patchpoint.5: ovsdb-schema/patchpoint.ovsschema \
	ovsdb-schema/patchpoint.xml | $(OVS_STAMP)
	$(AM_V_at)$(MKDIR_P) ovsdb-schema
	$(AM_V_GEN)$(OVSDB_DOC) --version=$(VERSION) \
	  $(srcdir)/ovsdb-schema/patchpoint.ovsschema \
	  $(srcdir)/ovsdb-schema/patchpoint.xml > $@.tmp && mv $@.tmp $@

# A change of the schema changes its version: the checksum in it reminds of
# that, as Open vSwitch has it.
ALL_LOCAL += schema-cksum
schema-cksum:
	@schema=$(srcdir)/ovsdb-schema/patchpoint.ovsschema; \
	is=`$(SED) -n 's/.*"cksum": "\(.*\)".*/\1/p' $$schema`; \
	should=`$(SED) '/"cksum": /d' $$schema | cksum`; \
	test "$$is" = "$$should" || { \
	  echo "$$schema: changed: give it another version, and the checksum" \
	    "\"$$should\"" >&2; exit 1; }
.PHONY: schema-cksum

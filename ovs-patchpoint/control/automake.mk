# SPDX-License-Identifier: Apache-2.0
#
# Control, ovs-patchpointd: one line a file.  All but main() is a library, so
# that unit tests can link it.

noinst_LIBRARIES += ovs-patchpoint/control/libpp-control.a
ovs_patchpoint_control_libpp_control_a_SOURCES = \
	ovs-patchpoint/control/pp-addresses.c \
	ovs-patchpoint/control/pp-addresses.h \
	ovs-patchpoint/control/pp-bounds.c \
	ovs-patchpoint/control/pp-bounds.h \
	ovs-patchpoint/control/pp-control.h \
	ovs-patchpoint/control/pp-cuts.c \
	ovs-patchpoint/control/pp-cuts.h \
	ovs-patchpoint/control/pp-datapath.c \
	ovs-patchpoint/control/pp-datapath.h \
	ovs-patchpoint/control/pp-db.c \
	ovs-patchpoint/control/pp-db.h \
	ovs-patchpoint/control/pp-db-attach.c \
	ovs-patchpoint/control/pp-db-hits.c \
	ovs-patchpoint/control/pp-db-patch.c \
	ovs-patchpoint/control/pp-db-policy.c \
	ovs-patchpoint/control/pp-db-service.c \
	ovs-patchpoint/control/pp-db-private.h \
	ovs-patchpoint/control/pp-db-write.c \
	ovs-patchpoint/control/pp-discovery.c \
	ovs-patchpoint/control/pp-discovery.h \
	ovs-patchpoint/control/pp-drain.c \
	ovs-patchpoint/control/pp-drain.h \
	ovs-patchpoint/control/pp-engine-conn.c \
	ovs-patchpoint/control/pp-engine-conn.h \
	ovs-patchpoint/control/pp-engine-exec.c \
	ovs-patchpoint/control/pp-engine-exec.h \
	ovs-patchpoint/control/pp-engine-proc.c \
	ovs-patchpoint/control/pp-engine-proc.h \
	ovs-patchpoint/control/pp-events.c \
	ovs-patchpoint/control/pp-events.h \
	ovs-patchpoint/control/pp-facts.c \
	ovs-patchpoint/control/pp-facts.h \
	ovs-patchpoint/control/pp-flows.c \
	ovs-patchpoint/control/pp-flows.h \
	ovs-patchpoint/control/pp-frames.c \
	ovs-patchpoint/control/pp-frames.h \
	ovs-patchpoint/control/pp-handover.c \
	ovs-patchpoint/control/pp-handover.h \
	ovs-patchpoint/control/pp-first.c \
	ovs-patchpoint/control/pp-first.h \
	ovs-patchpoint/control/pp-hits.c \
	ovs-patchpoint/control/pp-hits.h \
	ovs-patchpoint/control/pp-learn.c \
	ovs-patchpoint/control/pp-learn.h \
	ovs-patchpoint/control/pp-named.c \
	ovs-patchpoint/control/pp-named.h \
	ovs-patchpoint/control/pp-ofconn.c \
	ovs-patchpoint/control/pp-ofconn.h \
	ovs-patchpoint/control/pp-ofsetup.c \
	ovs-patchpoint/control/pp-ofsetup.h \
	ovs-patchpoint/control/pp-oftable.c \
	ovs-patchpoint/control/pp-oftable.h \
	ovs-patchpoint/control/pp-patches.c \
	ovs-patchpoint/control/pp-patches.h \
	ovs-patchpoint/control/pp-physical.c \
	ovs-patchpoint/control/pp-physical.h \
	ovs-patchpoint/control/pp-pins.c \
	ovs-patchpoint/control/pp-pins.h \
	ovs-patchpoint/control/pp-policy-iface.c \
	ovs-patchpoint/control/pp-policy.c \
	ovs-patchpoint/control/pp-policy.h \
	ovs-patchpoint/control/pp-privileges.c \
	ovs-patchpoint/control/pp-privileges.h \
	ovs-patchpoint/control/pp-server-hits.c \
	ovs-patchpoint/control/pp-server-hits.h \
	ovs-patchpoint/control/pp-services-file.c \
	ovs-patchpoint/control/pp-services-file.h \
	ovs-patchpoint/control/pp-services-frame.c \
	ovs-patchpoint/control/pp-services-frame.h \
	ovs-patchpoint/control/pp-services.c \
	ovs-patchpoint/control/pp-services.h \
	ovs-patchpoint/control/pp-slots.c \
	ovs-patchpoint/control/pp-slots.h \
	ovs-patchpoint/control/pp-snapshot-build.c \
	ovs-patchpoint/control/pp-snapshot-build.h \
	ovs-patchpoint/control/pp-status.c \
	ovs-patchpoint/control/pp-status.h \
	ovs-patchpoint/control/pp-tap.c \
	ovs-patchpoint/control/pp-tap.h \
	ovs-patchpoint/control/pp-unixctl.c \
	ovs-patchpoint/control/pp-unixctl.h \
	ovs-patchpoint/control/pp-watch.c \
	ovs-patchpoint/control/pp-watch.h

sbin_PROGRAMS += ovs-patchpoint/control/ovs-patchpointd
ovs_patchpoint_control_ovs_patchpointd_SOURCES = \
	ovs-patchpoint/control/ovs-patchpointd.c
ovs_patchpoint_control_ovs_patchpointd_LDFLAGS = $(PP_HARDENED)
ovs_patchpoint_control_ovs_patchpointd_LDADD = \
	$(PP_CONTROL) $(SECCOMP_LIBS) $(CAPNG_LIBS) $(OVS_LIBS)

dist_man_MANS += ovs-patchpoint/control/ovs-patchpointd.8

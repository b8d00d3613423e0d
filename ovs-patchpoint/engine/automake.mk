# SPDX-License-Identifier: Apache-2.0
#
# The engine: seven stages, in the order a packet meets them, after what they
# share: one line a file.  The library holds all of it that runs without OVS;
# the program adds the process around it.

noinst_LIBRARIES += ovs-patchpoint/engine/libpp-engine.a
ovs_patchpoint_engine_libpp_engine_a_SOURCES = \
	ovs-patchpoint/engine/pp-alike.c \
	ovs-patchpoint/engine/pp-alike.h \
	ovs-patchpoint/engine/pp-conn.h \
	ovs-patchpoint/engine/pp-correct.c \
	ovs-patchpoint/engine/pp-correct.h \
	ovs-patchpoint/engine/pp-cut.c \
	ovs-patchpoint/engine/pp-cut.h \
	ovs-patchpoint/engine/pp-edit-list.c \
	ovs-patchpoint/engine/pp-edit-list.h \
	ovs-patchpoint/engine/pp-eval.c \
	ovs-patchpoint/engine/pp-eval.h \
	ovs-patchpoint/engine/pp-event.c \
	ovs-patchpoint/engine/pp-event.h \
	ovs-patchpoint/engine/pp-flow.c \
	ovs-patchpoint/engine/pp-flow.h \
	ovs-patchpoint/engine/pp-hearing.c \
	ovs-patchpoint/engine/pp-hearing.h \
	ovs-patchpoint/engine/pp-handover.c \
	ovs-patchpoint/engine/pp-handover.h \
	ovs-patchpoint/engine/pp-inspect.c \
	ovs-patchpoint/engine/pp-inspect.h \
	ovs-patchpoint/engine/pp-ipc.h \
	ovs-patchpoint/engine/pp-ledger.c \
	ovs-patchpoint/engine/pp-ledger.h \
	ovs-patchpoint/engine/pp-limits.h \
	ovs-patchpoint/engine/pp-match.c \
	ovs-patchpoint/engine/pp-match.h \
	ovs-patchpoint/engine/pp-pack.c \
	ovs-patchpoint/engine/pp-pack.h \
	ovs-patchpoint/engine/pp-packet-in.c \
	ovs-patchpoint/engine/pp-packet-out.c \
	ovs-patchpoint/engine/pp-packet.h \
	ovs-patchpoint/engine/pp-pipeline.c \
	ovs-patchpoint/engine/pp-pipeline.h \
	ovs-patchpoint/engine/pp-reassembly.c \
	ovs-patchpoint/engine/pp-reassembly.h \
	ovs-patchpoint/engine/pp-sandbox.c \
	ovs-patchpoint/engine/pp-sandbox.h \
	ovs-patchpoint/engine/pp-servers.c \
	ovs-patchpoint/engine/pp-servers.h \
	ovs-patchpoint/engine/pp-snapshot.c \
	ovs-patchpoint/engine/pp-snapshot.h \
	ovs-patchpoint/engine/pp-state.c \
	ovs-patchpoint/engine/pp-state.h \
	ovs-patchpoint/engine/pp-stream-around.c \
	ovs-patchpoint/engine/pp-stream-close.c \
	ovs-patchpoint/engine/pp-stream-keep.c \
	ovs-patchpoint/engine/pp-stream-private.h \
	ovs-patchpoint/engine/pp-stream-send.c \
	ovs-patchpoint/engine/pp-stream-udp.c \
	ovs-patchpoint/engine/pp-stream-udp.h \
	ovs-patchpoint/engine/pp-stream.c \
	ovs-patchpoint/engine/pp-stream.h \
	ovs-patchpoint/engine/pp-timers.c \
	ovs-patchpoint/engine/pp-timers.h \
	ovs-patchpoint/engine/pp-vector.c \
	ovs-patchpoint/engine/pp-vector.h \
	ovs-patchpoint/engine/pp-vet.c \
	ovs-patchpoint/engine/pp-vet.h

pkglibexec_PROGRAMS += ovs-patchpoint/engine/ovs-patchpoint-engine
ovs_patchpoint_engine_ovs_patchpoint_engine_SOURCES = \
	ovs-patchpoint/engine/ovs-patchpoint-engine.c
ovs_patchpoint_engine_ovs_patchpoint_engine_LDFLAGS = $(PP_HARDENED)
ovs_patchpoint_engine_ovs_patchpoint_engine_LDADD = \
	$(PP_ENGINE) $(SECCOMP_LIBS) $(CAPNG_LIBS) $(OVS_LIBS)

# Its manual page; to be switched on when it exists:
#
# dist_man_MANS += ovs-patchpoint/engine/ovs-patchpoint-engine.8

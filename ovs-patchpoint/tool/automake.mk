# SPDX-License-Identifier: Apache-2.0
#
# The command-line tools: one line a file.

bin_PROGRAMS += ovs-patchpoint/tool/patchpoint-patch
ovs_patchpoint_tool_patchpoint_patch_SOURCES = \
	ovs-patchpoint/tool/patchpoint-patch.c \
	ovs-patchpoint/tool/pp-diff.c \
	ovs-patchpoint/tool/pp-diff.h \
	ovs-patchpoint/tool/pp-explain.c \
	ovs-patchpoint/tool/pp-explain.h \
	ovs-patchpoint/tool/pp-replay-report.c \
	ovs-patchpoint/tool/pp-replay-report.h \
	ovs-patchpoint/tool/pp-replay.c \
	ovs-patchpoint/tool/pp-replay.h \
	ovs-patchpoint/tool/pp-template.c \
	ovs-patchpoint/tool/pp-template.h
ovs_patchpoint_tool_patchpoint_patch_LDFLAGS = $(PP_HARDENED)
ovs_patchpoint_tool_patchpoint_patch_LDADD = \
	$(PP_ENGINE) $(PCAP_LIBS) $(OVS_LIBS)
dist_man_MANS += ovs-patchpoint/tool/patchpoint-patch.1

bin_PROGRAMS += ovs-patchpoint/tool/ovs-patchpointctl
ovs_patchpoint_tool_ovs_patchpointctl_SOURCES = \
	ovs-patchpoint/tool/ovs-patchpointctl.c \
	ovs-patchpoint/tool/pp-ctl.h \
	ovs-patchpoint/tool/pp-ctl-change.c \
	ovs-patchpoint/tool/pp-ctl-show.c
ovs_patchpoint_tool_ovs_patchpointctl_LDFLAGS = $(PP_HARDENED)
ovs_patchpoint_tool_ovs_patchpointctl_LDADD = $(PP_OVSDB) $(OVS_LIBS)
dist_man_MANS += ovs-patchpoint/tool/ovs-patchpointctl.8

# SPDX-License-Identifier: Apache-2.0
#
# The two processes, the patch language they share, and the tools.

include ovs-patchpoint/patch/automake.mk
include ovs-patchpoint/engine/automake.mk
include ovs-patchpoint/control/automake.mk
include ovs-patchpoint/tool/automake.mk

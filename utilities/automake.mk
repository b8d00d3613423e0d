# SPDX-License-Identifier: Apache-2.0
#
# What a shell wants: completion.  Bash looks for "COMMAND.bash".

dist_bashcompletion_DATA += \
	utilities/ovs-patchpointctl.bash \
	utilities/patchpoint-patch.bash

# SPDX-License-Identifier: Apache-2.0
#
# What a shell wants: completion.

dist_bashcompletion_DATA += utilities/patchpoint-patch-completion.bash

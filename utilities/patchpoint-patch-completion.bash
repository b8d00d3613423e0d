# SPDX-License-Identifier: Apache-2.0
#
# Completion of patchpoint-patch for bash.

_patchpoint_patch () {
    local cur prev word command="" dir=/usr/share/ovs-patchpoint/patches

    COMPREPLY=()
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD-1]}

    case $prev in
        -p|--patches)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return
            ;;
    esac
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
            check|list|explain)
                command=$word
                ;;
        esac
    done
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W \
            "--patches= --quiet --help --version" -- "$cur")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "check list explain" -- "$cur")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur"
                                 compgen -f -X '!*.yaml' -- "$cur")
        if [[ $command == explain && -d $dir ]]; then
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W \
                "$(find "$dir" -name '*.yaml' -printf '%f\n' |
                   sed 's/\.yaml$//')" -- "$cur")
        fi
    fi
}

complete -F _patchpoint_patch patchpoint-patch

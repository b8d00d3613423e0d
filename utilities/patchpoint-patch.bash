# SPDX-License-Identifier: Apache-2.0
#
# Completion of patchpoint-patch for bash.

# Words that fit, one a line, of the arguments.
_patchpoint_patch_words () {
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$*" -- "$cur")
}

# Files with one of the endings, and directories.
_patchpoint_patch_files () {
    local ending

    compopt -o filenames 2>/dev/null
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur")
    for ending; do
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
            compgen -f -X "!*.$ending" -- "$cur")
    done
}

# Ids of the patches in the directory that is named, or else installed.
_patchpoint_patch_ids () {
    if [[ -d $dir ]]; then
        _patchpoint_patch_words "$(find "$dir" -name '*.yaml' -printf '%f\n' |
                                   sed 's/\.yaml$//')"
    fi
}

_patchpoint_patch () {
    local cur prev i command="" dir=/usr/share/ovs-patchpoint/patches

    COMPREPLY=()
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD-1]}
    # Bash takes "--patches=x" for three words.
    [[ $cur != "=" ]] || cur=""
    [[ $prev != "=" ]] || prev=${COMP_WORDS[COMP_CWORD-2]}

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -p|--patches)
                ((i++))
                [[ ${COMP_WORDS[i]} != "=" ]] || ((i++))
                dir=${COMP_WORDS[i]}
                ;;
            -o|--output|--ports)
                ((i++))
                ;;
            check|list|explain|new|diff|replay)
                command=${command:-${COMP_WORDS[i]}}
                ;;
        esac
    done

    case $prev in
        -p|--patches)
            _patchpoint_patch_files
            return
            ;;
        -o|--output)
            _patchpoint_patch_files yaml
            return
            ;;
        --ports)
            return
            ;;
        new)
            _patchpoint_patch_words "$(find "$dir" -mindepth 1 -maxdepth 1 \
                -type d -printf '%f\n' 2>/dev/null)"
            return
            ;;
    esac
    if [[ $cur == -* ]]; then
        _patchpoint_patch_words --patches= --ports= --output= --monitor --json --quiet \
            --help --version
        [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
        return
    fi
    case $command in
        "")
            _patchpoint_patch_words check list explain new diff replay
            ;;
        explain)
            _patchpoint_patch_files yaml
            _patchpoint_patch_ids
            ;;
        replay)
            _patchpoint_patch_files pcap pcapng cap
            ;;
        new)
            ;;
        *)
            _patchpoint_patch_files yaml
            ;;
    esac
}

complete -F _patchpoint_patch patchpoint-patch

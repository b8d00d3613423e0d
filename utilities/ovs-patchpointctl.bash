# SPDX-License-Identifier: Apache-2.0
#
# Completion of ovs-patchpointctl for bash.

# Words that fit, one a line, of the arguments.
_ovs_patchpointctl_words () {
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$*" -- "$cur")
}

# What a column of a table says, without quotes.
_ovs_patchpointctl_names () {
    _ovs_patchpointctl_words "$(ovs-patchpointctl --timeout=2 --no-syslog \
        ${db:+"--db=$db"} --bare --no-headings --columns="$2" list "$1" \
        2>/dev/null)"
}

_ovs_patchpointctl () {
    local cur prev i n=0 db="" command="" first=""
    local own="init show sync policy-add policy-set policy-del policy-list"
    local any="list find get set add remove clear create destroy wait-until"
    local keys="patches= mode= fail= opaque= ports= parameters= priority="

    own+=" server-list service-list patch-list host-del"
    keys+=" bridge= vlan= iface-id= vm-id= name= product= host="
    COMPREPLY=()
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD-1]}
    # Bash takes "--db=x" for three words.
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ $prev == "=" ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi

    # The command that is being written, and how many arguments it has so far.
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --db)
                [[ ${COMP_WORDS[i+1]} != "=" ]] || ((i++))
                ((i++))
                # An address has colons, which part words, too.
                while [[ ${COMP_WORDS[i+1]} == ":" ]]; do
                    ((i += 2))
                done
                ;;
            --)
                command=""
                n=0
                ;;
            -*|=)
                ;;
            *)
                if [[ -z $command ]]; then
                    command=${COMP_WORDS[i]}
                elif ((n++ == 0)); then
                    first=${COMP_WORDS[i]}
                fi
                ;;
        esac
    done
    if [[ $COMP_LINE =~ --db[=\ ]([^\ ]+) ]]; then
        db=${BASH_REMATCH[1]}
    fi

    case $prev in
        --wait)
            _ovs_patchpointctl_words none hosts
            return
            ;;
        -f|--format)
            _ovs_patchpointctl_words table list html csv json
            return
            ;;
        mode)
            _ovs_patchpointctl_words enforce monitor off
            return
            ;;
        fail)
            _ovs_patchpointctl_words open closed
            return
            ;;
        opaque)
            _ovs_patchpointctl_words pass refuse
            return
            ;;
    esac
    if [[ $cur == -* ]]; then
        _ovs_patchpointctl_words --db= --wait= --no-wait --timeout= --retry \
            --dry-run --oneline --format= --columns= --no-headings --bare \
            --may-exist --if-exists --all --no-leader-only --help --version
        [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
        return
    fi
    case $command,$n in
        ,*)
            _ovs_patchpointctl_words "$own $any comment"
            ;;
        policy-set,0|policy-del,0)
            _ovs_patchpointctl_names Policy name
            ;;
        policy-set,*|policy-add,[2-9]*)
            _ovs_patchpointctl_words "$keys"
            compopt -o nospace 2>/dev/null
            ;;
        policy-add,1)
            _ovs_patchpointctl_words all none auto
            _ovs_patchpointctl_names Patch id
            ;;
        show,0|server-list,0|patch-list,0|host-del,0)
            _ovs_patchpointctl_names Host name
            ;;
        service-list,0)
            _ovs_patchpointctl_names Server name
            ;;
        list,0|find,0|get,0|set,0|add,0|remove,0|clear,0|create,0|destroy,0|\
        wait-until,0)
            _ovs_patchpointctl_words PatchPoint Host Server Service Policy \
                Patch
            ;;
        list,1|get,1|set,1|add,1|remove,1|clear,1|destroy,1|wait-until,1)
            case $first in
                Host|Server|Policy)
                    _ovs_patchpointctl_names "$first" name
                    ;;
                Patch)
                    _ovs_patchpointctl_names Patch id
                    ;;
            esac
            ;;
    esac
}

complete -F _ovs_patchpointctl ovs-patchpointctl

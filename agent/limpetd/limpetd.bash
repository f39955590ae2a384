# bash completion of limpetd(8): what there is, the program's own help says.
_limpetd() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
    local verb='' given=() candidates='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --config | --log-level)
            [[ ${COMP_WORDS[i]} != --config ]] || given=(--config "${COMP_WORDS[i + 1]}")
            ((i++))
            ;;
        -*) ;;
        *)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $before in
    --config) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    --log-level) candidates='error warn info debug' ;;
    -o | --output) candidates=json ;;
    *)
        case $verb:$word in
        *:-*) # each line of options begins with one: "  -f, --follow", "      --tail LINES"
            candidates=$("$program" ${verb:+"$verb"} --help 2>/dev/null | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
            [[ -z $verb ]] || candidates+=' --help'
            ;;
        :*) candidates=$("$program" --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p') ;;
        why:* | logs:* | exec:* | attach:*)
            candidates=$("$program" "${given[@]}" ps 2>/dev/null | awk 'NR > 1 { print $2; print $1 "/" $2 }')
            ;;
        image:*)
            if [[ $before == image ]]; then candidates='load pull ls prune check'; else mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi
            ;;
        esac
        ;;
    esac
    [[ -z $candidates ]] || mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
}
complete -F _limpetd limpetd

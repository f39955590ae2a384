# bash completion of limpet(1): the program itself knows what may come next.
_limpet() {
    local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]}
    # Words that bash splits at '=' are one for limpet: --for=ready.
    local line=${COMP_LINE:0:COMP_POINT} words=()
    IFS=$' \t' read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=("")
    local candidates
    candidates=$("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null) || return
    if [[ $candidates == ":files" ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    [[ $word != "=" ]] || word=
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
    # "pod/" goes on with a name, "--for=" with a value.
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[/=] ]] || compopt -o nospace 2>/dev/null
}
complete -F _limpet limpet

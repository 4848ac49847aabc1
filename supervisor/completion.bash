# Bash completion for logikald: source this file, or install it as
# /usr/share/bash-completion/completions/logikald.

_logikald_names() {
    "$1" ctl status --json 2>/dev/null | sed -n 's/^[[:space:]]*"\(name\|role\)":[[:space:]]*"\([^"]*\)".*/\2/p' | sort -u
}

_logikald() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} at=1 words=
    COMPREPLY=()
    while ((at < COMP_CWORD)) && [[ ${COMP_WORDS[at]} == --config || ${COMP_WORDS[at]} == --env-file ]]; do ((at += 2)); done
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config || ${COMP_WORDS[COMP_CWORD - 1]} == --env-file ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    if ((COMP_CWORD == at)); then
        words="supervise ctl web worker beat migrate hold feed alert queue why report task check defaults config --help --version --config --env-file"
    elif [[ ${COMP_WORDS[at]} == ctl ]]; then
        if ((COMP_CWORD == at + 1)); then
            words="status start stop restart reload signal tail set flags version shutdown --help"
        else
            case ${COMP_WORDS[at + 1]} in
            status) words=--json ;;
            reload) words=--exec ;;
            start | stop | restart) words="--no-wait all $(_logikald_names "$program")" ;;
            tail) words="-f -n all $(_logikald_names "$program")" ;;
            signal)
                if ((COMP_CWORD == at + 2)); then words=$(_logikald_names "$program")
                else words="TERM INT HUP USR1 USR2 KILL ABRT STOP CONT"; fi ;;
            set) ((COMP_CWORD == at + 2)) && words=$("$program" config 2>/dev/null | sed -n 's/^\([a-z][a-z_.]*\) .*/\1/p') ;;
            esac
        fi
    elif [[ ${COMP_WORDS[at]} == queue ]] && ((COMP_CWORD == at + 1)); then
        words="list peek dead retry purge pause resume"
    elif [[ ${COMP_WORDS[at]} == hold ]] && ((COMP_CWORD == at + 1)); then
        words="list apply refuse"
    elif [[ ${COMP_WORDS[at]} == check ]]; then
        words="--live --json"
    elif [[ ${COMP_WORDS[at]} == alert ]] && ((COMP_CWORD == at + 1)); then
        words="test"
    elif [[ ${COMP_WORDS[at]} == feed ]]; then
        if ((COMP_CWORD == at + 1)); then words="status tail replay --help"
        else
            case ${COMP_WORDS[at + 1]} in
            status) words=--json ;;
            tail)
                if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --types ]]; then words="directory project phase elevation thumbnail parts_list glass"
                else words="-f -n --types --project --object --json"; fi ;;
            replay) ((COMP_CWORD == at + 3)) && words="start now" ;;
            esac
        fi
    elif [[ ${COMP_WORDS[at]} == report ]]; then
        if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --output ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$word"); return; fi
        words="--output --timeout --help"
    elif [[ ${COMP_WORDS[at]} == defaults ]]; then
        words="--markdown --run-dir"
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _logikald logikald

# Sourced by scripts all of whose options have the form --NAME VALUE. The comment at the script's head is its --help.

# take_options "NAME NAME..." ARGUMENT...: sets the variable of each option's name; defaults are set before. Where the last NAME is +,
# words may follow the options: the array operands.
take_options() {
    local names=$1 self=${0##*/}
    operands=()
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
            --*) case " $names " in *" ${1#--} "*) [ $# -ge 2 ] && printf -v "${1#--}" %s "$2" && shift 2 && continue ;; esac ;;
            *) case "$names" in *' +') operands=("$@") && return ;; esac ;;
        esac
        echo "$self: no option $1, or no value for it (there are$(printf ' --%s VALUE' ${names% +}))" >&2
        exit 2
    done
}

# bash completion for actorctl. Words come from actorctl itself. Names come from the running node, if it answers within 200 ms.

_actorctl()
{
	local cur prev words cword split
	local command='' verb='' scope='' i n=0 skip='' dir=()

	if declare -F _init_completion >/dev/null; then
		_init_completion -n = || return
	else
		cur=${COMP_WORDS[COMP_CWORD]}
		prev=${COMP_WORDS[COMP_CWORD-1]}
		words=("${COMP_WORDS[@]}")
		cword=$COMP_CWORD
	fi
	COMPREPLY=()

	for ((i = 1; i < cword; i++)); do
		if [[ -n $skip ]]; then
			[[ $skip == dir ]] && dir=(--runtime-dir "${words[i]}")
			[[ $skip == scope ]] && scope=${words[i]}
			skip=''
			continue
		fi
		case ${words[i]} in
		--runtime-dir) skip=dir ;;
		--runtime-dir=*) dir=("${words[i]}") ;;
		--scope=*) scope=${words[i]#*=} ;;
		--scope) skip=scope ;;
		-t | --timeout | -n | --name | --lines | -r | --restart | --backoff | --backoff-factor | --backoff-jitter | --backoff-reset | --max-restarts | --fatal-on | --ok-exit | --up-for | --stop-signal | --env-file | --user | --group | --umask | --limit | --nice | --oom-score-adj | -e | --env | --pass | --cwd | --stop-timeout | -s | --signal | --log-dir | --key | --max | --listen | --keep)
			skip=value
			[[ $command == pg && ${words[i]} == -s ]] && skip=scope ;;
		--)	[[ $command == spawn ]] && { _actorctl_command "$i"; return; } ;;
		-*) ;;
		*)
			if [[ -z $command ]]; then
				command=${words[i]}
			elif [[ $command == pg && -z $verb ]]; then
				verb=${words[i]}
			elif [[ $command == spawn ]]; then
				_actorctl_command $((i - 1))
				return
			else
				n=$((n + 1))
			fi ;;
		esac
	done

	case $prev in
	--runtime-dir | --cwd | --log-dir)
		COMPREPLY=($(compgen -d -- "$cur"))
		return ;;
	--env-file)
		COMPREPLY=($(compgen -f -- "$cur"))
		return ;;
	--user)
		COMPREPLY=($(compgen -u -- "$cur"))
		return ;;
	--pass)
		COMPREPLY=($(compgen -v -- "$cur"))
		return ;;
	-r | --restart)
		[[ $command == spawn ]] && COMPREPLY=($(compgen -W 'permanent transient temporary' -- "$cur"))
		return ;;
	-s | --signal | --stop-signal | --scope)
		[[ $command == pg ]] && { _actorctl_names scopes; return; }
		COMPREPLY=($(compgen -A signal -- "SIG${cur#SIG}"))
		[[ $cur == SIG* ]] || COMPREPLY=("${COMPREPLY[@]#SIG}")
		return ;;
	-t | --timeout | -n | --name | --lines | --backoff | --backoff-factor | --backoff-jitter | --backoff-reset | --max-restarts | --fatal-on | --ok-exit | --up-for | --group | --umask | --limit | --nice | --oom-score-adj | -e | --env | --stop-timeout | --key | --max | --listen | --keep)
		return ;;
	esac

	case $cur in
	--wait=*)
		[[ $command == spawn ]] && COMPREPLY=($(compgen -W 'up ready exit none' -- "${cur#*=}"))
		return ;;
	--color=*)
		COMPREPLY=($(compgen -W 'auto always never' -- "${cur#*=}"))
		return ;;
	-*)
		COMPREPLY=($(compgen -W "$(actorctl __complete options $command $verb 2>/dev/null)" -- "$cur"))
		[[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace
		return ;;
	esac

	case $command in
	'')
		COMPREPLY=($(compgen -W "$(actorctl __complete commands 2>/dev/null)" -- "$cur")) ;;
	help)
		((n)) && command=${words[cword-1]} || command=''
		COMPREPLY=($(compgen -W "$(actorctl __complete commands $command 2>/dev/null)" -- "$cur")) ;;
	pg)
		_actorctl_pg ;;
	ls | status | explain | set | stop | start | restart | kill | rm | logs | send-input)
		_actorctl_names processes ;;
	call | send | trace | describe | actors | inspect | suspend | resume | whereis | names | quota)
		_actorctl_names names ;;
	spawn)
		COMPREPLY=($(compgen -c -- "$cur") $(compgen -f -- "$cur")) ;;
	esac
}

# Names may have any characters but control characters. So they are not split into words, and are quoted where the shell needs it.
_actorctl_names()
{
	local name

	while IFS= read -r name; do
		[[ $name == "$cur"* ]] && COMPREPLY+=("$(printf %q "$name")")
	done < <(timeout 0.2 actorctl "${dir[@]}" __complete "$@" 2>/dev/null)
}

# Completes pg, from its verb, its scope and the number n of arguments so far.
_actorctl_pg()
{
	case $verb$n in
	'0')
		COMPREPLY=($(compgen -W "$(actorctl __complete commands pg 2>/dev/null)" -- "$cur")) ;;
	ls0)
		_actorctl_names scopes ;;
	join1 | leave1)
		_actorctl_names names ;;
	members0 | join0 | leave0 | watch0 | cast0 | call0)
		_actorctl_names pgs ${scope:+"$scope"} ;;
	esac
}

# Everything after `spawn --` is another command line.
_actorctl_command()
{
	if declare -F _command_offset >/dev/null; then
		_command_offset $(($1 + 1))
	else
		COMPREPLY=($(compgen -c -- "$cur") $(compgen -f -- "$cur"))
	fi
}

complete -F _actorctl actorctl

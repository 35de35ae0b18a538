#!/bin/sh
# libactor.so exports exactly what libactor.sym lists. Each exported function is declared in a public header, except
# two functions that have the names of nng's, so that they are called in place of nng's (transport/nng/sp.c).
# usage: symbols.sh LIBRARY SYMFILE HEADERS [--update]        HEADERS is a folder; --update rewrites SYMFILE
set -eu

lib=$1 sym=$2 headers=$3
have=$(mktemp)
trap 'rm -f "$have"' EXIT
nm -D --defined-only "$lib" | awk '$2 ~ /^[TDBRVW]$/ { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort >"$have"

if [ "${4-}" = --update ]; then
	cat "$have" >"$sym"
fi
listed=$sym
if ! grep -q '^nng_' "$have"; then # the library was built with -Dtransport=native
	listed=$have.listed
	trap 'rm -f "$have" "$listed"' EXIT
	grep -v '^nng_' "$sym" >"$listed"
fi
if ! diff -u "$listed" "$have"; then
	echo "libactor.so does not export what $sym lists (-: missing, +: not listed)." >&2
	echo "If that is meant: tests/symbols.sh $lib $sym $headers --update" >&2
	exit 1
fi
while read -r name; do
	case $name in
	nng_stream_recv | nng_stream_send) continue ;;
	esac
	if ! grep -Eqr "^ACTOR_EXPORT .*[ *]$name\(" "$headers"; then
		echo "$name is exported but not declared ACTOR_EXPORT in $headers" >&2
		exit 1
	fi
done <"$have"

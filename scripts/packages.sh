# Other scripts source this file. need_packages PACKAGE... installs those of the Debian packages that are missing.

PACKAGES_BUILD="gcc libc6-dev meson ninja-build pkg-config libnng-dev libmsgpack-dev libjansson-dev libsmartcols-dev"

need_packages() {
  command -v dpkg-query >/dev/null || return 0 # this is no Debian; meson will say what is missing
  missing=
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  as_root=
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "These packages are missing, and there is no sudo. As root, run:  apt-get install$missing" >&2
      return 1
    fi
    as_root=sudo
  fi
  echo "installing:$missing"
  packages_log=$(mktemp)
  if ! { $as_root apt-get update && DEBIAN_FRONTEND=noninteractive \
    $as_root apt-get install -y --no-install-recommends $missing; } >"$packages_log" 2>&1 </dev/null; then
    tail -n 5 "$packages_log" >&2
    echo "The packages could not be installed; the whole story is in $packages_log. By hand:  apt-get install$missing" >&2
    return 1
  fi
  rm -f "$packages_log"
}

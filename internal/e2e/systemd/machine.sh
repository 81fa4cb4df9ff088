# A machine with a real systemd as PID 1, in systemd-nspawn. To be sourced; $scratch is a folder for it.
#
# The host may have hybrid cgroups and no systemd of its own: the machine gets a view of cgroup v2 alone,
# and a network that is nothing but loopback.

# tree_of is the folder of debian12 or debian13, in the user's cache. make_tree makes it if it is not
# there, in some minutes and 0.5 GB. It is whole once it has its final name.
tree_of() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/failover-monitor/$1"; }
make_tree() {
  local tree release packages=ca-certificates,systemd,systemd-sysv,dbus,curl
  tree=$(tree_of "$1")
  [ ! -d "$tree" ] || return 0
  case $1 in
  debian12) release=bookworm packages+=,rpm ;;
  debian13) # with what podman needs, with and without root
    release=trixie packages+=,dbus-user-session,libpam-systemd,iproute2,nftables,podman,crun,netavark
    packages+=,aardvark-dns,catatonit,procps,uidmap,passt
    ;;
  esac
  install_packages debootstrap:debootstrap
  rm -rf "$tree.part"
  mkdir -p "$tree.part"
  echo "making the $1 tree"
  debootstrap --variant=minbase --include="$packages" "$release" "$tree.part" \
    "$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)" \
    >"$scratch/debootstrap" 2>&1 || { tail "$scratch/debootstrap"; return 1; }
  mv "$tree.part" "$tree"
}

# machine_up boots it with these options for systemd-nspawn, and waits until it is up.
machine_up() {
  tr -d - </proc/sys/kernel/random/uuid >"$scratch/machine-id"
  # shellcheck disable=SC2016
  setsid unshare --mount --propagation private bash -c '
    umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
    mkdir "/sys/fs/cgroup/e2e.$$" && echo $$ >"/sys/fs/cgroup/e2e.$$/cgroup.procs" || exit 1
    exec systemd-nspawn --quiet "$@"' boot --boot --register=no --keep-unit --console=pipe --private-network \
    --bind-ro="$scratch/machine-id:/etc/machine-id" --bind-ro=/dev/null:/etc/systemd/system/systemd-machine-id-commit.service \
    "$@" </dev/null >"$scratch/console" 2>&1 &
  machine=$!
  for _ in {1..150}; do
    leader=$(awk '{print $1}' "/proc/$machine/task/"*/children 2>/dev/null) || true
    state=$([ -z "$leader" ] || inside systemctl is-system-running 2>/dev/null || true)
    case $state in running | degraded) return 0 ;; esac
    [ -d "/proc/$machine" ] || break
    sleep .2
  done
  cat "$scratch/console"
  echo "the machine does not boot"
  return 1
}

# inside runs a command in it.
inside() { nsenter --target "$leader" --all -- "$@" </dev/null; }

# machine_down switches it off, and removes what is left of its cgroup.
machine_down() {
  [ -n "${machine:-}" ] || return 0
  [ -z "${leader:-}" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true # power off
  for _ in {1..50}; do
    [ -d "/proc/$machine" ] || break
    sleep .2
  done
  kill -KILL "$machine" 2>/dev/null || true
  for cgroup in /sys/fs/cgroup/unified/e2e."$machine" /sys/fs/cgroup/e2e."$machine"; do
    [ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
}

# sites runs two sites in the machine, at the ports 9001 and 9002, with this program. ill breaks and heals
# one: ill 500, ill heal.
sites() {
  inside systemd-run --quiet --unit=sites --setenv=PORT=9000 "${1:-/usr/local/bin/failover-monitor}" demo
}
ill() { inside curl -s --fail "127.0.0.1:9003/site-b/$1" >/dev/null; }

# env_file makes an env file of env.example, or another, with the sites at these addresses:
# env_file FILE HOST:PORT HOST:PORT [EXAMPLE]
env_file() {
  inside install -m 600 -D "/src/${4:-env.example}" "$1"
  inside sed -i -E "s|^(SITE_A_HEALTH_URL)=.*|\1=http://$2|; s|^(SITE_B_HEALTH_URL)=.*|\1=http://$3|" "$1"
}

# value is what a site's KEDA is told: value SITE [PORT]
value() { inside curl -s --max-time 5 "127.0.0.1:${2:-8000}/metric/$1"; }
has_value() { [ "$(value "$1" "${3:-8000}")" = "{\"value\":$2}" ]; }

# commands are those of a section of a document: commands FILE HEADING
commands() {
  # shellcheck disable=SC2154
  awk -v heading="$2" '/^#/ { here = $0 == heading } here && sub(/^    (   )?/, "")' "$root/$1"
}

# install_packages installs the Debian packages whose command is missing: command:package …
install_packages() {
  local missing=()
  for package; do
    command -v "${package%%:*}" >/dev/null || missing+=("${package##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# soon repeats a command until it succeeds, for at most that many seconds: soon 20 command …
soon() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep .2
  done
}

# ok says that something holds. must has a command succeed, or shows the end of the journal and ends the suite.
ok() { echo "ok    $*"; }
fail() {
  echo "FAIL  $*"
  exit 1
}
must() {
  "$@" && return
  inside journalctl --no-pager --output short-precise --lines 40
  fail "$*"
}

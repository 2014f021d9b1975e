# Sourced by script/bootstrap. Finds a Node that runs TypeScript by itself (22.18 or newer), or fetches one from the
# npm registry, with nothing but a shell, tar, and npm or curl or wget. Every archive is checked against the SHA-512 in
# toolchain/runtimes.txt before it is unpacked, unpacked beside its final place, tried, and only then renamed into it:
# two racing runs both succeed, and a killed one leaves nothing that counts.

runtime_oldest_minor=18 # of Node 22
runtime_tried=()

# runtime_ensure ROOT: assigns runtime_node, and exports TENANTRY_NODE_DIR (empty for the system's Node) and
# TENANTRY_NPM_CLI (npm's script, empty when npm is on PATH).
runtime_ensure() {
  local root=$1 cache="${XDG_CACHE_HOME:-$HOME/.cache}/tenantry" platform
  export TENANTRY_NODE_DIR="" TENANTRY_NPM_CLI=""
  runtime_node=$(command -v node || true)
  if ! runtime_suits "$runtime_node"; then
    runtime_tried+=("node on PATH: ${runtime_node:-none}${runtime_node:+ is $("$runtime_node" --version 2>/dev/null || echo broken)}")
    platform=$(runtime_platform)
    runtime_fetch "$root" "$cache/node" "$platform" "a Node that runs TypeScript (about 55 MB, under a minute)" bin/node ||
      runtime_give_up "$platform"
    runtime_node="$runtime_place/bin/node"
    TENANTRY_NODE_DIR="$runtime_place/bin"
    PATH="$TENANTRY_NODE_DIR:$PATH"
  fi
  if ! command -v npm >/dev/null; then
    runtime_fetch "$root" "$cache/npm" any "npm (3 MB)" bin/npm-cli.js || runtime_give_up any
    TENANTRY_NPM_CLI="$runtime_place/bin/npm-cli.js"
  fi
}

# runtime_suits NODE: true when that Node is 22.18 or newer.
runtime_suits() {
  local version major minor
  [ -n "$1" ] && version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  [ "$major" -gt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -ge "$runtime_oldest_minor" ]; }
}

runtime_platform() {
  local system machine
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  machine=$(uname -m)
  case $machine in x86_64 | amd64) machine=x64 ;; aarch64 | arm64) machine=arm64 ;; esac
  echo "$system-$machine"
}

# runtime_fetch ROOT FOLDER PLATFORM WHAT PROBE: assigns runtime_place = FOLDER/<version>, holding the package whose
# file PROBE runs under a Node (or is one).
runtime_fetch() {
  local folder=$2 probe=$5 name version sha512 scratch
  read -r name version sha512 < <(awk -v platform="$3" '$1 == platform { print $2, $3, $4 }' "$1/toolchain/runtimes.txt") || {
    runtime_tried+=("npm registry: no package is pinned for $3")
    return 1
  }
  runtime_place="$folder/$version"
  runtime_works "$runtime_place/$probe" && return 0
  echo "Getting $4 into $runtime_place"
  mkdir -p "$folder"
  find "$folder" -maxdepth 1 -name '.new-*' -mtime +0 -exec rm -rf {} + # of runs killed a day ago or earlier
  scratch=$(mktemp -d "$folder/.new-XXXXXX")
  if runtime_download "$name" "$version" "$scratch" && runtime_check "$scratch/package.tgz" "$sha512" &&
    tar -xzf "$scratch/package.tgz" -C "$scratch" && runtime_works "$scratch/package/$probe"; then
    # Of two racing runs the second finds the place taken by an equal copy and drops its own.
    [ -d "$runtime_place" ] && ! runtime_works "$runtime_place/$probe" && rm -rf "$runtime_place"
    mv "$scratch/package" "$runtime_place" 2>/dev/null || true
    rm -rf "$scratch" "$runtime_place/package"
    runtime_works "$runtime_place/$probe" && return 0
  fi
  rm -rf "$scratch"
  runtime_tried+=("npm registry: $name@$version could not be downloaded, or did not run here")
  return 1
}

# npm goes first because it knows the user's registry and proxy.
runtime_download() {
  local file="$1-$2.tgz" registry="${npm_config_registry:-https://registry.npmjs.org}"
  if command -v npm >/dev/null &&
    (cd "$3" && npm pack --silent --fetch-retries=1 --fetch-timeout=60000 "$1@$2" >/dev/null 2>"$3/npm.log"); then
    mv "$3/$file" "$3/package.tgz"
  elif command -v curl >/dev/null; then
    curl -fsSL --connect-timeout 10 --max-time 600 -o "$3/package.tgz" "${registry%/}/$1/-/$file"
  elif command -v wget >/dev/null; then
    wget -q --timeout=30 --tries=2 -O "$3/package.tgz" "${registry%/}/$1/-/$file"
  else
    runtime_tried+=("download: neither npm nor curl nor wget is on PATH")
    return 1
  fi
}

runtime_check() {
  local sum
  if command -v sha512sum >/dev/null; then sum=$(sha512sum "$1"); else sum=$(shasum -a 512 "$1"); fi
  [ "${sum%% *}" = "$2" ] && return 0
  runtime_tried+=("download: its SHA-512 is ${sum%% *}, expected $2")
  return 1
}

runtime_works() {
  case $1 in
    *.js) [ -f "$1" ] && "$runtime_node" "$1" --version >/dev/null 2>&1 ;;
    *) [ -x "$1" ] && "$1" --version >/dev/null 2>&1 ;;
  esac
}

runtime_give_up() {
  {
    echo "Cannot get Node: this machine ($1) must have Node 22.18 or newer with npm, and fetching it failed. Tried:"
    printf '  - %s\n' "${runtime_tried[@]}"
    echo "Install Node 24 (https://nodejs.org, or your package manager), put it on PATH, and run script/bootstrap again."
  } >&2
  exit 1
}

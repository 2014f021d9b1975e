# Sourced, not run. Reads what the last bootstrap recorded and puts it on PATH.
# A record holds only while its inputs are unchanged and every tool is still the one that was found; anything else
# sends script/bootstrap through its full course. bash 3.2 (macOS) must do.

# Changes with anything that decides which tools are needed.
tools_fingerprint() {
  cat "$1/package-lock.json" "$1/toolchain/runtimes.txt" "$1"/toolchain/*.ts "$1"/toolchain/pulumi-cli/* |
    cksum
}

# tools_ready ROOT: true, with PATH set and tenantry_node, tenantry_pulumi, tenantry_language_host assigned, when the
# recorded tools are all there.
tools_ready() {
  local record="$1/node_modules/.tenantry-tools" before=$PATH
  [ -f "$record" ] || return 1
  . "$record"
  if [ "$tenantry_fingerprint" = "$(tools_fingerprint "$1")" ]; then
    # A shell that already has them keeps its PATH, so that scripts calling scripts do not make it grow.
    case "$PATH:" in "$tenantry_path_first:"*) ;; *) PATH="$tenantry_path_first${tenantry_path_first:+:}$PATH" ;; esac
    case ":$PATH:" in *":$tenantry_path_last:"*) ;; *) PATH="$PATH${tenantry_path_last:+:}$tenantry_path_last" ;; esac
    export PATH
    hash -r
    [ "$(command -v node)" = "$tenantry_node" ] &&
      [ "$(command -v pulumi)" = "$tenantry_pulumi" ] &&
      [ "$(command -v pulumi-language-nodejs)" = "$tenantry_language_host" ] && return 0
  fi
  PATH=$before
  return 1
}

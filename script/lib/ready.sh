# Sourced first by every script that needs the tools: bootstraps (silently when there is nothing to do), then sets
# PATH, and `root` to the checkout. The caller's working folder is left alone, so that paths it was given still hold.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$root/script/bootstrap" --quiet >&2
. "$root/script/lib/tools.sh"
tools_ready "$root"

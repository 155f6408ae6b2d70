#!/bin/sh
# Starts memos: the programs that are installed, or the package memcube-mcp by uvx.
#
#   run.sh server          the MCP server; the first time uvx fetches the package
#   run.sh hook EVENT …    a hook: fetches nothing and always ends with 0, as 2 would stop Claude
#   run.sh leave EVENT …   the same, but it ends at once and the work goes on: the end of a session waits for nobody

PACKAGE=memcube-mcp==0.1.0

# Other projects have a program memos too: ours is the one beside memos-mcp.
server=$(command -v memos-mcp 2>/dev/null)
memos=${server%/*}/memos

case $1 in
server)
    if [ -n "$server" ]; then
        exec "$server"
    elif command -v uvx >/dev/null 2>&1; then
        exec uvx --from "$PACKAGE" memos-mcp
    fi
    echo "memos is not installed: pip install memcube-mcp (or install uv), then start Claude Code again" >&2
    exit 127
    ;;
leave)
    shift
    said=$(cat)
    (printf '%s' "$said" | nohup sh "$0" hook "$@" >/dev/null 2>&1 &)
    exit 0
    ;;
hook)
    if [ -n "$server" ] && [ -x "$memos" ]; then
        "$memos" "$@"
    elif [ -z "$server" ] && command -v uvx >/dev/null 2>&1; then
        uvx --offline --quiet --from "$PACKAGE" memos "$@"
    fi
    exit 0
    ;;
esac
echo "usage: run.sh server | hook EVENT | leave EVENT" >&2
exit 64

# Sourced: the whole system in a scratch directory of its own, on free ports, with everything that `make run` starts.
# system_start [NAME=value ...] sets URL, RUN_DIR, SIM and LOG, and waits until it is ready; system_stop ends it, system_end removes its files too.
# BUILD is where the programs are (build/asan by default).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$root/build/asan}
ADMIN_PASSWORD=browser-test-password

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

system_start() {
    SCRATCH=$(mktemp -d /tmp/logikald-browser.XXXXXX)
    chmod 711 "$SCRATCH"
    LOG=$SCRATCH/log RUN_DIR=$SCRATCH/run
    local user pg_bin port sim
    user=$(id -un)
    [ "$(id -u)" != 0 ] || { user=postgres; id -u $user >/dev/null 2>&1 || user=nobody; }
    pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    mkdir -p -m 700 "$RUN_DIR" "$SCRATCH/postgres" "$SCRATCH/redis"
    [ "$(id -u)" != 0 ] || chown "$user" "$SCRATCH/postgres" "$SCRATCH/redis"
    local as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env HOME=/)
    (cd / && "${as[@]}" sh -euc '"$1/initdb" -D "$2" -U "$3" -A trust -E UTF8 --locale=C.UTF-8 --no-sync
        echo "CREATE DATABASE logikald" | "$1/postgres" --single -D "$2" postgres' \
        _ "$pg_bin" "$SCRATCH/postgres/data" "$user") >"$SCRATCH/initdb.log" 2>&1 || { cat "$SCRATCH/initdb.log"; return 1; }
    port=$(free_port) sim=$(free_port)
    URL=http://127.0.0.1:$port SIM=http://127.0.0.1:$sim/_sim
    env -u DATABASE_URL -u REDIS_URL -u REDIS_HOST -u LOGIKAL_API_BASE_URL \
        PORT="$port" LOGIKALD_SIM_PORT="$sim" LOGIKALD_VAR="$SCRATCH" LOGIKALD_PROGRAMS="$BUILD" \
        LOGIKALD_PROGRAM_USER="$user" LOGIKALD_PG_BIN="$pg_bin" LOGIKALD_DEV_RUN_DIR="$RUN_DIR" \
        ADMIN_PASSWORD="$ADMIN_PASSWORD" VIEWER_PASSWORD=browser-test-viewer SECRET_KEY=5f0c1c1be38647b8a7b3d9a5f4a1e6c2 \
        JWT_SECRET_KEY=9b1de3c25f0c4a6e8d7f6a5b4c3d2e1f SYNC_INTERVAL_SECONDS=2 WORKER_CONCURRENCY=2 \
        MEMORY_SOFT_BYTES=0 MEMORY_HARD_BYTES=0 WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8 WEBHOOK_TICK_SECONDS=1 "$@" \
        setsid "$BUILD/logikald" --config "$root/conf/development.cfg" >"$LOG" 2>&1 &
    SYSTEM_PID=$!
    PG_URL="postgresql://$user@/logikald?host=$SCRATCH/postgres" REDIS_SOCKET=$SCRATCH/redis/redis.sock
    local end=$((SECONDS + 40))
    until curl -fsS -o /dev/null "$URL/api/v1/health/ready" 2>/dev/null; do
        if [ $SECONDS -ge $end ] || ! kill -0 "$SYSTEM_PID" 2>/dev/null; then
            echo "the system did not become ready:"; tail -n 40 "$LOG"; return 1
        fi
        sleep 0.1
    done
    export URL SIM RUN_DIR LOG PG_URL REDIS_SOCKET ADMIN_PASSWORD BUILD SCRATCH
}

system_stop() {
    [ -n "${SYSTEM_PID:-}" ] || return 0
    kill -TERM "$SYSTEM_PID" 2>/dev/null || true
    local end=$((SECONDS + 40))
    while kill -0 "$SYSTEM_PID" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.1; done
    kill -KILL -- "-$SYSTEM_PID" 2>/dev/null || true
    wait "$SYSTEM_PID" 2>/dev/null || true
    SYSTEM_PID=
}

system_end() {
    system_stop
    [ -n "${KEEP:-}" ] || rm -rf "${SCRATCH:?}"
}

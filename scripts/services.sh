#!/usr/bin/env bash
# Starts a PostgreSQL and a Redis for tests, on free ports, with a temporary data folder.
#
#   scripts/services.sh COMMAND...   runs COMMAND with TEST_DATABASE_URL and TEST_REDIS_URL set, and exits with its code
#   scripts/services.sh              prints these variables as NAME=value lines, then `ready`, and runs until its stdin ends
#
# If TEST_DATABASE_URL or TEST_REDIS_URL is already set, that server is used instead of starting one. For the servers that
# it starts, the script also sets TEST_POSTGRES_DATA (the data folder), TEST_POSTGRES_BIN (the folder of PostgreSQL's
# programs) and TEST_REDIS_PID.
# SERVICES (default "postgres redis") lists the servers to provide. With "mariadb" it starts a MariaDB whose user root has
# no password, and sets TEST_MARIADB_SOCKET, the socket that it listens on.
set -euo pipefail

wanted=" ${SERVICES:-postgres redis} "
folder=""
postgres_bin=""
redis_pid=""
mariadb_pid=""
as_user=()

fail() {
  echo "services.sh: $*" >&2
  exit 1
}

stop() {
  trap - EXIT
  if [ -f "$folder/postgres/postmaster.pid" ]; then
    # a test may have paused PostgreSQL with SIGSTOP, and a paused server cannot stop
    local postmaster
    postmaster=$(head -n 1 "$folder/postgres/postmaster.pid")
    pkill -CONT -P "$postmaster" || true
    kill -CONT "$postmaster" 2>/dev/null || true
    as_owner "$postgres_bin/pg_ctl" stop -D "$folder/postgres" -m immediate -s || true
  fi
  if [ -n "$redis_pid" ]; then kill -KILL "$redis_pid" 2>/dev/null || true; fi
  if [ -n "$mariadb_pid" ]; then kill -KILL "$mariadb_pid" 2>/dev/null || true; fi
  if [ -n "$folder" ]; then rm -rf "$folder"; fi
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

make_folder() {
  [ -n "$folder" ] && return
  folder=$(mktemp -d "${TMPDIR:-/tmp}/latchkey-services-XXXXXX")
  # PostgreSQL and MariaDB refuse to run as root
  if [ "$(id -u)" = 0 ]; then
    local user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    chown "$user" "$folder"
    as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
  fi
}

as_owner() {
  (cd "$folder" && exec "${as_user[@]}" "$@")
}

find_postgres() {
  local candidate
  for candidate in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) "$(dirname "$(command -v postgres || echo /none/x)")"; do
    if [ -x "$candidate/initdb" ]; then
      postgres_bin=$candidate
      return
    fi
  done
  fail "PostgreSQL is missing: apt-get install postgresql, or set TEST_DATABASE_URL."
}

# The database has a linguistic collation, so that a test fails if a query relies on the order of bytes without asking for it.
# fsync is off, because tests kill processes, not the machine. synchronous_commit is off only as the default: Latchkey turns it
# on for the transactions that need it.
start_postgres() {
  find_postgres
  make_folder
  as_owner "$postgres_bin/initdb" -D "$folder/postgres" -U latchkey -A trust -E UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en-US -N >"$folder/initdb.log" 2>&1 ||
    fail "initdb failed: $(tail -n 3 "$folder/initdb.log")"
  local port try
  for try in 1 2 3 4 5; do
    port=$(free_port)
    as_owner tee "$folder/postgres/postgresql.auto.conf" >/dev/null <<CONF
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 400
shared_buffers = 128MB
autovacuum_naptime = 10s
CONF
    if as_owner "$postgres_bin/pg_ctl" start -D "$folder/postgres" -l "$folder/postgres.log" -s -w </dev/null; then
      export TEST_DATABASE_URL="postgres://latchkey@127.0.0.1:$port/postgres"
      export TEST_POSTGRES_DATA="$folder/postgres"
      export TEST_POSTGRES_BIN="$postgres_bin"
      return
    fi
  done
  fail "PostgreSQL does not start: $(tail -n 3 "$folder/postgres.log")"
}

start_redis() {
  local server port try
  server=$(command -v redis-server || command -v valkey-server) ||
    fail "Redis is missing: apt-get install redis-server, or set TEST_REDIS_URL."
  make_folder
  for try in 1 2 3 4 5; do
    port=$(free_port)
    (cd "$folder" && exec "${as_user[@]}" "$server" --port "$port" --bind 127.0.0.1 --save "" --appendonly no) \
      >"$folder/redis.log" 2>&1 </dev/null &
    redis_pid=$!
    disown "$redis_pid"
    for _ in $(seq 100); do
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        export TEST_REDIS_URL="redis://127.0.0.1:$port"
        export TEST_REDIS_PID=$redis_pid
        return
      fi
      kill -0 "$redis_pid" 2>/dev/null || break
      sleep 0.05
    done
  done
  fail "Redis does not start: $(tail -n 3 "$folder/redis.log")"
}

# MariaDB listens on a Unix socket, not on a port, because only programs on this machine use it.
start_mariadb() {
  local server
  server=$(PATH="$PATH:/usr/sbin" command -v mariadbd) ||
    fail "MariaDB is missing: apt-get install mariadb-server-core mariadb-client."
  make_folder
  as_owner mariadb-install-db --no-defaults --datadir="$folder/mariadb" --auth-root-authentication-method=normal \
    --skip-test-db --skip-name-resolve --innodb-flush-method=nosync >"$folder/mariadb.log" 2>&1 ||
    fail "mariadb-install-db failed: $(tail -n 3 "$folder/mariadb.log")"
  (cd "$folder" && exec "${as_user[@]}" "$server" --no-defaults --datadir="$folder/mariadb" --skip-networking \
    --socket="$folder/mariadb.sock" --pid-file="$folder/mariadb.pid" --innodb-flush-method=nosync) \
    >>"$folder/mariadb.log" 2>&1 </dev/null &
  mariadb_pid=$!
  disown "$mariadb_pid"
  for _ in $(seq 300); do
    if mariadb-admin --no-defaults --socket="$folder/mariadb.sock" --user=root ping >/dev/null 2>&1; then
      export TEST_MARIADB_SOCKET="$folder/mariadb.sock"
      return
    fi
    kill -0 "$mariadb_pid" 2>/dev/null || break
    sleep 0.1
  done
  fail "MariaDB does not start: $(tail -n 3 "$folder/mariadb.log")"
}

trap stop EXIT
trap 'exit 130' INT TERM HUP
if [[ $wanted == *" postgres "* && -z ${TEST_DATABASE_URL:-} ]]; then start_postgres; fi
if [[ $wanted == *" redis "* && -z ${TEST_REDIS_URL:-} ]]; then start_redis; fi
if [[ $wanted == *" mariadb "* ]]; then start_mariadb; fi

if [ $# -gt 0 ]; then
  "$@"
  exit $?
fi
for name in TEST_DATABASE_URL TEST_POSTGRES_DATA TEST_POSTGRES_BIN TEST_REDIS_URL TEST_REDIS_PID TEST_MARIADB_SOCKET; do
  if [ -n "${!name:-}" ]; then echo "$name=${!name}"; fi
done
echo ready
cat >/dev/null

#!/bin/sh
# What the postgres image does at its first start, as far as compose.yaml asks for it; then the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --auth=trust --encoding=UTF8 --no-sync >/dev/null
    echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\";" | postgres --single postgres >/dev/null
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp

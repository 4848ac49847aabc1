# One image for every component: `logikald` (all in one), `logikald web`, `logikald worker`, `logikald beat`,
# `logikald migrate`. Other targets: `simulator` (the upstream of compose.yaml), `debug` (the separate debug files).
# The base is one digest, of all architectures; `scripts/image refresh` looks for a newer one. SNAPSHOT=20260918T000000Z takes the
# packages from Debian's archive as of that time: the same versions whenever it is built.

ARG BASE=docker.io/library/debian:bookworm-20260918-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251
FROM ${BASE} AS base
ARG SNAPSHOT
RUN [ -z "$SNAPSHOT" ] || { sed -i -E "s,^(URIs: http://)deb(.debian.org/)(debian|debian-security)/?$,\1snapshot\2archive/\3/$SNAPSHOT," \
        /etc/apt/sources.list.d/debian.sources && echo 'Acquire::Check-Valid-Until "false";' >/etc/apt/apt.conf.d/snapshot; }

FROM base AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc make pkg-config libc6-dev libevent-dev libhiredis-dev libcjson-dev \
    libconfig-dev libsodium-dev libjwt-dev libcurl4-openssl-dev libsqlite3-dev libpq-dev zlib1g-dev libssl-dev libpng-dev \
    libseccomp-dev libbz2-dev liblzma-dev libzstd-dev libpcre2-dev
WORKDIR /src
COPY . .
# Paths and times of the build leave no trace in the programs: the same sources give the same bytes.
ARG REVISION
ENV SOURCE_DATE_EPOCH=0 CFLAGS=-ffile-prefix-map=/src=.
RUN [ -n "$REVISION" ] || unset REVISION \
 && make -j"$(nproc)" programs \
 && mkdir -p /out/bin /out/debug \
 && for p in logikald logikald-roles logikald-beat logikal-sim; do \
        objcopy --only-keep-debug --compress-debug-sections "build/$p" "/out/debug/$p.debug" \
     && strip -o "/out/bin/$p" "build/$p" \
     && objcopy --add-gnu-debuglink="/out/debug/$p.debug" "/out/bin/$p" || exit 1; done

FROM scratch AS debug
COPY --from=build /out/debug/ /

FROM base AS runtime
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates libevent-core-2.1-7 \
    libevent-extra-2.1-7 libevent-openssl-2.1-7 libhiredis0.14 libcjson1 libconfig9 libsodium23 libjwt0 libcurl4 \
    libsqlite3-0 libpq5 zlib1g libssl3 libseccomp2 libbz2-1.0 liblzma5 libzstd1 libpcre2-8-0 \
 && find /usr/share/doc -type f ! -name copyright -delete \
 && rm -rf /usr/share/man/* /usr/share/locale/* /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache /var/log/* \
    /var/lib/dpkg/*-old \
 && groupadd --gid 10001 logikald \
 && useradd --uid 10001 --gid 10001 --home-dir / --no-create-home --shell /usr/sbin/nologin logikald \
 && rm -f /etc/*- /var/log/*

FROM runtime AS simulator
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libpng16-16 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt
COPY --from=build /out/bin/logikal-sim /usr/local/bin/
USER 10001:10001
EXPOSE 8901
CMD ["logikal-sim", "--host", "0.0.0.0", "--port", "8901", "--preset", "demo"]

FROM runtime
ARG BASE
ARG VERSION
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="logikald" \
      org.opencontainers.image.description="Keeps a PostgreSQL copy of a Logikal system fresh and serves it" \
      org.opencontainers.image.vendor="the logikald authors" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /out/bin/logikald /out/bin/logikald-roles /out/bin/logikald-beat /usr/local/bin/
# /dev/shm can be written to even where the root file system is read-only; nothing else is.
ENV ENVIRONMENT=production HOST=0.0.0.0 PORT=8001 LOG_FORMAT=json LOGIKALD_RUN_DIR=/dev/shm/logikald
USER 10001:10001
EXPOSE 8001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["logikald", "check", "--live"]
CMD ["logikald"]

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t ngx-mlsec .                      the gateway
#   docker build -t ngx-mlsec-demo --target demo .   the demo services
#
# BASE may carry a digest. The two halves of the gateway, compiler and server,
# start from one layer, so that module and nginx are always of one version.

ARG BASE=debian:bookworm-slim


# ---- what runs: nginx and what util/render needs -------------------------

FROM ${BASE} AS nginx

RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
           --no-install-recommends ca-certificates \
           libhiredis0.14 libjansson4 libjwt0 nginx \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*


# ---- the module ----------------------------------------------------------

FROM nginx AS build

WORKDIR /src
COPY util/deps util/paths.sh util/
RUN util/deps build

COPY util/build util/
COPY config ngx_mlsec_module.c ./
COPY src src
# an update of nginx that came in with nginx-dev would be another server than
# the one that runs: build without the cache then
RUN util/build \
    && strip --strip-unneeded build/ngx_mlsec_module.so \
    && dpkg-query -W -f '${Version}\n' nginx-dev > build/nginx-version


# ---- the demo services: docker build --target demo -----------------------

FROM ${BASE} AS demo

RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
           --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

COPY util/demo /opt/mlsec/util/demo

USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/python3", "-E", "-S", "/opt/mlsec/util/demo/listen.py"]
CMD ["model-api"]

LABEL org.opencontainers.image.title="ngx_mlsec_module demo services" \
      org.opencontainers.image.licenses="Apache-2.0"


# ---- the gateway ---------------------------------------------------------

FROM nginx AS gateway

WORKDIR /opt/mlsec
COPY LICENSE ./
COPY conf conf
COPY util/render util/cpus util/environment.sh util/paths.sh util/image-start \
     util/image-health util/
COPY --from=build /src/build/ngx_mlsec_module.so /src/build/nginx-version \
     build/

# /tmp is the only place that is written to: a tmpfs where the root file
# system is read-only
ENV RUN_DIR=/tmp/mlsec \
    SERVICE_HOST=0.0.0.0 \
    SERVICE_PORT=8007 \
    ACCESS_LOG=/dev/stdout \
    ERROR_LOG=stderr

USER 65532:65532

# the module loads into this very nginx, and what is rendered is taken (stdout
# of a build step is not this user's)
RUN [ "$(cat build/nginx-version)" \
      = "$(dpkg-query -W -f '${Version}' nginx)" ] \
    && ACCESS_LOG=/dev/null util/image-start check \
    && rm -rf /tmp/mlsec

EXPOSE 8007
# QUIT: running requests are answered, for 30 s at most
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/opt/mlsec/util/image-health"]
ENTRYPOINT ["/opt/mlsec/util/image-start"]

ARG VERSION=unreleased
LABEL org.opencontainers.image.title="ngx_mlsec_module" \
      org.opencontainers.image.description="API gateway and JSON aggregation on nginx" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"

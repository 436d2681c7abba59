# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034

# Sourced by util/render: what the environment may say, and the checks. The
# first bad variable ends it with one line; secrets are never printed.

# name, variable of its URL, alias of that
SERVICES='model-api MODEL_API_URL -
training TRAINING_SERVICE_URL TRAINING_URL
analytics ANALYTICS_SERVICE_URL ANALYTICS_URL
business-metrics BUSINESS_METRICS_URL -
data-privacy DATA_PRIVACY_URL -
model-cache MODEL_CACHE_URL -
tracing TRACING_URL -
mlflow MLFLOW_URL -
red-team RED_TEAM_URL -'

# ---- words --------------------------------------------------------------

# value_of NAME VARIABLE: without a process, of which a start had a hundred. The
# newline at the end of a secret that was made with "echo" is none of it.
value_of() {
    eval "$2=\${$1-}
    case \$$2 in
        *\"\$NL\") $2=\${$2%\"\$NL\"}; $1=\$$2 ;;
    esac"
}

# What may be shown of a value: no user, password or query, one line.
shown() {
    v=$1
    case $v in
        *@*) case $v in
                 *://*) v="${v%%://*}://***@${v##*@}" ;;
                 *)     v="***@${v##*@}" ;;
             esac ;;
    esac
    case $v in
        *\?*) v="${v%%\?*}?***" ;;
    esac
    printf '%.200s' "$v" | tr -c '[:print:]' '?'
}

# bad NAME EXPECTED: the one line, and the end. Of a store only the scheme is
# shown: where a password begins is not known in what is not well formed.
bad() {
    case $1 in
        POSTGRES_URL|DATABASE_URL|REDIS_URL)
            value_of "$1" v
            case $v in
                *://*) die "$1=\"$(shown "${v%%://*}")://***\": expected $2" ;;
                *)     die "$1=\"***\": expected $2" ;;
            esac ;;
    esac
    value_of "$1" v
    die "$1=\"$(shown "$v")\": expected $2"
}

# ---- checks -------------------------------------------------------------

is_number() {       # text low high
    case $1 in
        ''|*[!0-9]*|0?*|??????*) return 1 ;;
    esac
    [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_ipv4() {
    case $1 in
        *[!0-9.]*|.*|*.|*..*) return 1 ;;
    esac
    octets=0
    rest=$1.
    while [ -n "$rest" ]; do
        is_number "${rest%%.*}" 0 255 || return 1
        rest=${rest#*.}
        octets=$((octets + 1))
    done
    [ "$octets" = 4 ]
}

is_ipv6() {
    case $1 in
        *[!0-9A-Fa-f:.]*|*:::*|*::*::*|*[!:]:) return 1 ;;
        *:*:*) return 0 ;;
    esac
    return 1
}

is_host() {         # a DNS name; underscores occur in container networks
    case $1 in
        ''|*[!A-Za-z0-9._-]*|[.-]*|*[.-]|*..*|*-.*|*.-*) return 1 ;;
    esac
    # an all-numeric last label would be a mistyped address
    case ${1##*.} in
        *[!0-9]*) ;;
        *) return 1 ;;
    esac
    [ ${#1} -le 253 ]
}

is_boolean() {
    case $1 in
        [Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|1|0|[Oo][Nn]|[Oo][Ff][Ff]) ;;
        [Yy][Ee][Ss]|[Nn][Oo]) ;;
        *) return 1 ;;
    esac
}

is_true() {
    case $1 in
        [Tt][Rr][Uu][Ee]|1|[Oo][Nn]|[Yy][Ee][Ss]) ;;
        *) return 1 ;;
    esac
}

# split_url URL: true with SCHEME HOST PORT PREFIX HOST_HEADER when it is
# http(s)://host[:port][/path] without user, query, fragment, blanks or
# anything that means something to nginx.
split_url() {
    case $1 in
        http://*)  SCHEME=http  PORT=80 ;;
        https://*) SCHEME=https PORT=443 ;;
        *) return 1 ;;
    esac
    rest=${1#*://}
    case $rest in
        ''|*[!]A-Za-z0-9._~:/%[-]*|*/../*|*/..|*/./*|*/.) return 1 ;;
    esac

    HOST_HEADER=${rest%%/*}
    PREFIX=${rest#"$HOST_HEADER"}
    while :; do
        case $PREFIX in
            */) PREFIX=${PREFIX%/} ;;
            *)  break ;;
        esac
    done
    case $PREFIX in
        *//*|*[][:]*|*%|*%?|*%[!0-9A-Fa-f]*|*%?[!0-9A-Fa-f]*) return 1 ;;
    esac

    case $HOST_HEADER in
        \[*\]:*) HOST=${HOST_HEADER%%\]*} HOST=${HOST#\[}
                 PORT=${HOST_HEADER##*\]:} ;;
        \[*\])   HOST=${HOST_HEADER#\[} HOST=${HOST%\]} ;;
        *:*)     HOST=${HOST_HEADER%%:*} PORT=${HOST_HEADER#*:} ;;
        *)       HOST=$HOST_HEADER ;;
    esac
    is_number "$PORT" 1 65535 || return 1

    case $HOST_HEADER in
        \[*) is_ipv6 "$HOST" ;;
        *)   is_ipv4 "$HOST" || is_host "$HOST" ;;
    esac
}

is_rate() {
    case $1 in
        off) return 0 ;;
        *r/[smhd]) is_number "${1%r/?}" 1 99999 ;;
        *) return 1 ;;
    esac
}

is_origin() {
    [ "$1" != '*' ] || return 0
    split_url "$1" && [ "$1" = "$SCHEME://$HOST_HEADER" ]
}

is_service() {
    printf '%s\n' "$SERVICES" | cut -d' ' -f1 | grep -Fqx -- "$1"
}

is_cidr() {
    bits=${1#*/}
    if is_ipv4 "${1%%/*}"; then
        [ "$1" = "${1%%/*}" ] || is_number "$bits" 0 32
    else
        is_ipv6 "${1%%/*}" || return 1
        [ "$1" = "${1%%/*}" ] || is_number "$bits" 0 128
    fi
}

is_address() {      # of a DNS server
    case $1 in
        \[*\]:*) is_number "${1##*\]:}" 1 65535 || return 1
                 address=${1%%\]*}
                 is_ipv6 "${address#\[}" ;;
        \[*\])   address=${1#\[}
                 is_ipv6 "${address%\]}" ;;
        *:*)     is_number "${1#*:}" 1 65535 && is_ipv4 "${1%%:*}" ;;
        *)       is_ipv4 "$1" ;;
    esac
}

# each LIST CHECK: every element, split at commas and blanks; not empty.
each() {
    set -f
    old=$IFS
    IFS=", $NL"
    # shellcheck disable=SC2086
    set -- "$2" $1
    IFS=$old
    set +f
    check=$1
    shift
    [ $# -gt 0 ] || return 1
    for element in "$@"; do
        "$check" "$element" || return 1
    done
    LIST=$*
}

# check_store NAME SCHEMES EXPECTED: the URL of a store:
# scheme://[user[:password]@]host[:port][/path][?query]
check_store() {
    url=
    value_of "$1" url
    case $url in
        *[!!-~]*) bad "$1" "$3" ;;
        *://*) ;;
        *) bad "$1" "$3" ;;
    esac
    case " $2 " in
        *" ${url%%://*} "*) ;;
        *) bad "$1" "$3" ;;
    esac
    host=${url#*://} host=${host%%\?*} host=${host%%/*} host=${host##*@}
    if ! split_url "http://$host" || [ -n "$PREFIX" ]; then
        bad "$1" "$3"
    fi
}

# The DNS servers of this machine, for nginx. One with a zone (fe80::1%eth0) is
# not for others than this machine's own resolver.
RESOLV_CONF=${RESOLV_CONF:-/etc/resolv.conf}

system_resolvers() {
    found=
    while read -r word address _; do
        [ "$word" = nameserver ] || continue
        if is_ipv4 "$address"; then
            found="$found $address"
        elif is_ipv6 "$address"; then
            found="$found [$address]"
        fi
    done <<END
$(cat "$RESOLV_CONF" 2>/dev/null)
END
    printf '%s' "${found# }"
}

# ---- the environment ----------------------------------------------------

# An empty variable is an unset one: compose files pass those.
alias_of() {        # first second
    value_of "$1" first
    value_of "$2" second
    if [ -n "$first" ] && [ -n "$second" ] && [ "$first" != "$second" ]; then
        say "$1 and $2 differ, $1 counts"
    fi
    [ -n "$first" ] || [ -z "$second" ] || {
        eval "$1=\$second"
        eval "NAME_$1=\$2"
    }
}

check_environment() {
    [ -z "${SERVICE_PORT-}" ] || is_number "$SERVICE_PORT" 1 65535 \
        || bad SERVICE_PORT 'a port from 1 to 65535'

    case ${SERVICE_HOST-} in
        ''|localhost|'*') ;;
        \[*\]) v=${SERVICE_HOST#\[}
               is_ipv6 "${v%\]}" \
                   || bad SERVICE_HOST 'an IP address of this machine' ;;
        *) is_ipv4 "$SERVICE_HOST" || is_ipv6 "$SERVICE_HOST" \
               || bad SERVICE_HOST 'an IP address of this machine' ;;
    esac

    case ${SERVICE_NAME-1} in
        *[!A-Za-z0-9._-]*|?????????????????????????????????????????*)
            bad SERVICE_NAME 'up to 40 of the characters A-Z a-z 0-9 . _ -' ;;
    esac
    case ${SERVICE_VERSION-1} in
        *[!A-Za-z0-9._+-]*|?????????????????????????????????????????*)
            bad SERVICE_VERSION 'up to 40 of the characters A-Z a-z 0-9 . _ + -'
    esac

    case $(printf '%s' "${LOG_LEVEL-}" | tr '[:lower:]' '[:upper:]') in
        '')           ERROR_LEVEL=notice ;;
        DEBUG)        ERROR_LEVEL=debug ;;
        INFO)         ERROR_LEVEL=info ;;
        WARN|WARNING) ERROR_LEVEL=warn ;;
        ERROR)        ERROR_LEVEL=error ;;
        CRITICAL)     ERROR_LEVEL=crit ;;
        *) bad LOG_LEVEL 'DEBUG, INFO, WARNING, ERROR or CRITICAL' ;;
    esac

    for name in ENABLE_WEBSOCKET PROMETHEUS_ENABLED JAEGER_ENABLED; do
        value_of "$name" v
        [ -z "$v" ] || is_boolean "$v" || bad "$name" 'true or false'
    done
    case ${LIMITS-} in
        ''|on|off) ;;
        *) bad LIMITS 'on or off' ;;
    esac
    for name in LIMIT_ADDRESS LIMIT_IDENTITY LIMIT_PREDICTIONS \
                LIMIT_TRAINING LIMIT_CHANGES LIMIT_FAILURES
    do
        value_of "$name" v
        [ -z "$v" ] || is_rate "$v" \
            || bad "$name" 'a rate such as 100r/s (r/m, r/h, r/d), or off'
    done
    case ${REQUIRE_HTTPS-} in
        ''|off|redirect|refuse) ;;
        *) bad REQUIRE_HTTPS 'off, redirect or refuse' ;;
    esac
    case ${MLSEC_DEMO-} in
        ''|auto|open|off) ;;
        *) bad MLSEC_DEMO 'auto, open or off' ;;
    esac

    [ -z "${WEBSOCKET_CLEANUP_INTERVAL-}" ] \
        || is_number "$WEBSOCKET_CLEANUP_INTERVAL" 1 86400 \
        || bad WEBSOCKET_CLEANUP_INTERVAL 'seconds from 1 to 86400'

    ORIGINS=
    origins='a JSON array or comma list of origins (https://host[:port]) or *'
    if [ -n "${CORS_ORIGINS-}" ]; then
        LIST=
        v=$(printf '%s' "$CORS_ORIGINS" | tr -s '\t\r\n ' ' ')
        v=${v# } v=${v% }
        case $v in
            \[*) printf '%s' "$v" | grep -Eq \
                     '^\[ ?("[^"\\ ]*"( ?, ?"[^"\\ ]*")*)? ?\]$' \
                     || bad CORS_ORIGINS "$origins"
                 v=$(printf '%s' "$v" | tr -d '][" ') ;;
        esac
        [ -z "$v" ] || each "$v" is_origin || bad CORS_ORIGINS "$origins"
        ORIGINS=$LIST
    fi

    CRITICAL=
    if [ -n "${CRITICAL_SERVICES-}" ]; then
        each "$CRITICAL_SERVICES" is_service || bad CRITICAL_SERVICES \
            'a comma list of services (model-api,training)'
        CRITICAL=$LIST
    fi

    TRUSTED=
    if [ -n "${TRUSTED_PROXIES-}" ]; then
        each "$TRUSTED_PROXIES" is_cidr || bad TRUSTED_PROXIES \
            'a comma list of addresses or networks (10.0.0.0/8)'
        TRUSTED=$LIST
    fi
    RESOLVERS=
    case ${RESOLVER-} in
        '')  RESOLVERS=$(system_resolvers) ;;
        off) ;;
        *)   each "$RESOLVER" is_address || bad RESOLVER \
                 'a comma list of DNS server addresses, addr[:port], or off'
             RESOLVERS=$LIST ;;
    esac

    case ${DASHBOARD_ROOT-} in
        ''|/*) ;;
        *)     DASHBOARD_ROOT=$PWD/$DASHBOARD_ROOT ;;
    esac
    [ -z "${DASHBOARD_ROOT-}" ] || [ -f "$DASHBOARD_ROOT/index.html" ] \
        || bad DASHBOARD_ROOT 'a folder with an index.html that can be read'

    for name in JWT_KEY_FILE JWT_REVOKED_FILE API_KEYS_FILE UPSTREAM_CA_FILE \
                UPSTREAM_CERT_FILE UPSTREAM_KEY_FILE UPSTREAM_TOKEN_KEY_FILE
    do
        value_of "$name" v
        [ -z "$v" ] || { [ -f "$v" ] && [ -r "$v" ]; } \
            || bad "$name" 'a file that can be read'
    done
    case ${AUDIT_LOG-} in
        ''|off|/*) ;;
        *) bad AUDIT_LOG 'an absolute path, or off' ;;
    esac
    [ -z "${UPSTREAM_KEY_FILE-}" ] || [ -n "${UPSTREAM_CERT_FILE-}" ] \
        || die 'UPSTREAM_KEY_FILE is set, and UPSTREAM_CERT_FILE is not'
    for name in JWT_ISSUER JWT_AUDIENCE UPSTREAM_TOKEN_ISSUER \
                UPSTREAM_TOKEN_AUDIENCE
    do
        value_of "$name" v
        case $v in
            *[!!-~]*|*[\"\\]*) bad "$name" 'printable characters, no blanks' ;;
        esac
    done
    for name in DASHBOARD_URL JWT_JWKS_URL OTEL_EXPORTER_OTLP_ENDPOINT; do
        value_of "$name" v
        [ -z "$v" ] || split_url "$v" \
            || bad "$name" 'http(s)://host[:port][/path]'
    done

    [ -z "${POSTGRES_URL-}" ] \
        || check_store POSTGRES_URL 'postgresql postgres' \
            'postgresql://[user[:password]@]host[:port]/database'
    [ -z "${DATABASE_URL-}" ] \
        || check_store DATABASE_URL 'postgresql postgres' \
            'postgresql://[user[:password]@]host[:port]/database'
    if [ -n "${REDIS_URL-}" ]; then
        v='redis[s]://[[user]:password@]host[:port][/number]'
        check_store REDIS_URL 'redis rediss' "$v"
        database=${REDIS_URL#*://} database=${database##*@}
        case $database in
            *\?*|*\#*) bad REDIS_URL "$v" ;;
            */?*) is_number "${database#*/}" 0 65535 || bad REDIS_URL "$v" ;;
        esac
    fi

    while read -r service first second; do
        for name in "$first" "$second"; do
            [ "$name" != - ] || continue
            value_of "$name" v
            [ -z "$v" ] || split_url "$v" \
                || bad "$name" 'http(s)://host[:port][/path]'
        done
    done <<END
$SERVICES
END

    for v in "$RUN_DIR" "$CONF_DIR" "$MODULE" "$HTML" "$CA_FILE" \
             "${ACCESS_LOG-}" "${ERROR_LOG-}" "${AUDIT_LOG-}" \
             "${DASHBOARD_ROOT-}"
    do
        case $v in
            *[\"\\\$\;{}]*|*[!\ -~]*)
                die "the path \"$(shown "$v")\" has characters that nginx" \
                    "does not take" ;;
        esac
    done
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * mlsec-token: keys and tokens on the command line.
 *
 *   keygen   makes a private key
 *   jwks     its public half, as the gateway reads it
 *   mint     signs a token with it (libjwt)
 *   inspect  shows what is in a token, without believing it
 *   verify   asks the very code that the gateway asks
 *
 * Exit codes: 0 done, or the token is good; 1 the token is refused, with the
 * reason on stdout; 2 anything else, with one line on stderr.
 */


#include <errno.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <lib/auth/mlsec_base64url.h>
#include <lib/auth/mlsec_jwt.h>
#include <mlsec_cli/mlsec_cli.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>


#define MAX_LIST  16
#define MAX_TTL   3155760000LL         /* s: a hundred years */


typedef struct {
    const char   *key;
    const char   *out;
    const char   *type;
    const char   *alg;
    const char   *kid;
    const char   *sub;
    const char   *claims;
    const char   *ttl;
    const char   *now;
    const char   *leeway;
    const char   *token;
    mlsec_str_t   roles[MAX_LIST];
    size_t        nroles;
    mlsec_str_t   issuers[MAX_LIST];
    size_t        nissuers;
    mlsec_str_t   audiences[MAX_LIST];
    size_t        naudiences;
    int           jws;
    int           no_exp;
} options_t;


const char  mlsec_cli_name[] = "mlsec-token";


static const char  usage[] =
    "usage: mlsec-token keygen [--type rsa|ec|ed25519|oct] --out FILE\n"
    "       mlsec-token jwks --key FILE [--kid ID]\n"
    "       mlsec-token mint --key FILE [--kid ID] [--sub NAME]\n"
    "                   [--role NAME]... [--issuer URL] [--audience NAME]...\n"
    "                   [--ttl 1h] [--claims JSON]\n"
    "       mlsec-token inspect [TOKEN]\n"
    "       mlsec-token verify --key FILE [--alg LIST] [--issuer URL]...\n"
    "                   [--audience NAME]... [--now SECONDS]\n"
    "                   [--leeway SECONDS] [--no-exp] [--jws] [TOKEN]\n"
    "\n"
    "A token that is not given is read from stdin.  verify takes a JWK, a JWK\n"
    "set or PEM; --jws checks header and signature alone, --alg is a comma\n"
    "list or \"all\" (default RS256,PS256,ES256,EdDSA).\n";


static mlsec_str_t
key_file(const options_t *o)
{
    if (o->key == NULL) {
        mlsec_cli_die("--key is missing");
    }

    return mlsec_cli_file(o->key);
}


/* The token of the command line, or all of stdin less the final newline. */

static mlsec_str_t
read_token(const options_t *o)
{
    mlsec_str_t  text;

    if (o->token != NULL && strcmp(o->token, "-") != 0) {
        text.data = (const unsigned char *) o->token;
        text.len = strlen(o->token);
        return text;
    }

    text = mlsec_cli_read(STDIN_FILENO, "stdin");

    if (text.len != 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    return text;
}


static long long
number(const char *text, const char *option)
{
    char       *end;
    long long   n;

    errno = 0;
    n = strtoll(text, &end, 10);

    if (errno || end == text || *end != '\0' || n < 0) {
        mlsec_cli_die("%s \"%s\": expected a number of seconds", option, text);
    }

    return n;
}


/* "90", "15m", "1h", "30d" */

static long long
duration(const char *text)
{
    char        number_text[20];
    size_t      len;
    long long   n, unit;

    len = strlen(text);
    unit = 1;

    if (len == 0 || len >= sizeof(number_text)) {
        mlsec_cli_die("--ttl \"%s\": expected a time such as 1h", text);
    }

    memcpy(number_text, text, len + 1);

    switch (text[len - 1]) {
    case 's': unit = 1; break;
    case 'm': unit = 60; break;
    case 'h': unit = 3600; break;
    case 'd': unit = 86400; break;
    default:  len++; break;
    }

    number_text[len - 1] = '\0';

    n = number(number_text, "--ttl");

    if (n > MAX_TTL / unit) {
        mlsec_cli_die("--ttl \"%s\": expected a hundred years at most", text);
    }

    return n * unit;
}


static FILE *
create_secret(const char *name)
{
    FILE    *f;
    mode_t   mask;

    if (name == NULL) {
        mlsec_cli_die("--out is missing");
    }

    mask = umask(077);
    f = fopen(name, "wx");
    umask(mask);

    if (f == NULL) {
        mlsec_cli_die("cannot make \"%s\": %s", name, strerror(errno));
    }

    return f;
}


static void
write_bytes(FILE *f, mlsec_str_t bytes)
{
    size_t          n;
    unsigned char  *text;

    text = mlsec_cli_need(malloc(mlsec_base64url_encoded(bytes.len) + 1));
    n = mlsec_base64url_encode(text, bytes);
    fwrite(text, 1, n, f);
    free(text);
}


static int
keygen(const options_t *o)
{
    FILE           *f;
    EVP_PKEY       *pkey;
    const char     *type;
    unsigned char   secret[64];

    pkey = NULL;
    type = o->type != NULL ? o->type : "ec";

    if (strcmp(type, "rsa") == 0) {
        pkey = EVP_RSA_gen(2048);

    } else if (strcmp(type, "ec") == 0) {
        pkey = EVP_EC_gen("P-256");

    } else if (strcmp(type, "ed25519") == 0) {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    } else if (strcmp(type, "oct") != 0) {
        mlsec_cli_die("--type \"%s\": expected rsa, ec, ed25519 or oct", type);
    }

    f = create_secret(o->out);

    if (strcmp(type, "oct") == 0) {

        if (RAND_bytes(secret, sizeof(secret)) != 1) {
            mlsec_cli_die("no random bytes");
        }

        fputs("{\"kty\":\"oct\",\"k\":\"", f);
        write_bytes(f, (mlsec_str_t) { secret, sizeof(secret) });
        fputs("\"}\n", f);

    } else if (pkey == NULL
               || PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL)
                  != 1)
    {
        mlsec_cli_die("OpenSSL makes no key of type %s", type);
    }

    EVP_PKEY_free(pkey);

    if (fclose(f) != 0) {
        mlsec_cli_die("cannot write \"%s\"", o->out);
    }

    return 0;
}


static EVP_PKEY *
private_key(mlsec_str_t text)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = mlsec_cli_need(BIO_new_mem_buf(text.data, (int) text.len));
    pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "");
    BIO_free(bio);

    if (pkey == NULL) {
        mlsec_cli_die(text.len != 0 && text.data[0] == '{'
                      ? "the key is a secret: there is nothing to publish"
                      : "the key is not a private key in PEM");
    }

    return pkey;
}


static void
print_number(EVP_PKEY *pkey, const char *member, const char *param,
    size_t size)
{
    int             len;
    BIGNUM         *bn;
    unsigned char   bytes[1024];

    bn = NULL;

    if (EVP_PKEY_get_bn_param(pkey, param, &bn) != 1) {
        mlsec_cli_die("the key has no \"%s\"", member);
    }

    len = size ? (int) size : BN_num_bytes(bn);

    if (len > (int) sizeof(bytes) || BN_bn2binpad(bn, bytes, len) != len) {
        mlsec_cli_die("the key is too large");
    }

    printf(",\"%s\":\"", member);
    write_bytes(stdout, (mlsec_str_t) { bytes, (size_t) len });
    putchar('"');
    BN_free(bn);
}


static const struct {
    int          bits;
    const char  *name;
    const char  *alg;
} curves[] = {
    { 256, "P-256", "ES256" },
    { 384, "P-384", "ES384" },
    { 521, "P-521", "ES512" }
};

#define CURVES  (sizeof(curves) / sizeof(curves[0]))


/* The index of a key's curve; CURVES: it has none, or another one. */

static size_t
curve_of(EVP_PKEY *pkey)
{
    size_t  i;

    for (i = 0; i < CURVES; i++) {
        if (EVP_PKEY_is_a(pkey, "EC")
            && EVP_PKEY_get_bits(pkey) == curves[i].bits)
        {
            break;
        }
    }

    return i;
}


/* The members that are of one type of key, after those that all have. */

static void
print_members(EVP_PKEY *pkey, size_t curve)
{
    size_t         len;
    unsigned char  raw[32];

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        fputs(",\"kty\":\"RSA\",\"alg\":\"RS256\"", stdout);
        print_number(pkey, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        print_number(pkey, "e", OSSL_PKEY_PARAM_RSA_E, 0);

    } else if (curve < CURVES) {
        len = ((size_t) curves[curve].bits + 7) / 8;
        printf(",\"kty\":\"EC\",\"crv\":\"%s\",\"alg\":\"%s\"",
               curves[curve].name, curves[curve].alg);
        print_number(pkey, "x", OSSL_PKEY_PARAM_EC_PUB_X, len);
        print_number(pkey, "y", OSSL_PKEY_PARAM_EC_PUB_Y, len);

    } else {
        len = sizeof(raw);

        if (EVP_PKEY_get_raw_public_key(pkey, raw, &len) != 1) {
            mlsec_cli_die("the key has no public half");
        }

        fputs(",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"x\":\"",
              stdout);
        write_bytes(stdout, (mlsec_str_t) { raw, len });
        putchar('"');
    }
}


static int
jwks(const options_t *o)
{
    size_t     curve;
    json_t    *kid;
    EVP_PKEY  *pkey;

    pkey = private_key(key_file(o));

    curve = curve_of(pkey);

    if (curve == CURVES && !EVP_PKEY_is_a(pkey, "RSA")
        && !EVP_PKEY_is_a(pkey, "ED25519"))
    {
        mlsec_cli_die("the key is none of RSA, P-256, P-384, P-521, Ed25519");
    }

    fputs("{\"keys\":[{\"use\":\"sig\"", stdout);

    if (o->kid != NULL) {
        kid = mlsec_cli_need(json_string(o->kid));
        fputs(",\"kid\":", stdout);
        json_dumpf(kid, stdout, JSON_ENCODE_ANY);
        json_decref(kid);
    }

    print_members(pkey, curve);
    puts("}]}");
    EVP_PKEY_free(pkey);

    return 0;
}


/* {"kty":"oct"}: libjwt wants the bytes. */

static mlsec_str_t
secret_of(mlsec_str_t text)
{
    json_t         *jwk;
    size_t          len;
    mlsec_str_t     k;
    unsigned char  *bytes;

    jwk = mlsec_claims_parse(text, MLSEC_CLAIMS_DEPTH);

    if (jwk == NULL || mlsec_claims_string(jwk, "k", &k) != MLSEC_OK) {
        mlsec_cli_die("the key is neither PEM nor a JWK of type oct");
    }

    bytes = mlsec_cli_need(malloc(mlsec_base64url_decoded(k.len)));

    if (mlsec_base64url_decode(bytes, &len, k) != MLSEC_OK) {
        mlsec_cli_die("\"k\" is not base64url");
    }

    json_decref(jwk);

    return (mlsec_str_t) { bytes, len };
}


static json_t *
list_of(const mlsec_str_t *list, size_t n)
{
    size_t   i;
    json_t  *array, *name;

    array = mlsec_cli_need(json_array());

    for (i = 0; i < n; i++) {
        name = mlsec_cli_need(json_stringn((const char *) list[i].data,
                                           list[i].len));
        json_array_append_new(array, name);
    }

    return array;
}


static char *
claims_of(const options_t *o)
{
    char          *text;
    json_t        *claims;
    long long      now;
    json_error_t   error;

    claims = o->claims != NULL ? json_loads(o->claims, 0, &error)
                               : json_object();

    if (!json_is_object(claims)) {
        mlsec_cli_die("--claims: expected a JSON object");
    }

    now = o->now != NULL ? number(o->now, "--now") : (long long) time(NULL);

    if (json_object_get(claims, "exp") == NULL && !o->no_exp) {
        json_object_set_new(claims, "exp",
            json_integer(now + duration(o->ttl != NULL ? o->ttl : "1h")));
    }

    if (json_object_get(claims, "iat") == NULL) {
        json_object_set_new(claims, "iat", json_integer(now));
    }

    if (o->sub != NULL) {
        json_object_set_new(claims, "sub", mlsec_cli_need(json_string(o->sub)));
    }

    if (o->nroles) {
        json_object_set_new(claims, "roles", list_of(o->roles, o->nroles));
    }

    if (o->nissuers) {
        json_object_set_new(claims, "iss",
                            json_string((const char *) o->issuers[0].data));
    }

    if (o->naudiences) {
        json_object_set_new(claims, "aud",
                            list_of(o->audiences, o->naudiences));
    }

    text = mlsec_cli_need(json_dumps(claims, JSON_COMPACT));
    json_decref(claims);

    return text;
}


static jwt_alg_t
alg_for(const char *pem, const options_t *o)
{
    size_t        curve;
    jwt_alg_t     alg;
    EVP_PKEY     *pkey;

    if (o->alg != NULL) {
        alg = jwt_str_alg(o->alg);

        if (alg == JWT_ALG_INVAL || alg == JWT_ALG_NONE) {
            mlsec_cli_die("--alg \"%s\": libjwt does not sign with it", o->alg);
        }

        return alg;
    }

    if (pem[0] == '{') {
        return JWT_ALG_HS256;
    }

    pkey = private_key((mlsec_str_t) { (const unsigned char *) pem,
                                       strlen(pem) });
    curve = curve_of(pkey);
    alg = EVP_PKEY_is_a(pkey, "RSA") ? JWT_ALG_RS256
          : curve < CURVES ? jwt_str_alg(curves[curve].alg) : JWT_ALG_INVAL;
    EVP_PKEY_free(pkey);

    if (alg == JWT_ALG_INVAL) {
        mlsec_cli_die("libjwt signs with keys of type rsa, ec and oct only");
    }

    return alg;
}


static int
mint(const options_t *o)
{
    int          rc;
    char        *claims, *token, *pem;
    jwt_t       *jwt;
    jwt_alg_t    alg;
    mlsec_str_t  key;

    key = key_file(o);
    pem = mlsec_cli_need(malloc(key.len + 1));
    memcpy(pem, key.data, key.len);
    pem[key.len] = '\0';

    alg = alg_for(pem, o);
    claims = claims_of(o);

    if (pem[0] == '{') {
        key = secret_of(key);
    } else {
        key.data = (const unsigned char *) pem;
    }

    rc = jwt_new(&jwt);

    if (rc != 0 || jwt_add_grants_json(jwt, claims) != 0
        || (o->kid != NULL && jwt_add_header(jwt, "kid", o->kid) != 0)
        || jwt_set_alg(jwt, alg, key.data, (int) key.len) != 0)
    {
        mlsec_cli_die("libjwt does not take the claims or the key");
    }

    token = jwt_encode_str(jwt);

    if (token == NULL) {
        mlsec_cli_die("libjwt does not sign with this key");
    }

    puts(token);
    free(token);
    free(claims);
    free(pem);
    jwt_free(jwt);

    return 0;
}


static int
inspect(const options_t *o)
{
    size_t                len, i;
    unsigned char        *bytes;
    mlsec_str_t           token, part;
    const unsigned char  *p, *end, *dot;

    token = read_token(o);
    p = token.data;
    end = token.data + token.len;

    for (i = 0; i < 2; i++) {
        dot = memchr(p, '.', (size_t) (end - p));

        if (dot == NULL) {
            mlsec_cli_die("the token is not three segments");
        }

        part.data = p;
        part.len = (size_t) (dot - p);
        bytes = mlsec_cli_need(malloc(mlsec_base64url_decoded(part.len)));

        if (mlsec_base64url_decode(bytes, &len, part) != MLSEC_OK) {
            mlsec_cli_die("segment %d is not canonical base64url", (int) i + 1);
        }

        fwrite(bytes, 1, len, stdout);
        putchar('\n');
        free(bytes);
        p = dot + 1;
    }

    return 0;
}


static unsigned
algs_of(const char *list)
{
    int           alg;
    unsigned      algs;
    mlsec_str_t   name;
    const char   *comma;

    if (list == NULL) {
        return MLSEC_ALG_DEFAULT;
    }

    if (strcmp(list, "all") == 0) {
        return (1u << MLSEC_ALGS) - 1;
    }

    algs = 0;

    for ( ;; ) {
        comma = strchrnul(list, ',');
        name.data = (const unsigned char *) list;
        name.len = (size_t) (comma - list);
        alg = mlsec_alg_find(name);

        if (alg < 0) {
            mlsec_cli_die("--alg: \"%.*s\" is unknown", (int) name.len, list);
        }

        algs |= mlsec_alg_bit(alg);

        if (*comma == '\0') {
            return algs;
        }

        list = comma + 1;
    }
}


static mlsec_reason_e
verify_claims(const options_t *o, const mlsec_jws_t *jws, unsigned algs)
{
    int64_t             now;
    mlsec_jwt_t         jwt;
    mlsec_reason_e      reason;
    mlsec_jwt_policy_t  policy;

    memset(&policy, 0, sizeof(policy));
    policy.algs = algs;
    policy.issuers = o->issuers;
    policy.nissuers = o->nissuers;
    policy.audiences = o->audiences;
    policy.naudiences = o->naudiences;
    policy.no_exp = o->no_exp != 0;
    policy.leeway = o->leeway != NULL ? number(o->leeway, "--leeway") : 30;

    now = o->now != NULL ? number(o->now, "--now") : (int64_t) time(NULL);
    reason = mlsec_jwt_read(&jwt, jws, &mlsec_cli_memory);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jwt_check(&jwt, &policy, now,
                                 (mlsec_str_t) { NULL, 0 });
        mlsec_jwt_close(&jwt);
    }

    return reason;
}


static int
verify(const options_t *o)
{
    size_t            which;
    unsigned          algs;
    const char       *why;
    mlsec_jws_t       jws;
    mlsec_reason_e    reason;
    mlsec_jwk_set_t  *set;

    algs = algs_of(o->alg);

    if (mlsec_jwk_set_parse(key_file(o), MLSEC_JWK_SECRETS, &set, &why)
        != MLSEC_OK)
    {
        mlsec_cli_die("\"%s\" cannot be used: %s", o->key, why);
    }

    reason = mlsec_jws_open(&jws, read_token(o),
                            o->jws ? MLSEC_JWS_ANY_TYPE : 0, &mlsec_cli_memory);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jws_verify(&jws, (const mlsec_jwk_set_t *const *) &set,
                                  1, algs, &which);

        if (reason == MLSEC_REASON_OK && !o->jws) {
            reason = verify_claims(o, &jws, algs);
        }

        mlsec_jws_close(&jws);
    }

    mlsec_jwk_set_free(set);

    printf("%s: %s\n", mlsec_reason_name(reason), mlsec_reason_text(reason));

    return reason != MLSEC_REASON_OK;
}


/* An option that takes a value: where it goes, or -1. */

static int
take(options_t *o, const char *name, const char *value)
{
    size_t  i;

    const struct { const char *name; const char **to; } single[] = {
        { "--key", &o->key }, { "--out", &o->out }, { "--type", &o->type },
        { "--alg", &o->alg }, { "--kid", &o->kid }, { "--sub", &o->sub },
        { "--claims", &o->claims }, { "--ttl", &o->ttl },
        { "--now", &o->now }, { "--leeway", &o->leeway }
    };

    const struct { const char *name; mlsec_str_t *to; size_t *n; } list[] = {
        { "--role", o->roles, &o->nroles },
        { "--issuer", o->issuers, &o->nissuers },
        { "--audience", o->audiences, &o->naudiences }
    };

    for (i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        if (strcmp(name, single[i].name) == 0) {
            *single[i].to = value;
            return 0;
        }
    }

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (strcmp(name, list[i].name) == 0 && value != NULL) {

            if (*list[i].n == MAX_LIST) {
                mlsec_cli_die("%s: more than %d of them", name, MAX_LIST);
            }

            list[i].to[(*list[i].n)++] =
                (mlsec_str_t) { (const unsigned char *) value,
                                strlen(value) };
            return 0;
        }
    }

    return -1;
}


static void
parse(options_t *o, int argc, char **argv)
{
    int  i;

    memset(o, 0, sizeof(options_t));

    for (i = 2; i < argc; i++) {

        if (strcmp(argv[i], "--jws") == 0) {
            o->jws = 1;

        } else if (strcmp(argv[i], "--no-exp") == 0) {
            o->no_exp = 1;

        } else if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);

        } else if (strncmp(argv[i], "--", 2) != 0) {

            if (o->token != NULL) {
                mlsec_cli_die("\"%s\" is one argument too many", argv[i]);
            }

            o->token = argv[i];

        } else if (i + 1 == argc || take(o, argv[i], argv[i + 1]) != 0) {
            mlsec_cli_die("\"%s\" is unknown or has no value", argv[i]);

        } else {
            i++;
        }
    }
}


int
main(int argc, char **argv)
{
    size_t     i;
    options_t  o;

    static const struct { const char *name; int (*run)(const options_t *); }
    commands[] = {
        { "keygen", keygen }, { "jwks", jwks }, { "mint", mint },
        { "inspect", inspect }, { "verify", verify }
    };

    for (i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            parse(&o, argc, argv);
            return commands[i].run(&o);
        }
    }

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }

    fputs(usage, stderr);

    return 2;
}

// SPDX-FileCopyrightText: The ngx_mlsec_module authors
// SPDX-License-Identifier: Apache-2.0

// The gateway in front of tokens that others make: an OpenID provider whose
// keys rotate under load, and tokens of every algorithm by a library for them,
// whose own opinion of thousands of altered ones is compared with the gateway's.

import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import * as jose from 'jose';
import { AUDIENCE, Issuer } from './issuer.mjs';
import { Gateway } from './gateway.mjs';

const ROTATIONS = Number(process.env.ROTATIONS || 100);
const MUTATED = Number(process.env.MUTATED || 3000);
const MISS = 50;                        // ms
const CLIENTS = 8;

let failed = 0;

function ok(good, what) {
    console.log(`${good ? 'ok' : 'NOT OK'}  ${what}`);
    failed += !good;
}

// ---- tokens of every algorithm ----

const ALGS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const own = {};

for (const alg of ALGS) {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg);
    own[alg] = { publicKey, privateKey, jwk: { ...await jose.exportJWK(publicKey), kid: alg, alg, use: 'sig' } };
}

const library = createServer((request, response) => {
    response.setHeader('content-type', 'application/jwk-set+json');
    response.end(JSON.stringify({ keys: ALGS.map((alg) => own[alg].jwk) }));
});
await new Promise((done) => library.listen(0, '127.0.0.1', done));

// ---- start ----

const issuer = new Issuer(['RS256', 'ES256', 'PS256', 'EdDSA']);
await issuer.start();

const gateway = new Gateway(`
        mlsec_allow GET viewer;
        mlsec_jwt_audience ${AUDIENCE};
        location = /oidc {
            mlsec_auth jwt;
            mlsec_jwt_key_uri ${issuer.url}/jwks insecure miss=${MISS}ms wait=20s;
            mlsec_jwt_issuer ${issuer.url};
            mlsec_respond '{}';
        }
        location = /jose {
            mlsec_auth jwt;
            mlsec_jwt_key_uri http://127.0.0.1:${library.address().port}/ insecure;
            mlsec_jwt_issuer https://id.example;
            mlsec_jwt_leeway 0;
            mlsec_respond '{}';
        }`);
await gateway.start();

// ---- a provider that rotates, under load ----

let current = await issuer.token();
let asked = 0;
let ended = false;
const refused = [];

ok(await gateway.status('/oidc', current) === 200, 'a token of the provider');

async function load() {
    while (!ended) {
        const [token, rotation] = [current, issuer.rotations];
        const status = await gateway.status('/oidc', token);
        asked++;
        // the key of before the last rotation is still in the set
        if (status !== 200 && issuer.rotations <= rotation + 1) {
            refused.push(status);
        }
        await sleep(1);
    }
}

const clients = Array.from({ length: CLIENTS }, load);
const before = issuer.fetches;
const began = Date.now();
let late = 0;

for (let i = 0; i < ROTATIONS; i++) {
    issuer.rotate();
    current = await issuer.token();
    late += await gateway.status('/oidc', current) !== 200;
}

const took = Date.now() - began;
ended = true;
await Promise.all(clients);
const fetches = issuer.fetches - before;

ok(late === 0, `${ROTATIONS} rotations in ${took} ms: ${late} tokens of new keys refused`);
ok(refused.length === 0, `${asked} requests of ${CLIENTS} clients meanwhile: ${refused.length} refused`);
ok(fetches >= ROTATIONS, `${fetches} fetches of the set, one for each rotation at least`);
ok(fetches <= took / MISS + 1, `and not more than one in ${MISS} ms`);

// ---- every algorithm ----

const claims = { iss: 'https://id.example', aud: AUDIENCE, sub: 'ann', roles: ['viewer'] };

function mint(alg, more = {}, header = {}) {
    const now = Math.floor(Date.now() / 1000);
    return new jose.SignJWT({ ...claims, iat: now, exp: now + 600, ...more })
        .setProtectedHeader({ alg, kid: alg, ...header }).sign(own[alg].privateKey);
}

const tokens = {};

for (const alg of ALGS) {
    tokens[alg] = await mint(alg);
    ok(await gateway.status('/jose', tokens[alg]) === 200, `${alg}: a token`);
}

// ---- two opinions of altered tokens ----

const jwks = jose.createLocalJWKSet({ keys: ALGS.map((alg) => own[alg].jwk) });

async function theirs(token) {
    try {
        const { payload } = await jose.jwtVerify(token, jwks,
            { issuer: 'https://id.example', audience: AUDIENCE, requiredClaims: ['exp'] });
        return payload.roles?.includes('viewer') ? 200 : 403;
    } catch {
        return 401;
    }
}

let seed = 1;
const random = (n) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % n;
};
const CHARS = 'AZaz09-_+/=.';

const CHANGES = [
    (t) => { const i = random(t.length); return t.slice(0, i) + CHARS[random(CHARS.length)] + t.slice(i + 1); },
    (t) => { const i = random(t.length); return t.slice(0, i) + t.slice(i + 1); },
    (t) => { const i = random(t.length); return t.slice(0, i) + CHARS[random(CHARS.length)] + t.slice(i); },
    (t) => t + CHARS[random(CHARS.length)],
    (t) => t.slice(0, random(t.length)),
    (t) => { const s = t.split('.'); const o = tokens[ALGS[random(ALGS.length)]].split('.');
             const i = random(3); s[i] = o[i]; return s.join('.'); },
    (t) => t,
];

// what the gateway refuses and the library takes, each for a reason that is meant
const MEANT = [
    ['another spelling of base64url', (t) => t.split('.').some((s) =>
        Buffer.from(s, 'base64url').toString('base64url') !== s)],
];

const disagree = {};
let same = 0;
let laxer = 0;

for (let i = 0; i < MUTATED; i++) {
    let token = tokens[ALGS[random(ALGS.length)]];
    for (let n = 1 + random(2); n > 0; n--) {
        token = CHANGES[random(CHANGES.length)](token);
    }
    const [ours, other] = [await gateway.status('/jose', token || 'x'), await theirs(token || 'x')];
    if ((ours === 200) === (other === 200)) {
        same++;
    } else if (ours === 200) {
        laxer++;
        console.log(`# taken by us alone: ${token}`);
    } else {
        const why = MEANT.find(([, test]) => test(token))?.[0] ?? 'for no reason that is meant';
        disagree[why] = (disagree[why] ?? 0) + 1;
    }
}

ok(laxer === 0, `${MUTATED} altered tokens: ${same} times of one opinion, ${laxer} taken by the gateway alone`);
ok(!disagree['for no reason that is meant'],
    `taken by the library alone: ${JSON.stringify(disagree)}`);

const special = {
    'at+jwt': [{}, { typ: 'at+jwt' }, 200], 'another typ': [{}, { typ: 'secevent+jwt' }, 401],
    'no exp': [{ exp: undefined }, {}, 401], 'expired': [{ exp: 1 }, {}, 401],
    'not yet': [{ nbf: 9999999999 }, {}, 401], 'another audience': [{ aud: 'other' }, {}, 401],
    'several audiences': [{ aud: ['other', AUDIENCE] }, {}, 200], 'another issuer': [{ iss: 'x' }, {}, 401],
    'bound to a key': [{ cnf: { jkt: 'x' } }, {}, 401], 'no role': [{ roles: [] }, {}, 403],
};

for (const [name, [more, header, want]] of Object.entries(special)) {
    const status = await gateway.status('/jose', await mint('ES256', more, header));
    ok(status === want, `${name}: ${status}`);
}

// ---- end ----

issuer.stop();
library.closeAllConnections();
library.close();

const { code, faults } = await gateway.stop();
ok(code === 0 && faults.length === 0, `nginx has ended in order ${faults.join('; ')}`);
console.log(failed ? `test-oidc: ${failed} FAILED` : 'test-oidc: all is well');
process.exit(failed ? 1 : 0);

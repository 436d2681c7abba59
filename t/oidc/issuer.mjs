// SPDX-FileCopyrightText: The ngx_mlsec_module authors
// SPDX-License-Identifier: Apache-2.0

// An OpenID provider on a port of 127.0.0.1 whose keys are changed while it
// runs: the new one signs at once, the one before it stays in the set.  Each
// has an id of its own; the numbers come again, since making them takes long.

import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import * as jose from 'jose';

export const AUDIENCE = 'gateway';

const CLIENT = { id: 'load', secret: 'a secret of this test alone, and of nobody else' };

async function privateKey(alg) {
    const { privateKey: key } = await jose.generateKeyPair(alg, { extractable: true });
    return { ...await jose.exportJWK(key), alg, use: 'sig' };
}

export class Issuer {
    // algs: each key is of the next of them
    constructor(algs) {
        this.algs = algs;
        this.stock = [];
        this.keys = [];
        this.rotations = 0;
        this.fetches = 0;
    }

    async start() {
        for (const alg of [...this.algs, ...this.algs]) {
            this.stock.push(await privateKey(alg));
        }

        this.server = createServer((request, response) => {
            this.fetches += request.url === '/jwks';
            return this.handle(request, response);
        });
        this.server.keepAliveTimeout = 60_000;
        await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        this.rotate();
    }

    rotate() {
        const key = this.stock[this.rotations % this.stock.length];

        this.keys = [{ ...key, kid: `key-${++this.rotations}` }, ...this.keys.slice(0, 1)];
        this.alg = key.alg;
        this.handle = this.provider().callback();
    }

    provider() {
        return new Provider(this.url, {
            clients: [{
                client_id: CLIENT.id,
                client_secret: CLIENT.secret,
                id_token_signed_response_alg: this.alg,
                grant_types: ['client_credentials'],
                redirect_uris: [],
                response_types: [],
            }],
            clientAuthMethods: ['client_secret_basic'],
            jwks: { keys: this.keys },
            extraTokenClaims: () => ({ roles: ['viewer'] }),
            ttl: { ClientCredentials: 600 },
            features: {
                devInteractions: { enabled: false },
                clientCredentials: { enabled: true },
                resourceIndicators: {
                    enabled: true,
                    defaultResource: () => 'urn:gateway',
                    useGrantedResource: () => true,
                    getResourceServerInfo: () => ({
                        scope: '',
                        audience: AUDIENCE,
                        accessTokenFormat: 'jwt',
                        accessTokenTTL: 600,
                        jwt: { sign: { alg: this.alg, kid: this.keys[0].kid } },
                    }),
                },
            },
        });
    }

    // A token as any client gets one.
    async token() {
        const response = await fetch(`${this.url}/token`, {
            method: 'POST',
            headers: {
                authorization: 'Basic ' + btoa(encodeURIComponent(CLIENT.id) + ':'
                    + encodeURIComponent(CLIENT.secret)),
                'content-type': 'application/x-www-form-urlencoded',
            },
            body: 'grant_type=client_credentials',
        });
        const answer = await response.json();

        if (!answer.access_token) {
            throw new Error(`no token: ${JSON.stringify(answer)}`);
        }

        return answer.access_token;
    }

    stop() {
        this.server.closeAllConnections();
        this.server.close();
    }
}

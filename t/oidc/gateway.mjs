// SPDX-FileCopyrightText: The ngx_mlsec_module authors
// SPDX-License-Identifier: Apache-2.0

// nginx with the module on a unix socket, in a folder of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export class Gateway {
    constructor(locations) {
        this.dir = mkdtempSync(join(tmpdir(), 'mlsec-oidc-'));
        this.socket = join(this.dir, 'http.sock');
        this.agent = new Agent({ keepAlive: true, maxSockets: 64 });
        mkdirSync(join(this.dir, 'logs'));
        writeFileSync(join(this.dir, 'nginx.conf'), `
load_module ${process.env.MODULE};
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 2;
daemon off;
pid ${this.dir}/nginx.pid;
error_log ${this.dir}/logs/error.log notice;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path ${this.dir}/body;
    proxy_temp_path ${this.dir}/proxy;
    fastcgi_temp_path ${this.dir}/fastcgi;
    uwsgi_temp_path ${this.dir}/uwsgi;
    scgi_temp_path ${this.dir}/scgi;
    mlsec_jwt_cache tokens:1m;
    server {
        listen unix:${this.socket};
        keepalive_requests 1000000;
        mlsec_jwt_alg RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA;
        ${locations}
    }
}
`);
    }

    async start() {
        this.child = spawn(process.env.NGINX_BINARY || 'nginx',
            ['-p', this.dir, '-c', join(this.dir, 'nginx.conf'), '-e', join(this.dir, 'logs/error.log')],
            { stdio: 'inherit' });
        process.on('exit', () => this.child.kill('SIGTERM'));
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
            process.on(signal, () => process.exit(1));
        }
        for (let i = 0; i < 1000 && !existsSync(join(this.dir, 'nginx.pid')); i++) {
            if (this.child.exitCode !== null) {
                throw new Error('nginx did not start');
            }
            await sleep(10);
        }
    }

    // The status of a request with this token.
    status(path, token) {
        return new Promise((done, failed) => {
            get({ socketPath: this.socket, path, agent: this.agent,
                  headers: { authorization: `Bearer ${token}` } }, (response) => {
                response.resume();
                response.on('end', () => done(response.statusCode));
            }).on('error', failed);
        });
    }

    log() {
        return readFileSync(join(this.dir, 'logs/error.log'), 'utf8');
    }

    async stop() {
        this.agent.destroy();
        this.child.kill('SIGQUIT');
        const [code] = this.child.exitCode === null ? await once(this.child, 'exit') : [this.child.exitCode];
        const log = this.log();
        rmSync(this.dir, { recursive: true });
        return { code, faults: log.split('\n').filter((line) => /\[(alert|emerg)\]/.test(line)) };
    }
}

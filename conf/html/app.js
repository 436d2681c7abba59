/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

'use strict';

// Shows /dashboard/overview as it comes. Whatever comes from a service goes
// into the page as text, never as markup.

const SOURCE = '/dashboard/overview';
const EVERY_MS = 2000;
const TIMEOUT_MS = 8000;

const PARTS = [
    ['models', 'model-api'],
    ['jobs', 'training'],
    ['trends', 'analytics'],
    ['kpis', 'business-metrics'],
    ['compliance', 'data-privacy'],
    ['model_api_health', 'model-api'],
    ['training_health', 'training'],
    ['analytics_health', 'analytics'],
    ['business_metrics_health', 'business-metrics'],
    ['data_privacy_health', 'data-privacy'],
];

const byId = (id) => document.getElementById(id);

let paused = false;
let timer = null;


// Server-Timing: name;dur=1.2;desc="...", ... -> {name: milliseconds}
function timings(header) {
    const found = {};

    for (const entry of (header || '').split(',')) {
        const [name, ...params] = entry.split(';').map((s) => s.trim());
        const dur = params.find((p) => p.startsWith('dur='));

        if (name && dur) {
            found[name] = Number(dur.slice(4).replaceAll('"', ''));
        }
    }

    return found;
}


function element(name, text) {
    const node = document.createElement(name);

    if (text !== undefined) {
        node.textContent = text;
    }

    return node;
}


function milliseconds(value) {
    return Number.isFinite(value) ? `${value.toFixed(1)} ms` : '–';
}


function list(value) {
    return Array.isArray(value) ? value : [];
}


function figures(body) {
    const jobs = Array.isArray(body.jobs) ? body.jobs : null;
    const running = jobs && jobs.filter((j) => j && j.status === 'running');
    const loaded = body.models && body.models.models
        && Object.values(body.models.models)
            .flatMap((base) => Object.values(base || {}))
            .filter((variant) => variant && variant.loaded).length;
    const rate = body.kpis && body.kpis.attack_success_rate
        && body.kpis.attack_success_rate.success_rate;
    const share = body.compliance && body.compliance.compliance_percentage;

    return {
        running: running && String(running.length),
        progress: running && running.length
            ? `${(running.reduce((sum, j) => sum + (j.progress || 0), 0)
                  / running.length).toFixed(1)} %` : null,
        pending: jobs && String(jobs.filter(
            (j) => j && j.status === 'pending').length),
        loaded: Number.isFinite(loaded) ? String(loaded) : null,
        attacks: Number.isFinite(rate) ? `${(100 * rate).toFixed(1)} %` : null,
        compliance: Number.isFinite(share) ? `${share.toFixed(1)} %` : null,
    };
}


function showFigures(body) {
    const known = figures(body);

    for (const node of document.querySelectorAll('[data-figure]')) {
        node.textContent = known[node.dataset.figure] || '–';
    }
}


function showParts(body, errors, times) {
    const failed = new Map(errors.map((e) => [e.part, e]));

    byId('rows').replaceChildren(...PARTS.map(([part, service]) => {
        const row = element('tr');
        const error = failed.get(part);
        const state = element('td');
        const head = element('th', part);

        head.scope = 'row';

        if (error) {
            state.dataset.state = 'failed';
            state.textContent = [error.error_type, error.status_code]
                .filter((x) => x !== undefined && x !== null).join(' ');
        } else if (body[part] === undefined || body[part] === null) {
            state.dataset.state = 'failed';
            state.textContent = 'missing';
        } else {
            state.dataset.state = 'ok';
            state.textContent = part.endsWith('_health')
                ? String(body[part].status || 'there') : 'there';
        }

        row.append(head, element('td', service), state,
                   element('td', milliseconds(
                       times[part] ?? (error && error.elapsed_ms))));
        return row;
    }));
}


function showJobs(body) {
    const running = list(body.jobs).filter((j) => j && j.status === 'running');

    byId('jobs').replaceChildren(...running.map((job) => {
        const item = element('li');
        const bar = element('progress');
        const value = Math.max(0, Math.min(100, Number(job.progress) || 0));

        bar.max = 100;
        bar.value = value;
        bar.setAttribute('aria-label', `progress of ${job.job_id}`);
        item.append(element('span', job.job_id), bar,
                    element('span', `${value.toFixed(1)} %`));
        return item;
    }));

    if (!running.length) {
        byId('jobs').append(element('li', body.jobs ? 'None.' : 'Not known.'));
    }
}


// A live region that is written every two seconds would never be silent:
// only what changed is said.
function showState(state, text) {
    const node = byId('state');

    node.dataset.state = state;

    if (node.textContent !== text) {
        node.textContent = text;
    }
}


function show(body, response, elapsed) {
    const errors = list(body.errors);
    const times = timings(response.headers.get('Server-Timing'));
    const missing = [...new Set(errors.map((e) => e.service || e.part))];
    const complete = response.headers.get('X-Gateway-Completed');

    if (errors.length || complete === 'false') {
        showState('partial', `Partial: without ${missing.join(', ')}.`);
    } else {
        showState('complete', 'Complete: every part is there.');
    }

    byId('timing').textContent = `${milliseconds(elapsed)} for all, as seen `
        + 'here; request ' + (response.headers.get('X-Request-ID') || '–');
    showFigures(body);
    showParts(body, errors, times);
    showJobs(body);
}


function showFailure(text) {
    showState('failed', text);
    showFigures({});
    showParts({}, [], {});
    showJobs({});
}


async function look() {
    const start = performance.now();

    try {
        const response = await fetch(SOURCE, {
            cache: 'no-store',
            signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        const body = await response.json();

        if (response.ok) {
            show(body, response, performance.now() - start);
        } else if (response.status === 401) {
            showFailure('Not signed in: open the address that was printed '
                        + 'when the gateway was started.');
        } else {
            showFailure(`Failed: ${response.status} `
                        + `${body.message || response.statusText}.`);
        }

    } catch (error) {
        showFailure(`No answer from the gateway: ${error.message}`);
    }
}


// The next look is planned when this one is over: a slow gateway is not
// asked twice at once. A page that nobody sees does not ask.
async function round() {
    clearTimeout(timer);

    if (!paused && !document.hidden) {
        await look();
        clearTimeout(timer);
        timer = setTimeout(round, EVERY_MS);
    }
}


byId('pause').addEventListener('click', () => {
    paused = !paused;
    byId('pause').setAttribute('aria-pressed', String(paused));
    byId('pause').textContent = paused ? 'Go on' : 'Pause';
    round();
});

document.addEventListener('visibilitychange', round);
round();

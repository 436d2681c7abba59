/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A small dashboard as a build leaves it: one page, routes by the history
 * API, data from /api. What went wrong is shown in the gateway's own words.
 */

const view = document.querySelector('#view');

function element(name, text, attributes = {}) {
    const node = document.createElement(name);
    node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) {
        node.setAttribute(key, value);
    }
    return node;
}

/* The body of an answer, or an error that carries the envelope. */
async function call(path) {
    const response = await fetch(`/api${path}`);
    const body = await response.json();
    if (!response.ok) {
        throw Object.assign(new Error(body.message), { envelope: body });
    }
    return body;
}

function table(rows) {
    const node = element('table', '');
    for (const [key, value] of rows) {
        const row = element('tr', '');
        row.append(element('th', key), element('td', String(value)));
        node.append(row);
    }
    return node;
}

async function overview() {
    const all = await call('/dashboard/overview');
    const failed = (all.errors ?? []).map((e) => e.part);
    return table(Object.keys(all).filter((k) => k !== 'errors')
        .map((k) => [k, failed.includes(k) ? 'failed' : 'ok']));
}

async function models() {
    const { models: list } = await call('/models');
    const names = Array.isArray(list) ? list.map((m) => m.name)
                                      : Object.keys(list);
    return table(names.map((name) => [name, 'model']));
}

async function service(name) {
    const state = await call(`/health/${encodeURIComponent(name)}`);
    return table(Object.entries(state).filter(([, v]) => typeof v !== 'object'));
}

const routes = [
    [/^\/$/, 'Overview', overview],
    [/^\/models$/, 'Models', models],
    [/^\/reports\/services\/([^/]+)$/, 'Service', service],
];

async function show() {
    const path = decodeURIComponent(location.pathname);
    let title = 'Nothing here', content;

    view.dataset.state = 'loading';
    try {
        for (const [pattern, name, page] of routes) {
            const match = pattern.exec(path);
            if (match) {
                title = name;
                content = await page(...match.slice(1));
            }
        }
    } catch (error) {
        const e = error.envelope ?? { message: error.message };
        content = element('div', '', { id: 'error' });
        content.append(element('b', e.status_code ?? ''),
                       element('p', e.message),
                       element('code', e.request_id ?? ''));
    }
    view.replaceChildren(element('h1', title), ...(content ? [content] : []));
    view.dataset.state = 'shown';
}

document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="/"]');
    if (link) {
        event.preventDefault();
        history.pushState(null, '', link.getAttribute('href'));
        show();
    }
});
window.addEventListener('popstate', show);
show();

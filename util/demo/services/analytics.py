# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Analytics :8006."""

import datetime

from fixtures import now, static
from server import Failure, Routes

STATIC = {
    'GET /': 'health',
    'GET /health': 'health',
    'GET /status': 'health',
    'GET /red-team/summary': 'red-team-summary',
    'GET /drift/history': 'drift-history',
    'GET /drift/summary': 'drift-summary',
    'GET /drift/data/production-inference': 'drift-data-production-inference',
    'POST /drift/drift/production-data': 'drift-drift-production-data',
    'POST /auto-retrain/trigger/{m}': 'auto-retrain-trigger',
    'POST /auto-retrain/check-drift/{m}': 'auto-retrain-check-drift',
}


def since(days):
    return (datetime.datetime.now() - datetime.timedelta(days=days)) \
        .isoformat()


def routes(fixtures, speed):
    table = Routes()

    def trends(request):
        days = request.number('days', 30, 1, 365)
        body = fixtures.load('analytics-trends')
        body['trends'] = [t for t in body['trends']
                          if t['test_date'] >= since(days)[:10]]
        return body

    def alerts(request):
        days = request.number('days', 7, 1, 30)
        body = fixtures.load('drift-alerts')
        body['alerts'] = [a for a in body['alerts']
                          if a['timestamp'] >= since(days)]
        body.update(period_days=days, total_alerts=len(body['alerts']))
        return body

    def comparison(request, model):
        request.number('days', 30, 1, 365)
        return {**fixtures.load('red-team-comparison'), 'model_name': model}

    def store(request):
        test = request.field('test_id')
        return {'status': 'success', 'message': f'Stored {test}',
                'timestamp': now()}

    def measured(request):
        model = request.field('model_name')
        return {'status': 'success', 'message': f'Stored for {model}',
                'timestamp': now()}

    config = fixtures.load('auto-retrain-config')

    def put_config(request):
        body = request.json()
        if not isinstance(body, dict):
            raise Failure(422, 'expected an object')
        config.update({k: v for k, v in body.items() if k in config})
        return {'message': 'Configuration updated successfully',
                'config': config}

    table.add('GET', '/auto-retrain/config', lambda request: config)
    table.add('PUT', '/auto-retrain/config', put_config)
    table.add('GET', '/analytics/trends', trends)
    table.add('GET', '/drift/alerts', alerts)
    table.add('GET', '/red-team/comparison/{m}', comparison)
    table.add('POST', '/red-team/results', store)
    table.add('POST', '/model/performance', measured)
    static(table, fixtures, STATIC)
    return table

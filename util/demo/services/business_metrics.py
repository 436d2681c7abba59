# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Business metrics :8004. What is posted to /metrics is listed by it."""

from fixtures import now, static
from server import Failure, Routes

STATIC = {
    'GET /health': 'health',
    'GET /api/v1/health': 'health',
    'GET /api/v1/kpis': 'api-v1-kpis',
    'GET /api/v1/attack-success-rate': 'api-v1-attack-success-rate',
    'GET /api/v1/model-drift': 'api-v1-model-drift',
    'GET /api/v1/cost-metrics': 'api-v1-cost-metrics',
    'GET /api/v1/system-effectiveness': 'api-v1-system-effectiveness',
    'GET /api/v1/recommendations': 'api-v1-recommendations',
    'GET /metrics/summary': 'metrics-summary',
}

KEEP = 1000


def routes(fixtures, speed):
    table = Routes()
    points = fixtures.load('metrics')['data_points']

    def listing(request):
        kinds = {}
        for point in points:
            name = point['metric_name']
            kinds[name] = kinds.get(name, 0) + 1
        return {'total_metrics': len(points), 'metrics_by_type': kinds,
                'time_range': 'all', 'data_points': points}

    def record(request):
        name = request.field('metric_name')
        body = request.json()
        value = body.get('value')
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Failure(422, 'value: expected a number')
        points.insert(0, {'id': max((p['id'] for p in points), default=0) + 1,
                          'metric_name': name, 'value': value,
                          'timestamp': now(), 'tags': body.get('tags') or {},
                          'metadata': body.get('metadata') or {}})
        del points[KEEP:]
        return {'status': 'success', 'message': f'Recorded {name}'}

    table.add('GET', '/metrics', listing)
    table.add('POST', '/metrics', record)
    static(table, fixtures, STATIC)
    return table

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Model cache :8003."""

from fixtures import now, static
from server import Failure, Routes

STATIC = {
    'GET /health': 'health',
    'GET /stats': 'stats',
    'GET /metrics': 'metrics.txt',
}


def routes(fixtures, speed):
    table = Routes()

    def logs(request, model=None):
        limit = request.number('limit', 100, 1, 1000)
        body = fixtures.live('logs')
        lines = [line for line in body['logs']
                 if model is None or line['model_name'] == model]
        return {**body, 'logs': lines[:limit], 'model_name': model,
                'total_logs': len(lines), 'limit': limit}

    def predict(request):
        text = request.field('text')
        models = request.json().get('models')
        if not isinstance(models, list) or not models:
            raise Failure(422, 'models: field required')
        return {**fixtures.live('predict'), 'text': text}

    def preload(request, model):
        return {'status': 'success', 'model_name': model,
                'message': f'Model {model} preloaded', 'timestamp': now()}

    table.add('POST', '/models/{m}/preload', preload)
    table.add('GET', '/logs', logs)
    table.add('GET', '/models/{m}/logs', logs)
    table.add('POST', '/predict', predict)
    static(table, fixtures, STATIC)
    return table

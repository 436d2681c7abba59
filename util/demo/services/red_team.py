# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Red team :8001. A test that is started shows up in the list."""

import time

from fixtures import now, static
from server import Routes

STATIC = {
    'GET /health': 'health',
    'GET /results': 'results',
}


def routes(fixtures, speed):
    table = Routes()
    tests = fixtures.load('tests')['results']

    def status(request):
        return {**fixtures.load('status'), 'total_tests': len(tests),
                'last_test_time': tests[0]['timestamp']}

    def start(request):
        body = request.json() or {}
        model = body.get('model_name') if isinstance(body, dict) else None
        attacks = request.number('num_attacks', 50, 1, 10000)
        test = {**tests[-1], 'test_id': f'rt_{time.time_ns() // 1000}',
                'model_name': model or tests[-1]['model_name'],
                'total_attacks': attacks, 'timestamp': now()}
        tests.insert(0, test)
        del tests[100:]
        return {'test_id': test['test_id'], 'status': 'started',
                'message': f'{attacks} attacks on {test["model_name"]}',
                'timestamp': now()}

    def stop(request):
        return {'status': 'stopped', 'message': 'No test is running',
                'timestamp': now()}

    table.add('GET', '/status', status)
    table.add('GET', '/tests',
              lambda request: {'results': tests, 'count': len(tests)})
    table.add('POST', '/stop', stop)
    table.add('POST', '/start', start)
    table.add('POST', '/test', start)
    static(table, fixtures, STATIC)
    return table

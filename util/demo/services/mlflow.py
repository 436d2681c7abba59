# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""MLflow :5000, the part of its REST interface that the platform reads."""

from fixtures import static
from server import Failure, Routes

API = '/api/2.0/mlflow'


def routes(fixtures, speed):
    table = Routes()

    def runs(request):
        body = request.json()
        wanted = body.get('experiment_ids') if isinstance(body, dict) else None
        if not isinstance(wanted, list):
            raise Failure(400, 'experiment_ids: expected an array')
        found = fixtures.load('runs-search')['runs']
        return {'runs': [run for run in found
                         if run['info']['experiment_id'] in wanted]}

    table.add('POST', API + '/runs/search', runs)
    static(table, fixtures, {
        'GET /health': 'health.txt',
        f'POST {API}/experiments/search': 'experiments-search',
        f'GET {API}/experiments/search': 'experiments-search',
        f'GET {API}/registered-models/search': 'registered-models-search',
    })
    return table

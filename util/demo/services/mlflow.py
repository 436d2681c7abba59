# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""MLflow :5000, the part of its REST interface that the platform reads."""

import hashlib
import json

from fixtures import static
from server import Failure, Routes

API = '/api/2.0/mlflow'


def routes(fixtures, speed):
    table = Routes()

    names = {entry['experiment_id']: entry['name']
             for entry in fixtures.load('experiments-search')['experiments']}

    def inputs(run):
        """What a run was trained with: a data set of its experiment."""

        name = names.get(run['info']['experiment_id'], 'unknown')
        path = f's3://ml-security/training-data/used/{name}.jsonl'
        return {'dataset_inputs': [{
            'tags': [{'key': 'mlflow.data.context', 'value': 'training'}],
            'dataset': {'name': name, 'source_type': 's3',
                        'digest': hashlib.md5(path.encode()).hexdigest()[:8],
                        'source': json.dumps({'uri': path})}}]}

    def runs(request):
        body = request.json()
        wanted = body.get('experiment_ids') if isinstance(body, dict) else None
        if not isinstance(wanted, list):
            raise Failure(400, 'experiment_ids: expected an array')
        found = fixtures.load('runs-search')['runs']
        return {'runs': [{**run, 'inputs': inputs(run)} for run in found
                         if run['info']['experiment_id'] in wanted]}

    def one(name, key, argument, which):
        """One entry of a recorded list, asked for by an argument."""

        def find(request):
            wanted = request.arg(argument)
            for entry in fixtures.load(name)[key]:
                if which(entry) == wanted:
                    return entry
            raise Failure(404, f'No {argument} {wanted}')
        return find

    run = one('runs-search', 'runs', 'run_id',
              lambda entry: entry['info']['run_id'])
    experiment = one('experiments-search', 'experiments', 'experiment_id',
                     lambda entry: entry['experiment_id'])
    model = one('registered-models-search', 'registered_models', 'name',
                lambda entry: entry['name'])

    def artifacts(request):
        # what a run has written: its metrics and parameters, a file each
        found = run(request)
        return {'root_uri': found['info']['artifact_uri'],
                'files': [{'path': f'{kind}/{entry["key"]}', 'is_dir': False,
                           'file_size': len(str(entry['value']))}
                          for kind in ('metrics', 'params')
                          for entry in found['data'][kind]]}

    table.add('POST', API + '/runs/search', runs)
    table.add('GET', API + '/runs/get', lambda r: {'run': run(r)})
    table.add('GET', API + '/experiments/get',
              lambda r: {'experiment': experiment(r)})
    table.add('GET', API + '/registered-models/get',
              lambda r: {'registered_model': model(r)})
    table.add('GET', API + '/artifacts/list', artifacts)
    static(table, fixtures, {
        'GET /health': 'health.txt',
        f'POST {API}/experiments/search': 'experiments-search',
        f'GET {API}/experiments/search': 'experiments-search',
        f'GET {API}/registered-models/search': 'registered-models-search',
    })
    return table

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Model API :8000. A load sticks until the unload."""

import time

from fixtures import now, static
from jobs import share
from server import Failure, Routes

WEBSOCKET = '/ws'

STATIC = {
    'GET /cache/stats': 'cache-stats',
    'GET /metrics': 'metrics.txt',
}

# What a classifier sees in a text, reduced to words that give it away.
SIGNS = {
    'prompt_injection': ('ignore', 'disregard', 'instead', 'override'),
    'jailbreak': ('dan', 'jailbreak', 'unrestricted', 'pretend'),
    'system_extraction': ('system', 'hidden', 'prompt', 'reveal', 'print'),
    'code_injection': ('exec', 'eval', 'import', 'script', 'drop', 'select'),
    'benign': (),
}


class Models:
    def __init__(self, fixtures):
        self.quantized = set()
        self.fixtures = fixtures
        self.models = fixtures.load('models')['models']
        self.batching = fixtures.load('batching-stats')

    def variants(self):
        for base in self.models.values():
            for kind in ('pretrained', 'trained'):
                if kind in base:
                    yield kind, base[kind]

    def find(self, name):
        for kind, variant in self.variants():
            if variant['name'] == name:
                return kind, variant
        raise Failure(404, f'Model {name} not found')

    def loaded(self):
        return [v['name'] for _, v in self.variants() if v['loaded']]

    def health(self, request):
        body = self.fixtures.live('health')
        body['available_models'] = self.loaded()
        body['total_models'] = len(body['available_models'])
        return body

    def listing(self, request):
        body = self.fixtures.load('models')
        body['models'] = self.models
        if 'available_models' in body:
            body['available_models'] = self.loaded()
        if 'timestamp' in body:
            body['timestamp'] = now()
        return body

    def one(self, request, name):
        if name in self.models:
            return self.models[name]
        return self.find(name)[1]

    def state(self, kind, variant):
        loaded = variant['loaded']
        return {'name': variant['name'], 'loaded': loaded, 'type': kind,
                'status': 'loaded' if loaded else 'unloaded',
                'memory_usage_mb': variant['memory_usage_mb'],
                'device': 'cpu' if loaded else 'unknown'}

    def status_all(self, request):
        states = {v['name']: self.state(k, v) for k, v in self.variants()}
        loaded = len(self.loaded())
        return {'status': 'healthy' if loaded else 'no_models_loaded',
                'total_models': len(states), 'loaded_models': loaded,
                'unloaded_models': len(states) - loaded,
                'models': states, 'timestamp': now()}

    def status_one(self, request, name):
        kind, variant = self.find(name)
        return {**self.state(kind, variant),
                'quantized': variant['name'] in self.quantized,
                'last_used': now() if variant['loaded'] else None,
                'version': variant['version'], 'timestamp': now()}

    def versions(self, request, name):
        if name not in self.models:
            self.find(name)
        body = self.fixtures.load('model-versions-distilbert')
        base = name.rsplit('_', 1)[0]
        for version in body['versions']:
            version['mlflow_uri'] = \
                f'models:/security_{base}/{version["version"]}'
        body['model_name'] = name
        return body

    def load(self, request):
        kind, variant = self.find(request.field('model_name'))
        if not variant['loaded']:
            size = round(300 + 700 * share(variant['name'], 'size'), 1)
            variant.update(
                loaded=True, size_mb=size,
                memory_usage_mb=round(size * 2.1, 1),
                version='hf-main' if kind == 'pretrained' else '1')
        return {'status': 'success', 'model_name': variant['name'],
                'message': f'Model {variant["name"]} loaded successfully',
                'timestamp': now()}

    def unload(self, request):
        _, variant = self.find(request.field('model_name'))
        if not variant['loaded']:
            raise Failure(400, f'Model {variant["name"]} is not loaded')
        variant.update(loaded=False, memory_usage_mb=0)
        return {'status': 'success', 'model_name': variant['name'],
                'message': f'Model {variant["name"]} unloaded successfully',
                'timestamp': now(),
                'logs': ['released tokenizer', 'released weights',
                         'notified model-cache']}

    def classify(self, text):
        words = [word.strip('.,;:!?"\'()').lower() for word in text.split()]
        scores = {label: 0.05 + sum(word in signs for word in words)
                  for label, signs in SIGNS.items()}
        scores['benign'] += 0.5
        total = sum(scores.values())
        return {label: round(score / total, 4)
                for label, score in scores.items()}

    def predict_one(self, body):
        start = time.perf_counter()
        text = body.get('text') if isinstance(body, dict) else None
        if not isinstance(text, str) or not text:
            raise Failure(422, 'text: field required')

        wanted = body.get('models') or [body.get('model_name')]
        if not isinstance(wanted, list):
            raise Failure(422, 'models: expected an array')
        name = wanted[0] or (self.loaded() or [None])[0]
        if name is None:
            raise Failure(503, 'no model is loaded')
        if not isinstance(name, str):
            raise Failure(422, 'model_name: expected a string')
        if not self.find(name)[1]['loaded']:
            raise Failure(409, f'Model {name} is not loaded')

        chances = self.classify(text)
        best = max(chances, key=chances.get)
        result = {'prediction': best, 'confidence': chances[best],
                  'probabilities': chances}
        return {'text': text, **result, 'model_predictions': {name: result},
                'ensemble_used': False,
                'processing_time_ms':
                    round((time.perf_counter() - start) * 1000, 3),
                'from_cache': False, 'timestamp': round(time.time(), 2)}

    def predict(self, request):
        return self.predict_one(request.json())

    def batch(self, request):
        bodies = request.json()
        if not isinstance(bodies, list):
            raise Failure(422, 'expected an array')
        return [self.predict_one(body) for body in bodies]

    def configure_batching(self, request):
        """What is set shows up in /batching/stats."""

        size = request.number('max_batch_size', 32, 1, 1024)
        wait = request.number('max_wait_time_ms', 50, 0, 60000)
        self.batching['enabled'] = request.arg('enable', 'true') == 'true'
        self.batching['strategy'] = request.arg('strategy', 'dynamic')
        self.batching['configuration'].update(max_batch_size=size,
                                              max_wait_time_ms=wait)
        return {'status': 'success', 'message': 'Batching configured',
                **self.batching}

    def quantize(self, request, name):
        _, variant = self.find(name)
        self.quantized.add(variant['name'])
        body = request.json()
        kind = body.get('quantization_type', 'int8') \
            if isinstance(body, dict) else 'int8'
        return {'status': 'success', 'model_name': variant['name'],
                'message': f'Model {variant["name"]} quantized to {kind}',
                'timestamp': now()}

    def reload_one(self, request, name):
        _, variant = self.find(name)
        return {'status': 'success', 'model_name': variant['name'],
                'message': f'Model {variant["name"]} reloaded',
                'timestamp': now()}

    def reload_all(self, request):
        return {'status': 'success', 'reloaded_models': self.loaded(),
                'message': f'{len(self.loaded())} models reloaded',
                'timestamp': now()}

    def clear_cache(self, request):
        return {'status': 'success', 'message': 'Cache cleared',
                'timestamp': now()}


def routes(fixtures, speed):
    table = Routes()
    models = Models(fixtures)

    for method, path, function in (
            ('GET', '/', models.health),
            ('GET', '/health', models.health),
            ('GET', '/health/live', models.health),
            ('GET', '/health/ready', models.health),
            ('GET', '/models', models.listing),
            ('GET', '/models/status', models.status_all),
            ('GET', '/models/{m}', models.one),
            ('GET', '/models/{m}/status', models.status_one),
            ('GET', '/models/{m}/versions', models.versions),
            ('POST', '/load', models.load),
            ('POST', '/unload', models.unload),
            ('POST', '/predict', models.predict),
            ('POST', '/predict/trained', models.predict),
            ('POST', '/predict/batch', models.batch),
            ('GET', '/batching/stats', lambda request: models.batching),
            ('POST', '/batching/configure', models.configure_batching),
            ('POST', '/models/reload', models.reload_all),
            ('POST', '/models/{m}/reload', models.reload_one),
            ('POST', '/models/{m}/quantize', models.quantize),
            ('DELETE', '/cache/clear', models.clear_cache)):
        table.add(method, path, function)

    static(table, fixtures, STATIC)
    return table

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Training :8002."""

import json
import time
from collections import Counter

from fixtures import now, static
from jobs import Jobs, WORKERS, iso, share
from server import Failure, Routes, Text

WEBSOCKET = '/ws'

STATIC = {
    'GET /models/models': 'models-models',
    'GET /models/models/{m}/stages': 'models-models-stages',
    'POST /models/models/{m}/promote': 'models-models-promote',
    'POST /models/models/{m}/rollback': 'models-models-rollback',
    'GET /models/model-registry': 'models-model-registry',
    'GET /models/latest-models': 'models-latest-models',
    'GET /models/best-models': 'models-best-models',
    'GET /models/experiments/analytics': 'models-experiments-analytics',
    'GET /models/experiments/compare': 'models-experiments-compare',
    'GET /models/experiments/{m}/runs': 'models-experiments-runs',
    'GET /data/data-statistics': 'data-data-statistics',
    'GET /data/fresh-data': 'data-fresh-data',
    'GET /data/used-data': 'data-used-data',
    'GET /data/quality-thresholds/{t}': 'data-quality-thresholds-security',
    'GET /data/efficient/staged-files': 'data-efficient-staged-files',
    'GET /data/efficient/upload-progress/{id}':
        'data-efficient-upload-progress',
    'GET /data/efficient/file-info/{id}': 'data-efficient-file-info',
    'POST /data/efficient/upload-large-file':
        'data-efficient-upload-large-file',
    'GET /data/augmentation/techniques': 'data-augmentation-techniques',
    'POST /data/augmentation/preview': 'data-augmentation-preview',
}


class Training:
    def __init__(self, fixtures, speed):
        self.fixtures = fixtures
        self.jobs = Jobs(fixtures.load('training-jobs'), time.time(), speed)
        configs = fixtures.load('training-configs')['configurations']
        self.configs = {c['model_name']: c for c in configs}
        full = fixtures.load('training-config')
        for config in self.configs.values():
            config['updated_at'] = config.pop('last_updated')
            config.pop('has_config')
            config['hyperparameters'] = dict(full['hyperparameters'])

    def job(self, job_id):
        self.jobs.advance(time.time())
        job = self.jobs.find(job_id)
        if job is None:
            raise Failure(404, 'Job not found')
        return job

    def health(self, request):
        body = self.fixtures.live('health')
        self.jobs.advance(time.time())
        body['active_jobs'] = len(self.jobs.with_status('running'))
        return body

    def listing(self, request):
        return self.jobs.bodies(time.time())

    def one(self, request, job_id):
        return self.job(job_id).look(time.time())

    def logs(self, request, job_id):
        job = self.job(job_id).look(time.time())
        lines = self.fixtures.load('training-jobs-logs')['logs']
        # a job has written as much of its log as it has done of its work
        lines = lines[:round(len(lines) * job['progress'] / 100)]
        for line in lines:
            line['job_id'] = job_id
        return {'job_id': job_id, 'logs': lines}

    def train(self, request):
        model = request.field('model_name')
        body = request.json()
        config = body.get('config')
        if config is not None and not isinstance(config, dict):
            raise Failure(422, 'config: expected an object')
        self.jobs.advance(time.time())
        job = self.jobs.add(model, time.time(),
                            body.get('training_data_path'), config)
        return {'status': 'started', 'message': 'Training job queued',
                'job_id': job.body['job_id'], 'model_name': model,
                'timestamp': now()}

    def queued(self, job):
        job, body = job, job.body
        return {'job_id': body['job_id'], 'model_name': body['model_name'],
                'training_data_path': body['training_data_path'],
                'config': {}, 'priority': 2, 'status': body['status'],
                'created_at': body['start_time'] if job.recorded
                else iso(job.created),
                'started_at': body['start_time'],
                'completed_at': body['end_time'],
                'error_message': body['error_message'],
                'retry_count': 0, 'max_retries': 3, 'timeout_seconds': 3600,
                'progress': body['progress'], 'result': None}

    def queue_stats(self, request):
        t = time.time()
        self.jobs.bodies(t)
        counts = {s: len(self.jobs.with_status(s))
                  for s in ('pending', 'running', 'completed', 'failed')}
        return {**{s + '_jobs': n for s, n in counts.items()},
                'total_jobs': sum(counts.values()),
                'max_workers': WORKERS, 'active_workers': counts['running'],
                'recent_jobs': [self.queued(job) for job
                                in reversed(self.jobs.jobs[-10:])]}

    def queue_jobs(self, request):
        self.jobs.bodies(time.time())
        return {'jobs': [self.queued(job)
                         for job in reversed(self.jobs.jobs)],
                'total': len(self.jobs.jobs)}

    def queue_job(self, request, job_id):
        self.one(request, job_id)
        return self.queued(self.job(job_id))

    def cancel(self, request, job_id):
        job = self.job(job_id)
        if job.body['status'] not in ('pending', 'running'):
            raise Failure(409, f'Job is {job.body["status"]}')
        job.look(time.time())
        self.jobs.cancel(job, time.time())
        return {'status': 'success', 'message': f'Job {job_id} cancelled'}

    def config(self, model):
        if model not in self.configs:
            raise Failure(404, f'No configuration for {model}')
        return self.configs[model]

    def put_config(self, request, model):
        request.field('training_data_path')
        body = request.json()
        if not isinstance(body.get('hyperparameters'), dict):
            raise Failure(400, 'hyperparameters: expected an object')
        old = self.configs.get(model, {})
        config = {'validation_split': 0.2, 'test_split': 0.1,
                  'early_stopping': True, 'patience': 5,
                  'metric_for_best_model': 'f1_score', **body,
                  'model_name': model,
                  'created_at': old.get('created_at', now()),
                  'updated_at': now()}
        self.configs[model] = config
        shown = {k: v for k, v in config.items()
                 if k not in ('created_at', 'updated_at')}
        return {'message': 'saved', 'model_name': model,
                'updated_at': config['updated_at'], 'config': shown}

    def delete_config(self, request, model):
        self.configs.pop(model, None)
        return {'message': 'deleted'}

    def list_configs(self, request):
        shown = []
        for config in sorted(self.configs.values(), reverse=True,
                             key=lambda config: config['updated_at']):
            entry = {k: v for k, v in config.items()
                     if k not in ('hyperparameters', 'updated_at')}
            shown.append({**entry, 'last_updated': config['updated_at'],
                          'has_config': True})
        return {'configurations': shown, 'count': len(shown)}


WORDS = ('ignore', 'reveal', 'pretend', 'execute', 'hello', 'thanks')


class Datasets:
    """Files of records, each the same every time it is asked for, and what
    is done with records."""

    def __init__(self, fixtures):
        self.files = fixtures.load('data-efficient-staged-files')['files']
        self.labels = fixtures.load('data-quality-thresholds-security') \
            ['thresholds']['allowed_labels']

    def records(self, file_id, count=40):
        for number in range(count):
            key = f'{file_id}/{number}'
            words = [WORDS[int(len(WORDS) * share(key, n))] for n in range(4)]
            label = self.labels[int(len(self.labels) * share(key, 'label'))]
            yield {'text': ' '.join(words) + f' {number}', 'label': label}

    def download(self, request, file_id):
        if all(file['file_id'] != file_id for file in self.files):
            raise Failure(404, 'File not found')
        return Text(''.join(json.dumps(record) + '\n'
                            for record in self.records(file_id)))

    def metrics(self, request):
        sizes = [file['file_size'] for file in self.files]
        return {'total_files': len(sizes), 'total_size_bytes': sum(sizes),
                'total_size_mb': sum(sizes) / 2**20,
                'average_file_size_bytes': sum(sizes) / max(1, len(sizes)),
                'by_status': Counter(f['status'] for f in self.files),
                'by_type': Counter(f['data_type'] for f in self.files)}

    def given(self, request):
        """Texts and labels of a body."""

        body = request.json()
        body = body if isinstance(body, dict) else {}
        texts, labels = body.get('texts'), body.get('labels')
        if not isinstance(texts, list) or not isinstance(labels, list):
            raise Failure(422, 'texts, labels: expected arrays')
        if len(texts) != len(labels):
            raise Failure(400, 'Number of texts and labels must match')
        return body, texts, labels

    def validate(self, request):
        body, texts, labels = self.given(request)
        doubles = len(texts) - len(set(texts))
        unknown = sorted(set(labels) - set(self.labels))
        return {'valid': not unknown, 'total_samples': len(texts),
                'duplicates': doubles, 'unknown_labels': unknown,
                'model_type': body.get('model_type'),
                'label_distribution': Counter(labels)}

    def augment(self, request):
        body, texts, labels = self.given(request)
        factor = body.get('augmentation_factor', 1.0)
        if isinstance(factor, bool) or not isinstance(factor, (int, float)):
            raise Failure(422, 'augmentation_factor: expected a number')
        more = int(len(texts) * max(0, min(factor, 10) - 1))
        picks = [n % len(texts) for n in range(more)] if texts else []
        made = texts + [' '.join(reversed(texts[n].split())) for n in picks]
        return {'original_count': len(texts), 'augmented_count': len(made),
                'augmentation_factor': len(made) / max(1, len(texts)),
                'augmented_texts': made,
                'augmented_labels': labels + [labels[n] for n in picks]}

    def balance(self, request):
        _, texts, labels = self.given(request)
        groups = {}
        for text, label in zip(texts, labels):
            groups.setdefault(label, []).append(text)
        most = max(map(len, groups.values()), default=0)
        pairs = [(group[n % len(group)], label)
                 for label, group in groups.items() for n in range(most)]
        return {'original_count': len(texts), 'balanced_count': len(pairs),
                'original_distribution': Counter(labels),
                'balanced_distribution': Counter(p[1] for p in pairs),
                'balanced_texts': [p[0] for p in pairs],
                'balanced_labels': [p[1] for p in pairs]}


def routes(fixtures, speed):
    table = Routes()
    training = Training(fixtures, speed)
    datasets = Datasets(fixtures)

    for method, path, function in (
            ('GET', '/', training.health),
            ('GET', '/health', training.health),
            ('GET', '/training/jobs', training.listing),
            ('GET', '/training/jobs/{id}', training.one),
            ('GET', '/training/jobs/{id}/logs', training.logs),
            ('POST', '/training/train', training.train),
            ('POST', '/training/train-loaded', training.train),
            ('POST', '/training/retrain', training.train),
            ('POST', '/training/queue/submit', training.train),
            ('GET', '/training/queue/stats', training.queue_stats),
            ('GET', '/training/queue/jobs', training.queue_jobs),
            ('GET', '/training/queue/job/{id}', training.queue_job),
            ('DELETE', '/training/queue/job/{id}', training.cancel),
            ('GET', '/data/efficient/download-file/{id}', datasets.download),
            ('GET', '/data/efficient/metrics', datasets.metrics),
            ('POST', '/data/validate-quality', datasets.validate),
            ('POST', '/data/augmentation/augment', datasets.augment),
            ('POST', '/data/augmentation/balance', datasets.balance),
            ('GET', '/training/configs', training.list_configs),
            ('GET', '/training/config/{m}',
             lambda request, model: training.config(model)),
            ('PUT', '/training/config/{m}', training.put_config),
            ('DELETE', '/training/config/{m}', training.delete_config)):
        table.add(method, path, function)

    static(table, fixtures, STATIC)
    return table

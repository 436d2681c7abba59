# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Training :8002."""

import time

from fixtures import now, static
from jobs import Jobs, WORKERS, iso
from server import Failure, Routes
from services.datasets import Datasets

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

    def model_info(self, request, model):
        models = self.fixtures.load('models-models')['models']
        if model not in models:
            raise Failure(404, f'Model {model} not found')
        return models[model]

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
            ('GET', '/models/models/{m}/info', training.model_info),
            ('GET', '/training/configs', training.list_configs),
            ('GET', '/training/config/{m}',
             lambda request, model: training.config(model)),
            ('PUT', '/training/config/{m}', training.put_config),
            ('DELETE', '/training/config/{m}', training.delete_config)):
        table.add(method, path, function)

    datasets.add_to(table)
    static(table, fixtures, STATIC)
    return table

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""The training queue: five workers, pending jobs start when one is free,
progress grows with time, one job in eight fails on the way, and a retrain is
queued now and then so that the queue never falls silent.

Nothing runs in the background: the past is caught up with at each look."""

import datetime
import hashlib

WORKERS = 5
SECONDS = 300           # a job, at speed 1
QUEUE_EVERY = 60        # seconds between retrains of the scheduler
KEEP = 100              # the service shows that many, newest first

PARAMETERS = {'learning_rate': 2e-05, 'batch_size': 8, 'num_epochs': 2,
              'max_length': 256}


def iso(instant):
    if instant is None:
        return None
    return datetime.datetime.fromtimestamp(instant) \
        .isoformat(timespec='microseconds')


def share(text, name):
    """A number in 0..1 that depends on nothing but these words."""

    digest = hashlib.sha256(f'{text}/{name}'.encode()).digest()
    return int.from_bytes(digest[:4], 'big') / 2**32


class Job:
    def __init__(self, body, speed):
        self.body = body
        self.created = 0.0
        self.started = None
        self.recorded = True        # times of the body are kept as they are
        self.seconds = SECONDS / speed \
            * (0.75 + share(body['job_id'], 'length') / 2)
        self.fails = share(body['job_id'], 'fails') < 1 / 8
        self.stops_at = 0.35 if self.fails else 1.0

    @property
    def ends(self):
        return self.started + self.seconds * self.stops_at

    def start(self, t):
        self.started = t
        self.recorded = False
        self.body.update(status='running', start_time=iso(t), progress=0.0)

    def end(self, t):
        self.body['end_time'] = iso(t)

        if self.fails:
            self.body.update(
                status='failed', progress=round(100 * self.stops_at, 1),
                error_message='CUDA out of memory while building batch')
            return

        name, job_id = self.body['model_name'], self.body['job_id']
        f1 = round(0.82 + 0.14 * share(job_id, 'f1'), 4)
        self.body.update(status='completed', progress=100.0, result={
            'status': 'success',
            'metrics': {'eval_loss': round(0.4 * (1 - f1) + 0.05, 4),
                        'eval_f1': f1,
                        'eval_accuracy': round(min(0.99, f1 + 0.03), 4),
                        'eval_runtime': round(self.seconds / 30, 2),
                        'epoch': 2.0},
            'model_version': str(2 + int(6 * share(job_id, 'version'))),
            'training_time': round(self.seconds),
            'mlflow_model_uri': f'models:/security_{name}/latest'})

    def look(self, t):
        if self.body['status'] == 'running':
            done = max(0.0, min(self.stops_at,
                                (t - self.started) / self.seconds))
            self.body['progress'] = round(100 * done, 1)
        return self.body


class Jobs:
    def __init__(self, bodies, now, speed):
        self.speed = speed
        self.jobs = []              # oldest first
        self.clock = now
        self.queue_every = QUEUE_EVERY / speed
        self.next_retrain = now + self.queue_every

        for age, body in enumerate(reversed(bodies)):
            job = Job(body, speed)
            job.created = now - len(bodies) + age

            if body['status'] == 'running':
                # its start is put where its progress says
                job.fails, job.stops_at = False, 1.0
                job.start(now - job.seconds * body['progress'] / 100)
            self.jobs.append(job)

        self.models = sorted({body['model_name'] for body in bodies})

    def find(self, job_id):
        for job in self.jobs:
            if job.body['job_id'] == job_id:
                return job
        return None

    def with_status(self, status):
        return [job for job in self.jobs if job.body['status'] == status]

    def add(self, model, now, path=None, config=None):
        job_id = f'train_{model}_{int(now)}'
        number = 1
        while self.find(job_id):
            number += 1
            job_id = f'train_{model}_{int(now)}_{number}'

        body = {'job_id': job_id, 'model_name': model, 'status': 'pending',
                'progress': 0.0, 'start_time': None, 'end_time': None,
                'error_message': None, 'result': None,
                'training_data_path': path
                or f's3://ml-security/training-data/fresh/{model}.jsonl',
                **PARAMETERS,
                'config': {'model_name': model, **PARAMETERS,
                           **(config or {})}}
        job = Job(body, self.speed)
        job.created = now
        job.recorded = False
        self.jobs.append(job)
        del self.jobs[:-KEEP]
        self.fill(now)
        return job

    def cancel(self, job, now):
        job.body.update(status='cancelled', end_time=iso(now))
        self.fill(now)

    def fill(self, t):
        running = len(self.with_status('running'))
        for job in self.with_status('pending')[:max(0, WORKERS - running)]:
            job.start(t)

    def advance(self, now):
        """Every end and start that lies between the last look and now."""

        self.fill(self.clock)

        while True:
            running = self.with_status('running')
            first = min(running, key=lambda job: job.ends, default=None)
            t = min([self.next_retrain]
                    + ([first.ends] if first is not None else []))
            if t > now:
                break

            if first is not None and first.ends <= t:
                first.end(t)
            else:
                self.next_retrain += self.queue_every
                if not self.with_status('pending'):
                    pick = int(len(self.models) * share(t, 'model'))
                    self.add(self.models[pick], t)
            self.fill(t)

        self.clock = now

    def bodies(self, now):
        """As the service lists them: newest first."""

        self.advance(now)
        return [job.look(now) for job in reversed(self.jobs)]

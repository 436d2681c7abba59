# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets of training :8002. Uploads stay, as files without their bytes."""

import datetime
import json
import re
import time
from collections import Counter

from fixtures import now
from jobs import share
from server import Failure, File, invalid

KEEP = 1000

WORDS = ('ignore', 'reveal', 'pretend', 'execute', 'hello', 'thanks')


class Datasets:
    """Files of records, each the same every time it is asked for, and what
    is done with files and with records."""

    def __init__(self, fixtures):
        self.files = fixtures.load('data-efficient-staged-files')['files']
        self.thresholds = fixtures.load('data-quality-thresholds-security') \
            ['thresholds']
        self.labels = self.thresholds['allowed_labels']

    def records(self, file_id, count=40):
        for number in range(count):
            key = f'{file_id}/{number}'
            words = [WORDS[int(len(WORDS) * share(key, n))] for n in range(4)]
            label = self.labels[int(len(self.labels) * share(key, 'label'))]
            yield {'text': ' '.join(words) + f' {number}', 'label': label}

    def find(self, file_id):
        for file in self.files:
            if file['file_id'] == file_id:
                return file
        raise Failure(404, 'File not found')

    def download(self, request, file_id):
        name = self.find(file_id)['original_name']
        return File(''.join(json.dumps(record) + '\n'
                            for record in self.records(file_id)), name)

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

    # ---- files ----

    def staged(self, request):
        wanted = request.arg('status')
        files = [f for f in self.files if wanted in (None, f['status'])]
        return {'files': files, 'total_count': len(files),
                'by_status': Counter(f['status'] for f in self.files)}

    def info(self, request, file_id):
        return self.find(file_id)

    def progress(self, request, file_id):
        file = self.find(file_id)
        return {'file_id': file_id, 'status': file['status'],
                'progress': file['processing_progress'],
                'file_size': file['file_size'],
                'chunk_count': file['chunk_count'],
                'error': file['processing_error']}

    def add(self, name, size, kind):
        file_id = '%x' % time.time_ns()
        path = f'training-data/fresh/{file_id}.jsonl'
        self.files.insert(0, {
            'file_id': file_id, 'original_name': name, 'minio_path': path,
            's3_url': f's3://ml-security/{path}', 'data_type': kind,
            'status': 'fresh', 'upload_time': now(), 'file_size': size,
            'file_hash': None, 'used_count': 0, 'last_used': None,
            'training_jobs': [], 'metadata': {}, 'processing_progress': 100.0,
            'processing_error': None, 'chunk_count': 1})
        del self.files[KEEP:]
        return {'status': 'success', 'message': f'File uploaded: {name}',
                'file_id': file_id, 'file_size': size, 'data_type': kind}

    def upload(self, request):
        """The first file of a form: its name, and as many bytes as came."""

        name = re.search(rb'name="file"; filename="([^"\r\n]{1,200})"',
                         request.body)
        if not name:
            raise invalid('body', 'file', 'Field required', None)
        return self.add(name[1].decode('utf-8', 'replace'),
                        len(request.body), 'custom')

    def sample(self, request):
        return self.add('sample.jsonl', 4096, 'sample')

    def process(self, request, file_id):
        self.find(file_id).update(status='processing',
                                  processing_progress=0.0)
        return {'status': 'success', 'message': f'Processing {file_id}'}

    def retry(self, request, file_id):
        if self.find(file_id)['status'] != 'failed':
            raise Failure(400, 'File has not failed')
        return self.process(request, file_id)

    def remove(self, status, hours):
        """Files of a status that are older than that."""

        limit = (datetime.datetime.now() - datetime.timedelta(hours=hours)) \
            .isoformat()
        kept = [f for f in self.files if f['status'] != status
                or f['upload_time'] > limit]
        gone = len(self.files) - len(kept)
        self.files = kept
        return {'status': 'success', 'cleaned_count': gone,
                'message': f'{gone} files removed'}

    def cleanup_failed(self, request):
        return self.remove('failed', request.number('hours_old', 24, 0, 8760))

    def cleanup_old(self, request):
        return self.remove('used',
                           24 * request.number('days_old', 30, 0, 3650))

    def health(self, request):
        return {'status': 'healthy', 'service': 'efficient-data-manager',
                'total_files': len(self.files), 'timestamp': now()}

    # ---- thresholds ----

    def get_thresholds(self, request, kind):
        return {'model_type': kind, 'thresholds': self.thresholds}

    def put_thresholds(self, request):
        body = request.json()
        if not isinstance(body, dict):
            raise Failure(422, 'expected an object')
        known = {k: v for k, v in body.items() if k in self.thresholds}
        if not known:
            raise Failure(400, 'no threshold of these is known')
        self.thresholds.update(known)
        return {'status': 'success', 'message': f'{len(known)} set',
                'thresholds': self.thresholds}

    def add_to(self, table):
        """The routes of all this."""

        data, efficient = '/data', '/data/efficient'
        for method, path, function in (
                ('GET', efficient + '/download-file/{id}', self.download),
                ('GET', efficient + '/staged-files', self.staged),
                ('GET', efficient + '/file-info/{id}', self.info),
                ('GET', efficient + '/upload-progress/{id}', self.progress),
                ('GET', efficient + '/metrics', self.metrics),
                ('GET', efficient + '/health', self.health),
                ('POST', efficient + '/upload-large-file', self.upload),
                ('POST', efficient + '/process-file/{id}', self.process),
                ('POST', efficient + '/retry-failed-file/{id}', self.retry),
                ('DELETE', efficient + '/cleanup-failed-uploads',
                 self.cleanup_failed),
                ('POST', data + '/upload-data', self.upload),
                ('POST', data + '/create-sample-data', self.sample),
                ('DELETE', data + '/cleanup-old-data', self.cleanup_old),
                ('POST', data + '/validate-quality', self.validate),
                ('POST', data + '/augmentation/augment', self.augment),
                ('POST', data + '/augmentation/balance', self.balance),
                ('POST', data + '/quality-thresholds/custom',
                 self.put_thresholds),
                ('GET', data + '/quality-thresholds/{t}',
                 self.get_thresholds)):
            table.add(method, path, function)

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Data privacy :8005."""

import hashlib
import re

from fixtures import now, static
from server import Failure, Routes

STATIC = {
    'GET /health': 'health',
    'GET /compliance-report': 'compliance-report',
    'GET /metrics': 'metrics.txt',
}

PATTERNS = {
    'email': re.compile(r'[\w.+-]+@[\w-]+\.[\w.]+'),
    'phone': re.compile(r'\+?\d[\d ()-]{7,}\d'),
    'ssn': re.compile(r'\b\d{3}-\d\d-\d{4}\b'),
    'ip_address': re.compile(r'\b(?:\d{1,3}\.){3}\d{1,3}\b'),
}


def classify(request):
    text = request.body.decode('utf-8', 'replace')
    found = sorted(k for k, p in PATTERNS.items() if p.search(text))
    return {'data_id': request.arg('data_id', ''),
            'data_type': 'pii' if found else 'text',
            'privacy_level': 'confidential' if found else 'public',
            'contains_pii': bool(found), 'pii_fields': found,
            'sensitivity_score': 0.9 if found else 0.1,
            'classification_reason':
                ', '.join(found) + ' pattern' if found else 'no pattern',
            'classified_at': now()}


def anonymize(request):
    body = request.json()
    data = body.get('data') if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise Failure(422, 'data: expected an object')

    fields = body.get('fields_to_anonymize')
    if fields is None:
        fields = [k for k, v in data.items()
                  if any(p.search(str(v)) for p in PATTERNS.values())]
    if not isinstance(fields, list):
        raise Failure(422, 'fields_to_anonymize: expected an array')

    done = [k for k in fields if isinstance(k, str) and k in data]
    for key in done:
        data[key] = hashlib.sha256(str(data[key]).encode()).hexdigest()[:8]

    return {'anonymized_data': data, 'anonymized_fields': done,
            'privacy_score': 0.95 if done else 1.0,
            'compliance_status': 'compliant',
            'anonymization_log': [{'field': key, 'method': 'hash'}
                                  for key in done]}


def routes(fixtures, speed):
    table = Routes()
    table.add('POST', '/classify', classify)
    table.add('POST', '/anonymize', anonymize)
    static(table, fixtures, STATIC)
    return table

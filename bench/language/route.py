# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""/dashboard/training/overview with FastAPI and httpx: one client with kept
connections, the answer as JSONResponse (no walk through jsonable_encoder),
uvloop and httptools under uvicorn.  UPSTREAM: the service's unix socket."""

import datetime
import os

import httpx
from fastapi import FastAPI
from fastapi.responses import JSONResponse

app = FastAPI()
client = httpx.AsyncClient(
    transport=httpx.AsyncHTTPTransport(
        uds=os.environ["UPSTREAM"],
        limits=httpx.Limits(max_connections=512,
                            max_keepalive_connections=512)),
    base_url="http://services", timeout=5.0)


def overview(jobs):
    count = {"running": 0, "completed": 0, "failed": 0, "pending": 0}
    progress = []
    for job in jobs:
        status = job.get("status")
        if status in count:
            count[status] += 1
        if status == "running":
            progress.append(job.get("progress") or 0)
    mean = sum(progress) / len(progress) if progress else 0
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"total_jobs": len(jobs), "running_jobs": count["running"],
            "completed_jobs": count["completed"],
            "failed_jobs": count["failed"], "pending_jobs": count["pending"],
            "average_progress": mean, "jobs": jobs,
            "last_updated": now.isoformat()}


@app.get("/overview")
async def route():
    reply = await client.get("/jobs")
    jobs = reply.json() if reply.status_code == 200 else []
    return JSONResponse(overview(jobs))

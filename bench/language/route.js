// SPDX-FileCopyrightText: The ngx_mlsec_module authors
// SPDX-License-Identifier: Apache-2.0

// /dashboard/training/overview as an njs user would write it.

function overview(jobs) {
    const n = { running: 0, completed: 0, failed: 0, pending: 0 };
    let sum = 0;

    for (let i = 0; i < jobs.length; i++) {
        const job = jobs[i];

        if (n[job.status] !== undefined) {
            n[job.status]++;
        }

        if (job.status === "running") {
            sum += Number(job.progress) || 0;
        }
    }

    return {
        total_jobs: jobs.length,
        running_jobs: n.running,
        completed_jobs: n.completed,
        failed_jobs: n.failed,
        pending_jobs: n.pending,
        average_progress: n.running > 0 ? sum / n.running : 0,
        jobs: jobs,
        last_updated: new Date().toISOString()
    };
}

async function route(r) {
    const reply = await r.subrequest("/part/jobs");
    const jobs = reply.status === 200 ? JSON.parse(reply.responseText) : [];

    r.headersOut["Content-Type"] = "application/json";
    r.return(200, JSON.stringify(overview(jobs)));
}

export default { route };

// SPDX-FileCopyrightText: The ngx_mlsec_module authors
// SPDX-License-Identifier: Apache-2.0

// The cases for Node: node cases.js CASE FILE TIMES WARMUP

"use strict";

const fs = require("fs");

function overview(jobs) {
    const n = { running: 0, completed: 0, failed: 0, pending: 0 };
    let sum = 0;

    for (const job of jobs) {
        if (job.status in n) {
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
        average_progress: n.running > 0 ? sum / n.running : 0
    };
}

const cases = {
    count_10k: jobs => jobs.filter(
        j => j.status === "running" || j.status === "pending").length,
    overview_39k: overview,
    reshape_200: jobs => jobs.map(j => ({
        id: j.job_id, name: j.model_name, done: j.progress >= 100,
        rate: j.config.learning_rate })),
    filter_1m: jobs => jobs.filter(j => j.progress > 50).length
};

const [, , name, file, times, warmup] = process.argv;
const text = fs.readFileSync(file, "utf8");
let answer;

function rounds(n) {
    for (let i = 0; i < n; i++) {
        answer = JSON.stringify(cases[name](JSON.parse(text)));
    }
}

rounds(Number(warmup));

const start = process.cpuUsage();
rounds(Number(times));
const used = process.cpuUsage(start);

process.stdout.write(`${(used.user + used.system) / times}\n${answer}\n`);

-- SPDX-FileCopyrightText: The ngx_mlsec_module authors
-- SPDX-License-Identifier: Apache-2.0

-- What an OpenResty user would write for the cases, on lua-cjson.

local cjson = require "cjson"

local M = {}


function M.overview(jobs)
    local n = { running = 0, completed = 0, failed = 0, pending = 0 }
    local sum = 0

    for i = 1, #jobs do
        local job = jobs[i]
        local status = job.status

        if n[status] then
            n[status] = n[status] + 1
        end

        if status == "running" then
            sum = sum + (tonumber(job.progress) or 0)
        end
    end

    return {
        total_jobs = #jobs,
        running_jobs = n.running,
        completed_jobs = n.completed,
        failed_jobs = n.failed,
        pending_jobs = n.pending,
        average_progress = n.running > 0 and sum / n.running or 0
    }
end


M.cases = {
    count_10k = function(jobs)
        local n = 0

        for i = 1, #jobs do
            local status = jobs[i].status

            if status == "running" or status == "pending" then
                n = n + 1
            end
        end

        return n
    end,

    overview_39k = M.overview,

    reshape_200 = function(jobs)
        local out = {}

        for i = 1, #jobs do
            local job = jobs[i]

            out[i] = {
                id = job.job_id,
                name = job.model_name,
                done = job.progress >= 100,
                rate = job.config.learning_rate
            }
        end

        return out
    end,

    filter_1m = function(jobs)
        local n = 0

        for i = 1, #jobs do
            if jobs[i].progress > 50 then
                n = n + 1
            end
        end

        return n
    end
}


-- Runs a case "times" times over a text; CPU in us for one, and the answer.
function M.run(name, text, times)
    local case = M.cases[name]
    local decode, encode = cjson.decode, cjson.encode
    local answer
    local start = os.clock()

    for _ = 1, times do
        answer = encode(case(decode(text)))
    end

    return (os.clock() - start) * 1e6 / times, answer
end


return M

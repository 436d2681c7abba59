-- SPDX-FileCopyrightText: The ngx_mlsec_module authors
-- SPDX-License-Identifier: Apache-2.0

-- /dashboard/training/overview as an OpenResty user would write it.

local cjson = require "cjson"
local overview = require("cases").overview

return function()
    local reply = ngx.location.capture("/part/jobs")
    local jobs = {}

    if reply.status == 200 and not reply.truncated then
        jobs = cjson.decode(reply.body)
    end

    local out = overview(jobs)

    out.jobs = jobs
    out.last_updated = os.date("!%Y-%m-%dT%H:%M:%SZ", ngx.time())

    local text = cjson.encode(out)

    ngx.header["Content-Type"] = "application/json"
    ngx.header["Content-Length"] = #text
    ngx.print(text)
end

-- SPDX-FileCopyrightText: The ngx_mlsec_module authors
-- SPDX-License-Identifier: Apache-2.0

-- What an OpenResty user would write: capture in parallel, splice the bodies,
-- null for a part that failed.

local names = { "a", "b", "c", "d", "e" }
local calls = {}

for i, name in ipairs(names) do
    calls[i] = { "/part/" .. name }
end

return function()
    local replies = { ngx.location.capture_multi(calls) }
    local out = {}

    for i, name in ipairs(names) do
        local reply = replies[i]
        local body = "null"

        if reply.status == 200 and not reply.truncated then
            body = reply.body
        end

        out[i] = '"' .. name .. '":' .. body
    end

    local text = "{" .. table.concat(out, ",") .. "}"

    ngx.header["Content-Type"] = "application/json"
    ngx.header["Content-Length"] = #text
    ngx.print(text)
end

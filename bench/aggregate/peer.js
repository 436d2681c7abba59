// SPDX-FileCopyrightText: The ngx_mlsec_module authors
// SPDX-License-Identifier: Apache-2.0

// What an njs user would write: subrequests in parallel, splice the bodies,
// null for a part that failed.

const names = ["a", "b", "c", "d", "e"];

async function overview(r) {
    const replies = await Promise.all(
        names.map(name => r.subrequest("/part/" + name)));

    const out = replies.map((reply, i) => {
        const body = reply.status === 200 ? reply.responseText : "null";
        return `"${names[i]}":${body}`;
    });

    r.headersOut["Content-Type"] = "application/json";
    r.return(200, "{" + out.join(",") + "}");
}

export default { overview };

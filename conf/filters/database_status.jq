# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /admin/database/status: whether the services that keep something get at
# where they keep it, as their health says. The gateway itself asks no store.
#
# Parts: business_metrics, training (their health).
# -> {status: connected, disconnected or unknown, of the database alone, stores:
#     {NAME: {connected, reported_by: {SERVICE: bool}}}, timestamp}

def stores: object | to_entries[] | select(.value | type == "boolean");

[(part("business_metrics") | .services | stores
  | {name: .key, service: "business-metrics", up: .value}),
 (part("training") | .dependencies | stores
  | {name: .key, service: "training", up: .value})]
| (group_by(.name)
   | map({key: .[0].name,
          value: {connected: all(.[]; .up),
                  reported_by: (map({key: .service, value: .up})
                                | from_entries)}})
   | from_entries) as $stores
| {status: (if $stores.database == null then "unknown"
            elif $stores.database.connected then "connected"
            else "disconnected" end),
   stores: $stores}
| finished

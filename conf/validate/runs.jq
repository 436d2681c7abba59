# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/runs?experiment_id=, of which conf/routing.conf has found that it
# is no number.

[limit(1; bad_required("experiment_id"),
          problem(["query", "experiment_id"]; "string_pattern_mismatch";
                  "String should match pattern '^[0-9]{1,20}$'";
                  argument("experiment_id")))]

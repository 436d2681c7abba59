# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs of all experiments that were found, for mlflow's runs/search.
#
# $parts: found, the experiments.

{experiment_ids: [$parts.found | experiments[] | .experiment_id],
 max_results: 1000}

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# A registered model, with the run that its newest version came from as
# "run_id"; for /mlflow/models/performance/NAME.

object | .registered_model | object
| (.latest_versions | rows | max_by(.version | number(0))) as $newest
| {name, version: $newest.version, stage: $newest.current_stage,
   run_id: $newest.run_id, tags}

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /models/NAME/quantize: {quantization_type?, calibration_samples?} or
# nothing.

[if . == null then empty
 else bad_object, bad_text("quantization_type"),
      bad_whole("calibration_samples"; 1; 1000000) end]

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq, in front of programs that make the answer of a location: the
# input is {PART: body}, null for a part that failed.

def part($name): .[$name] | object;
def failed: $errors // [];
def with_errors:
    if (failed | length) > 0 then . + {errors: failed} else . end;
def finished: . + {timestamp: stamp} | with_errors;
def updated: . + {last_updated: stamp} | with_errors;

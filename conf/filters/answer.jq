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

# A part is not asked with arguments that are refused. Where one is missing and
# nothing is wrong with the arguments, one came escaped that need not be.
def asked($name):
    if has($name) then .
    else refuse_if([problem(["query"]; "value_error";
                            "An argument is escaped that need not be"; null)])
    end;

# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""What the programs of bench/ share.

settings  paths, and numbers of the environment
server    an nginx that is measured: configuration, start, CPU, end
load      h2load, and whether the answers were the right ones
rounds    who is measured when
turns     the same, of clients that keep their connections
figures   medians, quartiles, paired ratios, verdicts, the file of results
"""

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* X-Request-Deadline-Ms: how long whoever asks is going to wait. */


#ifndef _MLSEC_DEADLINE_H_INCLUDED_
#define _MLSEC_DEADLINE_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_DEADLINE_MAX  86400000         /* ms; a day is no deadline */


/*
 * Reads the value of the header: decimal digits, blanks around them.
 *
 * ms: 1 to MLSEC_DEADLINE_MAX, or 0: the value says nothing.  That is so for
 * what is no number, for 0, which some take for "no limit", and for what is
 * longer than any limit: who is asked goes by its own then.
 */
uint64_t mlsec_deadline_parse(mlsec_str_t text);


#endif /* _MLSEC_DEADLINE_H_INCLUDED_ */

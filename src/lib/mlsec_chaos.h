/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Places in the code where a worker is killed, for tests: those between two
 * steps in shared memory.  Only a build with NGX_MLSEC_CHAOS (CHAOS=1 of
 * util/build) has them; everywhere else there is nothing.
 *
 * The process that comes first to a point for which there is a file of its
 * name in the folder that the variable MLSEC_CHAOS of the environment names
 * takes the file away and ends by SIGKILL, as it would in the hands of the
 * kernel when memory is short.
 */


#ifndef _MLSEC_CHAOS_H_INCLUDED_
#define _MLSEC_CHAOS_H_INCLUDED_


#ifdef NGX_MLSEC_CHAOS


/*
 * Ends the process if the point is the one that was asked for; name: the words
 * of a file.
 */
void mlsec_chaos_point(const char *name);


#else


#define mlsec_chaos_point(name)


#endif


#endif /* _MLSEC_CHAOS_H_INCLUDED_ */

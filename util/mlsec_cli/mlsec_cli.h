/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the programs of util/ have in common: they run once, over files, and
 * say in one line why they cannot.
 */


#ifndef MLSEC_CLI_H
#define MLSEC_CLI_H


#include <lib/mlsec_types.h>


/*
 * The name of the program, as it stands before what it has to say.  Each
 * program defines it.
 */
extern const char  mlsec_cli_name[];


/* malloc(): memory lives as long as the program. */
extern const mlsec_mem_t  mlsec_cli_memory;


/*
 * Ends the program with exit code 2 and the line "NAME: TEXT" on stderr.
 *
 * fmt   of printf(), without a newline at its end
 */
void mlsec_cli_die(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));


/*
 * What some function has allocated: ends the program where it had no memory.
 *
 * Returns p, which is not NULL.
 */
void *mlsec_cli_need(void *p);


/*
 * All that is in a file or comes from a pipe.  A file is mapped, from its
 * begin, and may so be larger than the memory; it must not get shorter before
 * the program ends.
 *
 * fd     open for reading, and as open afterwards
 * name   what it is called where it cannot be read, which ends the program
 *
 * Returns bytes that live as long as the program; no NUL stands behind them.
 */
mlsec_str_t mlsec_cli_read(int fd, const char *name);


/*
 * The same of a file that is not open.
 *
 * name   NUL-terminated path
 */
mlsec_str_t mlsec_cli_file(const char *name);


#endif /* MLSEC_CLI_H */

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_proc.h>


#define NO  MLSEC_DECLINED


static const char  stat_text[] =
    "cpu  100 2 30 400 50 6 7 8 90 9\n"
    "cpu0 1 1 1 1 1 1 1 1 1 1\n";

static const char  meminfo[] =
    "MemTotal:       16318556 kB\n"
    "MemFree:          204800 kB\n"
    "MemAvailable:    8159278 kB\n"
    "HugePages_Total:       0\n";

static const char  cgroup1[] =
    "9:name=systemd:/\n"
    "4:memory:/a/b:c\n"
    "2:cpu,cpuacct:/d\n"
    "0::/\n";


static void
test_cpu(void)
{
    mlsec_proc_cpu_t  cpu;

    tap_ok(mlsec_proc_cpu(tap_str(stat_text), &cpu) == MLSEC_OK, "cpu");
    tap_ok(cpu.total == 603, "cpu: all but guests: %d", (int) cpu.total);
    tap_ok(cpu.busy == 153, "cpu: neither idle nor waiting: %d",
           (int) cpu.busy);

    tap_ok(mlsec_proc_cpu(tap_str("cpu 1 2 3 4"), &cpu) == MLSEC_OK
           && cpu.total == 10 && cpu.busy == 6, "cpu: four columns");
    tap_ok(mlsec_proc_cpu(tap_str("cpu 1 2 3"), &cpu) == NO, "cpu: three");
    tap_ok(mlsec_proc_cpu(tap_str("cpu 1 x 3 4"), &cpu) == NO, "cpu: a word");
    tap_ok(mlsec_proc_cpu(tap_str("cpu0 1 2 3 4"), &cpu) == NO,
           "cpu: another line");
    tap_ok(mlsec_proc_cpu(tap_str(""), &cpu) == NO, "cpu: nothing");
}


static void
test_process(void)
{
    mlsec_proc_process_t  p;

    tap_ok(mlsec_proc_process(tap_str(
               "42 (nginx) S 1 42 42 0 -1 4194624 500 0 0 0 "
               "70 30 0 0 20 0 1 0 12345 9000000 777 18446744073709551615\n"),
               &p) == MLSEC_OK && p.cpu == 100 && p.rss == 777, "process");
    tap_ok(mlsec_proc_process(tap_str(
               "42 (a) b) c (d) R 1 42 42 0 -1 4194624 500 0 0 0 "
               "7 3 0 0 20 0 1 0 12345 9000000 8 9"),
               &p) == MLSEC_OK && p.cpu == 10 && p.rss == 8,
           "process: a name with brackets");
    tap_ok(mlsec_proc_process(tap_str("42 (nginx) S 1 42"), &p) == NO,
           "process: cut");
    tap_ok(mlsec_proc_process(tap_str("42 nginx S 1"), &p) == NO,
           "process: no name");
    tap_ok(mlsec_proc_process(tap_str("42 (nginx)"), &p) == NO,
           "process: nothing behind its name");
    tap_ok(mlsec_proc_process(tap_str(""), &p) == NO, "process: nothing");
    tap_ok(mlsec_proc_process(tap_str(
               "42 (nginx) S 1 42 42 0 -1 4194624 500 0 0 0 "
               "-7 3 0 0 20 0 1 0 12345 9000000 8 9"), &p) == NO,
           "process: a negative time");
}


static void
test_field(void)
{
    uint64_t  value;

    tap_ok(mlsec_proc_field(tap_str(meminfo), "MemAvailable", &value)
           == MLSEC_OK && value == 8159278, "field");
    tap_ok(mlsec_proc_field(tap_str(meminfo), "HugePages_Total", &value)
           == MLSEC_OK && value == 0, "field: of the last line");
    tap_ok(mlsec_proc_field(tap_str(meminfo), "Mem", &value) == NO,
           "field: the beginning of a name");
    tap_ok(mlsec_proc_field(tap_str("usage_usec 12\nuser_usec 7\n"),
                            "user_usec", &value) == MLSEC_OK && value == 7,
           "field: without a colon");
    tap_ok(mlsec_proc_field(tap_str("a: b\n"), "a", &value) == NO,
           "field: no number");
    tap_ok(mlsec_proc_field(tap_str("a:\nb: 1\n"), "a", &value) == NO,
           "field: nothing, the next line is another's");
}


static void
test_load(void)
{
    uint64_t  load[3];

    tap_ok(mlsec_proc_load(tap_str("0.07 1.50 123.99 2/300 4242\n"), load)
           == MLSEC_OK && load[0] == 7 && load[1] == 150 && load[2] == 12399,
           "load");
    tap_ok(mlsec_proc_load(tap_str("0.07 1.50"), load) == NO, "load: two");
    tap_ok(mlsec_proc_load(tap_str("0.07 1.5 1.00"), load) == NO,
           "load: one digit");
    tap_ok(mlsec_proc_load(tap_str("0.07 150 1.00"), load) == NO,
           "load: no dot");
    tap_ok(mlsec_proc_load(tap_str("0.07 .50 1.00"), load) == NO,
           "load: nothing in front of it");
    tap_ok(mlsec_proc_load(tap_str(""), load) == NO, "load: nothing");
}


static void
test_next(void)
{
    uint64_t     a, b;
    mlsec_str_t  text;

    text = tap_str("150000 100000\n");
    tap_ok(mlsec_proc_next(&text, &a) == MLSEC_OK
           && mlsec_proc_next(&text, &b) == MLSEC_OK
           && mlsec_proc_next(&text, &b) == NO
           && a == 150000 && b == 100000, "next: cpu.max");

    text = tap_str("max 100000\n");
    tap_ok(mlsec_proc_next(&text, &a) == NO
           && mlsec_proc_next(&text, &b) == MLSEC_OK && b == 100000,
           "next: no limit, and what follows it");

    text = tap_str("-1\n");
    tap_ok(mlsec_proc_next(&text, &a) == NO, "next: below zero");

    text = tap_str("9223372036854771712");
    tap_ok(mlsec_proc_next(&text, &a) == MLSEC_OK
           && a == 9223372036854771712ull, "next: 19 digits");

    text = tap_str("10000000000000000000");
    tap_ok(mlsec_proc_next(&text, &a) == NO, "next: 20 digits");
}


static void
test_cgroup(void)
{
    mlsec_str_t  path;

    tap_ok(mlsec_proc_cgroup(tap_str(cgroup1), "memory", &path) == MLSEC_OK
           && path.len == 6 && memcmp(path.data, "/a/b:c", 6) == 0,
           "cgroup: a path with a colon");
    tap_ok(mlsec_proc_cgroup(tap_str(cgroup1), "cpuacct", &path) == MLSEC_OK
           && path.len == 2 && memcmp(path.data, "/d", 2) == 0,
           "cgroup: the second of a list");
    tap_ok(mlsec_proc_cgroup(tap_str(cgroup1), "cpu", &path) == MLSEC_OK
           && path.len == 2, "cgroup: the first of a list");
    tap_ok(mlsec_proc_cgroup(tap_str(cgroup1), "", &path) == MLSEC_OK
           && path.len == 1, "cgroup: version 2");
    tap_ok(mlsec_proc_cgroup(tap_str(cgroup1), "io", &path) == NO,
           "cgroup: none");
    tap_ok(mlsec_proc_cgroup(tap_str("4:memory:/\n"), "", &path) == NO,
           "cgroup: no version 2");
    tap_ok(mlsec_proc_cgroup(tap_str("4:memory\n0:\n\n"), "", &path) == NO,
           "cgroup: lines that are none");
}


int
main(void)
{
    test_cpu();
    test_process();
    test_field();
    test_load();
    test_next();
    test_cgroup();

    return tap_done();
}

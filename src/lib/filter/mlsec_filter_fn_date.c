/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Dates, in UTC only.  A broken down time is an array as in C's struct tm,
 * with the whole year: [2015, 2, 5, 23, 51, 47.5, 4, 63] is 2015-03-05.
 */


#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE                    /* strptime(), tm_zone */
#endif

#include <lib/filter/mlsec_filter_native.h>
#include <math.h>
#include <time.h>


#define MLSEC_FN_MAX_DATE  1024        /* bytes of a formatted date */
#define MLSEC_FN_YEARS     1e13        /* seconds: more is no date */


/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar. */

static double
mlsec_fn_days(double year, double month, double day)
{
    double  era, of_era, of_year;

    /* months from March on, so that the leap day is the last one */

    year += floor((month - 2) / 12);
    month = fmod(fmod(month - 2, 12) + 12, 12);

    era = floor(year / 400);
    of_era = year - era * 400;
    of_year = floor((153 * month + 2) / 5) + day - 1;

    return era * 146097 + of_era * 365 + floor(of_era / 4)
           - floor(of_era / 100) + of_year - 719468;
}


/* Fills in everything from seconds; returns the fraction of the second. */

static double
mlsec_fn_break_down(double seconds, struct tm *tm)
{
    long    days, rest, era, of_era, year, of_year, month;
    double  whole;

    whole = floor(seconds);
    days = (long) floor(whole / 86400);
    rest = (long) (whole - (double) days * 86400);

    memset(tm, 0, sizeof(struct tm));
    tm->tm_hour = (int) (rest / 3600);
    tm->tm_min = (int) (rest / 60 % 60);
    tm->tm_sec = (int) (rest % 60);
    tm->tm_wday = (int) (((days + 4) % 7 + 7) % 7);

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = days - era * 146097;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;

    tm->tm_mday = (int) (of_year - (153 * month + 2) / 5 + 1);
    tm->tm_mon = (int) (month < 10 ? month + 2 : month - 10);
    year += era * 400 + (month >= 10);
    tm->tm_year = (int) (year - 1900);
    tm->tm_yday = (int) (days - 719468
                         - (long) mlsec_fn_days((double) year, 0, 1));
    tm->tm_zone = "UTC";

    return seconds - whole;
}


static int
mlsec_fn_tm_array(mlsec_fx_t *fx, const struct tm *tm, double fraction,
    mlsec_fv_t *out)
{
    int     i;
    double  fields[8];

    fields[0] = tm->tm_year + 1900.0;
    fields[1] = tm->tm_mon;
    fields[2] = tm->tm_mday;
    fields[3] = tm->tm_hour;
    fields[4] = tm->tm_min;
    fields[5] = tm->tm_sec + fraction;
    fields[6] = tm->tm_wday;
    fields[7] = tm->tm_yday;

    if (mlsec_fv_new_array(fx, 8, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < 8; i++) {
        (void) mlsec_fv_append(fx, out, mlsec_fv_number(fields[i]));
    }

    return MLSEC_OK;
}


/* seconds: set to the time of the fields, which may be out of range */

static int
mlsec_fn_read_tm(mlsec_fx_t *fx, mlsec_fv_t v, const char *name,
    double *seconds, struct tm *tm)
{
    int         i;
    double      fields[8];
    mlsec_fv_t  item;

    if (mlsec_fv_count(v) < 3) {
        return mlsec_fx_raise(fx, "%s requires parsed datetime inputs", name);
    }

    for (i = 0; i < 8; i++) {
        fields[i] = 0;

        if ((uint32_t) i >= mlsec_fv_count(v)) {
            continue;
        }

        item = mlsec_fv_item(v, (uint32_t) i);

        if (!mlsec_fv_is_number(item)) {
            return mlsec_fx_raise(fx, "%s requires parsed datetime inputs",
                                  name);
        }

        fields[i] = mlsec_fv_double(item);

        if (!(fabs(fields[i]) < 1e9)) {
            return mlsec_fx_raise(fx, "%s: a field is out of range", name);
        }
    }

    *seconds = mlsec_fn_days(floor(fields[0]), floor(fields[1]),
                             floor(fields[2])) * 86400
               + floor(fields[3]) * 3600 + floor(fields[4]) * 60
               + floor(fields[5]);

    memset(tm, 0, sizeof(struct tm));
    tm->tm_year = (int) fields[0] - 1900;
    tm->tm_mon = (int) fields[1];
    tm->tm_mday = (int) fields[2];
    tm->tm_hour = (int) fields[3];
    tm->tm_min = (int) fields[4];
    tm->tm_sec = (int) fields[5];
    tm->tm_wday = (int) fields[6];
    tm->tm_yday = (int) fields[7];
    tm->tm_zone = "UTC";

    return MLSEC_OK;
}


int
mlsec_fn_now(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    (void) args;

    *out = mlsec_fv_number(fx->now);

    return MLSEC_OK;
}


int
mlsec_fn_gmtime(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    double     seconds;
    struct tm  tm;

    if (!mlsec_fv_is_number(args[0])) {
        return mlsec_fx_raise(fx, "gmtime() requires numeric inputs");
    }

    seconds = mlsec_fv_double(args[0]);

    if (!(fabs(seconds) < MLSEC_FN_YEARS)) {
        return mlsec_fx_raise(fx, "error converting number of seconds since "
                              "epoch to datetime");
    }

    seconds = mlsec_fn_break_down(seconds, &tm);

    return mlsec_fn_tm_array(fx, &tm, seconds, out);
}


int
mlsec_fn_mktime(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int        rc;
    double     seconds;
    struct tm  tm;

    if (!mlsec_fv_is_array(args[0])) {
        return mlsec_fx_raise(fx, "mktime requires array inputs");
    }

    rc = mlsec_fn_read_tm(fx, args[0], "mktime", &seconds, &tm);

    if (rc == MLSEC_OK) {
        *out = mlsec_fv_number(seconds);
    }

    return rc;
}


/* A copy with a zero byte behind it, as C's functions want it. */

static char *
mlsec_fn_c_string(mlsec_fx_t *fx, mlsec_fv_t s)
{
    char  *p;

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK) {
        return NULL;
    }

    p = mlsec_fx_alloc(fx, (size_t) s.n + 1);

    if (p != NULL) {
        memcpy(p, s.u.str, s.n);
        p[s.n] = '\0';
    }

    return p;
}


static int
mlsec_fn_format_date(mlsec_fx_t *fx, const mlsec_fv_t *args,
    const char *name, mlsec_fv_t *out)
{
    int         rc;
    char       *format, text[MLSEC_FN_MAX_DATE];
    size_t      n;
    double      seconds;
    struct tm   tm;
    mlsec_fv_t  time;

    time = args[0];

    if (mlsec_fv_is_number(time)) {
        rc = mlsec_fn_gmtime(fx, &time, &time);

        if (rc != MLSEC_OK) {
            return rc;
        }

    } else if (!mlsec_fv_is_array(time)) {
        return mlsec_fx_raise(fx, "%s requires parsed datetime inputs", name);
    }

    if (!mlsec_fv_is_string(args[1])) {
        return mlsec_fx_raise(fx, "%s requires a string format", name);
    }

    rc = mlsec_fn_read_tm(fx, time, name, &seconds, &tm);

    if (rc != MLSEC_OK) {
        return rc;
    }

    format = mlsec_fn_c_string(fx, args[1]);
    if (format == NULL) {
        return MLSEC_FX_FATAL;
    }

    n = strftime(text, sizeof(text), format, &tm);

    if (n == 0 && format[0] != '\0') {
        return mlsec_fx_raise(fx, "%s: unknown system failure", name);
    }

    return mlsec_fv_copy_string(fx, (unsigned char *) text, n, out);
}


int
mlsec_fn_strftime(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_format_date(fx, args, "strftime/1", out);
}


/* The local time of a run is UTC, whatever the zone of the machine. */

int
mlsec_fn_strflocaltime(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    return mlsec_fn_format_date(fx, args, "strflocaltime/1", out);
}


int
mlsec_fn_localtime(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_gmtime(fx, args, out);
}


int
mlsec_fn_strptime(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    char        *text, *format;
    const char  *end;
    double       seconds;
    struct tm    tm, day;

    if (!mlsec_fv_is_string(args[0])) {
        return mlsec_fx_raise(fx, "strptime/1 requires string inputs and "
                              "arguments");
    }

    if (!mlsec_fv_is_string(args[1])) {
        return mlsec_fx_raise(fx, "strptime/1 requires string inputs and "
                              "arguments");
    }

    text = mlsec_fn_c_string(fx, args[0]);
    format = mlsec_fn_c_string(fx, args[1]);

    if (text == NULL || format == NULL) {
        return MLSEC_FX_FATAL;
    }

    memset(&tm, 0, sizeof(struct tm));
    tm.tm_wday = 8;
    tm.tm_yday = 367;

    end = strptime(text, format, &tm);

    if (end == NULL || *end != '\0') {
        return mlsec_fx_raise(fx, "date \"%s\" does not match format \"%s\"",
                              text, format);
    }

    /* the days of the week and of the year follow from the date */

    if (tm.tm_wday == 8 || tm.tm_yday == 367) {
        seconds = mlsec_fn_days(tm.tm_year + 1900.0, tm.tm_mon, tm.tm_mday)
                  * 86400;
        (void) mlsec_fn_break_down(seconds, &day);

        if (tm.tm_wday == 8 && tm.tm_mday >= 1) {
            tm.tm_wday = day.tm_wday;
        }

        if (tm.tm_yday == 367 && tm.tm_mday >= 1) {
            tm.tm_yday = day.tm_yday;
        }
    }

    return mlsec_fn_tm_array(fx, &tm, 0, out);
}

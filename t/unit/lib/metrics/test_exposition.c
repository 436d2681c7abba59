/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/metrics/mlsec_exposition.h>


static const struct {
    const char  *accept;
    int          openmetrics;
} accepts[] = {
    { "", 0 },
    { "*/*", 0 },
    { "text/plain", 0 },
    { "text/html, */*;q=0.1", 0 },
    { "application/openmetrics-text", 1 },
    { "Application/OpenMetrics-Text", 1 },
    { "application/openmetrics-text;version=1.0.0", 1 },
    { "application/openmetrics-text; version=\"1.0.0\"", 1 },
    { "application/openmetrics-text; version=0.0.1", 1 },
    { "application/openmetrics-text; version=2.0.0", 0 },
    { "application/openmetrics-text;q=0", 0 },
    { "application/openmetrics-text;q=0.000", 0 },
    { "application/openmetrics-text;q=0.001", 1 },
    { "application/openmetrics-text;q=1.0", 1 },
    { "application/openmetrics-text;q=2", 0 },
    { "application/openmetrics-text;q=1.9", 1 },
    { "application/openmetrics-text;q=x", 0 },
    { "application/openmetrics-text;q=", 0 },
    { "application/openmetrics-text;q=0.5,text/plain;q=0.6", 0 },
    { "application/openmetrics-text;q=0.5,text/plain;q=0.5", 1 },
    { "text/plain;q=0.3 , application/openmetrics-text ; q=0.4", 1 },
    { "application/openmetrics-text;q=0.4,text/*;q=0.45", 0 },
    { "application/openmetrics-text;version=1.0.0;q=0.5,"
      "application/openmetrics-text;version=0.0.1;q=0.8,"
      "text/plain;version=0.0.4;q=0.6,*/*;q=0.1", 1 },

    /* Prometheus 2.42 */

    { "application/openmetrics-text;version=1.0.0,"
      "application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 1 },

    /* what cannot be read is no range, and does no harm */

    { ",,;;==,application/openmetrics-text", 1 },
    { "a=\"application/openmetrics-text,\"", 0 },
    { "application/openmetrics-text;a=\"\\\";q=0\"", 1 },
    { "application/openmetrics-textual", 0 },
    { "x;y=\"", 0 },
    { "x;y=\"\\", 0 }
};


static const struct {
    const char  *value;
    const char  *escaped;
} labels[] = {
    { "", "" },
    { "/models", "/models" },
    { "a\"b", "a\\\"b" },
    { "^/(\\d+)$", "^/(\\\\d+)$" },
    { "a\nb\r\tc", "a\\nb\r\tc" },
    { "\\n", "\\\\n" },
    { "na\xc3\xafve \xf0\x9f\x98\x80", "na\xc3\xafve \xf0\x9f\x98\x80" },
    { "a\xff" "b", "a\xef\xbf\xbd" "b" },
    { "\xc3", "\xef\xbf\xbd" },
    { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }
};


static mlsec_str_t
text_of(const char *s)
{
    mlsec_str_t  text;

    text.data = (const unsigned char *) s;
    text.len = strlen(s);

    return text;
}


int
main(void)
{
    size_t          i, len;
    mlsec_str_t     text;
    unsigned char   buf[64], *end;

    for (i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        tap_ok(mlsec_exposition_accept(text_of(accepts[i].accept))
               == (accepts[i].openmetrics ? MLSEC_EXPOSITION_OPENMETRICS
                                          : MLSEC_EXPOSITION_TEXT),
               "accept: %s", accepts[i].accept);
    }

    for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        text = text_of(labels[i].value);
        len = mlsec_exposition_escaped_len(text);
        end = mlsec_exposition_escape(buf, text);

        tap_ok(len == strlen(labels[i].escaped) && end == buf + len
               && memcmp(buf, labels[i].escaped, len) == 0,
               "label %zu: escaped, %zu bytes", i, len);
    }

    return tap_done();
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <audit/ngx_mlsec_audit.h>


static void ngx_mlsec_audit_json(ngx_mlsec_json_t *w, const uint64_t *words);


/* in the order of mlsec_audit_event_e */

static const char *const  ngx_mlsec_audit_labels[MLSEC_AUDIT_EVENTS] = {
    "event=\"start\"", "event=\"reopen\"", "event=\"heads\"",
    "event=\"deny\"", "event=\"intent\"", "event=\"write\"",
    "event=\"dropped\"", "event=\"end\""
};

static const char *const  ngx_mlsec_audit_words[MLSEC_AUDIT_EVENTS] = {
    "start", "reopen", "heads", "deny", "intent", "write", "dropped", "end"
};


static const ngx_mlsec_family_t  ngx_mlsec_audit_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_audit_records",
      "Records of an audit log, written or about to be.",
      0, MLSEC_AUDIT_EVENTS, ngx_mlsec_audit_labels, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_audit_dropped",
      "Records that an audit log does not have: it could not be written.",
      NGX_MLSEC_AUDIT_LOST, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_audit_write_errors",
      "Attempts to write an audit log that have failed.",
      NGX_MLSEC_AUDIT_ERRORS, 1, NULL, 1, 0 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_audit_kind = {
    "audit_logs",
    ngx_mlsec_audit_families,
    sizeof(ngx_mlsec_audit_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_AUDIT_WORDS,
    ngx_mlsec_audit_json
};


ngx_int_t
ngx_mlsec_audit_count(ngx_conf_t *cf, ngx_mlsec_audit_file_t *file)
{
    ngx_mlsec_label_t  label;

    if (file->series != NULL) {
        return NGX_OK;
    }

    label.name = "log";
    label.value = file->file->name;

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_audit_kind, &label, 1,
                                    &file->series);
}


static void
ngx_mlsec_audit_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    ngx_mlsec_metrics_json_words(w, "records", ngx_mlsec_audit_words, words,
                                 MLSEC_AUDIT_EVENTS);
    ngx_mlsec_metrics_json_number(w, "dropped", words[NGX_MLSEC_AUDIT_LOST]);
    ngx_mlsec_metrics_json_number(w, "write_errors",
                                  words[NGX_MLSEC_AUDIT_ERRORS]);
}

/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_limit_script.h>
#include <lib/mlsec_text.h>


/*
 * A key of a rate holds the time, us since 1970 by the clock of the store, at
 * which its bucket is full, one of a quota what was taken.  Both are made
 * into what is owed (s), so that the same arithmetic does: a unit of a rate
 * owes "step" us, one of a quota 1.
 *
 * Whoever asks has used already what it says it has; only requests to take
 * are decided here, each whole or not at all, in the order in which they came.
 *
 * Half a us of slack is for numbers with fractions: 2^53 us are 285 years,
 * what is stored now is exact to a quarter.  A bucket that owes two of it was
 * filled under another rate, or the clock was set back: it owes no more.
 */

const char  mlsec_script_batch[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000000 + t[2]\n"
    "local words = redis.call('MGET', unpack(KEYS))\n"
    "local step, limit, ttl, s = {}, {}, {}, {}\n"
    "local dirty, out = {}, {}\n"
    "local n, at = #KEYS, 1\n"
    "for i = 1, n do\n"
    "  step[i], limit[i] = tonumber(ARGV[at]), tonumber(ARGV[at + 1])\n"
    "  ttl[i] = tonumber(ARGV[at + 2])\n"
    "  local used = tonumber(ARGV[at + 3])\n"
    "  local owed = tonumber(words[i]) or 0\n"
    "  if ttl[i] == 0 then\n"
    "    owed = math.min(owed - now, 2 * limit[i])\n"
    "  end\n"
    "  if not (owed > 0) then owed = 0 end\n"
    "  s[i] = math.max(owed + used * step[i], 0)\n"
    "  dirty[i] = used ~= 0\n"
    "  at = at + 4\n"
    "end\n"
    "local take = n\n"
    "while ARGV[at] do\n"
    "  local last = at + 3 * ARGV[at]\n"
    "  local ok = 1\n"
    "  for j = at + 1, last, 3 do\n"
    "    local i, cost = tonumber(ARGV[j]), tonumber(ARGV[j + 1])\n"
    "    if cost > 0 and s[i] + cost * step[i] > limit[i] + 0.5 then\n"
    "      ok = 0\n"
    "    end\n"
    "  end\n"
    "  for j = at + 1, last, 3 do\n"
    "    local i, cost = tonumber(ARGV[j]), tonumber(ARGV[j + 1])\n"
    "    if ok == 1 and cost > 0 and ARGV[j + 2] == '1' then\n"
    "      s[i] = s[i] + cost * step[i]\n"
    "      dirty[i] = true\n"
    "    end\n"
    "  end\n"
    "  take = take + 1\n"
    "  out[take] = ok\n"
    "  at = last + 1\n"
    "end\n"
    "for i = 1, n do\n"
    "  out[i] = math.floor(s[i])\n"
    "  if dirty[i] and ttl[i] == 0 then\n"
    "    redis.call('SET', KEYS[i], string.format('%.3f', now + s[i]),\n"
    "               'PX', math.ceil(s[i] / 1000) + 1000)\n"
    "  elseif dirty[i] then\n"
    "    redis.call('SET', KEYS[i], string.format('%.0f', s[i]),\n"
    "               'EX', ttl[i])\n"
    "  end\n"
    "end\n"
    "return out\n";


/* Those of the future are there when the clock was set back. */

const char  mlsec_script_beat[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local life = tonumber(ARGV[2])\n"
    "redis.call('ZADD', KEYS[1], now, ARGV[1])\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf',\n"
    "           string.format('%.0f', now - life))\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[1],\n"
    "           string.format('%.0f', now + life), '+inf')\n"
    "redis.call('PEXPIRE', KEYS[1], life)\n"
    "return redis.call('ZCARD', KEYS[1])\n";


void
mlsec_script_text(mlsec_script_args_t *a, mlsec_str_t text)
{
    if (a->nargs == a->max) {
        a->full = 1;
        return;
    }

    a->args[a->nargs++] = text;
}


void
mlsec_script_number(mlsec_script_args_t *a, int64_t number)
{
    mlsec_str_t  text;

    if (a->end - a->text < 20) {
        a->full = 1;
        return;
    }

    text.data = a->text;
    a->text = mlsec_text_i64(a->text, number);
    text.len = (size_t) (a->text - text.data);

    mlsec_script_text(a, text);
}


/* ns as us with three decimals */

static void
mlsec_script_us(mlsec_script_args_t *a, uint64_t ns)
{
    mlsec_str_t  text;

    if (a->end - a->text < 24) {
        a->full = 1;
        return;
    }

    text.data = a->text;
    a->text = mlsec_text_u64(a->text, ns / 1000);

    *a->text++ = '.';
    *a->text++ = (unsigned char) ('0' + ns / 100 % 10);
    *a->text++ = (unsigned char) ('0' + ns / 10 % 10);
    *a->text++ = (unsigned char) ('0' + ns % 10);

    text.len = (size_t) (a->text - text.data);

    mlsec_script_text(a, text);
}


void
mlsec_script_begin(mlsec_script_args_t *a, size_t nkeys)
{
    a->nargs = 0;
    a->full = 0;

    mlsec_script_number(a, (int64_t) nkeys);
}


void
mlsec_script_terms(mlsec_script_args_t *a, const mlsec_script_terms_t *terms)
{
    if (terms->interval != 0) {
        mlsec_script_us(a, terms->interval);
        mlsec_script_us(a, terms->limit);
        mlsec_script_number(a, 0);

    } else {
        mlsec_script_number(a, 1);
        mlsec_script_number(a, (int64_t) terms->limit);
        mlsec_script_number(a, (int64_t) (terms->ttl ? terms->ttl : 1));
    }

    mlsec_script_number(a, terms->used);
}


void
mlsec_script_take(mlsec_script_args_t *a, size_t parts)
{
    mlsec_script_number(a, (int64_t) parts);
}


void
mlsec_script_part(mlsec_script_args_t *a, size_t key, uint64_t cost,
    int charge)
{
    mlsec_script_number(a, (int64_t) key + 1);
    mlsec_script_number(a, (int64_t) cost);
    mlsec_script_number(a, charge);
}

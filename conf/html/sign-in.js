/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

'use strict';

// Moves the token of the address into a cookie and the address out of the
// history. A browser sends no server what is behind "#".

const token = location.hash.slice(1);

if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) {
    document.cookie = `mlsec_demo=${token}; Path=/; SameSite=Strict`;
    location.replace('/');
}

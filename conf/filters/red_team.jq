# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: what analytics and red-team say of attack tests.
#
# analytics has rates of 0-1 and may send them as text; red-team lists single
# attacks, and an attack that succeeded was not detected.

def summary_rows: object | .summary | rows
    | map(.rate = (.avg_detection_rate | number(null)));
def total_tests: map(.total_tests | number(0)) | add // 0;

# weighted by the number of tests, 0-100
def detection_rate:
    map(select(.rate != null)) | total_tests as $tests
    | if $tests > 0
      then 100 * (map(.rate * (.total_tests | number(0))) | add) / $tests
      else 0 end;

# of what was attacked, how much was open; 0-100
def vulnerability_rate:
    pct(map((.avg_vulnerabilities | number(0)) * (.total_tests | number(0)))
        | add // 0;
        map((.avg_attacks | number(0)) * (.total_tests | number(0)))
        | add // 0);

def attacks: object | .results | rows;
def attack_figures:
    {total_attacks: length,
     successful_attacks: (map(select(.success == true)) | length),
     detection_rate: pct(map(select(.success != true)) | length; length)};

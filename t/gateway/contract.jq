# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# What the API that is taken over computes on its dashboards, written as its
# contract has it; conf/filters has to come to the same figures.

def jobs($b): if ($b|type)=="array" then $b else ($b.jobs // []) end;
# both model-api shapes -> flat list of variants
def variants($b): [ ($b.models // {}) | to_entries[] | .key as $base | .value as $v
  | if ($v|has("pretrained")) or ($v|has("trained"))
    then ($v|to_entries[]|select(.key=="pretrained" or .key=="trained")|{base:$base,type:.key,loaded:(.value.loaded//false)})
    else {base:$base,type:(if $v.model_source=="MLflow" then "trained" elif $v.model_source=="Hugging Face" then "pretrained" else ($v.type//"unknown") end),loaded:($v.loaded//false)} end ];
def pct($a;$b): if $b>0 then 100*$a/$b else 0 end;
def metrics($m;$j;$rt;$rs;$h): {
  total_models: ($m.models//{}|length),
  active_jobs: ([jobs($j)[]|select(.status=="running" or .status=="pending")]|length),
  total_attacks: ($rt.results//[]|length),
  detection_rate: (($rs.summary//[]) as $s | ([$s[].total_tests]|add//0) as $w | if $w>0 then 100*([$s[]|(.avg_detection_rate|tonumber)*.total_tests]|add)/$w else 0 end),
  system_health: pct([$h[]|select(.status=="healthy")]|length; $h|length) };
def models_overview($m): variants($m) as $v | {total_models:($m.models//{}|length),
  pretrained_models:([$v[]|select(.type=="pretrained")]|length), trained_models:([$v[]|select(.type=="trained")]|length),
  loaded_models:([$v[]|select(.loaded)]|length)};
def training_overview($j): jobs($j) as $a | def n($s): [$a[]|select(.status==$s)]|length;
  {total_jobs:($a|length),running_jobs:n("running"),completed_jobs:n("completed"),failed_jobs:n("failed"),pending_jobs:n("pending"),
   average_progress:([$a[]|select(.status=="running")|(.progress//0)] as $p | if ($p|length)>0 then ($p|add)/($p|length) else 0 end)};
def red_team_overview($rt): ($rt.results//[]) as $r | {total_attacks:($r|length),successful_attacks:([$r[]|select(.success==true)]|length),
  detection_rate_original:pct([$r[]|select(.success==true)]|length;$r|length),
  detection_rate:pct([$r[]|select(.success!=true)]|length;$r|length),
  attack_categories:(reduce $r[] as $x ({}; .[($x.category//"unknown")]+=1))};
def system_health($h): {overall_health:pct([$h[]|select(.status=="healthy")]|length;$h|length),healthy_services:([$h[]|select(.status=="healthy")]|length),total_services:($h|length),
  average_response_time:([$h[]|.response_time|select(.>0)] as $t|if ($t|length)>0 then ($t|add)/($t|length) else 0 end)};
def status($h): system_health($h) as $s | {status:(if $s.overall_health>=80 then "healthy" elif $s.overall_health>=50 then "degraded" else "unhealthy" end),
  overall_health_percentage:(($s.overall_health*100|round)/100),healthy_services:$s.healthy_services,total_services:$s.total_services};
def activity($j;$rt;$limit): ([jobs($j)[:5][]|{type:"training",id:(.job_id//"unknown"),description:"Training job \(.model_name//"unknown") - \(.status//"unknown")",timestamp:.start_time,status:(.status//"unknown")}]
  + [($rt.results//[])[:5][]|{type:"red_team",id:(.attack_id//"unknown"),description:"Red team test - \(.category//"unknown") attack",timestamp:.timestamp,status:(if .success then "success" else "failed" end)}])
  | sort_by(.timestamp//"")|reverse|.[:$limit];
# target mappings (NOT in the original, which always gives zeros here)
def analytics_overview($rs): ($rs.summary//[]) as $s | ([$s[].total_tests]|add//0) as $w | {total_analyses:$w,
  detection_rate:(if $w>0 then 100*([$s[]|(.avg_detection_rate|tonumber)*.total_tests]|add)/$w else 0 end)};
def privacy_overview($c): {total_checks:($c.total_datasets//0),passed_checks:($c.compliant_datasets//0),failed_checks:($c.non_compliant_datasets//0),
  compliance_score:($c.compliance_percentage//0),privacy_violations:($c.violations//[]|length),
  data_anonymization_rate:([pct(($c.compliant_datasets//0)+($c.non_compliant_datasets//0);$c.total_datasets//0),100]|min)};
def business_overview($k;$m;$cs): variants($m) as $v | {total_models:($v|length),active_models:([$v[]|select(.loaded)]|length),inactive_models:([$v[]|select(.loaded|not)]|length),
  total_predictions:($cs.total_predictions//0),cost_per_prediction:($k.cost_metrics.cost_per_prediction//0),average_response_time:($k.system_effectiveness.response_time_p95//0)};
def models_status($ms;$cs): {total_available:$ms.total_models,total_loaded:$ms.loaded_models,load_percentage:pct($ms.loaded_models;$ms.total_models),status:(if $ms.loaded_models>0 then "healthy" else "no_models_loaded" end)};

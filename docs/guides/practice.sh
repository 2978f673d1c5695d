#!/usr/bin/env bash
# The run behind site-admin-guide.md and study-owner-guide.md: two hospitals with drawn hearts, on this machine, by the
# commands that the guides show. Writes transcript.md into an empty FOLDER; write_guides.py fills the guides from it.
#
#   PATH=$PWD/build/dev/bin:$PATH docs/guides/practice.sh FOLDER     (about five minutes)
set -u
W=${1:?practice.sh FOLDER}
mkdir -p "$W" && cd "$W" || exit 1
[ -z "$(ls -A)" ] || { echo "$W is not empty." >&2; exit 1; }
trap 'kill $(jobs -p) 2>/dev/null' EXIT
echo "practice" > pass; chmod 600 pass
export CLOISTER_PASSPHRASE=practice
FAST=--fast-keys-for-tests-only
out=transcript.md; : > $out
say() { echo; echo "## $*"; } >> $out
run() { { echo; echo '```'; echo "\$ $*"; } >> $out; "$@" >> $out 2>&1; local rc=$?; { [ $rc -eq 0 ] || echo "(exit status $rc)"; echo '```'; } >> $out; return $rc; }
quiet() { "$@" >/dev/null 2>&1; }
state() { cloister --json site jobs --agent $1 2>/dev/null | python3 -c 'import json,sys
d=json.load(sys.stdin)
print(next((j["state"] for j in d["jobs"] if j["id"]==sys.argv[1]),"none"))' $2; }
until_state() { for i in $(seq 900); do [ "$(state $1 $2)" = "$3" ] && return 0; sleep 0.5; done; echo "never: $2 $3" >&2; return 1; }
ostate() { cloister --json study jobs heart-1 --home people/olivia 2>/dev/null | python3 -c 'import json,sys
d=json.load(sys.stdin)
print(next((j["state"] for j in d["jobs"] if j["id"]==sys.argv[1]),"none"))' $1; }
until_ostate() { for i in $(seq 900); do [ "$(ostate $1)" = "$2" ] && return 0; sleep 0.5; done; echo "never: $1 $2" >&2; return 1; }
field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' $1; }
ROOT=heart/root
join_person() { # name role site
  local s=""; [ -z "${3:-}" ] || s="--site $3"
  quiet cloister consortium invite $1 --role $2 $s --token-file $1.token --home $ROOT
  local print=$(cloister --json consortium join @$1.token --home people/$1 $FAST --wait 0 | field fingerprint)
  quiet cloister consortium approve $1 --fingerprint "$print" --home $ROOT
  cloister consortium join @$1.token --home people/$1 $FAST --wait 20 >/dev/null
}
mkdir people sites data
say consortium
run cloister consortium init heart --name heart --members 127.0.0.1:7410 --enrolment 127.0.0.1:7411 $FAST
cloister-coordinator --config heart/coordinator/coordinator.toml 2> coordinator.log & COORD=$!
cloister-trainer --config heart/trainer/trainer.toml 2> trainer.log & TRAIN=$!
sleep 3
say enrol
run cloister phantom data/a --name site-a --patients 8 --held-out 4
quiet cloister phantom data/b --name site-b --scanner 1 --patients 8 --held-out 4
run cloister consortium invite site-a --token-file site-a.token --home $ROOT
run cloister site enrol @site-a.token --home sites/a --data "$PWD/data/a" $FAST --wait 0
run cloister consortium pending --home $ROOT
P=$(cloister --json consortium pending --home $ROOT | python3 -c 'import json,sys; print(json.load(sys.stdin)["pending"][0]["fingerprint"])')
run cloister consortium approve site-a-agent --fingerprint "$P" --home $ROOT
run cloister site enrol @site-a.token --home sites/a --data "$PWD/data/a" $FAST --wait 20
quiet cloister consortium invite site-b --token-file site-b.token --home $ROOT
quiet cloister site enrol @site-b.token --home sites/b --data "$PWD/data/b" $FAST --wait 0
quiet cloister consortium approve site-b-agent --yes --home $ROOT
quiet cloister site enrol @site-b.token --home sites/b --data "$PWD/data/b" $FAST --wait 20
for x in "olivia study-owner" "ada site-admin site-a" "sam site-steward site-a" "ben site-admin site-b" "bea site-steward site-b" "aude auditor"; do join_person $x; done
sed -i 's/^threads = .*/threads = 1/' sites/a/policy.toml sites/b/policy.toml
sed -i 's/^automatic = \[.*/automatic = ["register-data"/; s/^             "tune.*/            ]/' sites/b/policy.toml
say policy
run cloister-agent --config sites/a/agent.toml --check-config
cloister-agent --config sites/a/agent.toml 2> a.log & A=$!
cloister-agent --config sites/b/agent.toml 2> b.log & B=$!
sleep 3
run cloister site publish-policy sites/a/policy.toml --agent sites/a --home people/ada
quiet cloister site publish-policy sites/b/policy.toml --agent sites/b --home people/ben
run cloister site status --agent sites/a
run cloister consortium members --home $ROOT
run cloister doctor --agent sites/a
say study
SEAL=$(cloister --json consortium members --home $ROOT | python3 -c 'import json,sys; print(next(m["seal"] for m in json.load(sys.stdin)["members"] if m["id"]=="trainer"))')
cat > plan.toml <<PLAN
study = "heart-1"
title = "Left and right ventricle in cine MRI"
purpose = "Practice"
legal_basis = "No personal data: drawn hearts"
owner = "olivia"
trainer = "trainer"
trainer_seal_key = "$SEAL"
sites = ["site-a", "site-b"]
quorum = 2
release_approvals = 2
patients_min = 4
structures = ["LV", "MYO", "RV"]
encoder = "reconstruct"
mask_ceiling_min = 0.0

[budget]
name = "custom"
spacing_mm = 3.0
size_px = 64
image_encoder_steps = 60
mask_encoder_steps = 400
segmentation_steps = 2000
tune_steps = 20
attack_steps = 30
PLAN
run cat plan.toml
run cloister study check plan.toml
run cloister study open plan.toml --home people/olivia
J=heart-1-site-b-train-image-encoder-1
until_state sites/b $J offered
say denial
run cloister site preflight heart-1 --agent sites/b
run cloister site jobs --agent sites/b
run cloister site show $J --agent sites/b
run cloister site deny $J --reason "the ethics board meets on Friday" --agent sites/b --home people/ben
sleep 2
run cloister study status heart-1 --home people/olivia
run cloister study history $J --home people/olivia
say approval
run cloister site retry $J --agent sites/b --home people/ben
until_state sites/b heart-1-site-b-train-mask-encoder-1 offered
say kill
KJ=heart-1-site-a-train-mask-encoder-1
for i in $(seq 300); do s=$(state sites/a $KJ); [ "$s" = running ] && break; [ "$s" = done ] && break; sleep 0.2; done
sleep 3
run cloister site jobs --agent sites/a
echo "kill -9 of the agent" >> $out
kill -9 $A; sleep 2
run cloister site status --agent sites/a
cloister-agent --config sites/a/agent.toml 2>> a.log & A=$!
sleep 4
run cloister site jobs --agent sites/a
run cloister site approve heart-1-site-b-train-mask-encoder-1 --agent sites/b --home people/ben
for k in encode assess-privacy; do until_state sites/b heart-1-site-b-$k-1 offered; quiet cloister site approve heart-1-site-b-$k-1 --agent sites/b --home people/ben; done
until_state sites/a heart-1-site-a-release-1 offered
say release
run cloister site preview heart-1 --agent sites/a
run cloister site release heart-1 --agent sites/a --home people/sam
run cloister site exception heart-1 --reason "drawn hearts: no patient stands behind these codes" --agent sites/a --home people/sam
run cloister site release heart-1 --agent sites/a --home people/sam
until_state sites/b heart-1-site-b-release-1 offered
quiet cloister site exception heart-1 --reason "practice" --agent sites/b --home people/bea
quiet cloister site release heart-1 --agent sites/b --home people/bea
sleep 1
run cloister site egress --agent sites/a
run cloister site logs heart-1-site-a-train-mask-encoder-1 --agent sites/a
say abort
T=heart-1-pool-train-segmentation-1
for i in $(seq 300); do [ "$(ostate $T)" = running ] && break; sleep 0.3; done
run cloister study jobs heart-1 --home people/olivia
run cloister study abort $T --reason "wrong evening: the trainer's machine is serviced" --home people/olivia
sleep 2
run cloister study status heart-1 --home people/olivia
run cloister study retry $T --home people/olivia
until_ostate $T done
for k in tune-mask-decoder evaluate; do until_state sites/b heart-1-site-b-$k-1 offered && quiet cloister site approve heart-1-site-b-$k-1 --agent sites/b --home people/ben; done
until_state sites/a heart-1-site-a-evaluate-1 done; until_state sites/b heart-1-site-b-evaluate-1 done
say model
M=$(cloister --json study status heart-1 --home people/olivia | python3 -c 'import json,sys; print(json.load(sys.stdin)["models"][0]["digest"])')
run cloister study status heart-1 --home people/olivia
run cloister site accept-model heart-1 --model $M --agent sites/a --home people/sam
quiet cloister site accept-model heart-1 --model $M --agent sites/b --home people/bea
sleep 1
run cloister study release heart-1 --home people/olivia
# So few drawn hearts are recognised at one site or both, or the test warns: then there is nothing to sign.
run cloister site exception heart-1 --model $M --reason "drawn hearts: nobody can be recognised" --agent sites/a --home people/sam || true
quiet cloister site exception heart-1 --model $M --reason "drawn hearts" --agent sites/b --home people/bea || true
sleep 1
run cloister study release heart-1 --reason "practice: drawn hearts, and too few of them to hide among" --home people/olivia
quiet cloister site standing heart-1 --agent sites/a --home people/sam --reason "predictions for our own patients"
sleep 2
I=$(ls data/a/imagesTs/*_0000.nii.gz | head -1)
run cloister predict $I -o new-mask.nii.gz --agent sites/a
say amend
sed 's/^retention_days.*//; s/^purpose = .*/purpose = "Practice, second round"/' plan.toml > plan-2.toml
run cloister study amend plan-2.toml --home people/olivia
until_state sites/a heart-1-site-a-register-data-2 offered; sleep 1
run cloister site show heart-1-site-a-register-data-2 --agent sites/a
say rotation
quiet cloister consortium invite site-a --token-file rotate.token --home $ROOT
run cloister site rotate @rotate.token --agent sites/a $FAST --wait 0
P=$(cloister --json consortium pending --home $ROOT | python3 -c 'import json,sys; print(next(p["fingerprint"] for p in json.load(sys.stdin)["pending"] if p["member"]=="site-a-agent"))')
run cloister consortium approve site-a-agent --fingerprint "$P" --home $ROOT
run cloister site rotate @rotate.token --agent sites/a $FAST --wait 20
run cloister site status --agent sites/a
say revocation
run cloister consortium revoke ben --reason "left the hospital" --home $ROOT
sleep 1
run cloister site hold heart-1-site-b-register-data-2 --reason "let me try" --agent sites/b --home people/ben
run cloister consortium members --home people/olivia
run cloister study close heart-1 --reason "the practice is over" --home people/olivia
sleep 2
run cloister study status heart-1 --home people/olivia
kill $A $B $TRAIN; sleep 2; kill $COORD; wait
trap - EXIT

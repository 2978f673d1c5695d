// The README of an evidence bundle, and the script in it. For people who have never heard of us.
#include "provenance/bundle.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view script = R"sh(#!/bin/bash
# Checks one prediction with openssl, jq and coreutils. Usage: check-prediction.sh BUNDLE FILE [LOG.pem]
set -euo pipefail
bundle=$1; digest=$(sha256sum <"$2" | cut -c1-64); work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL: $1" >&2; exit 1; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
sha() { openssl dgst -sha256 -binary | hex; }
leaf() { { printf '\0'; cat; } | sha; }
node() { printf '%b' "$(sed 's/../\\x&/g' <<<"01$1$2")" | sha; }
climb() { # LEAF INDEX SIZE, hashes on standard input: the root (RFC 9162 section 2.1.3.2)
  local hash=$1 index=$2 last=$(($3 - 1)) other
  for (( ; last > 0; index /= 2, last /= 2)); do
    if ((index % 2 == 0 && index == last)); then continue; fi
    read -r other || fail "a proof is too short"; other=$(base64 -d <<<"$other" | hex)
    if ((index % 2)); then hash=$(node "$other" "$hash"); else hash=$(node "$hash" "$other"); fi
  done
  if read -r other; then fail "a proof is too long"; fi; echo "$hash"
}
signed() { openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$2" -sigfile "$3" >/dev/null || fail "$4"; }
p=$bundle/predictions/$digest.json; [ -f "$p" ] || fail "the bundle says nothing about this file"
[ "$(jq -r .prediction.output.sha256 "$p")" = "$digest" ] || fail "the proof is about another file"
root=$(jq -r .batch.root "$p" | base64 -d | hex); n=$(jq .record "$p"); e=$bundle/records/$n.dsse.json
top=$(jq -r '.hashes[]' "$p" | climb "$(jq -cjS .prediction "$p" | leaf)" "$(jq .index "$p")" "$(jq .batch.size "$p")")
[ "$top" = "$root" ] || fail "the prediction is not in its batch"
jq -r .payload "$e" | base64 -d >"$work/payload"; jq -r '.signatures[0].sig' "$e" | base64 -d >"$work/sig"
jq -e --arg r "$root" 'any(.subject[]; .digest.sha256 == $r)' "$work/payload" >/dev/null || fail "the batch is not in its record"
type=$(jq -r .payloadType "$e"); key=$bundle/keys/$(jq -r '.signatures[0].keyid' "$e").pem
{ printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(stat -c %s "$work/payload")"; cat "$work/payload"; } >"$work/pae"
signed "$key" "$work/pae" "$work/sig" "the record's signature is wrong"
entry='{"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":{"algorithm":"SHA2_256","digest":"%s"},"signatures":[{"content":"%s","verifier":{"keyDetails":"PKIX_ED25519","publicKey":{"rawBytes":"%s"}}}]}}}'
l=$(printf "$entry" "$(openssl dgst -sha256 -binary "$work/payload" | base64 -w0)" "$(base64 -w0 "$work/sig")" "$(grep -v -e - "$key")" | leaf)
proof=$bundle/proofs/$n.tlog-proof; sed '1,/^$/d' "$proof" >"$work/checkpoint"; sed '/^$/,$d' "$work/checkpoint" >"$work/note"
top=$(sed '1,2d;/^$/,$d' "$proof" | climb "$l" "$n" "$(sed -n 2p "$work/note")")
[ "$top" = "$(sed -n 3p "$work/note" | base64 -d | hex)" ] || fail "the record is not in the log"
grep -F "— $(head -n1 "$work/note") " "$work/checkpoint" | head -n1 | cut -d' ' -f3 | base64 -d | tail -c 64 >"$work/notesig"
signed "${3:-$bundle/keys/log.pem}" "$work/note" "$work/notesig" "the log's signature is wrong"
echo "OK: record $n, signed by $(jq -r .predicate.actor.id "$work/payload"), model $(jq -r .prediction.model.sha256 "$p")"
)sh";

constexpr std::string_view before_script = R"md(# Evidence bundle

This folder proves what a Cloister ledger says, and can be checked without any program of Cloister's.

Log: `{0}`
State: {1} records, root `{2}`
{3}

## What is what

| path | what | who reads it |
|---|---|---|
| `checkpoint` | signed state of the log, cosigned by the sites | C2SP signed note, cosignature/v1 |
| `trust/tlog-policy` | which log and which witnesses count | C2SP tlog-policy |
| `trust/roots` | the consortium's root keys | people |
| `records/N.dsse.json` | what was done, by whom: in-toto statements in DSSE envelopes | in-toto, DSSE |
| `erased/N.dsse.json` | what is left of a record whose words somebody erased: the record that erased them names its SHA-256 | people |
| `proofs/N.tlog-proof` | record N is in the log | C2SP tlog-proof |
| `sigstore/N.json` | the same two things in one file | npm `@sigstore/verify` |
| `tile/...` | the whole log | C2SP tlog-tiles, Go `golang.org/x/mod/sumdb/tlog` |
| `predictions/DIGEST.json` | a prediction is in its batch | the script below |
| `signify/...` | the log's signature on the checkpoint | OpenBSD signify |
| `keys/*.pem` | public keys | openssl |
| `answer.json`, `closure.txt` | the answer that this bundle is about | people; `sha256sum closure.txt` is its digest |

**Trust nothing in `trust/` and `keys/log.pem` because it is in here.** Compare it with what the consortium gave you on another
way: by telephone, on paper, or from a site's agent.

## One prediction, with openssl and a script you can read

Save this as `check-prediction.sh` (it is in this folder too) and run `bash check-prediction.sh . PREDICTION.nii.gz`. It checks that the
file is in a batch, the batch in a signed record, the record in the log, and that the log signed that state.

```bash
)md";

constexpr std::string_view after_script = R"md(```

## One record, with other people's programs

- **openssl**: the lines about `pae` above, for any `records/N.dsse.json`.
- **signify**: `signify-openbsd -V -p signify/log.pub -x signify/checkpoint.sig -m signify/checkpoint`
- **Go**: `note.Open` with the `log` line's key from `trust/tlog-policy`; `tlog.CheckRecord` with the hashes of a proof.
- **Node**: `new Verifier(toTrustMaterial(TrustedRoot.fromJSON(trustedRoot), keys), {{tlogThreshold: 1, ctlogThreshold: 0,
  timestampThreshold: 0}}).verify(toSignedEntity(bundleFromJSON(bundle)))` with `@sigstore/verify` and `sigstore/`.
- **cosignatures**: a witness line is eight bytes of time and an Ed25519 signature over `cosignature/v1`, `time T` and the
  checkpoint's three lines.

## Everything at once

`cloister-verify THIS_FOLDER --policy YOUR_COPY_OF_TLOG_POLICY --roots YOUR_COPY_OF_ROOTS`

## What this proves, and what not

An inclusion proof shows that a record **is** in the log. It does not show that nothing else is. That an answer is *complete*
follows only from going through the whole log again (`tile/entries`, `records/`): `cloister-verify` does so where the whole log is
in the bundle, admits every record under the ledger's rules once more, and compares the root and the closure digest.
Signatures show which key signed, and `key.bound` records whose key that was; not that what people wrote is true.
)md";

}  // namespace

std::string bundle_script() { return std::string(script); }

std::string bundle_readme(const Checkpoint& checkpoint, const Answer* answer) {
  std::string about = "About: the whole log.";
  if (answer != nullptr) {
    about = fmt::format("About: `{}` of", answer->question);
    for (const auto& digest : answer->asked) about += fmt::format(" `{}`", to_hex(digest));
    about += answer->argument.empty() ? "" : " `" + answer->argument + "`";
    about += fmt::format("; {} nodes, closure digest `{}`.", answer->nodes.size(),
                         to_hex(answer->closure_digest));
  }
  return fmt::format(fmt::runtime(before_script), checkpoint.origin, checkpoint.head.size,
                     to_base64(checkpoint.head.root.view()), about) +
         bundle_script() + fmt::format(fmt::runtime(after_script));
}

}  // namespace cloister::provenance

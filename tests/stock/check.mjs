// Runs the stock Sigstore client on every record of a bundle, then on seeded mutants.
// usage: node check.mjs BUNDLE MUTANTS
import { createRequire } from 'node:module';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');
const { TrustedRoot } = require('@sigstore/protobuf-specs');

const [folder, mutants] = [process.argv[2], Number(process.argv[3])];
const text = (path) => readFileSync(join(folder, path), 'utf8');

const keys = {};
for (const name of readdirSync(join(folder, 'keys'))) {
  if (!/^[0-9a-f]{64}\.pem$/.test(name)) continue;
  const der = text(`keys/${name}`).split('\n').filter((line) => !line.startsWith('-')).join('');
  keys[name.slice(0, 64)] = { rawBytes: Buffer.from(der, 'base64') };
}
const trust = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(text('sigstore/trusted-root.json'))), keys);
const verifier = new Verifier(trust, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
const verify = (json) => verifier.verify(toSignedEntity(bundleFromJSON(json)));

const bundles = readdirSync(join(folder, 'sigstore'))
  .filter((name) => /^\d+\.json$/.test(name))
  .map((name) => JSON.parse(text(`sigstore/${name}`)));
for (const bundle of bundles) verify(bundle);
console.log(`accepted ${bundles.length}`);

// A small generator, so that a failure can be repeated.
let state = 20261123n;
const next = (bound) => {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((state >> 33n) % BigInt(bound));
};
const flip = (bytes) => {
  const out = Buffer.from(bytes);
  out[next(out.length)] ^= 1 << next(8);
  return out;
};
const flip64 = (base64) => flip(Buffer.from(base64, 'base64')).toString('base64');

// Every class of authenticated bytes. Hints, witness lines, and the copies of root and size beside the
// checkpoint (this client takes them from the checkpoint itself) are not among them.
const entry = (b) => b.verificationMaterial.tlogEntries[0];
const classes = {
  payload: (b) => { b.dsseEnvelope.payload = flip64(b.dsseEnvelope.payload); },
  payloadType: (b) => { b.dsseEnvelope.payloadType += 'x'; },
  signature: (b) => { const s = b.dsseEnvelope.signatures[0]; s.sig = flip64(s.sig); },
  leaf: (b) => { entry(b).canonicalizedBody = flip64(entry(b).canonicalizedBody); },
  proofHash: (b) => {
    const hashes = entry(b).inclusionProof.hashes;
    const at = next(hashes.length);
    hashes[at] = flip64(hashes[at]);
  },
  proofShort: (b) => { entry(b).inclusionProof.hashes.pop(); },
  proofLong: (b) => { entry(b).inclusionProof.hashes.push(entry(b).inclusionProof.rootHash); },
  index: (b) => {
    const proof = entry(b).inclusionProof;
    proof.logIndex = String((Number(proof.logIndex) + 1 + next(Number(proof.treeSize) - 1)) % Number(proof.treeSize));
  },
  checkpoint: (b) => {
    const proof = entry(b).inclusionProof;
    const [body, ...rest] = proof.checkpoint.envelope.split('\n\n');
    proof.checkpoint.envelope = [flip(Buffer.from(body)).toString('latin1'), ...rest].join('\n\n');
  },
  logSignature: (b) => {
    const proof = entry(b).inclusionProof;
    const lines = proof.checkpoint.envelope.split('\n');
    const at = lines.findIndex((line) => line.startsWith('\u2014'));
    const words = lines[at].split(' ');
    const bytes = Buffer.from(words[2], 'base64');
    words[2] = Buffer.concat([bytes.subarray(0, 4), flip(bytes.subarray(4))]).toString('base64');
    lines[at] = words.join(' ');
    proof.checkpoint.envelope = lines.join('\n');
  },
};
const names = Object.keys(classes);
const survived = [];
for (let i = 0; i < mutants; ++i) {
  const name = names[i % names.length];
  const mutant = structuredClone(bundles[next(bundles.length)]);
  const before = JSON.stringify(mutant);
  classes[name](mutant);
  if (JSON.stringify(mutant) === before) continue;
  try {
    verify(mutant);
    survived.push(`${name} ${i}`);
  } catch {
    // refused, as it must be
  }
}
if (survived.length > 0) {
  console.log(`SURVIVED ${survived.join(', ')}`);
  process.exit(1);
}
console.log(`refused ${mutants}`);

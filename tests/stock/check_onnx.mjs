// The exported networks in npm's onnxruntime-web (WebAssembly), against LibTorch's answers.
// usage: node check_onnx.mjs CASES, a folder of folders with I.onnx and reference.safetensors
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';

const ort = createRequire(import.meta.url)('onnxruntime-web');
ort.env.wasm.numThreads = 1;

const tolerance = 1e-4; // of the expected codes' deviation

function tensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, start).toString('utf8'));
  const all = {};
  for (const [name, { shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const copy = Uint8Array.from(bytes.subarray(start + from, start + to));
    all[name] = { shape, values: new Float32Array(copy.buffer) };
  }
  return all;
}

function deviation(values) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
}

const furthest = (a, b) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);

async function check(session, codes, expected, count) {
  const shape = [count, ...codes.shape.slice(1)];
  const size = shape.reduce((product, side) => product * side, 1);
  const image = new ort.Tensor('float32', codes.values.slice(0, size), shape);
  const { mask_code: mask } = await session.run({ image_code: image });
  if (mask.dims.join() !== shape.join()) throw new Error(`shape ${mask.dims}, not ${shape}`);
  return furthest(mask.data, expected.slice(0, size)) / deviation(expected);
}

let [worst, models] = [0, 0];
for (const name of readdirSync(process.argv[2]).sort()) {
  const folder = join(process.argv[2], name);
  const { codes, ...masks } = tensors(join(folder, 'reference.safetensors'));
  const sites = Object.keys(masks).length;
  for (let site = 0; site < sites; ++site) {
    const expected = masks[`masks.${site}`].values;
    const session = await ort.InferenceSession.create(readFileSync(join(folder, `${site}.onnx`)));
    for (const count of [codes.shape[0], 1]) {
      const apart = await check(session, codes, expected, count);
      if (!(apart <= tolerance)) throw new Error(`${name}, site ${site}: ${apart} deviations apart`);
      worst = Math.max(worst, apart);
    }
    ++models;
  }
  // Else two sites' models could be swapped and nobody would notice.
  if (sites > 1) {
    const between = furthest(masks['masks.0'].values, masks['masks.1'].values) / deviation(masks['masks.0'].values);
    if (!(between > 1000 * tolerance)) throw new Error(`${name}: the sites do not differ (${between})`);
  }
}
console.log(`${models} models agree, furthest apart ${worst.toExponential(2)} deviations`);

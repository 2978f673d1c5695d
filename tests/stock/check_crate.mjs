// A folder as an RO-Crate through the npm library: its own checker, every reference resolved, every
// file that the crate lists there.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
// The library asks for the context over the network; it gets its own copy, so that the test is
// about the crate and not about a line.
const context = readFileSync(join(import.meta.dirname, "node_modules/ro-crate/lib/context.json"), "utf8");
globalThis.fetch = async () => new Response(context, { headers: { "content-type": "application/ld+json" } });
const { ROCrate, Checker } = require("ro-crate");
const folder = process.argv[2];
const json = JSON.parse(readFileSync(join(folder, "ro-crate-metadata.json"), "utf8"));
const crate = new ROCrate(json, { array: true, link: true });
const fail = (text) => {
  console.log(text);
  process.exit(1);
};
if (Checker) {
  const checker = new Checker(crate);
  if (checker.check) await checker.check();
  if (checker.isROCrate === false) fail(checker.report?.() ?? "not an RO-Crate");
  if (checker.report) console.log(checker.report());
}
if (!crate.rootDataset) fail("no root dataset");
const ids = new Set(json["@graph"].map((item) => item["@id"]));
const types = {};
for (const item of json["@graph"]) {
  types[item["@type"]] = (types[item["@type"]] ?? 0) + 1;
  if (!crate.getEntity(item["@id"])) fail(`${item["@id"]} is not in the crate`);
  if (item["@type"] === "File" && !existsSync(join(folder, item["@id"]))) {
    fail(`${item["@id"]} is listed and not there`);
  }
  if (item["@type"] !== "CreateAction") continue;
  for (const key of ["agent", "instrument", "object", "result", "subjectOf"]) {
    for (const one of [item[key]].flat()) {
      if (!ids.has(one["@id"])) fail(`${item["@id"]} ${key} names ${one["@id"]}, which is nowhere`);
    }
  }
}
console.log(JSON.stringify(types));

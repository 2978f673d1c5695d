// Each resource of a Bundle, and the Bundle itself, through the npm FHIR R4 validator.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Fhir } = createRequire(import.meta.url)("fhir");
const fhir = new Fhir();
const bundle = JSON.parse(readFileSync(process.argv[2], "utf8"));
const counts = {};
for (const resource of [bundle, ...bundle.entry.map((entry) => entry.resource)]) {
  const result = fhir.validate(resource, { errorOnUnexpected: true });
  const bad = result.messages.filter((message) => !/info|warning/i.test(message.severity));
  if (!result.valid || bad.length > 0) {
    console.log(resource.resourceType, resource.id, JSON.stringify(bad.length ? bad : result.messages));
    process.exit(1);
  }
  counts[resource.resourceType] = (counts[resource.resourceType] ?? 0) + 1;
}
console.log(JSON.stringify(counts));

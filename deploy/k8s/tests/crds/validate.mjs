// Reads custom resources as a JSON array and validates each by its schema; prints a line for each mistake. What has no schema is a mistake too.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const packages = {
  "cert-manager.io": "cert-manager",
  "external-secrets.io": "external-secrets",
  "gateway.networking.k8s.io": "gateway-api",
  "security.istio.io": "istio",
  "keda.sh": "keda",
  "monitoring.coreos.com": "prometheus-operator",
};

// The package knows the version before; the fields that are used here are the same.
const before = { "external-secrets.io/v1": "v1beta1" };
const models = join(process.argv[2], "node_modules/@kubernetes-models");
let wrong = 0;
for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const [group, given] = resource.apiVersion.split("/");
  const version = before[resource.apiVersion] ?? given;
  const name = `${resource.kind} ${resource.metadata.name}`;
  try {
    const file = join(models, packages[group] ?? group, group, version, resource.kind);
    const { [resource.kind]: model } = await import(pathToFileURL(existsSync(`${file}.mjs`) ? `${file}.mjs` : `${file}.js`));
    new model({ ...resource, apiVersion: `${group}/${version}` }).validate();
  } catch (error) {
    wrong += 1;
    console.log(`${name}: ${error.message.split("\n").slice(0, 5).join("; ")}`);
  }
}
process.exitCode = wrong ? 1 : 0;

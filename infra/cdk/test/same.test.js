//! Whoever deploys with the CDK gets what the template says, and nothing else but where the code lies.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { App, Stack } from "aws-cdk-lib";
import { Portcullis, functionsOf } from "../lib/portcullis.js";
import { readTemplate } from "../lib/template.js";

const template = readTemplate(fileURLToPath(new URL("../../../template.yaml", import.meta.url)));
const functions = functionsOf(template);
let bootstraps;

before(() => {
  bootstraps = mkdtempSync(join(tmpdir(), "portcullis-cdk-"));
  for (const binary of Object.values(functions)) {
    mkdirSync(join(bootstraps, binary), { recursive: true }); // two functions may be one program
    writeFileSync(join(bootstraps, binary, "bootstrap"), binary);
  }
});

after(() => rmSync(bootstraps, { recursive: true }));

function synthesized(props) {
  const app = new App({ analyticsReporting: false });
  const stack = new Stack(app, "Test");
  new Portcullis(stack, "Portcullis", { bootstraps, ...props });
  return app.synth().getStackByName("Test").template;
}

/**
 * One way of writing for what means the same to CloudFormation: numbers and booleans are texts, and an
 * attribute is `Name.Attribute` or a list of the two.
 */
function comparable(value) {
  const attribute = value?.["Fn::GetAtt"];
  if (Array.isArray(attribute)) return { "Fn::GetAtt": attribute.join(".") };
  if (Array.isArray(value)) return value.map(comparable);
  if (value && typeof value === "object") {
    const entries = Object.entries(value).map(([key, inner]) => [key, comparable(inner)]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return String(value);
}

test("each resource is the template's, but for where its code lies", () => {
  const { Resources: resources } = synthesized();
  const names = Object.keys(resources).filter((name) => !name.startsWith("CDK"));
  assert.deepEqual(names.sort(), Object.keys(template.Resources).sort());
  for (const [name, expected] of Object.entries(template.Resources)) {
    const found = structuredClone(resources[name]);
    if (functions[name]) {
      assert.ok(found.Properties.CodeUri.Bucket && found.Properties.CodeUri.Key, `${name} has no code`);
      delete found.Properties.CodeUri;
    }
    assert.deepEqual(comparable(found), comparable(expected), name);
  }
  assert.ok(Object.keys(functions).length >= 8);
});

test("everything else of the template is there as well", () => {
  const found = synthesized();
  for (const section of Object.keys(template).filter((section) => section !== "Resources")) {
    const entries = ["Parameters", "Rules"].includes(section) ? withoutCdk(found[section]) : found[section];
    assert.deepEqual(comparable(entries), comparable(template[section]), section);
  }
});

function withoutCdk({ BootstrapVersion, CheckBootstrapVersion, ...ours }) {
  return ours;
}

test("the app of its own is one that the CDK's command line takes", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const cdk = join(folder, "node_modules/aws-cdk/bin/cdk");
  const output = join(bootstraps, "cdk.out");
  const given = ["-c", `bootstraps=${bootstraps}`, "-c", "PublicUrl=https://portal.example"];
  const options = ["--no-notices", "--no-version-reporting", "--quiet", "--output", output];
  const ended = spawnSync(process.execPath, [cdk, "synth", ...given, ...options], { cwd: folder, encoding: "utf8" });
  assert.equal(ended.status, 0, ended.stderr);
  const stage = template.Parameters.Stage.Default;
  const found = JSON.parse(readFileSync(join(output, `portcullis-${stage}.template.json`), "utf8"));
  assert.equal(found.Parameters.PublicUrl.Default, "https://portal.example");
});

test("a parameter's value becomes its default", () => {
  const { Parameters: parameters } = synthesized({ parameters: { Stage: "production" } });
  assert.equal(parameters.Stage.Default, "production");
  assert.deepEqual(parameters.Stage.AllowedValues, template.Parameters.Stage.AllowedValues);
});

test("what is wrong is named", () => {
  assert.throws(() => synthesized({ parameters: { Satge: "production" } }), /no parameter Satge; .*Stage/);
  assert.throws(() => synthesized({ bootstraps: join(bootstraps, "missing") }), /holds no bootstrap/);
});

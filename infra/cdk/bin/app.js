//! A stack of its own with nothing else in it: `npx cdk deploy -c PublicUrl=https://portal.example …`. Each of
//! the template's parameters is a context value of its name.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, Stack } from "aws-cdk-lib";
import { Portcullis } from "../lib/portcullis.js";
import { readTemplate } from "../lib/template.js";

const template = readTemplate(join(fileURLToPath(new URL("../../../", import.meta.url)), "template.yaml"));
const app = new App();
const given = (name) => app.node.tryGetContext(name);
const parameters = Object.keys(template.Parameters).filter((name) => given(name) !== undefined);
const stage = given("Stage") ?? template.Parameters.Stage.Default;

new Portcullis(new Stack(app, `portcullis-${stage}`), "Portcullis", {
  bootstraps: given("bootstraps"),
  parameters: Object.fromEntries(parameters.map((name) => [name, String(given(name))])),
});

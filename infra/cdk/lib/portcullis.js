//! The stack of `template.yaml` as a construct.
//!
//! The template stays the only description of the stack: it is included as it is, and all that is added is what
//! `sam build` and `sam deploy` would do, the upload of each function's `bootstrap`. Values of parameters
//! become their defaults instead of being filled in, because the template's `Globals` refer to them by name and
//! the CDK copies that section unread; so `cdk deploy --parameters` works as well.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Asset } from "aws-cdk-lib/aws-s3-assets";
import { Construct } from "constructs";
import { readTemplate } from "./template.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Portcullis, whole. */
export class Portcullis extends Construct {
  /**
   * @param {import("constructs").Construct} scope
   * @param {string} id
   * @param {object} [props]
   * @param {Record<string, string>} [props.parameters] Values for the template's parameters, by name.
   * @param {string} [props.bootstraps] Where `cargo lambda build` put the functions: a folder for each, with
   *   its `bootstrap`. The project's `target/lambda` unless told otherwise.
   * @param {string} [props.templateFile] The template; the project's own unless told otherwise.
   */
  constructor(scope, id, props = {}) {
    super(scope, id);
    const {
      parameters = {},
      bootstraps = join(ROOT, "target/lambda"),
      templateFile = join(ROOT, "template.yaml"),
    } = props;
    const template = readTemplate(templateFile);
    /** What was included: `getResource`, `getOutput`, `getParameter` by the template's names. */
    this.template = new CfnInclude(this, "Template", { templateFile, preserveLogicalIds: true });
    for (const [name, value] of Object.entries(parameters)) {
      if (!template.Parameters[name]) {
        const known = Object.keys(template.Parameters).join(", ");
        throw new Error(`there is no parameter ${name}; the template has ${known}`);
      }
      this.template.getParameter(name).default = value;
    }
    for (const [name, binary] of Object.entries(functionsOf(template))) {
      const path = join(bootstraps, binary);
      if (!existsSync(join(path, "bootstrap"))) {
        throw new Error(`${path} holds no bootstrap: run \`cargo lambda build --release --arm64\` first`);
      }
      const asset = new Asset(this, `${name}Code`, { path });
      this.template.getResource(name).codeUri = {
        bucket: asset.s3BucketName,
        key: asset.s3ObjectKey,
      };
    }
  }
}

/** The binary of each function, by its name in the template. */
export function functionsOf(template) {
  const functions = Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === "AWS::Serverless::Function")
    .map(([name, resource]) => [name, resource.Metadata.BuildProperties.Binary]);
  return Object.fromEntries(functions);
}

//! The template as plain data: CloudFormation's short tags (`!Ref`) written out as its functions.

import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** Tags whose value becomes that of a function named `Fn::…`. */
const FUNCTIONS = ["And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "If", "ImportValue",
  "Join", "Not", "Or", "Select", "Split", "Sub", "Transform"];

const written = (name, value) => ({ [name]: value?.toJSON?.() ?? value });

/** One tag in each of the shapes of YAML that it may stand before. */
function tags(tag, resolve) {
  const shapes = [{}, { collection: "seq" }, { collection: "map" }];
  return shapes.map((shape) => ({ tag: `!${tag}`, ...shape, resolve: (value) => resolve(value) }));
}

const customTags = [
  ...FUNCTIONS.flatMap((name) => tags(name, (value) => written(`Fn::${name}`, value))),
  ...tags("Ref", (value) => written("Ref", value)),
  ...tags("Condition", (value) => written("Condition", value)),
  ...tags("GetAtt", (value) => {
    if (typeof value !== "string") return written("Fn::GetAtt", value);
    const [resource, ...attribute] = value.split(".");
    return { "Fn::GetAtt": [resource, attribute.join(".")] };
  }),
];

/** The template in that file. */
export function readTemplate(path) {
  return parse(readFileSync(path, "utf8"), { customTags });
}

import { type FunctionTable, fn, text } from "../function.ts";
import { satisfies } from "./constraints.ts";
import { parseVersion } from "./version.ts";

export const semverFunctions: FunctionTable = {
  semver: fn([text], parseVersion),
  semverCompare: fn([text, text], satisfies),
};

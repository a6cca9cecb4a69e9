import type { FunctionTable } from "../function.ts";
import { caseFunctions } from "./case.ts";
import { dateFunctions } from "./dates.ts";
import { dictFunctions } from "./dicts.ts";
import { encodingFunctions } from "./encoding.ts";
import { jsonFunctions } from "./json.ts";
import { listFunctions } from "./lists.ts";
import { mathFunctions } from "./math.ts";
import { pathFunctions } from "./paths.ts";
import { regexFunctions } from "./regex.ts";
import { semverFunctions } from "./semver.ts";
import { stringFunctions } from "./strings.ts";
import { typeFunctions } from "./types.ts";
import { urlFunctions } from "./urls.ts";

/** Sprig 3.3 without what gives something else each time: see `refused.ts`, and `moment.ts` for what is there where the moment is known. */
export const sprig: FunctionTable = {
  ...caseFunctions,
  ...dateFunctions,
  ...dictFunctions,
  ...encodingFunctions,
  ...jsonFunctions,
  ...listFunctions,
  ...mathFunctions,
  ...pathFunctions,
  ...regexFunctions,
  ...semverFunctions,
  ...stringFunctions,
  ...typeFunctions,
  ...urlFunctions,
};

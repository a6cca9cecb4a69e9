import { messageOf } from "../base/errors.ts";
import { compileExpr } from "../base/expr/expr.ts";
import { compileGovaluate, type Govaluate } from "../base/govaluate/govaluate.ts";
import { compileJq } from "../base/jq/jq.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { addTo, listOf, objectOf, textOf, warningAt } from "./fields.ts";
import { checkHeaderList, firstOfHeader } from "./header-traps.ts";
import { checkEventPath } from "./trap-rules.ts";

const fails = "the filter fails with each event";

/** An entry of a Sensor's `exprs` (spec argo-events 5.3): it has to parse, and to read its own fields only. */
export function checkExprEntry(entry: JsonObject, path: string): Problem[] {
  const paths = listOf(entry.fields).map((field) => objectOf(field).path);
  const problems = paths.flatMap((of, index) => checkEventPath(of, `${path}.fields[${index}].path`));
  // In a list one may look for something.
  if (!/\bin\b/i.test(textOf(entry.expr))) {
    const becomes = "which equals no text";
    const lists = (of: JsonValue | undefined, index: number): Problem[] =>
      checkHeaderList(firstOfHeader(of), `${path}.fields[${index}].path`, becomes);
    addTo(problems, paths.flatMap(lists));
  }
  return [...problems, ...checkText(entry, path)];
}

function checkText(entry: JsonObject, path: string): Problem[] {
  const text = textOf(entry.expr);
  const names = listOf(entry.fields).map((field) => textOf(objectOf(field).name));
  if (text === "") return [];
  let compiled: Govaluate;
  try {
    compiled = compileGovaluate(text);
  } catch (error) {
    return [warningAt(`${path}.expr`, `${messageOf(error)}: ${fails}`), ...checkNames(names, path, text)];
  }
  const unused = checkNames(names, path, text, compiled);
  const known = names.filter((name) => name !== ""); // another rule asks for a name
  // With a-b for a field, a and b are not there either: one warning says it all.
  if (unused.length > 0 || known.length === 0) return unused;
  return compiled.names
    .filter((name) => !names.includes(name))
    .map((name) => {
      const message = `${JSON.stringify(name)} is the name of no field: ${fails} that it is read for`;
      return warningAt(`${path}.expr`, message, `there are ${known.join(", ")}`);
    });
}

/** govaluate reads `a-b` as a difference. */
function checkNames(names: readonly string[], path: string, text: string, compiled?: Govaluate): Problem[] {
  return names.flatMap((name, index) => {
    const isRead = compiled ? compiled.names.includes(name) : text.includes(`[${name}]`);
    if (!/[-.\s]/.test(name) || isRead) return [];
    const message = `${JSON.stringify(name)} is not found in the expression`;
    return [warningAt(`${path}.fields[${index}].name`, message, `write it there as \`[${name}]\``)];
  });
}

/** `transform.jq` of a Sensor (spec argo-events 5.8). */
export function checkJqTransform(text: string, path: string): Problem[] {
  try {
    if (text !== "") compileJq(text);
    return [];
  } catch (error) {
    return [warningAt(path, `${messageOf(error)}: each event is an error`)];
  }
}

/**
 * `filter.expression` of an EventSource (spec argo-events 3.3): one that does not parse stops its event. `original`: what
 * Argo Events does then.
 */
export function checkFilterExpression(text: string, path: string, original: string): Problem[] {
  try {
    const { type } = compileExpr(text);
    if (type === "bool" || type === "interface {}") return [];
    return [warningAt(path, `${JSON.stringify(text)} gives ${type}, not bool: every event is dropped`)];
  } catch (error) {
    return [warningAt(path, `${messageOf(error)}: Argo Events ${original}, Tiphys does not start the source`)];
  }
}

/** `jqPathExpressions` of an Application (spec argo-cd-engine 3.6): one that is no jq ends every comparison. */
export function checkJqPath(text: string, path: string): Problem[] {
  try {
    compileJq(text);
    // A comment in it would take the bracket.
    compileJq(`del(${text})`);
    return [];
  } catch (error) {
    return [warningAt(path, `${messageOf(error)}: the comparison fails`)];
  }
}

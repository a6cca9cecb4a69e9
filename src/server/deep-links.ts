import { objectOf, textOf } from "../api/fields.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { compileExpr } from "../base/expr/expr.ts";
import { compileGoTemplate } from "../base/go-template/template.ts";
import { type FloatObject, isJsonObject, type JsonObject, type JsonValue, withFloats } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import type { KubeObject } from "../objects/object.ts";

/** What templates and conditions see (spec argo-cd-surface 8.11). */
export interface LinkSubjects {
  readonly application?: KubeObject | undefined;
  /** Without values of Secrets. */
  readonly resource?: JsonObject;
  /** Without credentials. */
  readonly cluster?: JsonObject | undefined;
  readonly project?: KubeObject | undefined;
}

export interface Link {
  readonly title: string;
  readonly url: string;
  readonly description?: string;
  readonly iconClass?: string;
}

const managedByAnnotation = "argocd.argoproj.io/managed-by-url";
/** Of a page, these run as a script of it. */
const unsafe: readonly string[] = ["javascript:", "data:", "vbscript:"];
const maxLinks = 100;

/**
 * The links that `setting` of argocd-cm makes, in its order. One whose condition does not hold, or whose condition or
 * template fails, is left out. @throws EngineError USAGE for a setting that cannot be read
 */
export function deepLinks(setting: string, text: string, subjects: LinkSubjects): readonly Link[] {
  const values = withFloats(valuesOf(subjects));
  return entriesOf(setting, text).flatMap((entry) => {
    try {
      return linkOf(entry, values) ?? [];
    } catch (error) {
      if (error instanceof EngineError) return []; // of this object it says nothing
      throw error;
    }
  });
}

function linkOf(entry: JsonObject, values: FloatObject): Link | undefined {
  const { title, url, description, "icon.class": iconClass, if: condition } = entry;
  if (textOf(condition).trim() !== "" && compileExpr(textOf(condition)).evaluate(values) !== true) return undefined;
  const target = compileGoTemplate(textOf(url)).execute(values);
  if (target.trim() === "" || unsafe.includes(URL.parse(target)?.protocol ?? "")) return undefined;
  return {
    title: textOf(title),
    url: target,
    ...(textOf(description) === "" ? {} : { description: textOf(description) }),
    ...(textOf(iconClass) === "" ? {} : { iconClass: textOf(iconClass) }),
  };
}

function entriesOf(setting: string, text: string): readonly JsonObject[] {
  const [document] = text.trim() === "" ? [] : yamlOf(setting, text);
  if (document === undefined || document === null) return [];
  if (!Array.isArray(document) || !document.every(isJsonObject)) {
    throw new EngineError("USAGE", `${setting} of argocd-cm must be a list of {title, url}`);
  }
  return document.slice(0, maxLinks);
}

function yamlOf(setting: string, text: string): readonly unknown[] {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new EngineError("USAGE", `${setting} of argocd-cm cannot be read: ${messageOf(error)}`, error);
  }
}

function valuesOf({ application, resource, cluster, project }: LinkSubjects): JsonObject {
  const app = application as unknown as JsonObject | undefined;
  const managedBy = textOf(objectOf(objectOf(app?.metadata).annotations)[managedByAnnotation] as JsonValue | undefined);
  const isWebAddress = /^https?:$/.test(URL.parse(managedBy)?.protocol ?? "");
  return {
    ...(app === undefined ? {} : { app, application: app }),
    ...(resource === undefined ? {} : { resource }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(project === undefined ? {} : { project: project as unknown as JsonObject }),
    ...(isWebAddress ? { managedByURL: managedBy } : {}),
  };
}

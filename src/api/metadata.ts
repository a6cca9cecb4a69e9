import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { createSchema, type JsonSchema, type Problem } from "../base/schema.ts";
import { addTo, errorAt, objectOf, readFields, textOf } from "./fields.ts";
import { integerField, listField, openObject, textField, textList, textMap } from "./shared-schemas.ts";

/** What every object of Kubernetes has; its API decodes and checks it, whatever the kind. */
const metadataSchema: JsonSchema = {
  type: "object",
  properties: {
    name: textField("The object's name."),
    generateName: textField("What the name begins with that the API makes."),
    namespace: textField("The object's namespace."),
    labels: textMap("Labels."),
    annotations: textMap("Annotations."),
    finalizers: textList("Who must agree before it is gone."),
    ownerReferences: listField("Objects with which it goes.", openObject("One of them.")),
    managedFields: listField("Who wrote which field.", openObject("One writer.")),
    uid: textField("Its id."),
    resourceVersion: textField("Its version."),
    generation: integerField("Counts changes of the spec."),
    creationTimestamp: textField("When it was made."),
    deletionTimestamp: textField("When it is to go."),
    deletionGracePeriodSeconds: integerField("How long it has until then."),
    selfLink: textField("Kept for old releases."),
  },
};

const shape = createSchema<JsonObject>(metadataSchema);

/** What Kubernetes' API refuses or leaves out of any object's metadata. That a name is missing is told by the parsers. */
export function checkMetadata(value: JsonValue | undefined): Problem[] {
  if (value === undefined || value === null) return [];
  if (!isJsonObject(value)) return [errorAt("metadata", "must be an object")];
  const problems: Problem[] = [];
  const metadata = objectOf(readFields(value, metadataSchema, "metadata", problems));
  addTo(problems, shape.check(metadata, "metadata"));
  addTo(problems, nameProblems(metadata));
  if (metadata.labels !== undefined) addTo(problems, labelProblems(objectOf(metadata.labels)));
  if (metadata.annotations !== undefined) addTo(problems, annotationProblems(objectOf(metadata.annotations)));
  return problems;
}

const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const maxLabel = 63;
const maxSubdomain = 253;

function nameProblems({ name, namespace }: JsonObject): Problem[] {
  const problems: Problem[] = [];
  const [text, space] = [textOf(name), textOf(namespace)];
  if (text !== "" && (text.length > maxSubdomain || !subdomain.test(text))) {
    problems.push(misnamed("metadata.name", text, `lower-case letters, digits, - and ., at most ${maxSubdomain}`));
  }
  if (space !== "" && (space.length > maxLabel || !label.test(space))) {
    problems.push(misnamed("metadata.namespace", space, `lower-case letters, digits and -, at most ${maxLabel}`));
  }
  return problems;
}

const namePart = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const keyForm = `a name of letters, digits, -, _ and ., at most ${maxLabel}, maybe behind a domain and /`;

function labelProblems(labels: JsonObject): Problem[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const at = `metadata.labels.${key}`;
    const text = textOf(value);
    const isFit = text === "" || (text.length <= maxLabel && namePart.test(text));
    return [
      ...(isKey(key) ? [] : [misnamed(at, key, keyForm)]),
      ...(isFit ? [] : [misnamed(at, text, `letters, digits, -, _ and ., at most ${maxLabel}`)]),
    ];
  });
}

/** Their values are free. */
function annotationProblems(annotations: JsonObject): Problem[] {
  return Object.keys(annotations).flatMap((key) =>
    isKey(key.toLowerCase()) ? [] : [misnamed(`metadata.annotations.${key}`, key, keyForm)],
  );
}

function isKey(key: string): boolean {
  const [name = "", domain, ...more] = key.split("/").reverse();
  if (more.length > 0 || name.length > maxLabel || !namePart.test(name)) return false;
  return domain === undefined || (domain.length <= maxSubdomain && subdomain.test(domain));
}

function misnamed(path: string, text: string, form: string): Problem {
  const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return errorAt(path, `${JSON.stringify(shown)} must be ${form}`);
}

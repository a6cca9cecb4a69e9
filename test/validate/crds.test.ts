import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/base/json.ts";
import { parseYaml } from "../../src/base/yaml.ts";
import { crdFiles, eventCrds, gitOpsCrds } from "../../src/validate/crds.ts";
import { logSchema, urlSchema } from "../api/builders.ts";

const crds = eventCrds({ sources: { webhook: urlSchema }, triggers: { log: logSchema } }) as unknown as JsonObject[];

function at(value: JsonValue | undefined, path: string): JsonValue | undefined {
  return path.split(".").reduce<JsonValue | undefined>((inner, key) => {
    if (Array.isArray(inner)) return inner[Number(key)];
    return isJsonObject(inner) ? inner[key] : undefined;
  }, value);
}

test("CRDs have the originals' names", () => {
  const names = crds.map((crd) =>
    ["metadata.name", "spec.names.plural", "spec.names.kind", "spec.names.shortNames.0"].map((path) => at(crd, path)),
  );
  assert.deepEqual(names, [
    ["eventbus.argoproj.io", "eventbus", "EventBus", "eb"],
    ["eventsources.argoproj.io", "eventsources", "EventSource", "es"],
    ["sensors.argoproj.io", "sensors", "Sensor", "sn"],
  ]);
  for (const crd of crds) {
    assert.equal(at(crd, "spec.scope"), "Namespaced");
    assert.deepEqual(at(crd, "spec.versions.0.subresources"), { status: {} });
  }
});

const root = "spec.versions.0.schema.openAPIV3Schema";

test("CRDs carry the kinds' own schemas", () => {
  const url = `${root}.properties.spec.properties.webhook.additionalProperties.properties.url.type`;
  assert.equal(at(crds[1], url), "string");
  const interval = `${root}.properties.spec.properties.triggers.items.properties.template.properties.log.properties.intervalSeconds`;
  assert.deepEqual(at(crds[2], interval), { description: "Without effect.", type: "integer", nullable: true });
});

/** Every schema below a schema. */
function schemasBelow(schema: JsonObject, path: string): [string, JsonObject][] {
  const below: [string, JsonObject][] = [[path, schema]];
  for (const [key, child] of Object.entries(isJsonObject(schema.properties) ? schema.properties : {})) {
    if (isJsonObject(child)) below.push(...schemasBelow(child, `${path}.${key}`));
  }
  for (const key of ["items", "additionalProperties"]) {
    const child = schema[key];
    if (isJsonObject(child)) below.push(...schemasBelow(child, `${path}.${key}`));
  }
  return below;
}

function assertStructural(path: string, schema: JsonObject): void {
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const isMap = isJsonObject(schema.additionalProperties);
  if (schema.type === "object") assert.ok(isOpen !== isMap, `${path} is open or a map`);
  if (schema.type === undefined) assert.ok(isOpen || schema["x-kubernetes-int-or-string"] === true, path);
  if (schema.type === "array") assert.ok(isJsonObject(schema.items), `${path} has items`);
  assert.ok(!(isMap && schema.properties), `${path} has fields or is a map`);
  for (const keyword of ["default", "required", "enum", "pattern", "minLength", "minimum"]) {
    assert.ok(!(keyword in schema), `${path} has ${keyword}`);
  }
}

test("CRDs are structural, prune nothing, fill in nothing and refuse nothing but wrong types", () => {
  for (const crd of crds) {
    const spec = at(crd, `${root}.properties.spec`);
    assert.ok(isJsonObject(spec));
    for (const [path, schema] of schemasBelow(spec, "spec")) assertStructural(path, schema);
  }
});

test("files of CRDs read back as the CRDs", () => {
  const files = crdFiles(eventCrds({ sources: {}, triggers: {} }));
  assert.deepEqual(
    [...files.keys()],
    ["eventbus.argoproj.io.yaml", "eventsources.argoproj.io.yaml", "sensors.argoproj.io.yaml"],
  );
  for (const text of files.values())
    assert.equal(at(parseYaml(text)[0] as JsonValue, "kind"), "CustomResourceDefinition");
});

test("the CRDs of the reconcile flow have the originals' names and columns", () => {
  const [application, set, project] = gitOpsCrds() as unknown as JsonObject[];
  assert.deepEqual(
    [application, set, project].map((crd) => [at(crd, "metadata.name"), at(crd, "spec.names.shortNames")]),
    [
      ["applications.argoproj.io", ["app", "apps"]],
      ["applicationsets.argoproj.io", ["appset", "appsets"]],
      ["appprojects.argoproj.io", ["appproj", "appprojs"]],
    ],
  );
  const columns = at(application, "spec.versions.0.additionalPrinterColumns") as unknown as { name: string }[];
  assert.deepEqual(
    columns.map(({ name }) => name),
    ["Sync Status", "Health Status", "Revision", "Project", "Age"],
  );
  assert.equal(at(application, "spec.versions.0.subresources"), undefined, "status is written with the object");
  assert.deepEqual(at(set, "spec.versions.0.subresources"), { status: {} });
  for (const crd of [application, set, project]) {
    for (const part of ["spec", "status"]) {
      const schema = at(crd, `${root}.properties.${part}`);
      assert.ok(isJsonObject(schema));
      for (const [path, inner] of schemasBelow(schema, part)) assertStructural(path, inner);
    }
  }
});

/** `kubectl apply` keeps the whole object in an annotation, which has a limit, unless it applies on the server's side. */
const maxAnnotations = 262_144;

test("CRDs of the reconcile flow can be applied with plain kubectl apply", () => {
  for (const crd of gitOpsCrds()) {
    const { length } = JSON.stringify(crd);
    assert.ok(length < maxAnnotations, `${crd.metadata.name} has ${length} characters`);
  }
});

test("every field of the reconcile flow's CRDs has a description", () => {
  for (const crd of gitOpsCrds() as unknown as JsonObject[]) {
    for (const part of ["spec", "status", "operation"]) {
      const schema = at(crd, `${root}.properties.${part}`);
      for (const [path, inner] of isJsonObject(schema) ? schemasBelow(schema, part) : []) {
        // Entries of lists and maps of plain texts say nothing that their field does not.
        const isText = inner.type === "string" || inner.type === "boolean";
        const isEntry = path.endsWith(".items") || path.endsWith(".additionalProperties");
        assert.ok(typeof inner.description === "string" || (isText && isEntry), `${path} has a description`);
      }
    }
  }
});

import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import type { Audit } from "../../src/local/audit.ts";
import { type ControlPlane, openControlPlane } from "../../src/local/control-plane.ts";
import type { Admission } from "../../src/local/stored-object.ts";
import type { JsonAnswer } from "./answer.ts";
import { tempDir } from "./temp-dir.ts";

export const adminToken = "admin-token";
export const users = [
  { token: adminToken, name: "admin", groups: ["system:masters"] },
  { token: "bob-token", name: "bob", groups: [] },
];

export interface TestPlane extends AsyncDisposable {
  readonly directory: string;
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  /** One request as the admin; the answer's body as JSON, or text. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer extends JsonAnswer {
  readonly headers: Headers;
}

/** The control plane on a store in a directory of its own. */
export async function openTestPlane(
  options: { clock?: Clock; admission?: Admission; audit?: Audit; simulate?: boolean } = {},
): Promise<TestPlane> {
  const directory = await tempDir();
  const { clock = systemClock, admission, audit, simulate = false } = options;
  const path = join(directory.path, "kube.db");
  const plane = await openControlPlane({
    path,
    clock,
    log: silentLogger,
    users,
    simulate,
    ...(admission ? { admission } : {}),
    ...(audit ? { audit } : {}),
  });
  const base = "http://kube.local";
  return {
    directory: directory.path,
    plane,
    client: createKubeClient({
      fetch: plane.fetch,
      isInProcess: true,
      baseUrl: base,
      token: adminToken,
      log: silentLogger,
    }),
    async call(method, requestPath, body, headers = {}) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const all = { authorization: `Bearer ${adminToken}`, "content-type": "application/json", ...headers };
      const init = { method, headers: all, ...(body === undefined ? {} : { body: text }) };
      const response = await plane.fetch(new Request(base + requestPath, init));
      const answer = await response.text();
      const isJson = answer.startsWith("{");
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(answer) : answer };
    },
    async [Symbol.asyncDispose]() {
      await plane[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Takes away what lets every service account do everything: from now on roles and bindings decide. */
export async function enforceRoles({ call }: Pick<TestPlane, "call">): Promise<void> {
  const name = "tiphys:service-accounts";
  await call("DELETE", `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${name}`);
}

export const widgetDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget", shortNames: ["wd"] },
    versions: ["v1", "v1beta1"].map((name) => ({
      name,
      served: true,
      storage: name === "v1",
      subresources: { status: {} },
      additionalPrinterColumns: [
        { name: "Size", type: "integer", jsonPath: ".spec.size" },
        { name: "Phase", type: "string", jsonPath: ".status.phase" },
      ],
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    })),
  },
} as const;

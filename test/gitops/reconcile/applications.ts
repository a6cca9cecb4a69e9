import { parseApplication } from "../../../src/api/application.ts";
import type { Application } from "../../../src/api/application-types.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";

export const now = instant(Date.UTC(2026, 10, 29, 12, 0, 0));
export const source = { repoURL: "https://git.example/shop.git", path: "web", targetRevision: "main" };
export const destination = { server: "https://kubernetes.default.svc", namespace: "shop" };

/** `seconds` before `now`, as a status holds it. */
export function ago(seconds: number): string {
  return new Date(now - seconds * 1_000).toISOString().replace(".000Z", "Z");
}

/** An Application as it comes from the API. */
export function applicationOf(spec: JsonObject = {}, top: JsonObject = {}): Application {
  return parseApplication({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "web", namespace: "argocd" },
    spec: { project: "default", source, destination, ...spec },
    ...top,
  }).resource;
}

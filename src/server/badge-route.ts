import { type Request, Router } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { textsIn } from "./access/access-state.ts";
import { flagOf } from "./application-edit-routes.ts";
import {
  type ApplicationList,
  controllerNamespace,
  projectOf,
  textParameter,
  textParameters,
} from "./application-query.ts";
import { type BadgeState, badgeSvg } from "./badge.ts";

const unknown: BadgeState = { health: "Unknown", sync: "Unknown", revision: "", name: "" };
const maxWidthPx = 2_000;

/**
 * `/api/badge`, which is open where `statusbadge.enabled` of argocd-cm says so (spec argo-cd-surface 6.3). Otherwise, and of
 * what is not there, it tells nothing: Unknown.
 */
export function badgeRoute(applications: ApplicationList, kube: KubeClient): Router {
  const router = Router();
  router.get("/", async (request, response) => {
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: controllerNamespace, name: "argocd-cm" };
    const settings = textsIn((await kube.get(ref))?.data);
    const state = settings["statusbadge.enabled"] === "true" ? stateOf(request, applications) : unknown;
    const svg = badgeSvg({ ...state, ...widthIn(request) });
    response.set({ "cache-control": "private, no-store", "access-control-allow-origin": "*" });
    response.type("image/svg+xml").send(svg);
  });
  return router;
}

function stateOf(request: Request, applications: ApplicationList): BadgeState {
  const projects = textParameters(request, "project");
  const name = textParameter(request, "name");
  if (name === undefined) {
    return projects.length === 0 ? unknown : ofAll(applications.list(), projects);
  }
  const found = applications.find(textParameter(request, "namespace") ?? controllerNamespace, name);
  if (found === undefined) return unknown;
  const { health, sync } = statesOf(found);
  const commit = textOf(objectOf(objectOf(found.status as JsonValue | undefined).sync).revision);
  const shown = flagOf(request, "keepFullRevision", false) ? commit : commit.slice(0, 7);
  return {
    ...{ health, sync },
    revision: flagOf(request, "revision", false) ? shown : "",
    name: flagOf(request, "showAppName", false) ? name : "",
  };
}

/** Of projects: Healthy and Synced where all are. */
function ofAll(all: readonly KubeObject[], projects: readonly string[]): BadgeState {
  const states = all.filter(({ spec }) => projects.includes(projectOf(spec))).map(statesOf);
  if (states.length === 0) return unknown;
  const isHealthy = states.every(({ health }) => health === "Healthy");
  const isSynced = states.every(({ sync }) => sync === "Synced");
  return { ...unknown, health: isHealthy ? "Healthy" : "Degraded", sync: isSynced ? "Synced" : "OutOfSync" };
}

function statesOf({ status }: KubeObject): { readonly health: string; readonly sync: string } {
  const { health, sync } = objectOf(status as JsonValue | undefined);
  return { health: textOf(objectOf(health).status), sync: textOf(objectOf(sync).status) };
}

function widthIn(request: Request): { readonly width?: number } {
  const text = textParameter(request, "width");
  if (text === undefined) return {};
  const width = Number(text);
  if (Number.isInteger(width) && width > 0 && width <= maxWidthPx) return { width };
  throw new EngineError("USAGE", `width: "${text}" must be a number of pixels up to ${maxWidthPx}`);
}

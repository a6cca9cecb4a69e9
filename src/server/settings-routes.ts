import { Router } from "express";
import { textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { Access } from "./access/access.ts";
import { identify } from "./access/identify.ts";
import { controllerNamespace } from "./application-query.ts";

/** `/api/version`, which is open (spec argo-cd-surface 6.1). */
export function versionRoutes(version: string): Router {
  const router = Router();
  router.get("/version", (_, response) => void response.json({ Version: `v${version}` }));
  return router;
}

/** What a page needs to know before anybody logs in; who is logged in goes on to all of it. */
export function openSettingsRoutes(kube: KubeClient | undefined, access: Access): Router {
  const router = Router();
  router.get("/", async (request, response, next) => {
    try {
      await identify(access)(request, response, () => undefined);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "UNAUTHORIZED") throw error;
      response.removeHeader("www-authenticate");
      response.json(openSettings(await valuesIn(kube)));
      return;
    }
    next();
  });
  return router;
}

type Values = Readonly<Record<string, JsonValue>>;

function openSettings(values: Values) {
  const urls = textOf(values.additionalUrls)
    .split("\n")
    .flatMap((line) => line.replace(/^\s*-\s*/, "").trim() || []);
  return {
    url: textOf(values.url),
    ...(urls.length === 0 ? {} : { additionalUrls: urls }),
    statusBadgeEnabled: textOf(values["statusbadge.enabled"]) === "true",
    statusBadgeRootUrl: textOf(values["statusbadge.url"]),
    userLoginsDisabled: false,
    passwordPattern: textOf(values.passwordPattern) || "^.{8,32}$",
    uiBannerContent: textOf(values["ui.bannercontent"]),
    uiBannerURL: textOf(values["ui.bannerurl"]),
    uiBannerPermanent: textOf(values["ui.bannerpermanent"]) === "true",
    uiBannerPosition: textOf(values["ui.bannerposition"]) || "top",
    uiLoginButtonText: textOf(values["ui.loginButtonText"]),
    help: { chatUrl: textOf(values["help.chatUrl"]), chatText: textOf(values["help.chatText"]) },
  };
}

/** `/api/v1/settings`, of `argocd-cm` where it is; without `kube` everything is as when nobody set it. */
export function settingsRoutes(kube: KubeClient | undefined, plugins: readonly string[]): Router {
  const router = Router();
  const named = plugins.map((name) => ({ name }));
  router.get("/settings/plugins", (_, response) => void response.json({ plugins: named }));
  router.get("/settings", async (_, response) => {
    const values = await valuesIn(kube);
    response.json({
      ...openSettings(values),
      appLabelKey: textOf(values["application.instanceLabelKey"]) || "app.kubernetes.io/instance",
      trackingMethod: textOf(values["application.resourceTrackingMethod"]) || "annotation",
      installationID: textOf(values.installationID),
      controllerNamespace,
      appsInAnyNamespaceEnabled: true,
      execEnabled: false,
      hydratorEnabled: false,
      syncWithReplaceAllowed: true,
      resourceViewEnabled: textOf(values["ui.view.resources.disabled"]) !== "true",
      uiCssURL: textOf(values["ui.cssurl"]),
      googleAnalytics: {
        trackingID: textOf(values["ga.trackingid"]),
        anonymizeUsers: textOf(values["ga.anonymizeusers"]) !== "false",
      },
      kustomizeOptions: { buildOptions: textOf(values["kustomize.buildOptions"]) },
      kustomizeVersions: Object.keys(values).flatMap((key) => /^kustomize\.path\.(.+)$/.exec(key)?.[1] ?? []),
      plugins: named,
      configManagementPlugins: [],
      impersonationEnabled: textOf(values["application.sync.impersonation.enabled"]) === "true",
    });
  });
  return router;
}

async function valuesIn(kube: KubeClient | undefined): Promise<Values> {
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: controllerNamespace, name: "argocd-cm" };
  const data = (await kube?.get(ref))?.data;
  return isJsonObject(data) ? data : {};
}

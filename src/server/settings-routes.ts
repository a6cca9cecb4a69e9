import { Router } from "express";
import { textOf } from "../api/fields.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import { controllerNamespace } from "./application-query.ts";

/** `/api/version`, which is open (spec argo-cd-surface 6.1). */
export function versionRoutes(version: string): Router {
  const router = Router();
  router.get("/version", (_, response) => void response.json({ Version: `v${version}` }));
  return router;
}

/** `/api/v1/settings`, of `argocd-cm` where it is; without `kube` everything is as when nobody set it. */
export function settingsRoutes(kube: KubeClient | undefined): Router {
  const router = Router();
  router.get("/settings", async (_, response) => {
    const values = await valuesIn(kube);
    const urls = textOf(values.additionalUrls)
      .split("\n")
      .flatMap((line) => line.replace(/^\s*-\s*/, "").trim() || []);
    response.json({
      url: textOf(values.url),
      ...(urls.length === 0 ? {} : { additionalUrls: urls }),
      appLabelKey: textOf(values["application.instanceLabelKey"]) || "app.kubernetes.io/instance",
      trackingMethod: textOf(values["application.resourceTrackingMethod"]) || "annotation",
      installationID: textOf(values.installationID),
      controllerNamespace,
      appsInAnyNamespaceEnabled: true,
      execEnabled: false,
      statusBadgeEnabled: textOf(values["statusbadge.enabled"]) === "true",
      userLoginsDisabled: false,
      passwordPattern: textOf(values.passwordPattern) || "^.{8,32}$",
      uiBannerContent: textOf(values["ui.bannercontent"]),
      uiBannerURL: textOf(values["ui.bannerurl"]),
      help: { chatUrl: textOf(values["help.chatUrl"]), chatText: textOf(values["help.chatText"]) },
    });
  });
  return router;
}

async function valuesIn(kube: KubeClient | undefined): Promise<Readonly<Record<string, JsonValue>>> {
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: controllerNamespace, name: "argocd-cm" };
  const data = (await kube?.get(ref))?.data;
  return isJsonObject(data) ? data : {};
}

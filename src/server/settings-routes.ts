import { createHash, timingSafeEqual } from "node:crypto";
import { Router } from "express";
import { textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import { controllerNamespace } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";

export interface SettingsRouteDeps {
  readonly version: string;
  readonly token: string;
  /** Where `argocd-cm` is; absent: everything as it is when nobody set it. */
  readonly kube?: KubeClient;
}

/** What is asked before there is a token: `/api/version`, and a session (spec argo-cd-surface 6.1, 6.2). */
export function openRoutes({ version, token }: SettingsRouteDeps): Router {
  const router = Router();
  router.get("/version", (_, response) => void response.json({ Version: `v${version}` }));
  router.post("/v1/session", ...jsonBody(), (request, response) => {
    const { username, password } = bodyObject(request);
    // There is one account; its password is the token.
    if (username !== "admin" || !isSame(textOf(password), token)) {
      throw new EngineError("UNAUTHORIZED", "Invalid username or password");
    }
    response.json({ token });
  });
  return router;
}

/** `/api/v1/settings`, `session/userinfo` and `account/can-i`, for those who have the token. */
export function settingsRoutes({ kube }: SettingsRouteDeps): Router {
  const router = Router();
  router.delete("/session", (_, response) => void response.json({}));
  router.get("/session/userinfo", (_, response) => {
    response.json({ loggedIn: true, username: "admin", iss: "argocd", groups: [] });
  });
  router.get("/account/can-i/:resource/:action/{*subresource}", (_, response) => void response.json({ value: "yes" }));
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

function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

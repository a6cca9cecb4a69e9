import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf } from "../diff/diff.ts";

const linkPrefix = "link.argocd.argoproj.io/";
const ignoreDefaultLinks = "argocd.argoproj.io/ignore-default-links";

/**
 * `status.summary` of an Application with these annotations: images that run, addresses to look at, whether it holds
 * Applications. `live` is its tree: the managed objects and everything below them (spec argo-cd-engine 1.6, 6.7).
 */
export function summarize(live: readonly KubeObject[], annotations: Readonly<Record<string, string>>): JsonObject {
  const images = uniqueSorted(live.flatMap(imagesOf));
  const externalURLs = uniqueSorted([...linksOf(annotations), ...live.flatMap(urlsOf)]);
  const isAppOfApps = live.some((object) => object.kind === "Application" && groupOf(object) === "argoproj.io");
  return {
    ...(externalURLs.length > 0 ? { externalURLs } : {}),
    ...(images.length > 0 ? { images } : {}),
    ...(isAppOfApps ? { isAppOfApps } : {}),
  };
}

/** Of Pods only: a workload's template says what shall run, not what does. */
function imagesOf(object: KubeObject): readonly string[] {
  if (object.kind !== "Pod" || groupOf(object) !== "") return [];
  const spec = fieldOf(object, "spec");
  return [...listOf(spec.initContainers), ...listOf(spec.containers)].map((container) => {
    return textOf(objectOf(container).image);
  });
}

function urlsOf(object: KubeObject): readonly string[] {
  const annotations = object.metadata.annotations ?? {};
  const links = linksOf(annotations);
  if (annotations[ignoreDefaultLinks] === "true") return links;
  const isIngress = object.kind === "Ingress" && ["networking.k8s.io", "extensions"].includes(groupOf(object));
  return isIngress ? [...links, ...ingressUrls(object)] : links;
}

/** `title|url` or a URL; anything but http and https, such as `javascript:`, is left out. */
function linksOf(annotations: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(annotations).flatMap(([key, text]) => {
    if (!key.startsWith(linkPrefix)) return [];
    return isWebAddress(text.slice(text.indexOf("|") + 1)) ? [text] : [];
  });
}

function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:");
}

/** One for each host and path; a rule without a host is reached at the load balancer's address. */
function ingressUrls(ingress: KubeObject): readonly string[] {
  const { rules, tls } = fieldOf(ingress, "spec");
  const secure = new Set(listOf(tls).flatMap((entry) => listOf(objectOf(entry).hosts)));
  const addresses = listOf(objectOf(fieldOf(ingress, "status").loadBalancer).ingress).map((entry) => {
    const { hostname, ip } = objectOf(entry);
    return textOf(hostname) || textOf(ip);
  });
  return listOf(rules).flatMap((rule) => {
    const { host, http } = objectOf(rule);
    const hosts = textOf(host) === "" ? addresses : [textOf(host)];
    const isSecure = textOf(host) === "" ? listOf(tls).length > 0 : secure.has(textOf(host));
    const paths = listOf(objectOf(http).paths).map((path) => pathOf(objectOf(path).path));
    return hosts.flatMap((name) => {
      if (name === "") return [];
      const urls = (paths.length > 0 ? paths : [""]).map((path) => `${isSecure ? "https" : "http"}://${name}${path}`);
      return urls.filter(isWebAddress);
    });
  });
}

/** `/docs/*` is a pattern of some controllers; its start is the page. */
function pathOf(path: JsonValue | undefined): string {
  const text = textOf(path).replace(/\*$/, "");
  return text === "/" ? "" : text;
}

function fieldOf(object: KubeObject, name: "spec" | "status"): JsonObject {
  const value: unknown = object[name];
  return isJsonObject(value) ? value : {};
}

function uniqueSorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].filter((text) => text !== "").sort();
}

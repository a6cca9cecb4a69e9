import { X509Certificate } from "node:crypto";
import { type Request, Router } from "express";
import { objectsOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { compilePathGlob } from "../base/path-glob.ts";
import type { KubeClient } from "../kube/kube.ts";
import { textsIn } from "./access/access-state.ts";
import { callerOf, demand } from "./access/caller.ts";
import { editConfigMap } from "./access/values-edit.ts";
import { flagOf } from "./application-edit-routes.ts";
import { controllerNamespace, textParameter } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import { fingerprintOf, type KnownHost, knownHostLine, knownHostsIn, withoutHosts } from "./known-hosts.ts";

const sshName = "argocd-ssh-known-hosts-cm";
const sshKey = "ssh_known_hosts";
const tlsName = "argocd-tls-certs-cm";

/** Whom repositories' hosts are trusted to be. */
interface Certificate {
  readonly serverName: string;
  readonly certType: "ssh" | "https";
  readonly certSubType: string;
  readonly certInfo: string;
}

/** `/api/v1/certificates` (spec argo-cd-surface 6.2): `argocd-ssh-known-hosts-cm` and `argocd-tls-certs-cm`. */
export function certificateRoutes(kube: KubeClient): Router {
  const router = Router();
  router.get("/", async (request, response) => {
    const isMeant = selectorOf(request);
    const caller = callerOf(request);
    const all = (await certificatesIn(kube)).filter(isMeant);
    const items = all.filter(({ serverName }) => caller.may("certificates", "get", serverName));
    response.json({ metadata: {}, items });
  });
  router.post("/", ...jsonBody(), async (request, response) => {
    const wanted = objectsOf(bodyObject(request).items).map(draftOf);
    for (const { serverName } of wanted) demand(callerOf(request), "certificates", "create", serverName);
    const isUpsert = flagOf(request, "upsert", false);
    await addHosts(kube, wanted.filter(isHost), isUpsert);
    await addCertificates(
      kube,
      wanted.filter(({ certType }) => certType === "https"),
      isUpsert,
    );
    const names = new Set(wanted.map(({ serverName }) => serverName));
    response.json({
      metadata: {},
      items: (await certificatesIn(kube)).filter(({ serverName }) => names.has(serverName)),
    });
  });
  router.delete("/", async (request, response) => {
    const isMeant = selectorOf(request);
    const gone = (await certificatesIn(kube)).filter(isMeant);
    for (const { serverName } of gone) demand(callerOf(request), "certificates", "delete", serverName);
    const hosts = gone.filter(({ certType }) => certType === "ssh");
    const isGone = ({ host, type }: KnownHost): boolean =>
      hosts.some(({ serverName, certSubType }) => serverName === host && certSubType === type);
    if (hosts.length > 0) {
      await editConfigMap(kube, sshName, (now) => ({ [sshKey]: withoutHosts(now[sshKey] ?? "", isGone) }));
    }
    const names = gone.filter(({ certType }) => certType === "https").map(({ serverName }) => serverName);
    if (names.length > 0) {
      await editConfigMap(kube, tlsName, () => Object.fromEntries(names.map((name) => [name, null])));
    }
    response.json({ metadata: {}, items: gone });
  });
  return router;
}

async function certificatesIn(kube: KubeClient): Promise<readonly Certificate[]> {
  const read = async (name: string) =>
    textsIn((await kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace: controllerNamespace, name }))?.data);
  const [ssh, tls] = await Promise.all([read(sshName), read(tlsName)]);
  const hosts = knownHostsIn(ssh[sshKey] ?? "").map(
    (host): Certificate => ({
      serverName: host.host,
      certType: "ssh",
      certSubType: host.type,
      certInfo: fingerprintOf(host),
    }),
  );
  const certificates = Object.entries(tls).flatMap(([serverName, text]) =>
    pemsIn(text).map((pem): Certificate => ({ serverName, certType: "https", ...shownPem(pem) })),
  );
  return [...hosts, ...certificates];
}

function pemsIn(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

function shownPem(pem: string): Pick<Certificate, "certSubType" | "certInfo"> {
  try {
    const { publicKey, subject } = new X509Certificate(pem);
    return { certSubType: publicKey.asymmetricKeyType ?? "", certInfo: subject.split("\n").join(", ") };
  } catch {
    return { certSubType: "", certInfo: "this is no certificate" }; // it is told where it is used, too
  }
}

/** By `hostNamePattern`, `certType` and `certSubType` of the query. */
function selectorOf(request: Request): (certificate: Certificate) => boolean {
  const pattern = textParameter(request, "hostNamePattern") ?? "*";
  const isHostMeant = pattern === "*" ? () => true : compilePathGlob(pattern, { dialect: "gobwas" });
  const [type, subType] = [textParameter(request, "certType"), textParameter(request, "certSubType")];
  return ({ serverName, certType, certSubType }) =>
    isHostMeant(serverName) &&
    (type === undefined || type === "all" || type === certType) &&
    (subType === undefined || subType === "all" || subType === certSubType);
}

interface Draft {
  readonly serverName: string;
  readonly certType: string;
  readonly certSubType: string;
  /** Of a host its key in base64, else PEM. */
  readonly text: string;
}

/** @throws EngineError USAGE */
function draftOf({ serverName, certType, certSubType, certData }: JsonObject): Draft {
  const draft = {
    serverName: textOf(serverName),
    certType: textOf(certType),
    certSubType: textOf(certSubType),
    text: Buffer.from(textOf(certData), "base64").toString("utf8"),
  };
  if (draft.serverName === "" || /\s/.test(draft.serverName))
    throw new EngineError("USAGE", "serverName: must be a host");
  const isFine = isHost(draft) ? /^[A-Za-z0-9+/]+=*$/.test(draft.text.trim()) : arePems(draft.text);
  if ((isHost(draft) || draft.certType === "https") && isFine) return draft;
  const what = "an https certificate in PEM, or the key of an ssh host";
  throw new EngineError("USAGE", `certData of ${draft.serverName}: must be ${what}`);
}

function isHost({ certType }: Pick<Draft, "certType">): boolean {
  return certType === "ssh";
}

function arePems(text: string): boolean {
  const pems = pemsIn(text);
  return pems.length > 0 && pems.every((pem) => shownPem(pem).certSubType !== "");
}

async function addHosts(kube: KubeClient, wanted: readonly Draft[], isUpsert: boolean): Promise<void> {
  if (wanted.length === 0) return;
  await editConfigMap(kube, sshName, (now) => {
    const hosts = wanted.map(({ serverName, certSubType, text }) => ({
      ...{ host: serverName, type: certSubType, key: text.trim() },
    }));
    const known = knownHostsIn(now[sshKey] ?? "");
    for (const { host, type, key } of hosts) {
      const other = known.find((one) => one.host === host && one.type === type && one.key !== key);
      if (other && !isUpsert) throw exists(`Key for '${host}' (subtype: '${type}')`);
    }
    const isNew = ({ host, type }: KnownHost): boolean => hosts.some((one) => one.host === host && one.type === type);
    const rest = withoutHosts(now[sshKey] ?? "", isNew).trimEnd();
    const lines = [...(rest === "" ? [] : [rest]), ...hosts.map(knownHostLine)];
    return { [sshKey]: `${lines.join("\n")}\n` };
  });
}

async function addCertificates(kube: KubeClient, wanted: readonly Draft[], isUpsert: boolean): Promise<void> {
  if (wanted.length === 0) return;
  await editConfigMap(kube, tlsName, (now) =>
    Object.fromEntries(
      wanted.map(({ serverName, text }) => {
        const known = Object.hasOwn(now, serverName) ? now[serverName] : undefined;
        if (known !== undefined && known.trim() !== text.trim() && !isUpsert) {
          throw exists(`TLS certificate for '${serverName}'`);
        }
        return [serverName, text];
      }),
    ),
  );
}

function exists(what: string): EngineError {
  return new EngineError("USAGE", `${what} already exists and upsert was not specified.`);
}

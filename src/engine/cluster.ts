import type { JsonObject } from "../base/json.ts";
import { createManifestDir } from "../controllers/manifest-dir.ts";
import { createKubeClient } from "../kube/client.ts";
import type { KubeClient } from "../kube/kube.ts";
import { createPace } from "../kube/pace.ts";
import { openAuditFile } from "../local/audit.ts";
import { ensureCertificate } from "../local/certificate.ts";
import { openControlPlane } from "../local/control-plane.ts";
import { replaceFile } from "../local/data-dir.ts";
import { kubeconfigText } from "../local/kubeconfig.ts";
import { serveControlPlane } from "../local/serve.ts";
import { admitRequests, createAdmission } from "../validate/admission.ts";
import { type CustomResourceDefinition, eventCrds, gitOpsCrds } from "../validate/crds.ts";
import { type Base, type Cluster, host, type Parts, startReadMs } from "./parts.ts";

/** A real cluster, or the embedded one. */
export function openCluster(base: Base): Promise<Cluster> {
  const { remote } = base.config;
  return remote === undefined ? openEmbedded(base) : Promise.resolve(reach(remote, base));
}

/** How audit logs tell engines apart. */
function agentOf({ config, dataDir }: Base): string {
  return `tiphys/${config.version ?? "0"} (engine ${dataDir.engineId})`;
}

function reach(remote: NonNullable<Base["config"]["remote"]>, base: Base): Cluster {
  const { clock, log } = base;
  const { baseUrl, kubeconfig } = remote;
  const fetch = createPace({ fetch: remote.fetch, clock });
  return {
    kube: createKubeClient({ fetch, baseUrl, log, agent: agentOf(base) }),
    url: baseUrl,
    kubeconfig,
    isSimulated: false,
  };
}

/** Of an engine that runs in a Pod for one Sensor, whose service account is the Pod's. */
export function handsOf(base: Base): Pick<Parts, "hands"> {
  const { triggerCluster } = base.config;
  if (triggerCluster === undefined) return {};
  const fetch = createPace({ fetch: triggerCluster.fetch, clock: base.clock });
  const { baseUrl } = triggerCluster;
  return { hands: createKubeClient({ fetch, baseUrl, log: base.log, agent: agentOf(base) }) };
}

/** The embedded control plane, for the engine in process and for `kubectl` over HTTPS. */
async function openEmbedded(base: Base): Promise<Cluster> {
  const { config, kinds, stack, clock, log, dataDir } = base;
  const audit = config.kubeAuditLog === undefined ? undefined : stack.use(openAuditFile(config.kubeAuditLog, { log }));
  const certifying = ensureCertificate(dataDir.path, clock);
  certifying.catch(() => undefined); // asked below: it is made while the store is opened
  const user = { token: dataDir.token, name: "tiphys-admin", groups: ["system:masters"] };
  const plane = stack.use(
    await openControlPlane({
      path: dataDir.file("kube.db"),
      clock,
      log,
      users: [user],
      simulate: true,
      admission: admitRequests(createAdmission(kinds.schemas)),
      ...(audit === undefined ? {} : { audit: audit.write }),
    }),
  );
  const certificate = await certifying;
  const served = stack.use(await serveControlPlane({ plane, host, port: config.kubePort, certificate, log }));
  const text = kubeconfigText({ url: served.url, caPem: certificate.cert, token: dataDir.token, name: "tiphys" });
  replaceFile(dataDir.file("kubeconfig"), text);
  const client = {
    fetch: plane.fetch,
    isInProcess: true,
    baseUrl: served.url,
    token: dataDir.token,
    log,
    agent: agentOf(base),
  };
  const kube = createKubeClient(client);
  return { kube, url: served.url, kubeconfig: dataDir.file("kubeconfig"), isSimulated: true };
}

export async function applyManifests(
  { config, kinds, stack, nursery, clock, log }: Base,
  kube: KubeClient,
): Promise<number> {
  const signal = AbortSignal.timeout(startReadMs);
  for (const crd of [...eventCrds(kinds.schemas), ...gitOpsCrds()]) await installCrd(kube, crd, signal);
  if (config.manifests === undefined) return 0;
  const dir = createManifestDir({ path: config.manifests, kube, clock, log });
  const applied = await dir.applyAll(signal);
  stack.use(nursery.start("manifests", (stop) => dir.watch(stop)));
  return applied;
}

async function installCrd(kube: KubeClient, crd: CustomResourceDefinition, signal: AbortSignal): Promise<void> {
  const ref = { apiVersion: crd.apiVersion, kind: crd.kind, name: crd.metadata.name };
  const body = crd as unknown as JsonObject;
  await kube.patch(ref, "application/apply-patch+yaml", body, { fieldManager: "tiphys", force: true }, signal);
}

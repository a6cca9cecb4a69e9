import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { messageOf } from "../../src/base/errors.ts";
import { projectRoot } from "./run.ts";

/** A real registry in memory (`test/tools/oci-registry`), on a loopback port. */
export interface OciRegistry extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** Uploads layers and an image manifest of them, under a tag. Gives the manifest's digest. */
  push(repository: string, tag: string, layers: readonly OciLayer[]): Promise<string>;
}

export interface OciLayer {
  readonly mediaType: string;
  readonly content: Buffer;
}

export const helmLayerType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

const moduleFolder = join(projectRoot, "test/tools/oci-registry");
const binary = join(projectRoot, ".tools/bin/oci-registry");

/** Built once; renamed into place, so that two test processes may build it at once. */
function build(): string {
  if (existsSync(binary)) return binary;
  const half = `${binary}.${process.pid}`;
  mkdirSync(join(projectRoot, ".tools/bin"), { recursive: true });
  const env = { ...process.env, CGO_ENABLED: "0" };
  const options = { cwd: moduleFolder, env, stdio: ["ignore", "ignore", "pipe"], timeout: 300_000 } as const;
  execFileSync("go", ["build", "-trimpath", "-o", half, "."], { ...options, stdio: [...options.stdio] });
  renameSync(half, binary);
  return binary;
}

/** Why tests that need a registry are skipped; in CI it has to be there. */
export function ociRegistryMissing(): string | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw new Error(`CI needs the registry: ${messageOf(error)}`);
    return `no registry: ${messageOf(error).slice(0, 200)}`;
  }
}

export async function startOciRegistry(): Promise<OciRegistry> {
  const child = spawn(build(), [], { stdio: ["ignore", "pipe", "ignore"] });
  const [host] = (await once(createInterface(child.stdout), "line")) as [string];
  return {
    host,
    async push(repository, tag, layers) {
      const base = `http://${host}/v2/${repository}`;
      const config = { mediaType: "application/vnd.oci.image.config.v1+json", content: Buffer.from("{}") };
      for (const { content } of [config, ...layers]) await upload(base, content);
      const manifest = {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: descriptor(config),
        layers: layers.map(descriptor),
      };
      const body = JSON.stringify(manifest);
      const headers = { "content-type": manifest.mediaType };
      const response = await fetch(`${base}/manifests/${tag}`, { method: "PUT", headers, body });
      if (!response.ok) throw new Error(`the registry answered ${response.status}: ${await response.text()}`);
      return digestOf(Buffer.from(body));
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

async function upload(base: string, content: Buffer): Promise<void> {
  const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  const url = new URL(begun.headers.get("location") ?? "", base);
  url.searchParams.set("digest", digestOf(content));
  const response = await fetch(url, { method: "PUT", body: new Uint8Array(content) });
  if (response.status !== 201) throw new Error(`the registry answered ${response.status} to a blob`);
}

function descriptor({ mediaType, content }: OciLayer) {
  return { mediaType, digest: digestOf(content), size: content.length };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

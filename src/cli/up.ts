import { isIP } from "node:net";
import { resolve } from "node:path";
import { styleText } from "node:util";
import { Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../base/clock.ts";
import { TerminalError } from "../base/errors.ts";
import { createLogger, type Logger } from "../base/log.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineConfig } from "../engine/parts.ts";
import { type AdapterFlags, withAdapterFlags } from "./adapter-flags.ts";
import { type BusFlags, busOf } from "./bus-flags.ts";
import { confirmCluster } from "./confirm.ts";
import { parsePort } from "./flag-values.ts";
import {
  cloudIdentity,
  type RenderingFlags,
  renderingOf,
  toolEnvironment,
  withRenderingFlags,
} from "./rendering-flags.ts";
import { tracesOf } from "./trace-export.ts";
import { version } from "./version.ts";

interface UpFlags extends BusFlags, RenderingFlags, AdapterFlags {
  readonly port: number;
  readonly ingressPort: number;
  readonly kubePort: number;
  readonly kubeAuditLog?: string;
  readonly gitPort: number;
  readonly kubeconfig?: string;
  readonly triggerKubeconfig?: string;
  readonly yes: boolean;
  readonly address?: string;
  readonly image?: string;
  readonly fileRoot?: string;
  readonly logLevel: "error" | "warn" | "info" | "debug";
}

/** `tiphys up [DIR]`: everything in one process, until SIGINT or SIGTERM. */
export function upCommand(): Command {
  const command = new Command("up")
    .description("Run everything in one process: no cluster, no broker")
    .argument("[dir]", "manifests to apply and follow: a directory or a file")
    .addOption(portOption("--port <port>", "API and metrics", 8080))
    .addOption(portOption("--ingress-port <port>", "webhooks", 8088))
    .addOption(portOption("--kube-port <port>", "the embedded Kubernetes API", 16443))
    .addOption(portOption("--git-port <port>", "the repositories that it serves", 8418))
    .addOption(
      new Option(
        "--kube-audit-log <file>",
        "record who changes what in that API: JSON lines of audit.k8s.io/v1",
      ).conflicts("kubeconfig"),
    )
    .option("--kubeconfig <file>", "a real cluster in place of the embedded one: its current context; or in-cluster")
    .addOption(
      new Option(
        "--trigger-kubeconfig <file>",
        "where k8s and argoWorkflow triggers write, as whoever it names: a file's current context; or in-cluster",
      ).conflicts("kubeconfig"),
    )
    .option("--yes", "work on that cluster without asking", false)
    .addOption(
      new Option("--address <ip>", "where other Pods reach this one: the ports of EventSources are served there")
        .env("POD_IP")
        .argParser(parseAddress),
    )
    .addOption(
      new Option(
        "--image <image>",
        "of this program: EventSources and Sensors that ask for a Pod of their own get one",
      ).env("TIPHYS_IMAGE"),
    )
    .option("--bus <url>", "the system bus: nats://[user:password@]host:port (default: embedded)")
    .addOption(new Option("--bus-creds <file>", "credentials for the bus: a creds file").env("TIPHYS_BUS_CREDS"))
    .option("--bus-ca <file>", "the authority that the bus's certificate is checked against")
    .option("--bus-cert <file>", "our certificate for the bus")
    .option("--bus-key <file>", "its key")
    .option(
      "--file-root <dir>",
      "the directory that file sources may look into (default: files/NAMESPACE in the data directory)",
    )
    .addOption(new Option("--log-level <level>").choices(["error", "warn", "info", "debug"]).default("info"));
  return withAdapterFlags(withRenderingFlags(command)).action(
    async (dir: string | undefined, flags: UpFlags, self: Command) => {
      // Standing alone, ports are on loopback until somebody says otherwise in so many words.
      const isAsked = flags.kubeconfig !== undefined || self.getOptionValueSource("address") !== "env";
      const { dataDir } = self.optsWithGlobals<{ dataDir: string }>();
      await up(dir, dataDir, isAsked ? flags : { ...flags, address: "" });
      // All of ours is closed; what a module left running must not keep the process.
      if (flags.adapter.length > 0) process.exit();
    },
  );
}

async function up(dir: string | undefined, dataDir: string, flags: UpFlags): Promise<void> {
  const log = createLogger(flags.logLevel);
  await using remote = flags.kubeconfig === undefined ? undefined : await openRemote(flags.kubeconfig, flags.yes, log);
  const { triggerKubeconfig } = flags;
  await using hands = triggerKubeconfig === undefined ? undefined : await openRemote(triggerKubeconfig, flags.yes, log);
  const stop = stopSignal();
  const { startEngine } = await import("../engine/engine.ts");
  const config: EngineConfig = {
    version: version(),
    dataDir,
    port: flags.port,
    ingressPort: flags.ingressPort,
    kubePort: flags.kubePort,
    ...(flags.kubeAuditLog === undefined ? {} : { kubeAuditLog: resolve(flags.kubeAuditLog) }),
    gitPort: flags.gitPort,
    git: { command: "git", env: toolEnvironment() },
    identity: cloudIdentity(),
    rendering: await renderingOf(flags),
    waveDelayMs: waveDelay(process.env.ARGOCD_SYNC_WAVE_DELAY),
    verifiesSignatures: process.env.ARGOCD_GPG_ENABLED !== "false",
    adapters: flags.adapter,
    log,
    ...(await tracesOf(process.env)),
    ...(remote === undefined ? {} : { remote }),
    ...(hands === undefined ? {} : { triggerCluster: hands }),
    ...(flags.image ? { image: flags.image } : {}),
    ...(flags.address ? { address: flags.address } : {}),
    ...(dir === undefined ? {} : { manifests: dir }),
    ...(flags.fileRoot === undefined ? {} : { fileRoot: resolve(flags.fileRoot) }),
    ...busOf(flags),
  };
  await using engine = await startEngine(config);
  process.stdout.write(banner(engine, config));
  await Promise.race([stop, engine.failed]);
  process.stdout.write("stopping: no new events, waiting for triggers under way\n");
}

/** The cluster that the file's current context names, once a person agreed. */
async function openRemote(path: string, assumeYes: boolean, log: Logger) {
  const { openKubeconfig } = await import("../kube/kubeconfig.ts");
  const opened = await openKubeconfig({ path, env: process.env, clock: systemClock, log });
  try {
    const { contextName: context, baseUrl: server } = opened;
    await confirmCluster({ context, server, assumeYes, input: process.stdin, output: process.stdout });
    return { ...opened, kubeconfig: resolve(path) };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** The original's variable, in seconds (spec argo-cd-engine 0.4). */
function waveDelay(text = "2"): number {
  const seconds = Number(text);
  if (text.trim() !== "" && Number.isInteger(seconds) && seconds >= 0 && seconds <= 3_600) return seconds * 1_000;
  throw new TerminalError("CONFIG_INVALID", `ARGOCD_SYNC_WAVE_DELAY: "${text}" must be seconds, 0 to 3600`);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once (what is stored is safe). */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = 0;
    const onSignal = (): void => {
      asked += 1;
      if (asked > 1) process.exit(130);
      resolve();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

function portOption(flags: string, what: string, port: number): Option {
  return new Option(flags, `${what}; 0 takes any free port`).argParser(parsePort).default(port);
}

/** An unset variable of a manifest is an empty one. */
function parseAddress(text: string): string {
  if (text === "") return text;
  if (isIP(text) !== 0 && text !== "0.0.0.0" && text !== "::") return text;
  throw new InvalidArgumentError(`"${text}" is not an IP address that others can reach, such as 10.0.3.7.`);
}

function banner({ endpoints, applied, webhooks }: Engine, { dataDir, manifests }: EngineConfig): string {
  const dim = (text: string): string => styleText("dim", text);
  const rows: [string, string][] = [
    ["API", `${endpoints.server}  ${dim(`token in ${endpoints.token}`)}`],
    ["Webhooks", `${endpoints.ingress}/webhooks/<namespace>/<eventsource>/<event>`],
    [
      "Kubernetes",
      `${endpoints.kube}  ${dim(endpoints.simulated ? "embedded; workloads are simulated" : "a real cluster")}`,
    ],
    ...(endpoints.git === undefined ? [] : [["Git", endpoints.git] satisfies [string, string]]),
    ["Data", dataDir],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(11)}${value}`);
  const from = manifests === undefined ? "" : `, ${applied} objects from ${manifests}`;
  const tries = [
    ...webhooks
      .slice(0, 1)
      .map((url) => `curl -X POST ${url} -H 'content-type: application/json' -d '{"ref":"refs/heads/main"}'`),
    "npx tiphys event list",
    "npx tiphys trace <event id>",
    `kubectl --kubeconfig ${endpoints.kubeconfig} get eventsources,sensors,applications,deployments,pods -A`,
  ];
  return [
    styleText("bold", `Tiphys is ready (pid ${endpoints.pid}${from})`),
    ...lines,
    "Try:",
    ...tries.map((text) => `  ${text}`),
    "",
  ].join("\n");
}

import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { cp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/base/errors.ts";
import { freePort } from "./free-port.ts";
import { projectRoot } from "./run.ts";
import { accepts, findProgram, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface KafkaServer extends ServerProcess {
  /** `127.0.0.1:port` */
  readonly address: string;
}

const module = join(projectRoot, "test/tools/kafka");

/** The version that `test/tools/kafka/pom.xml` pins. */
function version(): string {
  const found = /<artifactId>kafka_2.13<\/artifactId>\s*<version>([^<]+)/.exec(
    readFileSync(join(module, "pom.xml"), "utf8"),
  );
  if (!found?.[1]) throw new Error("test/tools/kafka/pom.xml names no version of Kafka");
  return found[1];
}

/** Fetched by Maven once for each version; renamed into place, so that two test processes may do it at once. */
function libraries(): string {
  const folder = join(projectRoot, ".tools", `kafka-${version()}`);
  if (existsSync(folder)) return folder;
  if (!findProgram("java")) throw new Error("java is not installed");
  const half = `${folder}.${process.pid}`;
  mkdirSync(join(projectRoot, ".tools"), { recursive: true });
  execFileSync("mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${half}`], {
    cwd: module,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 300_000,
  });
  if (existsSync(folder)) rmSync(half, { recursive: true });
  else renameSync(half, folder);
  return folder;
}

/** Why tests that need Kafka are skipped; in CI it has to be there. */
export function kafkaMissing(): string | false {
  try {
    libraries();
    return false;
  } catch (error) {
    if (process.env.CI === "true") throw new Error(`CI needs Kafka: ${messageOf(error)}`);
    return `no Kafka: ${messageOf(error).slice(0, 200)}`;
  }
}

/** Apache Kafka as one node, broker and controller. `login`: the only user, by SASL PLAIN; any by OAUTHBEARER. */
export async function startKafka(login?: { readonly user: string; readonly password: string }): Promise<KafkaServer> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const [port, controllerPort] = [await freePort(), await freePort()];
  const file = join(path, "server.properties");
  await writeFile(file, properties(path, port, controllerPort, login));
  const java = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", join(libraries(), "*")];
  await format(java, path, file);
  const server = stack.use(
    await startServer({
      name: "kafka",
      command: findProgram("java") ?? "java",
      args: [...java, "kafka.Kafka", file],
      cwd: path,
      isReady: () => accepts(port),
      deadlineMs: 60_000,
    }),
  );
  const owned = stack.move();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A token without a signature, which Kafka takes where it is told of no authority. */
export function tokenOf(user: string): string {
  const seconds = Math.floor(performance.timeOrigin / 1_000);
  const parts = [{ alg: "none" }, { sub: user, iat: seconds - 60, exp: seconds + 3_600 }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

/** An empty store is the same for every server of a version: it is made once, and copied. */
async function format(java: readonly string[], path: string, file: string): Promise<void> {
  const made = join(libraries(), "formatted");
  const logs = join(path, "logs");
  if (!existsSync(made)) {
    const args = [...java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", file];
    await promisify(execFile)("java", args, { timeout: 60_000 });
    await cp(logs, `${made}.${process.pid}`, { recursive: true });
    // Another test process may have been faster.
    await rename(`${made}.${process.pid}`, made).catch(() => rm(`${made}.${process.pid}`, { recursive: true }));
  } else await cp(made, logs, { recursive: true });
}

function properties(
  path: string,
  port: number,
  controllerPort: number,
  login: { readonly user: string; readonly password: string } | undefined,
): string {
  const jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  const protocol = login ? "SASL_PLAINTEXT" : "PLAINTEXT";
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=CLIENT://127.0.0.1:${port}`,
    "inter.broker.listener.name=CLIENT",
    "controller.listener.names=CONTROLLER",
    `listener.security.protocol.map=CLIENT:${protocol},CONTROLLER:PLAINTEXT`,
    `log.dirs=${join(path, "logs")}`,
    "num.partitions=1",
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    "group.min.session.timeout.ms=1000",
    "broker.session.timeout.ms=3000", // one that was killed is not taken back before
    "broker.heartbeat.interval.ms=500",
    "log.flush.interval.messages=1",
    ...(login
      ? [
          "sasl.enabled.mechanisms=PLAIN,OAUTHBEARER",
          // Tokens without a signature, as Kafka takes them where it is told of no authority.
          "listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
          "sasl.mechanism.inter.broker.protocol=PLAIN",
          `listener.name.client.plain.sasl.jaas.config=${jaas} username="${login.user}" password="${login.password}" user_${login.user}="${login.password}";`,
        ]
      : []),
    "",
  ].join("\n");
}

import { execFile, execFileSync } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { cp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  alterUserScramCredentialsV0,
  ResourcePatternTypes,
  ResourceTypes,
  type SASLOptions,
  ScramMechanisms,
} from "@platformatic/kafka";
import { messageOf } from "../../src/base/errors.ts";
import { freePort } from "./free-port.ts";
import { projectRoot } from "./run.ts";
import { accepts, findProgram, type ServerProcess, startServer } from "./server-process.ts";
import { startTcpProxy } from "./tcp-proxy.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

export interface KafkaServer extends ServerProcess {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** The user's password for SCRAM-SHA-256; there is none before. Connections stay until `cut`. */
  setScramPassword(password: string): Promise<void>;
  /** Makes a topic that only the user may write to. */
  createClosedTopic(topic: string): Promise<void>;
  /** Ends the connections that there are; the next ones are taken. */
  cut(): void;
}

interface Login {
  readonly user: string;
  readonly password: string;
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

/**
 * Apache Kafka as one node, broker and controller. `login`: the only user, by SASL PLAIN; any by OAUTHBEARER. Clients are
 * then told of a way to it that can be cut.
 */
export async function startKafka(login?: Login): Promise<KafkaServer> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const [port, controllerPort] = [await freePort(), await freePort()];
  const proxy = login && stack.use(await startTcpProxy(port));
  const address = `127.0.0.1:${proxy?.port ?? port}`;
  const file = join(path, "server.properties");
  await writeFile(file, properties(path, { port, controllerPort, address }, login));
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
  const plain: SASLOptions = { mechanism: "PLAIN", username: login?.user ?? "", password: login?.password ?? "" };
  const openAdmin = (sasl = plain) => new Admin({ clientId: "test", bootstrapBrokers: [address], sasl, retries: 0 });
  const owned = stack.move();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    address,
    async createClosedTopic(topic) {
      const admin = openAdmin();
      await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
      const [resourceType, resourcePatternType] = [ResourceTypes.TOPIC, ResourcePatternTypes.LITERAL];
      const [operation, permissionType] = [AclOperations.WRITE, AclPermissionTypes.ALLOW];
      const principal = `User:${login?.user}`;
      const rule = { resourceType, resourceName: topic, resourcePatternType, principal, host: "*" };
      await admin.createAcls({ creations: [{ ...rule, operation, permissionType }] });
      await admin.close();
    },
    async setScramPassword(password) {
      const salt = randomBytes(16);
      const saltedPassword = pbkdf2Sync(password, salt, iterations, 32, "sha256");
      const admin = openAdmin();
      const [connection] = (await admin.connectToBrokers()).values();
      const name = login?.user ?? "";
      const credential = { name, mechanism: ScramMechanisms.SCRAM_SHA_256, iterations, salt, saltedPassword };
      if (connection) await alterUserScramCredentialsV0.api.async(connection, [], [credential]);
      await admin.close();
      // It counts a moment later.
      await waitFor("the password to count", async () => {
        const other = openAdmin({ mechanism: "SCRAM-SHA-256", username: name, password });
        const topics = await other.listTopics().catch(() => undefined);
        await other.close();
        return topics;
      });
    },
    cut: () => proxy?.cutOnce(),
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

const iterations = 4_096;

function jaasOf({ user, password }: Login): string {
  const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  return `${login} username="${user}" password="${password}" user_${user}="${password}";`;
}

interface Places {
  readonly port: number;
  readonly controllerPort: number;
  readonly address: string;
}

function properties(path: string, { port, controllerPort, address }: Places, login: Login | undefined): string {
  const protocol = login ? "SASL_PLAINTEXT" : "PLAINTEXT";
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=CLIENT://${address}`,
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
          "sasl.enabled.mechanisms=PLAIN,OAUTHBEARER,SCRAM-SHA-256",
          "listener.name.client.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
          // Topics that have a rule are for those whom it names.
          "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
          "allow.everyone.if.no.acl.found=true",
          // Tokens without a signature, as Kafka takes them where it is told of no authority.
          "listener.name.client.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
          "sasl.mechanism.inter.broker.protocol=PLAIN",
          `listener.name.client.plain.sasl.jaas.config=${jaasOf(login)}`,
        ]
      : []),
    "",
  ].join("\n");
}

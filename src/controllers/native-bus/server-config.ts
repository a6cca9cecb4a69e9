import { type NativeBus, namesOf, ports } from "./native-bus.ts";

/** Where the config map and the server's Secret are mounted. */
export const configFolder = "/etc/nats-config";
export const configFile = `${configFolder}/nats-js.conf`;
export const dataFolder = "/data/jetstream";
export const pidFile = "/var/run/nats/nats.pid";

/** Files of the server's Secret, by its keys. */
export const secretFiles: Readonly<Record<string, string>> = {
  auth: "auth.conf",
  "private-key": "server-key.pem",
  cert: "server-cert.pem",
  "ca-cert": "ca-cert.pem",
  "cluster-private-key": "cluster-server-key.pem",
  "cluster-cert": "cluster-server-cert.pem",
  "cluster-ca-cert": "cluster-ca-cert.pem",
};

/**
 * What encrypts the store. `variable`: the key in the Secret. `literal`: the text "$JS_KEY" itself, as on every bus that
 * the original made: it quotes the name of the variable, and a quoted one is none. Such a store can be read with that only.
 */
export type KeyForm = "variable" | "literal";

/** The configuration of nats-server. `$NAME` are variables of the container, set in the StatefulSet. */
export function renderServerConfig(bus: NativeBus, keyForm: KeyForm): string {
  return [
    `port: ${ports.client}`,
    `http: ${ports.monitor}`,
    "server_name: $SERVER_NAME",
    `pid_file: "${pidFile}"`,
    `max_payload: ${bus.maxPayload}`,
    "lame_duck_duration: 30s",
    "jetstream {",
    keyForm === "literal" ? '  key: "$JS_KEY"' : "  key: $JS_KEY",
    `  store_dir: "${dataFolder}/store"`,
    ...indented(bus.settings),
    "}",
    ...(bus.replicas >= 3 ? clusterBlock(bus) : []),
    `include ./${secretFiles.auth}`,
    "",
  ].join("\n");
}

function clusterBlock(bus: NativeBus): string[] {
  const { service, statefulSet } = namesOf(bus);
  const routes = Array.from(
    { length: bus.replicas },
    (_, index) => `    nats://${statefulSet}-${index}.${service}.${bus.namespace}.svc:${ports.cluster}`,
  );
  return [
    "cluster {",
    `  name: ${JSON.stringify(bus.name)}`,
    `  port: ${ports.cluster}`,
    "  routes: [",
    ...routes,
    "  ]",
    "  cluster_advertise: $CLUSTER_ADVERTISE",
    "  connect_retries: 120",
    ...tlsBlock("cluster-server-cert.pem", "cluster-server-key.pem", "cluster-ca-cert.pem").map((line) => `  ${line}`),
    "}",
  ];
}

function tlsBlock(cert: string, key: string, ca: string): string[] {
  return [
    "tls {",
    `  cert_file: "${configFolder}/${cert}"`,
    `  key_file: "${configFolder}/${key}"`,
    `  ca_file: "${configFolder}/${ca}"`,
    "}",
  ];
}

function indented(text: string): string[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [`  ${line.trim()}`]));
}

export interface ServerUsers {
  readonly user: string;
  readonly password: string;
  readonly systemPassword: string;
}

/** The part of the configuration that is secret: who may connect, and TLS towards clients, who need no certificate. */
export function renderAuthConfig({ user, password, systemPassword }: ServerUsers): string {
  return [
    "system_account: sys",
    "accounts {",
    "  js {",
    "    jetstream: enabled",
    `    users: [{ user: "${user}", password: "${password}" }]`,
    "  }",
    "  sys {",
    `    users: [{ user: "sys", password: "${systemPassword}" }]`,
    "  }",
    "}",
    ...tlsBlock("server-cert.pem", "server-key.pem", "ca-cert.pem"),
    "",
  ].join("\n");
}

/** The users in an auth.conf of ours or of the original; undefined when it is neither. */
export function readAuthConfig(text: string): ServerUsers | undefined {
  const users = [...text.matchAll(/"?user"?\s*:\s*"([^"]+)"\s*,\s*"?pass(?:word)?"?\s*:\s*"([^"]+)"/g)];
  const system = users.find(([, name]) => name === "sys");
  const client = users.find(([, name]) => name !== "sys");
  if (client?.[1] === undefined || client[2] === undefined || system?.[2] === undefined) return undefined;
  return { user: client[1], password: client[2], systemPassword: system[2] };
}

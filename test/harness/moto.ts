import { type AwsCredentials, signAwsRequest } from "../../src/base/aws-signature.ts";
import { systemClock } from "../../src/base/clock.ts";
import { freePort } from "./free-port.ts";
import { accepts, findProgram, type HttpServerProcess, missing, startHttpServer } from "./server-process.ts";

const program = findProgram("moto_server");

export const motoMissing = missing("moto_server", program !== undefined);

/** moto, the maintained stand-in of AWS (Python: `pip install "moto[server]"`). It takes any signature until `enforceUsers`. */
export async function startMoto(): Promise<HttpServerProcess> {
  const port = await freePort();
  const command = {
    name: "moto_server",
    command: program ?? "moto_server",
    args: ["-H", "127.0.0.1", "-p", String(port)],
    isReady: () => accepts(port),
    deadlineMs: 60_000,
  };
  return startHttpServer(command, port);
}

export async function createQueue(url: string, QueueName: string): Promise<void> {
  await ask(url, "CreateQueue", { QueueName });
}

/** In batches of ten, as SQS has them, some at once. */
export async function sendToQueue(
  url: string,
  QueueName: string,
  bodies: readonly string[],
  keys?: AwsCredentials,
): Promise<void> {
  const { QueueUrl } = await ask(url, "GetQueueUrl", { QueueName }, keys);
  let next = 0;
  const send = async (): Promise<void> => {
    for (let first = next; first < bodies.length; first = next) {
      next += 10;
      const Entries = bodies.slice(first, first + 10).map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      await ask(url, "SendMessageBatch", { QueueUrl, Entries }, keys);
    }
  };
  await Promise.all(Array.from({ length: 8 }, send));
}

export async function purgeQueue(url: string, QueueName: string, keys?: AwsCredentials): Promise<void> {
  const { QueueUrl } = await ask(url, "GetQueueUrl", { QueueName }, keys);
  await ask(url, "PurgeQueue", { QueueUrl }, keys);
}

export interface AwsUsers {
  /** May do everything. */
  readonly admin: AwsCredentials;
  /** Of somebody who may use queues. */
  readonly keys: AwsCredentials;
  /** Others for `keys`, which count until `removeKeys`. */
  createKeys(): Promise<AwsCredentials>;
  removeKeys(keys: AwsCredentials): Promise<void>;
}

/** From now on moto looks at signatures and rights, as AWS does. */
export async function enforceUsers(url: string): Promise<AwsUsers> {
  let admin: AwsCredentials | undefined;
  const iam = (Action: string, fields: Readonly<Record<string, string>>) =>
    post(url, "iam", {}, new URLSearchParams({ Action, Version: "2010-05-08", ...fields }).toString(), admin);
  const createKeys = async (UserName: string): Promise<AwsCredentials> => {
    const text = await iam("CreateAccessKey", { UserName });
    const field = (name: string): string => new RegExp(`<${name}>([^<]+)<`).exec(text)?.[1] ?? "";
    return { accessKey: field("AccessKeyId"), secretKey: field("SecretAccessKey") };
  };
  const createUser = async (UserName: string, Action: string): Promise<AwsCredentials> => {
    await iam("CreateUser", { UserName });
    const Statement = [{ Effect: "Allow", Action, Resource: "*" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam("PutUserPolicy", { UserName, PolicyName: "p", PolicyDocument });
    return createKeys(UserName);
  };
  const all = await createUser("admin", "*");
  const keys = await createUser("reader", "sqs:*");
  await fetch(`${url}/moto-api/reset-auth`, { method: "POST", body: "0" });
  admin = all;
  return {
    admin,
    keys,
    createKeys: () => createKeys("reader"),
    removeKeys: async ({ accessKey }) =>
      void (await iam("DeleteAccessKey", { UserName: "reader", AccessKeyId: accessKey })),
  };
}

async function ask(url: string, action: string, body: object, keys?: AwsCredentials): Promise<Record<string, unknown>> {
  const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
  const text = await post(url, "sqs", headers, JSON.stringify(body), keys);
  return text === "" ? {} : JSON.parse(text);
}

/** Signed, also where anything would do: the service is told by it. */
async function post(
  url: string,
  service: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  keys: AwsCredentials = { accessKey: "a", secretKey: "s" },
): Promise<string> {
  const type = { "content-type": "application/x-www-form-urlencoded; charset=utf-8", ...headers };
  const scope = { region: "us-east-1", service, at: systemClock.now() };
  const { host: _, ...signed } = signAwsRequest(
    { method: "POST", url: new URL(url), headers: type, body },
    keys,
    scope,
  );
  const answer = await fetch(url, { method: "POST", headers: signed, body });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${service}: ${text}`);
  return text;
}

import { createHmac } from "node:crypto";
import { type Instant, isoTime } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { OutgoingResponse, SourceContext } from "./source.ts";

/** The REST API of Azure's storage queues, as far as a reader needs it. */

export interface QueueMessage {
  readonly id: string;
  readonly text: string;
  /** RFC 1123, as the service writes it. */
  readonly insertedAt: string;
  /** Proves who has it; another one after each change. */
  readonly receipt: string;
}

export interface AzureQueue {
  /** At most 32 messages, which nobody else gets for `visibilitySeconds`. */
  receive(count: number, visibilitySeconds: number, signal: AbortSignal): Promise<readonly QueueMessage[]>;
  delete(message: QueueMessage, signal: AbortSignal): Promise<void>;
  /** The next one gets it at once. */
  giveBack(message: QueueMessage, signal: AbortSignal): Promise<void>;
}

interface Account {
  readonly name: string;
  /** Of the account's queues, without a slash at the end. */
  readonly url: URL;
  readonly proof: { readonly key: Buffer } | { readonly sas: string };
}

const apiVersion = "2021-12-02";

/** @throws EngineError SECRET_MISSING for a connection string that says too little; it is never shown */
export function openAzureQueue(connectionString: string, queue: string, context: SourceContext): AzureQueue {
  const account = readConnectionString(connectionString);
  const place = `${account.url.href.replace(/\/$/, "")}/${encodeURIComponent(queue)}/messages`;

  async function call(method: string, path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
    const url = new URL(place + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = headersOf(method, url, account, context.clock.now());
    const sas = "sas" in account.proof ? `&${account.proof.sas}` : "";
    const answer = await context.fetch({ method, url: url.href + sas, headers }, signal);
    if (answer.status < 300) return answer;
    const [, code = "no reason was given"] = /<Code>([^<]{1,100})<\/Code>/.exec(answer.text) ?? [];
    throw new EngineError("SOURCE_FAILED", `queue ${queue} at ${url.host} answered ${answer.status}: ${code}`);
  }

  const pathOf = ({ id }: QueueMessage): string => `/${encodeURIComponent(id)}`;
  return {
    async receive(count, visibilitySeconds, signal) {
      const query = { numofmessages: String(count), visibilitytimeout: String(visibilitySeconds) };
      return messagesOf(await call("GET", "", query, signal));
    },
    async delete(message, signal) {
      await call("DELETE", pathOf(message), { popreceipt: message.receipt }, signal);
    },
    async giveBack(message, signal) {
      await call("PUT", pathOf(message), { popreceipt: message.receipt, visibilitytimeout: "0" }, signal);
    },
  };
}

function readConnectionString(text: string): Account {
  const fields = new Map(
    text
      .trim()
      .split(";")
      .filter((part) => part.includes("="))
      .map((part) => [part.slice(0, part.indexOf("=")).trim().toLowerCase(), part.slice(part.indexOf("=") + 1).trim()]),
  );
  if (fields.get("usedevelopmentstorage") === "true") return developmentAccount();
  const name = fields.get("accountname") ?? "";
  const key = fields.get("accountkey");
  const sas = fields.get("sharedaccesssignature")?.replace(/^\?/, "");
  const protocol = fields.get("defaultendpointsprotocol") || "https";
  const suffix = fields.get("endpointsuffix") || "core.windows.net";
  const endpoint = fields.get("queueendpoint") || (name === "" ? "" : `${protocol}://${name}.queue.${suffix}`);
  const isComplete = URL.canParse(endpoint) && ((key && name) || sas);
  if (!isComplete) {
    throw new EngineError(
      "SECRET_MISSING",
      "azureQueueStorage.connectionString: must have AccountName and AccountKey, or QueueEndpoint and SharedAccessSignature",
    );
  }
  return { name, url: new URL(endpoint), proof: sas && !key ? { sas } : { key: Buffer.from(key ?? "", "base64") } };
}

/** What the emulators know: public by design. */
function developmentAccount(): Account {
  const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
  const url = new URL("http://127.0.0.1:10001/devstoreaccount1");
  return { name: "devstoreaccount1", url, proof: { key: Buffer.from(key, "base64") } };
}

/** Signed with the account's key (Shared Key): the body is always empty. */
function headersOf(method: string, url: URL, { name, proof }: Account, now: Instant): Record<string, string> {
  const headers = { "x-ms-date": new Date(isoTime(now)).toUTCString(), "x-ms-version": apiVersion };
  if ("sas" in proof) return headers;
  const query = [...url.searchParams].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `\n${key}:${value}`);
  const named = Object.entries(headers).map(([header, value]) => `${header}:${value}\n`);
  const empty = "\n".repeat(11); // encoding, language, length, MD5, type, date and conditions
  const toSign = `${method}\n${empty}${named.join("")}/${name}${url.pathname}${query.join("")}`;
  const signature = createHmac("sha256", proof.key).update(toSign, "utf8").digest("base64");
  return { ...headers, authorization: `SharedKey ${name}:${signature}` };
}

function messagesOf({ text }: OutgoingResponse): readonly QueueMessage[] {
  return text
    .split("<QueueMessage>")
    .slice(1)
    .map((xml) => ({
      id: elementOf(xml, "MessageId"),
      text: elementOf(xml, "MessageText"),
      insertedAt: elementOf(xml, "InsertionTime"),
      receipt: elementOf(xml, "PopReceipt"),
    }));
}

function elementOf(xml: string, name: string): string {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.indexOf(`</${name}>`);
  return start < 0 || end < start ? "" : unescaped(xml.slice(start + name.length + 2, end));
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescaped(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{2,4}));/gi, (whole, hex, decimal, name: string) => {
    const code = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : undefined;
    if (code !== undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    return entities[name] ?? whole;
  });
}

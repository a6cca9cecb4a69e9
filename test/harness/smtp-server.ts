import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and text as they came. */
  readonly content: string;
}

/** A real SMTP server on a loopback port; it lets `user` with `pass` in, and refuses recipients that `refuses` names. */
export interface TestSmtpServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: readonly ReceivedMail[];
  readonly refuses: Set<string>;
}

export async function startSmtpServer(): Promise<TestSmtpServer> {
  const mails: ReceivedMail[] = [];
  const refuses = new Set<string>();
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    onAuth: ({ username, password }, _session, done) =>
      done(username === "user" && password === "pass" ? null : new Error("wrong password"), { user: username ?? "" }),
    onRcptTo: ({ address }, _session, done) => done(refuses.has(address) ? new Error("no such mailbox") : null),
    onData(stream, { envelope }, done) {
      void text(stream).then((content) => {
        const { mailFrom, rcptTo } = envelope;
        mails.push({ from: mailFrom ? mailFrom.address : "", to: rcptTo.map(({ address }) => address), content });
        done();
      });
    },
  });
  server.on("error", () => undefined); // a client that left
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    refuses,
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      await promise;
    },
  };
}

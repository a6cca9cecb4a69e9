import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Express, NextFunction, Request, Response } from "express";
import { EngineError } from "../../src/base/errors.ts";

/** Routes on a loopback port of their own; errors are answered as the server does. */
export async function startExpress(app: Express) {
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const code = error instanceof EngineError ? error.code : "";
    response.status(code === "NOT_FOUND" ? 404 : code === "USAGE" ? 400 : 500).json({ error: String(error), code });
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async call(method: string, path: string, body?: object) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: JSON.parse(await response.text()) };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

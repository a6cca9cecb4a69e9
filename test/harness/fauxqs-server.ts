import { pathToFileURL } from "node:url";

// fauxqs on loopback, which its own command does not offer, and without a log: node fauxqs-server.ts MODULE PORT

interface Fauxqs {
  buildApp(options: { readonly logger: boolean }): {
    listen(where: { readonly host: string; readonly port: number }): Promise<string>;
  };
}

const [module = "", port] = process.argv.slice(2);
const { buildApp } = (await import(pathToFileURL(module).href)) as Fauxqs;
await buildApp({ logger: false }).listen({ host: "127.0.0.1", port: Number(port) });

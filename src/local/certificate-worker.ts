import { parentPort, workerData } from "node:worker_threads";
import { generate } from "selfsigned";
import type { Certificate, Validity } from "./certificate.ts";

async function make({ notBefore, notAfter }: Validity): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: "commonName", value: "tiphys-kube" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(notBefore),
    notAfterDate: new Date(notAfter),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  });
  return { cert: withNewline(cert), key: withNewline(key) };
}

function withNewline(pem: string): string {
  return pem.endsWith("\n") ? pem : `${pem}\n`;
}

if (parentPort) parentPort.postMessage(await make(workerData as Validity));

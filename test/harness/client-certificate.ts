import { generate } from "selfsigned";

/** A certificate that a client shows, which vouches for itself: servers that trust `cert` let it in. PEM. */
export async function createClientCertificate(
  name = "client",
): Promise<{ readonly cert: string; readonly key: string }> {
  const { cert, private: key } = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", clientAuth: true },
    ],
  });
  return { cert, key };
}

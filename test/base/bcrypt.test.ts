import assert from "node:assert/strict";
import { test } from "node:test";
import { hashPassword, isPassword } from "../../src/base/bcrypt.ts";

/** Made by libxcrypt: perl -e 'print crypt("secret", "$2b$10$abcdefghijklmnopqrstuu")' */
const foreign = [
  ["secret", "$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"],
  ["päss wörd", "$2b$04$abcdefghijklmnopqrstuug0dDbOpa5ZqsJa.0FXc9Cfct0Dpi9wq"],
  ["", "$2b$05$abcdefghijklmnopqrstuu0oImNDIy4flhldV9YqunRgBAePKmw7m"],
] as const;

for (const [password, hash] of foreign) {
  test(`a hash of another implementation, of ${JSON.stringify(password)}`, async () => {
    assert.equal(await isPassword(password, hash), true);
    assert.equal(await isPassword(password, hash.replace("$2b$", "$2a$")), true);
    assert.equal(await isPassword(`${password}x`, hash), false);
  });
}

test("what was hashed is known again, and each time with another salt", async () => {
  const [one, two] = await Promise.all([hashPassword("wörd", 4), hashPassword("wörd", 4)]);
  assert.match(one, /^\$2b\$04\$[./A-Za-z0-9]{53}$/);
  assert.notEqual(one, two);
  assert.deepEqual([await isPassword("wörd", one), await isPassword("wörd", two)], [true, true]);
});

test("what is no hash, or takes too long, is that of no password", async () => {
  const [, hash] = foreign[1];
  const odd = ["", "päss wörd", hash.slice(1), `${hash}x`, hash.replace("$04$", "$31$"), hash.replace("$2b$", "$1$")];
  for (const one of odd) assert.equal(await isPassword("päss wörd", one), false, one);
  assert.equal(await isPassword("x".repeat(73), hash), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createProxyRules } from "../../src/base/http-proxy.ts";

const both = { HTTP_PROXY: "http://p:1", HTTPS_PROXY: "http://s:2" };

const cases: readonly (readonly [string, Record<string, string>, string, string | undefined])[] = [
  ["http goes by HTTP_PROXY", both, "http://shop.example/", "http://p:1"],
  ["https goes by HTTPS_PROXY", both, "https://shop.example/", "http://s:2"],
  ["HTTP_PROXY says nothing of https", { HTTP_PROXY: "http://p:1" }, "https://shop.example/", undefined],
  ["lower case counts", { https_proxy: "http://l:3" }, "https://shop.example/", "http://l:3"],
  ["upper case comes first", { ...both, https_proxy: "http://l:3" }, "https://shop.example/", "http://s:2"],
  ["a proxy without a scheme is one of http", { HTTP_PROXY: "p:1" }, "http://shop.example/", "http://p:1"],
  ["no variable, no proxy", {}, "http://shop.example/", undefined],
  ["localhost is reached straight", both, "http://localhost:8080/", undefined],
  ["so is loopback", both, "http://127.0.0.9/", undefined],
  ["and IPv6's", both, "http://[::1]:80/", undefined],
  ["`*` is all", { ...both, NO_PROXY: "*" }, "https://shop.example/", undefined],
  ["a domain", { ...both, NO_PROXY: "a.b, shop.example" }, "https://shop.example/", undefined],
  ["and what is below it", { ...both, NO_PROXY: "example" }, "https://shop.example/", undefined],
  ["not what ends alike", { ...both, NO_PROXY: "hop.example" }, "https://shop.example/", "http://s:2"],
  [".domain is what is below it", { ...both, NO_PROXY: ".example" }, "https://shop.example/", undefined],
  ["not the domain", { ...both, NO_PROXY: ".shop.example" }, "https://shop.example/", "http://s:2"],
  ["*.domain, too", { ...both, NO_PROXY: "*.example" }, "https://shop.example/", undefined],
  ["a port of its own", { ...both, NO_PROXY: "shop.example:8443" }, "https://shop.example:8443/", undefined],
  ["another port", { ...both, NO_PROXY: "shop.example:8443" }, "https://shop.example/", "http://s:2"],
  ["the scheme's own port", { ...both, NO_PROXY: "shop.example:443" }, "https://shop.example/", undefined],
  ["a network", { ...both, NO_PROXY: "10.0.0.0/8" }, "http://10.1.2.3/", undefined],
  ["another network", { ...both, NO_PROXY: "10.0.0.0/8" }, "http://11.1.2.3/", "http://p:1"],
  ["a network has no names", { ...both, NO_PROXY: "10.0.0.0/8" }, "http://shop.example/", "http://p:1"],
  ["an address", { ...both, NO_PROXY: "192.0.2.1" }, "http://192.0.2.1/", undefined],
  ["a network of IPv6", { ...both, NO_PROXY: "2001:db8::/32" }, "http://[2001:db8::1]/", undefined],
  ["what is no network is a name", { ...both, NO_PROXY: "10.0.0.0/99" }, "http://10.1.2.3/", "http://p:1"],
  ["case does not count", { ...both, no_proxy: "SHOP.example" }, "http://Shop.Example/", undefined],
];

for (const [name, env, url, proxy] of cases) {
  test(name, () => assert.equal(createProxyRules(env).of(new URL(url)), proxy));
}

test("the key tells rules apart", () => {
  assert.equal(createProxyRules(both).key, createProxyRules({ ...both }).key);
  assert.notEqual(createProxyRules(both).key, createProxyRules({ ...both, NO_PROXY: "a" }).key);
});

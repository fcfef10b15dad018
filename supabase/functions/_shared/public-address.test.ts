import assert from "node:assert/strict";
import { postPublic } from "./post-public.ts";
import { isPublicAddress } from "./public-address.ts";

Deno.test("addresses of the public internet are public", () => {
  for (const address of [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2400:cb00::1",
    "2606:4700::1111",
    "2a00:1450:4001:81b::200e",
  ]) {
    assert.equal(isPublicAddress(address), true, address);
  }
});

Deno.test("special addresses, and strings that are not addresses, are not public", () => {
  const own = [
    ...[
      "127.0.0.1",
      "127.255.255.254",
      "0.0.0.0",
      "10.1.2.3",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "169.254.169.254",
    ],
    ...[
      "100.64.0.1",
      "198.18.0.1",
      "192.0.2.1",
      "203.0.113.9",
      "224.0.0.1",
      "255.255.255.255",
      "192.0.0.170",
    ],
    ...[
      "::",
      "::1",
      "::ffff:127.0.0.1",
      "::ffff:8.8.8.8",
      "64:ff9b::7f00:1",
      "fc00::1",
      "fd12::1",
      "fe80::1",
      "fe80::1%eth0",
      "ff02::1",
    ],
    ...["2001:db8::1", "2001::1", "2002:7f00:1::", "3fff::1", "100::1"],
    // IPv4-mapped, IPv4-compatible, IPv4-translated, NAT64 (both prefixes), 6to4 of 10.0.0.1
    ...["::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:0:8.8.8.8"],
    ...["64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1", "2002:a00:1::1"],
    // carrier-grade NAT, link-local, unique local, site-local and multicast at the ends of their ranges
    ...["100.64.0.0", "100.127.255.255", "169.254.0.0", "fe80::", "febf::1", "fc00::", "fdff:ffff::1"],
    ...["fec0::1", "239.255.255.255", "ff00::", "ff0e::1"],
    // reserved, 6to4 relays, benchmarking, ORCHID, segment routing, unassigned
    ...["240.0.0.1", "192.88.99.1", "198.19.255.255", "2001:2::1", "2001:20::1", "2001:1ff::1"],
    ...["5f00::1", "4000::1", "1fff::1", "200::1"],
    ...["", "localhost", "2130706433", "0x7f.1", "127.1", "example.com"],
  ];
  for (const address of own) assert.equal(isPublicAddress(address), false, address);
});

Deno.test("a name with a private address among its addresses is refused before anything is sent", async () => {
  const to = (addresses: string[]) => ({ resolve: async () => addresses });
  const refused = { message: "the address is not public" };
  await assert.rejects(postPublic("https://hooks.example/x", {}, "{}", to(["127.0.0.1"])), refused);
  await assert.rejects(postPublic("https://hooks.example/x", {}, "{}", to(["8.8.8.8", "10.0.0.1"])), refused);
  await assert.rejects(
    postPublic("https://hooks.example/x", {}, "{}", to(["::ffff:169.254.169.254"])),
    refused,
  );
  for (const host of ["127.0.0.1", "[::1]", "2130706433", "0x7f000001", "017700000001", "[::ffff:7f00:1]"]) {
    await assert.rejects(postPublic(`https://${host}/x`, {}, "{}"), refused, host);
  }
  await assert.rejects(postPublic("https://hooks.example/x", {}, "{}", to([])), {
    message: "the name does not resolve",
  });
  await assert.rejects(postPublic("http://8.8.8.8/x", {}, "{}"), { message: "the URL is not plain https" });
  await assert.rejects(postPublic("https://a:b@8.8.8.8/x", {}, "{}"), {
    message: "the URL is not plain https",
  });
});

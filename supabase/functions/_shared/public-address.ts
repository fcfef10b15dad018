// Which addresses a request to somebody else's URL may go to: those of the public internet and no others, so that nobody makes
// us ask our own network for them (SSRF). Ranges: IANA's special-purpose registries, RFC 6890 and its successors.

import { BlockList, isIP } from "node:net";

const special = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  special.addSubnet(network, prefix, "ipv4");
}

/** Whether an IPv4 or IPv6 address is of the public internet. Of IPv6 only 2000::/3 is; what carries an IPv4 address in it is not. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !special.check(address, "ipv4");
  if (isIP(address) !== 6) return false;
  const groups = expand(address);
  const [first = 0, second = 0] = groups;
  const isGlobal = first >= 0x2000 && first <= 0x3fff;
  const isSpecial =
    // Teredo, benchmarking, ORCHID and the other uses of 2001::/23; documentation; 6to4
    (first === 0x2001 && second < 0x200) ||
    (first === 0x2001 && second === 0xdb8) ||
    first === 0x2002 ||
    first === 0x3fff;
  return isGlobal && !isSpecial;
}

/** The eight groups of an IPv6 address. */
function expand(address: string): number[] {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const numbers = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const left = numbers(head);
  const right = tail === undefined ? [] : numbers(tail);
  return [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => 0), ...right];
}

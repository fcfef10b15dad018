// Which addresses webhooks and feeds may have: only those of the public internet, so that a URL cannot reach an internal
// network (SSRF). The special ranges are those of ipaddr.js.

import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The IPv6 addresses that IANA assigns to the public internet. */
const globalUnicast = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/**
 * Whether an IPv4 or IPv6 address is public. Addresses that embed an IPv4 address (IPv4-mapped, NAT64, 6to4) are not, because
 * a gateway may translate them into an internal one.
 */
export function isPublicAddress(address: string): boolean {
  // ipaddr.js also accepts "127.1" and "0x7f.1"
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast);
}

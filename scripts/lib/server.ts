// HTTP servers: waiting for one, and the address of a request.

import type { IncomingMessage } from "node:http";
import type { Server } from "node:net";

/** Resolves once the server listens; rejects when it cannot. */
export async function listening(server: Server | undefined): Promise<void> {
  if (server === undefined || server.listening) return;
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve).once("error", reject);
  });
}

/** The address that a request asks for; its host is a placeholder. A path may begin with several slashes. */
export function requestUrl({ url = "/" }: IncomingMessage): URL {
  return new URL(url.startsWith("/") ? `http://server${url}` : url, "http://server");
}

// Waiting for a server.

import type { Server } from "node:net";

/** Resolves once the server listens; rejects when it cannot. */
export async function listening(server: Server | undefined): Promise<void> {
  if (server === undefined || server.listening) return;
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve).once("error", reject);
  });
}

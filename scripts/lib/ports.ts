// Ports of 127.0.0.1: finding free ones, and requiring that a configured one is free.

import { randomInt } from "node:crypto";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, StackError } from "./errors.ts";

/**
 * `outer` for the configured ports of a test's stack, `inner` for services behind the gateway: apart, so that an inner service
 * cannot take a port that its stack needs later. Both lie below the ports of outgoing connections (Linux 32768, gVisor 16000).
 */
const ranges = { outer: { from: 10_000, to: 15_000 }, inner: { from: 15_000, to: 16_000 } };

const next = { outer: startOf("outer"), inner: startOf("inner") };

/** A free port, a different one at each call. */
export async function freePort(range: keyof typeof ranges): Promise<number> {
  const { from, to } = ranges[range];
  for (;;) {
    const port = next[range];
    next[range] = port + 1 < to ? port + 1 : from;
    if (await isFree(port)) return port;
  }
}

function startOf(range: keyof typeof ranges): number {
  return randomInt(ranges[range].from, ranges[range].to);
}

/** In ms: a program that ends, or a connection that it leaves, may hold its port for some seconds. */
const patience = 3_000;

/**
 * Waits for a few seconds for a port that is just being released.
 *
 * @param use the port's purpose and the environment variable that changes it, for the message
 * @throws StackError when the port is taken or reserved
 */
export async function requireFreePort(port: number, use: { name: string; variable: string }): Promise<void> {
  for (const deadline = Date.now() + patience; ; await sleep(100)) {
    // Docker listens on all addresses; some systems then still allow a second program on 127.0.0.1.
    if ((await isFree(port)) && !(await listens(port))) return;
    if (Date.now() > deadline) break;
  }
  throw new StackError(
    `Port ${port} (${use.name}) is taken by another program.`,
    `Stop that program (for a running \`supabase start\`: \`npx supabase stop\`), or use another port: ${use.variable}=${port + 1000} npm start. If no program listens on it, an outgoing connection used it: start again in a minute.`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      if (errorCode(error) === "EADDRINUSE") resolve(false);
      else if (errorCode(error) !== "EACCES") reject(error);
      else
        reject(new StackError(`Port ${port} is reserved by the system.`, "Use a port from 1024 to 65535."));
    });
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Whether a program accepts connections on the port. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

// Ports: the ones a developer knows, which must be free, and the inner ones, which may be any.

import { randomInt } from "node:crypto";
import { connect, createServer } from "node:net";
import { errorCode, StackError } from "./errors.ts";

/**
 * Where ports are looked for: `outer` for a stack of tests, whose ports a developer would set, `inner` for a part that only
 * the stack itself talks to. Apart, so that a part never takes a port that its stack is yet to listen on; and below all
 * those that systems give to outgoing connections (Linux from 32768, gVisor from 16000), for one of those could have it
 * before the part listens.
 */
const ranges = { outer: { from: 10_000, to: 15_000 }, inner: { from: 15_000, to: 16_000 } };

const next = { outer: startOf("outer"), inner: startOf("inner") };

/** A free port of 127.0.0.1, and another one each time. */
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

/**
 * @param use what the port is for and how to move it, for the message
 * @throws StackError when another program listens on the port, or this user may not
 */
export async function requireFreePort(port: number, use: { name: string; variable: string }): Promise<void> {
  // Docker listens on every address, which some systems let another program share.
  if ((await isFree(port)) && !(await listens(port))) return;
  throw new StackError(
    `Port ${port} (${use.name}) is taken by another program.`,
    `Stop that program (perhaps \`supabase start\` runs: \`npx supabase stop\`), or choose another: ${use.variable}=${port + 1000} npm start. If nothing listens there, a connection to somewhere else had the port: start again in a minute.`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      if (errorCode(error) === "EADDRINUSE") resolve(false);
      else if (errorCode(error) !== "EACCES") reject(error);
      else reject(new StackError(`Port ${port} is reserved by the system.`, "Use one from 1024 on."));
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

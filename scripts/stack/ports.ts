// Ports: the ones a developer knows, which must be free, and the inner ones, which may be any.

import { randomInt } from "node:crypto";
import { connect, createServer } from "node:net";
import { errorCode, StackError } from "./errors.ts";

/**
 * A free port of 127.0.0.1 for a part that only the stack itself talks to. Not one that the system would choose: those it
 * also gives to outgoing connections, and one could have it before the part listens.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) return port;
  }
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
    `Stop that program (perhaps \`supabase start\` runs: \`npx supabase stop\`), or choose another: ${use.variable}=${port + 1000} npm start.`,
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

// Ports: the ones a developer knows, which must be free, and the inner ones, which may be any.

import { connect, createServer } from "node:net";
import { errorCode, StackError } from "./errors.ts";

/** A free port of 127.0.0.1 for a part that only the stack itself talks to. */
export function freePort(): Promise<number> {
  return tryPort(0);
}

/**
 * @param use what the port is for and how to move it, for the message
 * @throws StackError when another program listens on the port
 */
export async function requireFreePort(port: number, use: { name: string; variable: string }): Promise<void> {
  try {
    await tryPort(port);
  } catch (error) {
    if (errorCode(error) !== "EADDRINUSE") throw error;
    throw new StackError(
      `Port ${port} (${use.name}) is taken by another program.`,
      `Stop that program (perhaps \`supabase start\` runs: \`npx supabase stop\`), or choose another: ${use.variable}=${port + 1000} npm start.`,
    );
  }
}

function tryPort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
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

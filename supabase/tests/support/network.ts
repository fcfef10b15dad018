// Requests from other network addresses of this machine: every address of 127.0.0.0/8 is its own.

import { request as httpRequest } from "node:http";
import { stack } from "./stack.ts";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  /** Milliseconds until the answer. */
  took: number;
}

let next = 0;

/** An address that no other test uses. */
export function newAddress(): string {
  next += 1;
  return `127.${1 + (process.pid % 250)}.${Math.floor(next / 250)}.${1 + (next % 250)}`;
}

/** Posts to Auth from a network address. */
export function postFrom(
  address: string,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const since = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${stack.apiUrl}/auth/v1${path}`, {
      method: "POST",
      localAddress: address,
      headers: { apikey: stack.publishableKey, "content-type": "application/json", ...headers },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const took = performance.now() - since;
        resolve({ status: response.statusCode ?? 0, body: text === "" ? {} : JSON.parse(text), took });
      });
    });
    request.end(JSON.stringify(body));
  });
}

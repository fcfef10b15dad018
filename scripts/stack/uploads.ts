// Uploads to Storage as hosted Supabase takes them: forms of browsers, ASCII names, and refusals by a trigger with their message.

import { AsyncLocalStorage } from "node:async_hooks";
import type { SupabaseLiteApp } from "./supabase-lite.ts";

const path = /^\/storage\/v1\/object\/(?:upload\/sign\/)?([^/]+)\/(.+)$/;

/** The characters that hosted Storage takes in the name of an object (`isValidKey` of supabase/storage). */
const validKey = /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]+$/;

/** Whether a request writes an object under the name in its path. */
export function isUpload(request: Request): boolean {
  if (!["POST", "PUT"].includes(request.method)) return false;
  const [, bucket = ""] = path.exec(new URL(request.url).pathname) ?? [];
  return !["", "list", "sign", "info", "move", "copy"].includes(bucket);
}

/** The refusal of a name that hosted Storage does not take; undefined for others. */
export function refuseName(request: Request): Response | undefined {
  const [, , name = ""] = path.exec(new URL(request.url).pathname) ?? [];
  const key = decode(name);
  if (key !== undefined && validKey.test(key)) return undefined;
  const body = {
    statusCode: "400",
    error: "InvalidKey",
    message: `Invalid key: ${key ?? name}`,
    code: "InvalidKey",
  };
  return Response.json(body, { status: 400 });
}

function decode(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** Turns the form that supabase-js makes of a `File` or `Blob`, with an empty field name, into a request with the bytes alone. */
export async function withoutForm(request: Request): Promise<Request> {
  if (!request.headers.get("content-type")?.startsWith("multipart/form-data")) return request;
  const form = await request.formData().catch(() => new FormData());
  const file = [...form.values()].find((value) => value instanceof File);
  const headers = new Headers(request.headers);
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value : undefined;
  };
  headers.set("content-type", text("contentType") ?? (file?.type || "application/octet-stream"));
  headers.set("content-length", String(file?.size ?? 0));
  const age = text("cacheControl");
  if (age !== undefined) headers.set("cache-control", `max-age=${age}`);
  const metadata = text("metadata") ?? text("userMetadata");
  if (metadata !== undefined) headers.set("x-metadata", Buffer.from(metadata).toString("base64"));
  return new Request(request.url, { method: request.method, headers, body: file ?? "" });
}

/**
 * lite answers every refusal by the database with "new row violates row-level security policy". Hosted Storage passes on the message
 * of a refusal that is not of a policy, such as a trigger's.
 */
export function createRefusals(app: SupabaseLiteApp): (answer: () => Promise<Response>) => Promise<Response> {
  const current = new AsyncLocalStorage<{ message?: string }>();
  const { connection } = app;
  const normalize = connection.normalizeDbError.bind(connection);
  Object.assign(connection, {
    normalizeDbError(error: unknown) {
      const normal = normalize(error) as { code?: string; message: string } | undefined;
      const refusal = current.getStore();
      if (refusal !== undefined && normal?.code === "42501" && !normal.message.includes("row-level security"))
        refusal.message = normal.message;
      return normal;
    },
  });
  return (answer) =>
    current.run({}, async () => {
      const response = await answer();
      const message = current.getStore()?.message;
      if (response.ok || message === undefined) return response;
      const body = { statusCode: "403", error: "Unauthorized", message, code: "AccessDenied" };
      return Response.json(body, { status: 400 });
    });
}

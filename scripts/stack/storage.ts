// Storage: buckets and objects under RLS, with the files in the data folder.

import { setExperimental } from "@supabase/lite";
import { decodeJwt } from "jose";
import type { StackConfig } from "../lib/config.ts";
import { isForUs } from "./api-keys.ts";
import { createObjectFiles } from "./object-files.ts";
import {
  createSupabaseLiteApp,
  createSupabaseLiteService,
  type SupabaseLiteService,
} from "./supabase-lite.ts";
import { createRefusals, isUpload, refuseName, withoutForm } from "./uploads.ts";

export function createStorage(config: StackConfig): SupabaseLiteService {
  const { keys, toml } = config;
  let withRefusals: ReturnType<typeof createRefusals> | undefined;
  return createSupabaseLiteService(
    "storage",
    () => {
      setExperimental("storage", true);
      const app = createSupabaseLiteApp(config, "supabase_storage_admin", {
        auth: { enabled: true, jwt_secret: keys.jwtSecret, site_url: toml.auth.site_url },
        storage: { enabled: true, file_size_limit: toml.storage.file_size_limit },
      });
      app._storageAdapter = createObjectFiles(config.dataDir);
      withRefusals = createRefusals(app);
      return app;
    },
    async (request, answer) => {
      if (isForOthers(request)) {
        const body = { statusCode: "403", error: "Unauthorized", message: "jwt audience invalid" };
        return Response.json(body, { status: 400 });
      }
      if (isUpload(request)) {
        const upload = () => withoutForm(request).then(answer);
        return refuseName(request) ?? (withRefusals === undefined ? upload() : withRefusals(upload));
      }
      const folder = await listedFolder(request);
      const response = await answer(request);
      if (!response.ok) return response;
      if (isSigning(request)) return withSignedUrl(response);
      if (isDownload(request)) return asFile(response);
      return folder === undefined ? response : withinFolder(response, folder);
    },
  );
}

/** Whether the token names another audience; lite checks the rest of it. */
function isForOthers({ headers }: Request): boolean {
  const token = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? "";
  try {
    return !isForUs(decodeJwt(token).aud);
  } catch {
    return false;
  }
}

function isDownload(request: Request): boolean {
  return request.method === "GET" && /^\/storage\/v1\/object\/(?!info\/)/.test(new URL(request.url).pathname);
}

/** Browsers must not guess the type of an object, and save what is not a picture. */
function asFile(response: Response): Response {
  response.headers.set("x-content-type-options", "nosniff");
  const isPicture = /^image\/(?!svg)/.test(response.headers.get("content-type") ?? "");
  if (!isPicture && !response.headers.has("content-disposition"))
    response.headers.set("content-disposition", "attachment");
  return response;
}

function isSigning(request: Request): boolean {
  return request.method === "POST" && /^\/storage\/v1\/object\/sign\//.test(new URL(request.url).pathname);
}

/** Renames lite's `signedUrl` to hosted Supabase's `signedURL`, which has no `/storage/v1`. */
async function withSignedUrl(response: Response): Promise<Response> {
  const { signedUrl } = (await response.json()) as { signedUrl: string };
  return Response.json({ signedURL: signedUrl.replace(/^\/storage\/v1/, "") }, { status: response.status });
}

/** The folder of a list request ("" for the whole bucket); undefined for other requests. */
async function listedFolder(request: Request): Promise<string | undefined> {
  if (
    request.method !== "POST" ||
    !/^\/storage\/v1\/object\/list\/[^/]+$/.test(new URL(request.url).pathname)
  )
    return undefined;
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => undefined);
  const prefix = typeof body === "object" && body !== null && "prefix" in body ? String(body.prefix) : "";
  return prefix.replace(/^\/+|\/+$/g, "");
}

/**
 * Turns lite's list of paths into hosted Supabase's list of one folder: names relative to it, and an entry without id for each
 * folder in it. A page counts all objects below, which differs from hosted Supabase for nested folders.
 */
async function withinFolder(response: Response, folder: string): Promise<Response> {
  const objects = (await response.json()) as { name: string }[];
  const start = folder === "" ? 0 : folder.length + 1;
  const entries = new Map<string, unknown>();
  for (const object of objects) {
    const [name = "", ...deeper] = object.name.slice(start).split("/");
    if (name === "" || !object.name.startsWith(folder)) continue;
    const empty = { id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null };
    entries.set(name, deeper.length === 0 ? { ...object, name } : { name, ...empty });
  }
  return Response.json([...entries.values()], { status: response.status });
}

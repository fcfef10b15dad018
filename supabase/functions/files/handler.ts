// The one way in for files: it reads a raw upload, writes a copy without metadata to the bucket of its kind, and tells the database.

import { signedIn, type UserOf } from "../_shared/authenticate.ts";
import { apiError, type ErrorCode, functionErrors } from "../_shared/errors.ts";
import { readJson } from "../_shared/json-body.ts";
import type { Log } from "../_shared/log.ts";
import { serve } from "../_shared/serve.ts";
import type { Problem } from "./bytes.ts";
import { clean } from "./clean.ts";
import { type Body, bodySchema, type StoredFile } from "./schema.ts";

/** What the handler needs; services.ts implements it. */
export interface Dependencies {
  userOf: UserOf;
  /** Admits the actor's upload. @throws `ApiError` when the database refuses */
  beginFile(actor: string, body: Body): Promise<StoredFile>;
  /** Reads a raw upload; undefined when there is none. */
  readUpload(path: string): Promise<Uint8Array | undefined>;
  /** Names a picture by its content, so that the same one has the same address. @throws `ApiError` when the database refuses */
  nameFile(file: StoredFile, content: string): Promise<StoredFile>;
  /** Writes the cleaned copy; false when Storage failed. */
  writeCopy(file: StoredFile, bytes: Uint8Array): Promise<boolean>;
  /** Makes the copy visible. @throws `ApiError` when the database refuses */
  finishFile(file: StoredFile, bytes: number, altText: string | undefined): Promise<StoredFile>;
  /** Records why the upload was refused, and removes it. */
  failFile(file: StoredFile, error: ErrorCode): Promise<void>;
  log: Log;
}

const errorFor: Record<Problem, ErrorCode> = {
  broken: "file_not_of_its_type",
  unsupported: "file_not_supported",
  too_large: "image_too_large",
};

/**
 * `POST { kind, path, ... }` answers 201 with the cleaned file.
 *
 * Errors: `file_not_of_its_type` when the bytes are not a whole file of the declared type; `file_not_supported` for HEIC and animated
 * AVIF; `image_too_large`; `storage_unavailable`; 404, 422 and 429 from the database.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { userOf, beginFile, readUpload, nameFile, writeCopy, finishFile, failFile, log } = dependencies;
  return serve({
    cors: true,
    authenticate: signedIn(userOf),
    log,
    async handle(request, actor) {
      const body = await readJson(request, bodySchema, "Send JSON: { kind, path } and what the kind needs.");
      const begun = await beginFile(actor.id, body);
      if (begun.status !== "pending") return answer(begun);
      const upload = await readUpload(body.path);
      // a call at the same time has finished the file and removed the upload
      if (upload === undefined) return answer(await beginFile(actor.id, body));
      const copy = clean(upload, begun.content_type);
      if (typeof copy === "string") {
        await failFile(begun, errorFor[copy]);
        throw apiError(errorFor[copy]);
      }
      const named = await nameFile(begun, await contentName(copy));
      // a call at the same time has finished the file
      if (named.status !== "pending") return answer(named);
      if (!(await writeCopy(named, copy))) throw apiError("storage_unavailable");
      const altText = body.kind === "property_photo" ? body.alt_text : undefined;
      return answer(await finishFile(named, copy.length, altText));
    },
  });
}

/** The first 32 hexadecimal digits of the SHA-256 of the bytes. */
async function contentName(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
  return Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @throws ApiError for a file that was refused, or is not there yet */
function answer({ status, error, bucket, path, content_type, bytes, photo_id }: StoredFile): Response {
  if (status === "failed") throw apiError(knownCode(error));
  if (status === "pending") throw apiError("storage_unavailable");
  return Response.json({ bucket, path, content_type, bytes, photo_id }, { status: 201 });
}

function knownCode(code: string | null): ErrorCode {
  return code !== null && code in functionErrors ? (code as ErrorCode) : "file_not_of_its_type";
}

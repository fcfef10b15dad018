// Makes an uploaded object a photo of its property. The database knows an object's declared type; whether the bytes are an
// image is seen here, and what is not one is thrown away. What a photo tells beside the picture, such as the point where it was
// taken, is taken out of the object before anybody hears of it.

import { z } from "npm:zod@4.6.7";
import { answer, headers, notSignedIn, type Refusal, refuse } from "../_shared/http.ts";
import { imageType } from "./image.ts";
import { type Problem, withoutMetadata } from "./metadata.ts";
import { bodySchema } from "./schema.ts";

/** What the function needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  /** The id of the user whose access token this is; undefined when it is nobody's. */
  userOf(authorization: string): Promise<string | undefined>;
  /** An object of the bucket and its declared type; undefined when there is no such object. */
  readObject(path: string): Promise<{ bytes: Uint8Array; contentType: string } | undefined>;
  /** Writes other bytes to an object that is there; false when Storage did not. */
  replaceObject(path: string, bytes: Uint8Array, contentType: string): Promise<boolean>;
  /** Makes the row on behalf of the actor, or says why not. */
  addPhoto(actor: string, path: string, altText: string): Promise<{ photo: unknown } | { refusal: Refusal }>;
  /** Removes an upload that became no photo, on behalf of the actor, or says why not. */
  discardUpload(actor: string, path: string): Promise<{ refusal: Refusal } | undefined>;
}

const problems: Record<Problem, { code: string; message: string; hint: string }> = {
  broken: {
    code: "not_an_image",
    message: "That file is not an image of the kind it says it is.",
    hint: "Upload a JPEG, PNG, WebP or AVIF file with its own content type, to a new path.",
  },
  metadata: {
    code: "image_has_metadata",
    message: "That AVIF image holds metadata, which may say where it was taken.",
    hint: "Save it without metadata, or as JPEG, PNG or WebP, and upload it to a new path.",
  },
};

const storageUnavailable: Refusal = {
  status: 502,
  code: "storage_unavailable",
  message: "The photo could not be stored.",
  hint: "Nothing is lost: call again.",
};

/**
 * `POST { path, alt_text }` answers 201 with the row of `property_photos`; 415 `not_an_image` when the bytes are not those of a
 * JPEG, PNG, WebP or AVIF image, or of another kind than declared, and `image_has_metadata` for an AVIF with metadata; 404, 422
 * and 400 as the database says; 502 when Storage does not take the cleaned image.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
    if (request.method !== "POST")
      return refuse({ status: 405, code: "method_not_allowed", message: "Use POST." });
    const actor = await dependencies.userOf(request.headers.get("authorization") ?? "");
    if (actor === undefined) return refuse(notSignedIn);
    const body = bodySchema.safeParse(await request.json().catch(() => undefined));
    if (!body.success) {
      const message = z.prettifyError(body.error);
      return refuse({ status: 400, code: "bad_request", message, hint: "Send JSON: { path, alt_text }." });
    }
    const { path, alt_text } = body.data;
    const object = await dependencies.readObject(path);
    // Without an object the database refuses too; it says why to those whom it concerns.
    if (object !== undefined) {
      const { bytes, contentType } = object;
      const clean = imageType(bytes) === contentType ? withoutMetadata(bytes, contentType) : "broken";
      if (typeof clean === "string") {
        const outcome = await dependencies.discardUpload(actor, path);
        return refuse(outcome?.refusal ?? { status: 415, ...problems[clean] });
      }
      if (clean !== bytes && !(await dependencies.replaceObject(path, clean, contentType))) {
        return refuse(storageUnavailable);
      }
    }
    const outcome = await dependencies.addPhoto(actor, path, alt_text);
    if ("refusal" in outcome) return refuse(outcome.refusal);
    return answer(outcome.photo, 201);
  };
}

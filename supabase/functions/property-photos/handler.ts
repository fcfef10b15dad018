// Adds an uploaded file to the photos of a property. It checks that the bytes are an image and removes the metadata, such as the
// location, before the photo becomes visible.

import { signedIn, type UserOf } from "../_shared/authenticate.ts";
import { apiError, type ErrorCode } from "../_shared/errors.ts";
import { readJson } from "../_shared/json-body.ts";
import { serve } from "../_shared/serve.ts";
import { imageType } from "./image.ts";
import { type Problem, withoutMetadata } from "./metadata.ts";
import { bodySchema } from "./schema.ts";

/** What the handler needs; services.ts implements it. */
export interface Dependencies {
  userOf: UserOf;
  /** Reads an object of the bucket and its declared type; undefined when there is no such object. */
  readObject(path: string): Promise<{ bytes: Uint8Array; contentType: string } | undefined>;
  /** Replaces the bytes of an object; false when Storage failed. */
  replaceObject(path: string, bytes: Uint8Array, contentType: string): Promise<boolean>;
  /** Inserts the row for the actor. @throws `ApiError` when the database refuses */
  addPhoto(actor: string, path: string, altText: string): Promise<unknown>;
  /** Deletes the actor's upload. @throws `ApiError` when the database refuses */
  discardUpload(actor: string, path: string): Promise<void>;
  log(message: string): void;
}

const errorFor: Record<Problem, ErrorCode> = { broken: "not_an_image", metadata: "image_has_metadata" };

/**
 * `POST { path, alt_text }` answers 201 with the row of `property_photos`.
 *
 * Errors: `not_an_image` when the bytes are not a JPEG, PNG, WebP or AVIF image of the declared type; `image_has_metadata` for an
 * AVIF image with metadata; `storage_unavailable`; 400, 404 and 422 from the database.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { userOf, readObject, replaceObject, addPhoto, discardUpload, log } = dependencies;
  return serve({
    cors: true,
    authenticate: signedIn(userOf),
    log,
    async handle(request, actor) {
      const { path, alt_text } = await readJson(request, bodySchema, "Send JSON: { path, alt_text }.");
      const object = await readObject(path);
      // Without an object, addPhoto raises the error that fits the actor.
      if (object !== undefined) {
        const { bytes, contentType } = object;
        const clean = imageType(bytes) === contentType ? withoutMetadata(bytes, contentType) : "broken";
        if (typeof clean === "string") {
          await discardUpload(actor.id, path);
          throw apiError(errorFor[clean]);
        }
        if (clean !== bytes && !(await replaceObject(path, clean, contentType))) {
          throw apiError("storage_unavailable");
        }
      }
      return Response.json(await addPhoto(actor.id, path, alt_text), { status: 201 });
    },
  });
}

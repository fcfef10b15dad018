// The calls of files to Storage and to the database.

import { apiError, databaseError } from "../_shared/errors.ts";
import { createUserOf, type ServiceClient } from "../_shared/supabase.ts";
import type { Dependencies } from "./handler.ts";
import { type Body, storedFileSchema } from "./schema.ts";

export function createServices(supabase: ServiceClient): Omit<Dependencies, "log"> {
  return {
    userOf: createUserOf(supabase),
    async beginFile(actor, body) {
      const upload = { p_actor: actor, p_kind: body.kind, p_upload_path: body.path };
      const { data, error, status } = await supabase.rpc("begin_file", { ...upload, ...targetOf(body) });
      if (error !== null) throw databaseError(error, status);
      return storedFileSchema.parse(data);
    },
    async readUpload(path) {
      const { data, error } = await supabase.storage.from("uploads").download(path);
      if (error === null) return new Uint8Array(await data.arrayBuffer());
      if (isNotFound(error)) return undefined;
      // A file that cannot be read cannot be checked.
      throw apiError("storage_unavailable");
    },
    async nameFile({ id }, content) {
      const { data, error, status } = await supabase.rpc("name_file", { p_file: id, p_content: content });
      if (error !== null) throw databaseError(error, status);
      return storedFileSchema.parse(data);
    },
    async writeCopy({ bucket, path, content_type }, bytes) {
      // Browsers save bytes of this type, and show others.
      const contentType = content_type.startsWith("image/") ? content_type : "application/octet-stream";
      // Another call for the same file may write the same copy at the same time, and the same picture may be there; a second attempt then finds it.
      for (let attempt = 1; attempt <= 2; attempt++) {
        const { error } = await supabase.storage
          .from(bucket)
          .upload(path, bytes.slice(), { contentType, cacheControl: "31536000, immutable" });
        if (error === null || isDuplicate(error)) return true;
      }
      return false;
    },
    async finishFile({ id }, bytes, altText) {
      const { data, error, status } = await supabase.rpc("finish_file", {
        p_file: id,
        p_bytes: bytes,
        ...(altText === undefined ? {} : { p_alt_text: altText }),
      });
      if (error !== null) throw databaseError(error, status);
      return storedFileSchema.parse(data);
    },
    async failFile({ id }, code) {
      await supabase.rpc("fail_file", { p_file: id, p_error: code }).throwOnError();
    },
  };
}

/** The property or thread of a file; an avatar has none. */
function targetOf(body: Body): { p_target?: string } {
  if (body.kind === "property_photo") return { p_target: body.property_id };
  return body.kind === "attachment" ? { p_target: body.thread_id } : {};
}

const isDuplicate = ({ statusCode }: { statusCode?: string }) => statusCode === "409";

/** Storage answers a missing object with status 400 and the code 404 in the body. */
function isNotFound(error: { status?: number; statusCode?: string }): boolean {
  return error.status === 404 || error.statusCode === "404";
}

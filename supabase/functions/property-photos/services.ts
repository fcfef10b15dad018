// The calls of property-photos to Storage and to the database.

import { apiError, databaseError } from "../_shared/errors.ts";
import { createUserOf, type ServiceClient } from "../_shared/supabase.ts";
import type { Dependencies } from "./handler.ts";

export function createServices(supabase: ServiceClient): Omit<Dependencies, "log"> {
  const bucket = supabase.storage.from("property-photos");
  return {
    userOf: createUserOf(supabase),
    async readObject(path) {
      const { data, error } = await bucket.download(path);
      if (error === null) return { bytes: new Uint8Array(await data.arrayBuffer()), contentType: data.type };
      if (isNotFound(error)) return undefined;
      // A photo that cannot be read cannot be checked, so it must not be added.
      throw apiError("storage_unavailable");
    },
    async replaceObject(path, bytes, contentType) {
      const { error } = await bucket.update(path, bytes.slice(), { contentType });
      return error === null;
    },
    async addPhoto(actor, path, altText) {
      const photo = { p_actor: actor, p_path: path, p_alt_text: altText };
      const { data, error, status } = await supabase.rpc("add_photo", photo);
      if (error !== null) throw databaseError(error, status);
      return data;
    },
    async discardUpload(actor, path) {
      const { error, status } = await supabase.rpc("discard_photo_upload", { p_actor: actor, p_path: path });
      if (error !== null) throw databaseError(error, status);
    },
  };
}

/** Storage answers a missing object with status 400 and the code 404 in the body. */
function isNotFound(error: { status?: number; statusCode?: string }): boolean {
  return error.status === 404 || error.statusCode === "404";
}

// Photos of properties: looks at an upload and makes its row. Clients call it after the upload to the bucket.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import type { Database } from "../../../types/database.ts";
import { refusalOf } from "../_shared/http.ts";
import { createHandler } from "./handler.ts";

const url = Deno.env.get("SUPABASE_URL") ?? "";
const key = Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "";
const headers = { authorization: `Bearer ${key}`, apikey: key };
const objectUrl = (path: string) => `${url}/storage/v1/object/property-photos/${path}`;
const supabase = createClient<Database>(url, key, { auth: { persistSession: false } });

Deno.serve(
  createHandler({
    async userOf(authorization) {
      const { data } = await supabase.auth.getUser(authorization.replace(/^Bearer /, ""));
      return data.user?.id;
    },
    async readObject(path) {
      const response = await fetch(objectUrl(path), { headers });
      if (!response.ok) {
        await response.body?.cancel();
        return undefined;
      }
      return {
        bytes: new Uint8Array(await response.arrayBuffer()),
        contentType: response.headers.get("content-type") ?? "",
      };
    },
    async replaceObject(path, bytes, contentType) {
      const response = await fetch(objectUrl(path), {
        method: "PUT",
        headers: { ...headers, "content-type": contentType },
        body: bytes.slice(),
      });
      await response.body?.cancel();
      return response.ok;
    },
    async addPhoto(actor, path, altText) {
      const { data, error, status } = await supabase.rpc("add_photo", {
        p_actor: actor,
        p_path: path,
        p_alt_text: altText,
      });
      return error === null ? { photo: data } : { refusal: refusalOf(error, status) };
    },
    async discardUpload(actor, path) {
      const { error, status } = await supabase.rpc("discard_photo_upload", { p_actor: actor, p_path: path });
      return error === null ? undefined : { refusal: refusalOf(error, status) };
    },
  }),
);

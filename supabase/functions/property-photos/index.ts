// Photos of properties: looks at an upload and makes its row. Clients call it after the upload to the bucket.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import type { Database } from "../../../types/database.ts";
import { createHandler, type Refusal } from "./handler.ts";

const url = Deno.env.get("SUPABASE_URL") ?? "";
const key = Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "";
const supabase = createClient<Database>(url, key, { auth: { persistSession: false } });

Deno.serve(
  createHandler({
    async userOf(authorization) {
      const { data } = await supabase.auth.getUser(authorization.replace(/^Bearer /, ""));
      return data.user?.id;
    },
    async readHead(path, length) {
      const response = await fetch(`${url}/storage/v1/object/property-photos/${path}`, {
        headers: { authorization: `Bearer ${key}`, apikey: key, range: `bytes=0-${length - 1}` },
      });
      if (!response.ok) {
        await response.body?.cancel();
        return undefined;
      }
      return {
        bytes: await firstBytes(response, length),
        contentType: response.headers.get("content-type") ?? "",
      };
    },
    async addPhoto(actor, path, altText) {
      const { data, error, status } = await supabase.rpc("add_photo", {
        p_actor: actor,
        p_path: path,
        p_alt_text: altText,
      });
      return error === null ? { photo: data } : { refusal: refusal(error, status) };
    },
    async discardUpload(actor, path) {
      const { error, status } = await supabase.rpc("discard_photo_upload", { p_actor: actor, p_path: path });
      return error === null ? undefined : { refusal: refusal(error, status) };
    },
  }),
);

/** At most `length` bytes, also from a server that ignored the range. */
async function firstBytes(response: Response, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of response.body ?? []) {
    const part = chunk.subarray(0, length - filled);
    bytes.set(part, filled);
    filled += part.length;
    if (filled === length) break;
  }
  return bytes.subarray(0, filled);
}

function refusal(
  error: { code: string; message: string; details: string; hint: string },
  status: number,
): Refusal {
  const { code, message, details, hint } = error;
  return { status, code, message, details, hint };
}

// URLs that are signed to read or to upload one object.

import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { as, callerOf } from "./access.ts";
import { type Call, fieldsOf, parseMetadata } from "./call.ts";
import { invalidJwt, invalidRequest, StorageError } from "./errors.ts";
import { bucketOf, objectOf } from "./rows.ts";
import type { Handler, Storage } from "./storage-service.ts";
import { checkWrite } from "./writing.ts";

type Scope = "download" | "upload";

/** In seconds. */
const uploadLifetime = 2 * 60 * 60;

/** In seconds, also as a string: supabase-py sends one, and Supabase Storage reads it. */
const expiresIn = z.coerce.number().int().min(1).max(1e10);

export const signUrl: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const fields = await fieldsOf(call, z.object({ expiresIn }));
  await objectOf(storage, caller, call);
  return Response.json({ signedURL: await downloadUrl(storage, call.bucket, call.name, fields.expiresIn) });
};

export const signUrls: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const paths = z.array(z.string()).min(1).max(1000);
  const fields = await fieldsOf(call, z.object({ expiresIn, paths }));
  const objects = await as(
    storage,
    caller,
    call,
    (tx) => tx<{ name: string }[]>`
      select name from storage.objects where bucket_id = ${call.bucket} and name = any(${fields.paths})`,
  );
  const names = new Set(objects.map(({ name }) => name));
  const answers = fields.paths.map(async (path) =>
    names.has(path)
      ? { error: null, path, signedURL: await downloadUrl(storage, call.bucket, path, fields.expiresIn) }
      : {
          error: "Either the object does not exist or you do not have access to it",
          path,
          signedURL: null,
        },
  );
  return Response.json(await Promise.all(answers));
};

export const signUploadUrl: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const { id: bucket } = await bucketOf(storage, call);
  const { headers, name } = call;
  const { owner } = caller;
  const isUpsert = headers.get("x-upsert") === "true";
  const userMetadata = parseMetadata(Buffer.from(headers.get("x-metadata") ?? "", "base64").toString());
  await checkWrite(storage, caller, call, { bucket, name, owner, isUpsert, userMetadata }, undefined);
  const path = `${bucket}/${name}`;
  const token = await sign(storage, "upload", { owner, url: path, upsert: isUpsert }, uploadLifetime);
  return Response.json({ url: `/object/upload/sign/${path}?token=${token}`, token });
};

/** @throws StorageError when the token is not for reading this object */
export async function verifyDownloadUrl(storage: Storage, call: Call): Promise<{ exp: number }> {
  const { exp = 0 } = await verify(storage, call, "download", call.url.searchParams.get("token"));
  return { exp };
}

/** @throws StorageError when the token is not for uploading this object */
export async function verifyUploadUrl(storage: Storage, call: Call, token: string | null) {
  const { owner, upsert } = await verify(storage, call, "upload", token);
  return { owner: typeof owner === "string" ? owner : undefined, upsert: upsert === true };
}

async function downloadUrl(storage: Storage, bucket: string, name: string, lifetime: number) {
  const url = `${bucket}/${name}`;
  return `/object/sign/${url}?token=${await sign(storage, "download", { url }, lifetime)}`;
}

function sign({ secret }: Storage, scope: Scope, claims: Record<string, unknown>, lifetime: number) {
  return new SignJWT({ ...claims, scope })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + lifetime)
    .sign(secret);
}

async function verify({ secret }: Storage, call: Call, scope: Scope, token: string | null) {
  if (token === null) throw invalidRequest("querystring must have required property 'token'");
  const { payload } = await jwtVerify(token, secret, { algorithms: ["HS256"] }).catch((error: Error) => {
    throw invalidJwt(error.message);
  });
  if (payload.scope !== scope) {
    throw new StorageError(400, "InvalidSignature", `Token is not scoped for ${scope}`);
  }
  if (payload.url !== `${call.bucket}/${call.name}`) {
    throw new StorageError(400, "InvalidSignature", "Invalid signature");
  }
  return payload;
}

// The fields and formats that typed clients insist on. A field is required here when the client of Swift, Kotlin or Go
// cannot decode an answer without it: Kotlin takes a null, but no absent field without a default; a Swift Date takes no other format.

import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { request, service } from "../support/clients.ts";
import { type Person, password, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const uuid = z.string().regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
/** Up to nine digits of a second, as Swift and Kotlin read; GoTrue writes up to six and Storage three. */
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/);
const seconds = z.int().positive();
const object = z.record(z.string(), z.unknown());

const identity = z.object({
  id: z.string(),
  identity_id: uuid,
  user_id: uuid,
  identity_data: object,
  provider: z.string(),
  created_at: time,
  last_sign_in_at: time,
  updated_at: time,
});
const user = z.object({
  id: uuid,
  aud: z.string(),
  role: z.string(),
  app_metadata: object,
  user_metadata: object,
  created_at: time,
  updated_at: time,
  confirmed_at: time,
  email_confirmed_at: time,
  last_sign_in_at: time,
  identities: z.array(identity).min(1),
  is_anonymous: z.boolean(),
});
const session = z.object({
  access_token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: seconds,
  expires_at: seconds,
  refresh_token: z.string(),
  user,
});
/** A folder has null where a file has a value. */
const listed = z.object({
  name: z.string(),
  id: uuid.nullable(),
  created_at: time.nullable(),
  updated_at: time.nullable(),
  last_accessed_at: time.nullable(),
  metadata: object.nullable(),
});
const info = z.object({
  id: uuid,
  version: z.string(),
  name: z.string(),
  bucket_id: z.string(),
  created_at: time,
  last_modified: time,
  size: z.int(),
  content_type: z.string(),
  cache_control: z.string(),
  etag: z.string(),
  metadata: object.optional(),
});
const bucket = z.object({
  id: z.string(),
  name: z.string(),
  owner: z.string(),
  public: z.boolean(),
  created_at: time,
  updated_at: time,
  file_size_limit: z.int().nullable(),
  allowed_mime_types: z.array(z.string()).nullable(),
});
const stored = z.object({ Key: z.string(), Id: uuid });

let ana: Person;
let path: string;
let copy: string;
beforeAll(async () => {
  ana = await signUp("Ana");
  [path, copy] = [`${ana.id}/a.png`, `${ana.id}/b.png`];
});

describe("Auth", () => {
  const send = async (caller: Person | undefined, method: string, path: string, body?: object) =>
    (
      await request(caller, `/auth/v1/${path}`, {
        method,
        ...(body && { body: JSON.stringify(body) }),
      })
    ).json();

  it("signs in, refreshes, and shows and changes the user", async () => {
    const { email } = ana;
    const signedIn = session.parse(
      await send(undefined, "POST", "token?grant_type=password", { email, password }),
    );
    const { refresh_token } = signedIn;
    session.parse(await send(undefined, "POST", "token?grant_type=refresh_token", { refresh_token }));
    user.parse(await send(ana, "GET", "user"));
    user.parse(await send(ana, "PUT", "user", { data: { hobby: "sailing" } }));
    expect(Math.abs(signedIn.expires_at - signedIn.expires_in - Date.now() / 1000)).toBeLessThan(120);
  });

  it("signs up without a session until the address is confirmed", async () => {
    const body = { email: `${crypto.randomUUID()}@example.com`, password };
    const confirmed = { confirmed_at: true, email_confirmed_at: true, last_sign_in_at: true } as const;
    user
      .omit(confirmed)
      .extend({ confirmation_sent_at: time })
      .parse(await send(undefined, "POST", "signup", body));
  });
});

describe("Storage", () => {
  const send = async (
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    headers = {},
  ) => {
    const token = (await ana.client.auth.getSession()).data.session?.access_token;
    const response = await fetch(`${stack.apiUrl}/storage/v1/${path}`, {
      method,
      headers: {
        apikey: stack.publishableKey,
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        ...headers,
      },
      ...(body !== undefined && { body }),
    });
    return response.json();
  };
  const asService = { apikey: stack.secretKey, authorization: `Bearer ${stack.secretKey}` };
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

  it("uploads, lists, describes, copies and moves", async () => {
    const uploaded = await send("POST", `object/uploads/${path}`, png, { "content-type": "image/png" });
    expect(stored.parse(uploaded).Key).toBe(`uploads/${path}`);
    for (const [prefix, headers] of [
      [ana.id, {}],
      ["", asService],
    ] as const) {
      const wanted = JSON.stringify({ prefix, limit: 10, offset: 0 });
      const files = await send("POST", "object/list/uploads", wanted, headers);
      expect(z.array(listed).parse(files).length).toBeGreaterThan(0);
    }
    info.parse(await send("GET", `object/info/uploads/${path}`));
    const to = (destinationKey: string) =>
      JSON.stringify({ bucketId: "uploads", sourceKey: path, destinationKey });
    expect(stored.parse(await send("POST", "object/copy", to(copy))).Key).toBe(`uploads/${copy}`);
    const moved = await send("POST", "object/move", to(`${ana.id}/c.png`), asService);
    z.object({ message: z.string() }).parse(moved);
  });

  it("signs addresses", async () => {
    const signed = await send("POST", `object/sign/uploads/${copy}`, JSON.stringify({ expiresIn: 60 }));
    expect(z.object({ signedURL: z.string() }).parse(signed).signedURL).toMatch(/^\/object\/sign\/uploads\//);
    // as supabase-py sends it
    const list = JSON.stringify({ expiresIn: "60", paths: [copy, "absent"] });
    const [one, absent] = z
      .array(z.object({ path: z.string(), signedURL: z.string().nullable(), error: z.string().nullable() }))
      .parse(await send("POST", "object/sign/uploads", list));
    expect([one?.error, absent?.signedURL]).toEqual([null, null]);
    const upload = await send("POST", `object/upload/sign/uploads/${ana.id}/d.png`, "{}");
    z.object({ url: z.string(), token: z.string() }).parse(upload);
  });

  it("lists and shows buckets", async () => {
    const id = `typed-${crypto.randomUUID()}`;
    await service().storage.createBucket(id, { public: false, fileSizeLimit: "1MB" });
    const shown = bucket.parse(await send("GET", `bucket/${id}`, undefined, asService));
    expect([shown.owner, shown.file_size_limit]).toEqual(["", 1_000_000]);
    expect(z.array(bucket).parse(await send("GET", "bucket", undefined, asService)).length).toBeGreaterThan(
      1,
    );
    await service().storage.deleteBucket(id);
  });

  it("removes with the removed rows", async () => {
    const removed = await send("DELETE", "object/uploads", JSON.stringify({ prefixes: [copy] }), asService);
    expect(z.array(listed.extend({ bucket_id: z.string() })).parse(removed)).toHaveLength(1);
  });

  it("refuses with the fields that clients show", async () => {
    const refusal = z.object({ statusCode: z.string(), error: z.string(), message: z.string() });
    refusal.parse(await send("GET", "object/info/uploads/absent"));
  });
});

// Photos of properties through Storage and the Edge Function `files`: what becomes a photo, and that nothing is left behind.

import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous, callFunction } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import {
  addFile,
  newPng,
  passRemovalDelay,
  png,
  type StoredFile,
  storeFile,
  upload,
} from "../support/files.ts";
import { type Person, signUp } from "../support/people.ts";
import { addPhoto, createDraft, createPublished } from "../support/properties.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const sql = database();
let ana: Person;
let ben: Person;
let property: string;

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  property = await createDraft(ana.client);
});
afterAll(() => sql.end());

const publicUrl = (path: string) => `${stack.apiUrl}/storage/v1/object/public/property-photos/${path}`;
const untilRemoved = (path: string) =>
  until(async () => {
    await passRemovalDelay(sql, path);
    return !(await fetch(publicUrl(path))).ok;
  }, "the file to be removed");

describe("a photo", () => {
  it("is uploaded, described, ordered and read by everyone, and its file is removed with it", async () => {
    const id = await createPublished(ana);
    const response = await addPhoto(ana, id, { alt: "Kitchen" });
    const { path, photo_id } = (await response.json()) as StoredFile;
    expect(response.status).toBe(201);
    const { headers } = await fetch(publicUrl(path));
    expect(headers.get("content-type")).toBe("image/png");
    expect(headers.get("cache-control")).toBe("max-age=31536000, immutable");
    const photos = ana.client.from("property_photos");
    const { data: photo } = await photos.select("position").eq("id", `${photo_id}`).single().throwOnError();
    expect(photo).toEqual({ position: 2 });
    await ana.client.from("property_photos").update({ position: 0 }).eq("id", `${photo_id}`).throwOnError();
    const { data } = await anonymous()
      .from("properties")
      .select("cover_photo(alt_text)")
      .eq("id", id)
      .single()
      .throwOnError();
    expect(data).toEqual({ cover_photo: { alt_text: "Kitchen" } });
    await ana.client.from("property_photos").delete().eq("id", `${photo_id}`).throwOnError();
    await untilRemoved(path);
  });

  it("is one photo, however often the function is called", async () => {
    const body = { kind: "property_photo", property_id: property, alt_text: "Door", path: await upload(ana) };
    const calls = await Promise.all([1, 2, 3].map(() => callFunction("files", ana, body)));
    const answers = await Promise.all(calls.map((call) => call.json() as Promise<StoredFile>));
    expect(calls.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map(({ photo_id }) => photo_id)).size).toBe(1);
    await until(
      async () => (await sql`select 1 from storage.objects where name = ${body.path}`).length === 0,
      "the raw file to be removed",
    );
    expect(await (await callFunction("files", ana, body)).json()).toEqual(answers[0]);
  });

  it("has a name made of its content, and the same picture is the same photo of its property", async () => {
    const bytes = newPng();
    const add = async (id: string) =>
      storeFile(ana, { kind: "property_photo", property_id: id, alt_text: "Door" }, { bytes });
    const [draft, other] = await Promise.all([createDraft(ana.client), createDraft(ana.client)]);
    const first = await add(draft);
    const copy = Buffer.from(await (await fetch(publicUrl(first.path))).arrayBuffer());
    const name = createHash("sha256").update(copy).digest("hex").slice(0, 32);
    expect(first.path).toBe(`${draft}/${name}.png`);
    expect(await add(draft)).toEqual(first);
    expect((await add(other)).path).toBe(`${other}/${name}.png`);

    const photo = () => ana.client.from("property_photos");
    // the object of a photo that comes back at once outlives the removal of the former one
    await photo().delete().eq("id", `${first.photo_id}`).throwOnError();
    const again = await add(draft);
    expect(again.photo_id).not.toBe(first.photo_id);
    await passRemovalDelay(sql, first.path);
    await until(
      async () =>
        (await sql`select 1 from pgmq.q_object_removals where message ->> 'path' = ${first.path}`).length ===
        0,
      "the removal of the former photo",
    );
    expect((await fetch(publicUrl(again.path))).ok).toBe(true);
    await ana.client.from("properties").delete().eq("id", draft).throwOnError();
    await untilRemoved(again.path);
    expect((await fetch(publicUrl(`${other}/${name}.png`))).ok).toBe(true);
  });

  it("is removed from Storage when its draft is deleted", async () => {
    const id = await createDraft(ana.client);
    const { path } = (await (await addPhoto(ana, id)).json()) as StoredFile;
    await ana.client.from("properties").delete().eq("id", id).throwOnError();
    await untilRemoved(path);
  });
});

describe("a photo is refused", () => {
  it("when it has no description", async () => {
    const response = await addPhoto(ana, property, { alt: " " });
    expect(response.status).toBe(422);
    expect(errorCodes((await response.json()) as { details: string })).toEqual(["alt_text_is_plain"]);
  });

  it("for the property of another person", async () => {
    const response = await addPhoto(ben, property);
    expect(response.status).toBe(404);
    expect(errorCodes((await response.json()) as { details: string })).toEqual(["own_property_not_found"]);
  });

  it("when it would replace, remove or move the file of an accepted photo", async () => {
    const photo = { kind: "property_photo", property_id: property, alt_text: "Door" } as const;
    const { path } = await storeFile(ana, photo, { bytes: png });
    const photos = ana.client.storage.from("property-photos");
    const script = "<script>alert(1)</script>";
    const options = { contentType: "image/png" };
    const { error: replaced } = await photos.upload(path, script, { ...options, upsert: true });
    const { error: updated } = await photos.update(path, script, options);
    const { error: added } = await photos.upload(`${property}/new.png`, png, options);
    const { error: moved } = await photos.move(path, `${property}/moved.png`);
    expect([replaced, updated, added, moved]).not.toContain(null);
    await photos.remove([path]);
    expect(Buffer.from(await (await fetch(publicUrl(path))).arrayBuffer())).toEqual(png);
  });

  it("when the property has 50 already", async () => {
    const id = await createDraft(ana.client);
    await sql`
      insert into public.property_photos (property_id, external_url, alt_text)
      select ${id}, 'https://example.com/' || n || '.jpg', 'Photo' from generate_series(1, 50) n`;
    const response = await addFile(ana, { kind: "property_photo", property_id: id, alt_text: "One more" });
    expect(response.status).toBe(422);
  });
});

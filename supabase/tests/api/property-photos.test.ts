// Photos through Storage and the Edge Function: what becomes a photo, what is refused, what is left behind (nothing).

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addPhoto, callPhotos, createDraft, createPublished, png } from "../property-support.ts";
import { anonymous, database, type Person, signUp, stack, until } from "../support.ts";

const sql = database();
let ana: Person;
let ben: Person;
let property: string;

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  property = await createDraft(ana.client);
});
afterAll(() => sql.end());

/** A segment of a JPEG: an Exif with its first directory's entries, and what follows them. */
const exif = (entries: string, more = "") => {
  const tiff = `Exif\0\0MM\0*\0\0\0\x08\0${String.fromCharCode(entries.length / 12)}${entries}\0\0\0\0${more}`;
  return Buffer.from(`\xff\xe1\0${String.fromCharCode(tiff.length + 2)}${tiff}`, "latin1");
};
/** Orientation: 6, the top of the picture is its right side. */
const orientation = "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
/** Where GPS data begin. */
const gps = "\x88\x25\0\x04\0\0\0\x01\0\0\0\x26";
const scan = Buffer.from("\xff\xdb\0\x04ab\xff\xda\0\x04cdpixels\xff\xd9", "latin1");
const jpeg = (segment: Buffer) => Buffer.concat([Buffer.from([0xff, 0xd8]), segment, scan]);
const jpegWithPlace = jpeg(exif(orientation + gps, "38.7079123"));
const jpegUpright = jpeg(exif(orientation));
const pngWithPlace = Buffer.concat([
  png.subarray(0, -12),
  Buffer.from("\0\0\0\x0ftEXtGPS\0 38.7079123CRC!", "latin1"),
  png.subarray(-12),
]);

const bucket = (person: Person) => person.client.storage.from("property-photos");
const urlOf = (path: string) => `${stack.apiUrl}/storage/v1/object/public/property-photos/${path}`;

describe("a photo", () => {
  it("is uploaded, described, ordered, read by everyone, and gone with its object when deleted", async () => {
    const id = await createPublished(ana);
    const response = await addPhoto(ana, id, { alt: "Kitchen" });
    const photo = (await response.json()) as { id: string; path: string; position: number };
    expect([response.status, photo.position]).toEqual([201, 2]);
    expect((await fetch(urlOf(photo.path))).headers.get("content-type")).toBe("image/png");
    await ana.client.from("property_photos").update({ position: 0 }).eq("id", photo.id).throwOnError();
    const { data } = await anonymous()
      .from("properties")
      .select("cover_photo(alt_text)")
      .eq("id", id)
      .single()
      .throwOnError();
    expect(data).toEqual({ cover_photo: { alt_text: "Kitchen" } });
    await ana.client.from("property_photos").delete().eq("id", photo.id).throwOnError();
    await until(async () => ((await fetch(urlOf(photo.path))).ok ? undefined : true), "the object to go");
  });

  it("does not tell where it was taken, in whatever format, and stays upright", async () => {
    const photos = [
      [jpegWithPlace, "image/jpeg"],
      [pngWithPlace, "image/png"],
    ] as const;
    for (const [bytes, contentType] of photos) {
      expect(bytes.includes("38.7079123")).toBe(true);
      const response = await addPhoto(ana, property, { bytes, contentType });
      expect(response.status).toBe(201);
      const { path } = (await response.json()) as { path: string };
      const served = await fetch(urlOf(path));
      expect(served.headers.get("content-type")).toBe(contentType);
      const shown = Buffer.from(await served.arrayBuffer());
      expect(shown.includes("38.7079123")).toBe(false);
      expect(shown).toEqual(contentType === "image/png" ? png : jpegUpright);
      const { data } = await ana.client.rpc("export_my_data").throwOnError();
      expect((data as { files: object[] }).files).toContainEqual({ bucket: "property-photos", path });
      // asked again, after an answer that was lost, it is the same photo
      const again = await callPhotos(ana, { path, alt_text: "The front door" });
      expect([again.status, await again.json()]).toMatchObject([201, { path }]);
    }
  });

  it("takes its object along when a draft is deleted", async () => {
    const id = await createDraft(ana.client);
    const { path } = (await (await addPhoto(ana, id)).json()) as { path: string };
    await ana.client.from("properties").delete().eq("id", id).throwOnError();
    await until(async () => ((await fetch(urlOf(path))).ok ? undefined : true), "the object to go");
  });
});

describe("refused", () => {
  it("what is declared to be no image, by Storage", async () => {
    const { error } = await bucket(ana).upload(`${property}/a.html`, "<p>", { contentType: "text/html" });
    expect(error?.message).toMatch(/mime type text\/html is not supported/i);
  });

  it("what is too large, by Storage", async () => {
    const bytes = Buffer.concat([png, Buffer.alloc(10 * 2 ** 20)]);
    const { error } = await bucket(ana).upload(`${property}/big.png`, bytes, { contentType: "image/png" });
    expect(error?.message).toMatch(/exceeded the maximum allowed size/i);
  });

  it("bytes that are no image, whatever they are declared to be, and they are thrown away", async () => {
    const name = `${crypto.randomUUID()}.png`;
    const response = await addPhoto(ana, property, { bytes: Buffer.from("<script>alert(1)</script>"), name });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: "not_an_image" });
    const { data } = await ana.client.from("property_photos").select().eq("path", `${property}/${name}`);
    expect(data).toEqual([]);
    await until(
      async () => ((await fetch(urlOf(`${property}/${name}`))).ok ? undefined : true),
      "the upload to go",
    );
  });

  it("a PNG that says it is a JPEG", async () => {
    const response = await addPhoto(ana, property, { contentType: "image/jpeg" });
    expect(response.status).toBe(415);
  });

  it("a photo without an upload", async () => {
    const response = await callPhotos(ana, { path: `${property}/nothing.png`, alt_text: "Nothing" });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "PT422", message: "There is no such upload." });
  });

  it("a photo that nobody describes", async () => {
    const response = await addPhoto(ana, property, { alt: " " });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "PT422",
      message:
        "The words for a photo are one line of 1 to 300 characters of plain text, without HTML and control characters.",
    });
  });

  it("a stranger, who gets nothing in and throws nothing away", async () => {
    const name = `${crypto.randomUUID()}.png`;
    const path = `${property}/${name}`;
    await bucket(ana).upload(path, "not yet an image", { contentType: "image/png" });
    for (const [person, status] of [
      [ben, 404],
      [undefined, 401],
    ] as const) {
      expect((await callPhotos(person, { path, alt_text: "x" })).status).toBe(status);
    }
    expect((await fetch(urlOf(path))).ok).toBe(true);
    expect((await bucket(ben).remove([path])).data).toEqual([]);
    expect((await bucket(ben).list(property)).data).toEqual([]);
    expect((await fetch(urlOf(path))).ok).toBe(true);
  });

  it("the host too, who cannot replace what was looked at", async () => {
    const { path } = (await (await addPhoto(ana, property)).json()) as { path: string };
    const script = "<script>alert(1)</script>";
    const again = await bucket(ana).upload(path, script, { contentType: "image/png", upsert: true });
    expect(again.error).not.toBeNull();
    const update = await bucket(ana).update(path, script, { contentType: "image/png" });
    expect(update.error).not.toBeNull();
    await bucket(ana).remove([path]);
    const moved = await bucket(ana).move(path, `${property}/moved.png`);
    expect(moved.error).not.toBeNull();
    expect(Buffer.from(await (await fetch(urlOf(path))).arrayBuffer())).toEqual(png);
  });

  it("the 51st photo", async () => {
    const id = await createDraft(ana.client);
    await sql`
      insert into public.property_photos (property_id, external_url, alt_text)
      select ${id}, 'https://example.com/' || n || '.jpg', 'Photo' from generate_series(1, 50) n`;
    const response = await addPhoto(ana, id);
    expect(response.status).toBe(422);
  });
});

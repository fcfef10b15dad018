// Photos of properties through Storage and the Edge Function: what is accepted, what is refused, and that nothing is left behind.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous, callFunction } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp } from "../support/people.ts";
import { addPhoto, createDraft, createPublished, png } from "../support/properties.ts";
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

/** A JPEG's Exif segment with the entries of its first directory, and the bytes that follow them. */
const exif = (entries: string, more = "") => {
  const tiff = `Exif\0\0MM\0*\0\0\0\x08\0${String.fromCharCode(entries.length / 12)}${entries}\0\0\0\0${more}`;
  return Buffer.from(`\xff\xe1\0${String.fromCharCode(tiff.length + 2)}${tiff}`, "latin1");
};
/** Orientation 6: the top of the picture is on its right side. */
const orientation = "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
/** The offset of the GPS data. */
const gps = "\x88\x25\0\x04\0\0\0\x01\0\0\0\x26";
const scan = Buffer.from("\xff\xdb\0\x04ab\xff\xda\0\x04cdpixels\xff\xd9", "latin1");
const jpeg = (segment: Buffer) => Buffer.concat([Buffer.from([0xff, 0xd8]), segment, scan]);
const jpegWithLocation = jpeg(exif(orientation + gps, "38.7079123"));
const jpegUpright = jpeg(exif(orientation));
const pngWithLocation = Buffer.concat([
  png.subarray(0, -12),
  Buffer.from("\0\0\0\x0ftEXtGPS\0 38.7079123CRC!", "latin1"),
  png.subarray(-12),
]);

const photosOf = (person: Person) => person.client.storage.from("property-photos");
const publicUrl = (path: string) => `${stack.apiUrl}/storage/v1/object/public/property-photos/${path}`;
const untilRemoved = (path: string) =>
  until(async () => !(await fetch(publicUrl(path))).ok, "the file to be removed");

describe("a photo", () => {
  it("is uploaded, described, ordered and read by everyone, and its file is removed with it", async () => {
    const id = await createPublished(ana);
    const response = await addPhoto(ana, id, { alt: "Kitchen" });
    const photo = (await response.json()) as { id: string; path: string; position: number };
    expect([response.status, photo.position]).toEqual([201, 2]);
    expect((await fetch(publicUrl(photo.path))).headers.get("content-type")).toBe("image/png");
    await ana.client.from("property_photos").update({ position: 0 }).eq("id", photo.id).throwOnError();
    const { data } = await anonymous()
      .from("properties")
      .select("cover_photo(alt_text)")
      .eq("id", id)
      .single()
      .throwOnError();
    expect(data).toEqual({ cover_photo: { alt_text: "Kitchen" } });
    await ana.client.from("property_photos").delete().eq("id", photo.id).throwOnError();
    await untilRemoved(photo.path);
  });

  it("loses its location in every format, and keeps its orientation", async () => {
    const photos = [
      [jpegWithLocation, "image/jpeg"],
      [pngWithLocation, "image/png"],
    ] as const;
    for (const [bytes, contentType] of photos) {
      expect(bytes.includes("38.7079123")).toBe(true);
      const response = await addPhoto(ana, property, { bytes, contentType });
      expect(response.status).toBe(201);
      const { path } = (await response.json()) as { path: string };
      const served = await fetch(publicUrl(path));
      expect(served.headers.get("content-type")).toBe(contentType);
      const shown = Buffer.from(await served.arrayBuffer());
      expect(shown.includes("38.7079123")).toBe(false);
      expect(shown).toEqual(contentType === "image/png" ? png : jpegUpright);
      const { data } = await ana.client.rpc("export_my_data").throwOnError();
      expect((data as { files: object[] }).files).toContainEqual({ bucket: "property-photos", path });
      // A repeated request returns the same photo.
      const again = await callFunction("property-photos", ana, { path, alt_text: "The front door" });
      expect([again.status, await again.json()]).toMatchObject([201, { path }]);
    }
  });

  it("is removed from Storage when its draft is deleted", async () => {
    const id = await createDraft(ana.client);
    const { path } = (await (await addPhoto(ana, id)).json()) as { path: string };
    await ana.client.from("properties").delete().eq("id", id).throwOnError();
    await untilRemoved(path);
  });
});

describe("a photo is refused", () => {
  it("by Storage when its type is not an image", async () => {
    const { error } = await photosOf(ana).upload(`${property}/a.html`, "<p>", { contentType: "text/html" });
    expect(error?.message).toMatch(/mime type text\/html is not supported/i);
  });

  it("by Storage when it is too large", async () => {
    const bytes = Buffer.concat([png, Buffer.alloc(10 * 2 ** 20)]);
    const { error } = await photosOf(ana).upload(`${property}/big.png`, bytes, { contentType: "image/png" });
    expect(error?.message).toMatch(/exceeded the maximum allowed size/i);
  });

  it("and removed when its bytes are not an image, whatever its type", async () => {
    const name = `${crypto.randomUUID()}.png`;
    const response = await addPhoto(ana, property, { bytes: Buffer.from("<script>alert(1)</script>"), name });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: "not_an_image" });
    const { data } = await ana.client.from("property_photos").select().eq("path", `${property}/${name}`);
    expect(data).toEqual([]);
    await untilRemoved(`${property}/${name}`);
  });

  it("when it is a PNG with the type of a JPEG", async () => {
    const response = await addPhoto(ana, property, { contentType: "image/jpeg" });
    expect(response.status).toBe(415);
  });

  it("when nothing was uploaded", async () => {
    const response = await callFunction("property-photos", ana, {
      path: `${property}/nothing.png`,
      alt_text: "Nothing",
    });
    expect(response.status).toBe(422);
    const body = (await response.json()) as { details: string };
    expect(body).toMatchObject({ code: "PT422", message: "There is no recent upload at this path." });
    expect(errorCodes(body)).toEqual(["photo_upload_not_found"]);
  });

  it("when it has no description", async () => {
    const response = await addPhoto(ana, property, { alt: " " });
    expect(response.status).toBe(422);
    const body = (await response.json()) as { details: string };
    expect(body).toMatchObject({
      code: "PT422",
      message: "The description of a photo is one line of 1 to 300 characters of plain text.",
    });
    expect(errorCodes(body)).toEqual(["alt_text_is_plain"]);
  });

  it("from a stranger, who cannot remove photos either", async () => {
    const name = `${crypto.randomUUID()}.png`;
    const path = `${property}/${name}`;
    await photosOf(ana).upload(path, "not yet an image", { contentType: "image/png" });
    for (const [person, status] of [
      [ben, 404],
      [undefined, 401],
    ] as const) {
      expect((await callFunction("property-photos", person, { path, alt_text: "x" })).status).toBe(status);
    }
    expect((await fetch(publicUrl(path))).ok).toBe(true);
    expect((await photosOf(ben).remove([path])).data).toEqual([]);
    expect((await photosOf(ben).list(property)).data).toEqual([]);
    expect((await fetch(publicUrl(path))).ok).toBe(true);
  });

  it("when it would replace the file of an accepted photo", async () => {
    const { path } = (await (await addPhoto(ana, property)).json()) as { path: string };
    const script = "<script>alert(1)</script>";
    const again = await photosOf(ana).upload(path, script, { contentType: "image/png", upsert: true });
    expect(again.error).not.toBeNull();
    const update = await photosOf(ana).update(path, script, { contentType: "image/png" });
    expect(update.error).not.toBeNull();
    await photosOf(ana).remove([path]);
    const moved = await photosOf(ana).move(path, `${property}/moved.png`);
    expect(moved.error).not.toBeNull();
    expect(Buffer.from(await (await fetch(publicUrl(path))).arrayBuffer())).toEqual(png);
  });

  it("when the property has 50 already", async () => {
    const id = await createDraft(ana.client);
    await sql`
      insert into public.property_photos (property_id, external_url, alt_text)
      select ${id}, 'https://example.com/' || n || '.jpg', 'Photo' from generate_series(1, 50) n`;
    const response = await addPhoto(ana, id);
    expect(response.status).toBe(422);
  });
});

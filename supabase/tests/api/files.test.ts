// The one way in for files: raw uploads stay private, cleaned copies give nothing away, hostile files are refused with a code, and
// no one gets beyond a limit, however many uploads come at once.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous, callFunction, request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import {
  addFile,
  type Purpose,
  passRemovalDelay,
  png,
  type StoredFile,
  storeFile,
  upload,
} from "../support/files.ts";
import { startThread } from "../support/messages.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const sql = database();
let ana: Person;
let ben: Person;
let property: string;
let purposes: Purpose[];

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  property = await createBookable(ana);
  const thread_id = await startThread(ben, property);
  purposes = [
    { kind: "property_photo", property_id: property, alt_text: "The river" },
    { kind: "avatar" },
    { kind: "attachment", thread_id },
  ];
});
afterAll(() => sql.end());

const picture = (name: string) => readFileSync(new URL(`../support/pictures/${name}`, import.meta.url));
const secrets = /Secret|GPS|38,42|2026:07|xmpmeta|ns\.adobe\.com/;
const uploads = (person: Pick<Person, "client">) => person.client.storage.from("uploads");
const isGone = async (path: string) =>
  (await sql`select 1 from storage.objects where bucket_id = 'uploads' and name = ${path}`).length === 0;

async function download(person: Person, { bucket, path }: StoredFile): Promise<Buffer> {
  const { data, error } = await person.client.storage.from(bucket).download(path);
  if (error !== null) throw error;
  return Buffer.from(await data.arrayBuffer());
}

describe("a cleaned copy", () => {
  it.each([
    ["phone.jpg", "image/jpeg"],
    ["phone.png", "image/png"],
    ["phone.webp", "image/webp"],
    ["phone.avif", "image/avif"],
  ])("of %s has no location in any kind of file, and its upload is gone", async (name, contentType) => {
    const bytes = picture(name);
    expect(bytes.toString("latin1")).toMatch(secrets);
    for (const purpose of purposes) {
      const path = await upload(ana, { bytes, contentType, name: `${crypto.randomUUID()} ${name}` });
      const response = await callFunction("files", ana, { ...purpose, path });
      const file = (await response.json()) as StoredFile;
      expect([response.status, file.content_type]).toEqual([201, contentType]);
      const copy = await download(ana, file);
      expect(copy.toString("latin1")).not.toMatch(secrets);
      expect(copy.length).toBe(file.bytes);
      await until(() => isGone(path), "the raw file to be removed");
      if (purpose.kind === "avatar") {
        await ana.client.from("profiles").update({ avatar_path: file.path }).eq("id", ana.id).throwOnError();
      }
    }
  });
});

describe("a raw upload", () => {
  it("is read by no one but its owner", async () => {
    const path = await upload(ben);
    expect((await uploads(ben).download(path)).error).toBeNull();
    for (const person of [ana, { client: anonymous() }]) {
      expect((await uploads(person).download(path)).error).not.toBeNull();
      expect((await uploads(person).createSignedUrl(path, 60)).error).not.toBeNull();
      expect((await uploads(person).info(path)).error).not.toBeNull();
      expect((await uploads(person).list(ben.id)).data ?? []).toEqual([]);
      await uploads(person).remove([path]);
      expect((await uploads(person).copy(path, `${ana.id}/stolen.png`)).error).not.toBeNull();
      expect((await uploads(person).move(path, `${ana.id}/stolen.png`)).error).not.toBeNull();
    }
    const { data } = uploads(ben).getPublicUrl(path);
    expect((await fetch(data.publicUrl)).ok).toBe(false);
    expect((await uploads(ben).download(path)).error).toBeNull();
    const response = await callFunction("files", ana, { kind: "avatar", path });
    expect(errorCodes((await response.json()) as { details: string })).toEqual(["upload_not_found"]);
  });

  it("lies in the folder of its owner, or is refused with a code", async () => {
    for (const path of [`${ben.id}/a.png`, "a.png", `${property}/a.png`]) {
      const { error } = await uploads(ana).upload(path, new File([png], "a.png", { type: "image/png" }));
      expect(error?.message).toBe(
        "upload_folder_is_own: The path of an upload is your own id, a slash and a file name.",
      );
    }
    const { error } = await uploads({ client: anonymous() }).upload("a.png", png, {
      contentType: "image/png",
    });
    expect(error).not.toBeNull();
  });

  it("has a name of ASCII characters", async () => {
    for (const name of [
      "é.jpg",
      "Küche.jpg", // cspell:disable-line
      "中.png",
      "a\tb.png",
      "a#b.png",
      "a%b.png",
      "a~b.png",
      'a"b.png',
      "a[1].png",
    ]) {
      const response = await request(
        ana,
        `/storage/v1/object/uploads/${ana.id}/${encodeURIComponent(name)}`,
        {
          method: "POST",
          headers: { "content-type": "image/png" },
          body: png,
        },
      );
      expect([response.status, await response.json()]).toEqual([
        400,
        {
          statusCode: "400",
          error: "InvalidKey",
          message: `Invalid key: ${ana.id}/${name}`,
          code: "InvalidKey",
        },
      ]);
    }
    for (const name of ["a b.png", "a'(1)!&$@=;:+,_-.png"]) {
      expect((await addFile(ana, purposes[0] as Purpose, { name })).status).toBe(201);
    }
  });

  it("is of a known type and at most 10 MiB", async () => {
    for (const [bytes, type, code] of [
      [png, "text/html", "415"],
      [png, "image/heic", "415"],
      [png, "image/svg+xml", "415"],
      [Buffer.alloc(10 * 2 ** 20 + 1), "image/png", "413"],
    ] as const) {
      const { error } = await uploads(ana).upload(`${ana.id}/x`, new File([bytes], "x", { type }));
      expect(error).toMatchObject({ statusCode: code });
    }
  });
});

describe("a hostile file", () => {
  it.each([
    ["a page", Buffer.from("<script>alert(1)</script>"), "image/png", "file_not_of_its_type"],
    ["an empty file", Buffer.alloc(0), "image/png", "file_not_of_its_type"],
    ["a PNG with the type of a JPEG", png, "image/jpeg", "file_not_of_its_type"],
    ["a PNG that is cut off", png.subarray(0, -4), "image/png", "file_not_of_its_type"],
    ["a HEIC", picture("phone.heic"), "image/jpeg", "file_not_supported"],
    ["an animated AVIF", picture("animated.avif"), "image/avif", "file_not_supported"],
    [
      "a bomb",
      Buffer.concat([png.subarray(0, 16), Buffer.alloc(8, 0x7f), png.subarray(24)]),
      "image/png",
      "image_too_large",
    ],
  ])("%s is refused with a code, again and again, and is gone", async (_name, bytes, contentType, code) => {
    for (const purpose of purposes) {
      const path = await upload(ben, { bytes, contentType });
      const body = { ...purpose, path };
      const person = purpose.kind === "property_photo" ? ana : ben;
      if (person === ana) continue;
      const first = (await (await callFunction("files", person, body)).json()) as { code: string };
      await until(() => isGone(path), "the raw file to be removed");
      const second = (await (await callFunction("files", person, body)).json()) as { code: string };
      expect([first.code, second.code]).toEqual([code, code]);
    }
  });
});

describe("limits hold for uploads that come at once:", () => {
  it("raw files", async () => {
    const eva = await signUp("Eva");
    const results = await Promise.all(
      Array.from({ length: 70 }, (_, n) =>
        uploads(eva).upload(`${eva.id}/${n}.png`, new File([png], "a.png", { type: "image/png" })),
      ),
    );
    const refused = results.filter(({ error }) => error !== null);
    expect(refused.length).toBe(10);
    for (const { error } of refused) expect(error?.message).toMatch(/^too_many_uploads: You have 60 uploads/);
    const [count] =
      await sql`select count(*)::int as n from storage.objects where name like ${`${eva.id}/%`}`;
    expect(count?.n).toBe(60);
  });

  it("avatars", async () => {
    const eva = await signUp("Eva");
    const paths = await Promise.all(Array.from({ length: 12 }, () => upload(eva)));
    const answers = await Promise.all(
      paths.map((path) => callFunction("files", eva, { kind: "avatar", path })),
    );
    expect(answers.filter(({ status }) => status === 201).length).toBe(5);
    const refused = answers.find(({ status }) => status !== 201);
    expect(errorCodes((await refused?.json()) as { details: string })).toEqual(["too_many_files"]);
  });

  it("bytes of avatars", async () => {
    const eva = await signUp("Eva");
    const comment = Buffer.alloc(2 * 2 ** 20 - png.length - 12, 97);
    const head = Buffer.from("\0\0\0\0IDAT", "latin1");
    head.writeUInt32BE(comment.length);
    const bytes = Buffer.concat([png.subarray(0, 33), head, comment, Buffer.alloc(4), png.subarray(33)]);
    await sql`update private.file_kinds set bytes_per_person = ${3 * bytes.length} where kind = 'avatar'`;
    try {
      const paths = await Promise.all(Array.from({ length: 5 }, () => upload(eva, { bytes })));
      const answers = await Promise.all(
        paths.map((path) => callFunction("files", eva, { kind: "avatar", path })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 422, 422]);
    } finally {
      await sql`update private.file_kinds set bytes_per_person = ${10 * 2 ** 20} where kind = 'avatar'`;
    }
  });
});

describe("an avatar", () => {
  it("is removed when another takes its place", async () => {
    const eva = await signUp("Eva");
    const name = async () => {
      const { path } = await storeFile(eva, { kind: "avatar" });
      await eva.client.from("profiles").update({ avatar_path: path }).eq("id", eva.id).throwOnError();
      return path;
    };
    const paths = [await name(), await name()] as const;
    const isThere = async (path: string) =>
      (await fetch(`${stack.apiUrl}/storage/v1/object/public/avatars/${path}`)).ok;
    await passRemovalDelay(sql, ...paths);
    await until(async () => !(await isThere(paths[0])), "the first avatar to be removed");
    expect(await isThere(paths[1])).toBe(true);
  });

  it("cannot be a raw file, or the file of another kind or person", async () => {
    const raw = await upload(ben);
    const photo = await storeFile(ana, purposes[0] as Purpose);
    const theirs = await storeFile(ana, { kind: "avatar" });
    for (const [avatar_path, code] of [
      [raw, "avatar_not_found"],
      [photo.path, "avatar_path_is_own"],
      [theirs.path, "avatar_path_is_own"],
    ] as const) {
      const { error } = await ben.client.from("profiles").update({ avatar_path }).eq("id", ben.id);
      expect(errorCodes(error as { details: string })).toEqual([code]);
    }
  });
});

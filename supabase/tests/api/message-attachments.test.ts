// Files in messages: cleaned, named by the sender, read by the other side only, and saved rather than shown.

import { beforeAll, expect, it } from "vitest";
import { anonymous } from "../support/clients.ts";
import { errorCodes } from "../support/errors.ts";
import { addFile, png, type StoredFile, storeFile } from "../support/files.ts";
import { startThread } from "../support/messages.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";

let host: Person;
let guest: Person;
let stranger: Person;
let thread: string;
let picture: StoredFile;

beforeAll(async () => {
  [host, guest, stranger] = await Promise.all([signUp("Ana"), signUp("Ben"), signUp("Eva")]);
  thread = await startThread(guest, await createBookable(host));
  picture = await storeFile(guest, { kind: "attachment", thread_id: thread }, { bytes: png });
});

const files = (person: Pick<Person, "client">) => person.client.storage.from("message-attachments");
const send = (person: Person, attachment: string) =>
  person.client
    .from("messages")
    .insert({ thread_id: thread, body: "Is it this door?", attachment_path: attachment });

it("an attachment is downloaded by the other side", async () => {
  await send(guest, picture.path).throwOnError();
  const { data } = await host.client.from("messages").select("attachment_path").single().throwOnError();
  const { data: file } = await files(host).download(data.attachment_path ?? "");
  expect(Buffer.from(await (file ?? new Blob([])).arrayBuffer()).equals(png)).toBe(true);
  const { data: link } = await files(host).createSignedUrl(picture.path, 60);
  const response = await fetch(link?.signedUrl ?? "");
  expect([response.status, response.headers.get("x-content-type-options")]).toEqual([200, "nosniff"]);
  expect(response.headers.get("content-disposition")).toBeNull();
  expect((await fetch(`${link?.signedUrl}x`)).status).toBeGreaterThanOrEqual(400);
});

it("a PDF is saved by browsers, not shown", async () => {
  const bytes = Buffer.from("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n<script>alert(1)</script>");
  const file = { bytes, contentType: "application/pdf", name: "plan.pdf" };
  const { path } = await storeFile(guest, { kind: "attachment", thread_id: thread }, file);
  await send(guest, path).throwOnError();
  const { data: link } = await files(host).createSignedUrl(path, 60);
  const response = await fetch(link?.signedUrl ?? "");
  expect(response.headers.get("content-type")).toBe("application/octet-stream");
  expect(response.headers.get("content-disposition")).toBe("attachment");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await response.text()).toBe("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF");
});

it("an attachment cannot be read, listed, replaced or removed by anyone else", async () => {
  const { path } = picture;
  for (const person of [stranger, { client: anonymous() }]) {
    expect((await files(person).download(path)).error).not.toBeNull();
    expect((await files(person).createSignedUrl(path, 60)).error).not.toBeNull();
    expect((await files(person).list(thread)).data ?? []).toEqual([]);
    await files(person).remove([path]);
  }
  for (const person of [host, guest, stranger, { client: anonymous() }]) {
    const options = { contentType: "image/png" };
    expect((await files(person).upload(`${thread}/x.png`, png, options)).error).not.toBeNull();
    expect((await files(person).upload(path, png, { ...options, upsert: true })).error).not.toBeNull();
  }
  await files(host).remove([path]);
  expect((await files(guest).download(path)).error).toBeNull();
  const { data } = files(guest).getPublicUrl(path);
  expect((await fetch(data.publicUrl)).status).toBeGreaterThanOrEqual(400);
});

it("only the sender's own cleaned file of this conversation can be attached", async () => {
  expect((await send(host, picture.path)).status).toBe(422);
  expect((await send(guest, `${thread}/none.png`)).status).toBe(422);
  expect((await send(guest, `${crypto.randomUUID()}/door.png`)).status).toBe(422);
  const response = await addFile(stranger, { kind: "attachment", thread_id: thread });
  expect(response.status).toBe(404);
  expect(errorCodes((await response.json()) as { details: string })).toEqual(["thread_not_found"]);
});

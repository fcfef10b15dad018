// Files in messages: uploaded by one side, read by the other side only, and of allowed types and sizes.

import { beforeAll, expect, it } from "vitest";
import { anonymous } from "../support/clients.ts";
import { startThread } from "../support/messages.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable, png } from "../support/properties.ts";

let host: Person;
let guest: Person;
let stranger: Person;
let thread: string;
let path: string;

beforeAll(async () => {
  [host, guest, stranger] = await Promise.all([signUp("Ana"), signUp("Ben"), signUp("Eva")]);
  thread = await startThread(guest, await createBookable(host));
  path = `${thread}/door.png`;
});

const files = (person: Pick<Person, "client">) => person.client.storage.from("message-attachments");
const send = (person: Person, attachment: string) =>
  person.client
    .from("messages")
    .insert({ thread_id: thread, body: "Is it this door?", attachment_path: attachment });

it("an attachment is downloaded by the other side", async () => {
  expect((await files(guest).upload(path, png, { contentType: "image/png" })).error).toBeNull();
  await send(guest, path).throwOnError();
  const { data } = await host.client.from("messages").select("attachment_path").single().throwOnError();
  const { data: file } = await files(host).download(data.attachment_path ?? "");
  expect(Buffer.from(await (file ?? new Blob([])).arrayBuffer()).equals(png)).toBe(true);
  const { data: link } = await files(host).createSignedUrl(path, 60);
  expect((await fetch(link?.signedUrl ?? "")).status).toBe(200);
  expect((await fetch(`${link?.signedUrl}x`)).status).toBeGreaterThanOrEqual(400);
});

it("an attachment cannot be read, listed, replaced or removed by anyone else", async () => {
  for (const person of [stranger, { client: anonymous() }]) {
    expect((await files(person).download(path)).error).not.toBeNull();
    expect((await files(person).createSignedUrl(path, 60)).error).not.toBeNull();
    expect((await files(person).list(thread)).data ?? []).toEqual([]);
    expect(
      (await files(person).upload(`${thread}/x.png`, png, { contentType: "image/png" })).error,
    ).not.toBeNull();
    await files(person).remove([path]);
  }
  expect(
    (await files(host).upload(path, png, { contentType: "image/png", upsert: true })).error,
  ).not.toBeNull();
  await files(host).remove([path]);
  expect((await files(guest).download(path)).error).toBeNull();
  const { data } = files(guest).getPublicUrl(path);
  expect((await fetch(data.publicUrl)).status).toBeGreaterThanOrEqual(400);
});

it("an attachment is a picture or a PDF of up to 10 MB, uploaded by the sender to the folder of the conversation", async () => {
  const page = await files(guest).upload(`${thread}/x.html`, "<script>alert(1)</script>", {
    contentType: "text/html",
  });
  expect(page.error).not.toBeNull();
  const large = Buffer.alloc(10 * 1024 * 1024 + 1);
  expect(
    (await files(guest).upload(`${thread}/x.pdf`, large, { contentType: "application/pdf" })).error,
  ).not.toBeNull();
  expect((await send(host, path)).status).toBe(422);
  expect((await send(guest, `${thread}/none.png`)).status).toBe(422);
  expect((await send(guest, `${crypto.randomUUID()}/door.png`)).status).toBeGreaterThanOrEqual(400);
});

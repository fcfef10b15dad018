// A person chooses a file in a browser, and supabase-js uploads it.

import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { openBrowser } from "../support/browser.ts";
import type { StoredFile } from "../support/files.ts";
import { signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const script = new URL("../../../node_modules/@supabase/supabase-js/dist/umd/supabase.js", import.meta.url);
const photo = new URL("../support/pictures/phone.jpg", import.meta.url);

/** Runs in the page: uploads the chosen file and a drawn picture, and returns the answers of the Edge Function. */
const uploadBoth = `async ({ url, key, folder, session }) => {
  const client = supabase.createClient(url, key);
  await client.auth.setSession(session);
  const [file] = document.querySelector("input").files;
  const canvas = document.createElement("canvas");
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const answers = [];
  for (const [name, body] of [["my photo.jpg", file], ["drawn.png", blob]]) {
    const path = folder + "/" + name;
    const uploaded = await client.storage.from("uploads").upload(path, body);
    const invoked = await client.functions.invoke("files", { body: { kind: "avatar", path } });
    answers.push(uploaded.error ?? invoked.error ?? invoked.data);
  }
  return answers;
}`;

it("a file input and a Blob are uploaded by supabase-js in Chromium", async () => {
  const ana = await signUp("Ana");
  const { data } = await ana.client.auth.getSession();
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.route("http://127.0.0.1:1/", (route) =>
      route.fulfill({ contentType: "text/html", body: "<input type=file>" }),
    );
    await page.goto("http://127.0.0.1:1/");
    await page.addScriptTag({ path: fileURLToPath(script) });
    await page.setInputFiles("input", fileURLToPath(photo));
    const facts = {
      url: stack.apiUrl,
      key: stack.publishableKey,
      folder: ana.id,
      session: data.session,
    };
    const files = await page.evaluate(`(${uploadBoth})(${JSON.stringify(facts)})`);
    expect(files).toMatchObject([
      { bucket: "avatars", content_type: "image/jpeg" },
      { bucket: "avatars", content_type: "image/png" },
    ] satisfies Partial<StoredFile>[]);
  } finally {
    await browser.close();
  }
});

// The status of the stack, and the API's description in Swagger UI with the stack's keys and the signed-in person's token.

import { apikey, currentSession, showSession } from "./session.js";

showSession();

/** Shows which servers answer. The text is replaced only when it changes, because screen readers read each change aloud. */
async function showStatus() {
  const parts = await fetch("/status.json").then(
    (response) => response.json(),
    () => ({ "API (npm start)": false }),
  );
  const names = (state) => Object.keys(parts).filter((name) => parts[name] === state);
  const silent = names(false).join(", ");
  const text =
    silent === "" ? `${names(true).join(", ")} answer.` : `No answer: ${silent}. See npm run logs.`;
  const status = document.getElementById("status");
  if (status.textContent === text) return;
  status.textContent = text;
  status.classList.toggle("trouble", silent !== "");
}
showStatus();
setInterval(showStatus, 5_000);

/** Shows what the database has: some published properties with their first photo. */
async function showHomes() {
  const query = new URLSearchParams({
    select: "path,alt_text,property:properties(title,city)",
    position: "eq.1",
    path: "not.is.null",
    order: "property_id",
    limit: "6",
  });
  const response = await fetch(`/rest/v1/property_photos?${query}`, { headers: { apikey } });
  const homes = response.ok ? await response.json() : [];
  const list = document.getElementById("homes");
  for (const { path, alt_text: alt, property } of homes) {
    const image = Object.assign(new Image(), {
      src: `/storage/v1/object/public/property-photos/${path}`,
      alt,
    });
    const item = document.createElement("li");
    item.append(image, `${property.title}, ${property.city}`);
    list.append(item);
  }
  list.hidden = homes.length === 0;
}
showHomes();

// Swagger UI has a dark mode; the page decides when it is on.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/** The API's description, with the code samples of each operation under its text and this stack's values in them. */
async function readDescription(session) {
  const description = await (await fetch("/openapi.json")).json();
  const values = {
    $API_URL: location.origin,
    $PUBLISHABLE_KEY: apikey,
    ...(session && { $ACCESS_TOKEN: session.access_token }),
  };
  for (const path of Object.values(description.paths)) {
    for (const operation of Object.values(path)) {
      const samples = (operation["x-codeSamples"] ?? []).map(({ label, lang, source }) => {
        const text = source.replace(/\$[A-Z_]+/g, (name) => values[name] ?? name);
        return `**${label}**\n\n\`\`\`${lang.toLowerCase()}\n${text}\n\`\`\``;
      });
      operation.description = [operation.description ?? "", ...samples].join("\n\n");
    }
  }
  return description;
}

// The viewer is large: it loads after the header is shown.
addEventListener("load", async () => {
  const session = currentSession();
  const ui = window.SwaggerUIBundle({
    spec: await readDescription(session),
    dom_id: "#api",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: -1,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete() {
      ui.preauthorizeApiKey("apikey", apikey);
      if (session !== undefined) ui.preauthorizeApiKey("bearer", session.access_token);
    },
  });
});

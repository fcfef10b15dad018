// The API's description in Swagger UI, with the stack's keys, and the token of whoever is signed in, filled in.

import { apikey, currentSession, showSession } from "./session.js";

showSession();

// Swagger UI has a dark mode, and leaves it to the page when.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// The header is there at once; the viewer is large.
addEventListener("load", () => {
  const ui = window.SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#api",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete() {
      ui.preauthorizeApiKey("apikey", apikey);
      const session = currentSession();
      if (session !== undefined) ui.preauthorizeApiKey("bearer", session.access_token);
    },
  });
});

// People open these pages from e-mails, so docs/openapi.json does not list them.

export const contract = "unlisted";

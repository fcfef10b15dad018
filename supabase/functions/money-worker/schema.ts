// Only the database calls this function, so docs/openapi.json does not list it.

export const contract = "unlisted";

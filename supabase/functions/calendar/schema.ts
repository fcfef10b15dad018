// Channels read these files, so docs/openapi.json does not list them; docs/guide/calendar-sync.md does.

export const contract = "unlisted";

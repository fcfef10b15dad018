// Monitoring reads it, not apps, so docs/openapi.json does not list it; docs/operate/monitoring.md does.

export const contract = "unlisted";

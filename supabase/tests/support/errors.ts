// Errors of the API.

/** The codes that the details of an error list, one for each rule that the request breaks. */
export function errorCodes(error: { details: string | null } | null): string[] {
  return (JSON.parse(error?.details ?? "[]") as { code: string }[]).map(({ code }) => code);
}

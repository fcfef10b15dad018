// Every error code that Edge Functions define. Errors of the database keep the code that the database gave them.

interface ErrorDefinition {
  status: number;
  message: string;
  hint?: string;
}

export const functionErrors = {
  bad_request: { status: 400, message: "The request body is not valid." },
  bad_signature: { status: 400, message: "The Stripe signature is missing, wrong or expired." },
  not_an_event: { status: 400, message: "The request body is not a Stripe event." },
  not_signed_in: {
    status: 401,
    message: "You are not signed in.",
    hint: "Send the access token as Authorization: Bearer ...",
  },
  service_key_required: {
    status: 401,
    message: "This function is internal: it takes the service key alone.",
    hint: "Send the project's secret key as apikey.",
  },
  metrics_token_required: {
    status: 401,
    message: "This address is for monitoring: it takes the metrics token alone.",
    hint: "Send the secret METRICS_TOKEN of the project as Authorization: Bearer ...",
  },
  card_declined: { status: 402, message: "Your card was declined.", hint: "Try another card." },
  invalid_link: {
    status: 404,
    message: "This link is not valid.",
    hint: "You can choose which e-mails you receive in the settings of the app.",
  },
  calendar_not_found: {
    status: 404,
    message: "There is no such calendar.",
    hint: "The link was replaced: copy the new one from the app.",
  },
  method_not_allowed: { status: 405, message: "This function does not support this HTTP method." },
  not_onboarded: {
    status: 409,
    message: "You do not have a payout account yet.",
    hint: "Send { action: onboard, return_url } first.",
  },
  body_too_large: { status: 413, message: "The request body is too large." },
  file_not_of_its_type: {
    status: 415,
    message: "The file is not a whole file of its declared content type.",
    hint: "Upload a JPEG, PNG, WebP, AVIF or PDF file with the matching content type to a new path.",
  },
  file_not_supported: {
    status: 415,
    message: "HEIC and animated AVIF images are not supported.",
    hint: "Save the image as JPEG, PNG, WebP or a still AVIF, and upload it to a new path.",
  },
  image_too_large: {
    status: 422,
    message: "The image has more than 100 megapixels, or a side of more than 20,000 pixels.",
    hint: "Make the image smaller, and upload it to a new path.",
  },
  payment_refused: {
    status: 422,
    message: "Stripe cannot take this payment.",
    hint: "The nights are free again. Book another stay.",
  },
  called_too_early: {
    status: 429,
    message: "This function has just run.",
    hint: "Call it again after the seconds in the header Retry-After.",
  },
  internal_error: {
    status: 500,
    message: "The server could not process the request.",
    hint: "Try again. If the error persists, contact support.",
  },
  event_not_stored: { status: 500, message: "The event could not be stored.", hint: "Send the event again." },
  payments_unavailable: {
    status: 502,
    message: "The payment service is not available.",
    hint: "It is safe to try again.",
  },
  storage_unavailable: {
    status: 502,
    message: "The file storage is not available.",
    hint: "It is safe to try again.",
  },
  reconciliation_failed: {
    status: 502,
    message: "The ledger could not be compared with Stripe.",
    hint: "It is safe to try again.",
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof functionErrors;

/** The JSON body of every error, with the same fields as errors of PostgREST. */
export interface ErrorBody {
  code: string;
  message: string;
  details?: string | null;
  hint?: string | null;
}

/** An error that the caller may read. `serve` hides every other error. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  /** Sent with the response. */
  readonly headers: Record<string, string>;

  constructor(status: number, body: ErrorBody, headers: Record<string, string> = {}) {
    super(body.message);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** The definition of an error, with an optional hint. */
export function errorOf(code: ErrorCode): ErrorDefinition {
  return functionErrors[code];
}

/** @param changes replace fields of the table, for example with the reason for a declined card */
export function apiError(
  code: ErrorCode,
  changes: Partial<Omit<ErrorBody, "code">> = {},
  headers: Record<string, string> = {},
): ApiError {
  const { status, ...body } = errorOf(code);
  return new ApiError(status, { code, ...body, ...changes }, headers);
}

/** An error that a database function raised for the caller. A failure of the database itself stays hidden from the caller. */
export function databaseError(
  error: { code: string; message: string; details: string; hint: string },
  status: number,
): Error {
  const { code, message, details, hint } = error;
  return status >= 400 && status < 500
    ? new ApiError(status, { code, message, details, hint })
    : new Error(`database error ${code}: ${message}`);
}

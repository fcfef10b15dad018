// Stripe's errors: a status and { error: { type, code, message, ... } }.

export interface ErrorBody {
  type: "invalid_request_error" | "card_error" | "idempotency_error" | "api_error" | "rate_limit_error";
  message: string;
  charge?: string;
  code?: string;
  decline_code?: string;
  doc_url?: string;
  param?: string;
  payment_intent?: unknown;
  payment_method?: unknown;
  setup_intent?: unknown;
}

export class StripeFault extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.status = status;
    this.body = body.code === undefined ? body : { ...body, doc_url: docUrl(body.code) };
  }
}

const docUrl = (code: string) => `https://stripe.com/docs/error-codes/${code.replaceAll("_", "-")}`;

export function invalid(message: string, param?: string, code?: string): StripeFault {
  return new StripeFault(400, {
    type: "invalid_request_error",
    message,
    ...(param === undefined ? {} : { param }),
    ...(code === undefined ? {} : { code }),
  });
}

export function missing(what: string, id: string, param = "id"): StripeFault {
  return new StripeFault(404, {
    type: "invalid_request_error",
    code: "resource_missing",
    message: `No such ${what.replaceAll("_", " ")}: '${id}'`,
    param,
  });
}

/** The refusal of something that Stripe has and the emulator lacks. */
export function lacking(what: string, param?: string): StripeFault {
  return invalid(`The Stripe emulator lacks ${what}. Stripe itself has it.`, param, "emulator_lacks_this");
}

/** A declined card. @param details the intent that was to be paid, its charge, its payment method */
export function declined(
  decline: { code: string; decline_code?: string; message: string },
  details: Pick<ErrorBody, "charge" | "payment_intent" | "payment_method" | "setup_intent"> = {},
): StripeFault {
  return new StripeFault(402, { type: "card_error", ...decline, ...details });
}

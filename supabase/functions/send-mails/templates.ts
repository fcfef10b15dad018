// What mails say: subject, paragraphs and one button for each kind of notification; as plain text and as HTML. English; dates
// and amounts in the reader's locale.

/** What public.mail_to_send returns. */
export interface MailRequest {
  to: string;
  name?: string;
  kind: string;
  message_id: string;
  locale: string;
  data: Record<string, unknown>;
  unsubscribe_token?: string;
  app_url: string;
  public_api_url: string;
}

export interface Mail {
  subject: string;
  text: string;
  html: string;
}

interface Content {
  subject: string;
  paragraphs: string[];
  action?: { label: string; path: string };
}

type Data = Record<string, unknown>;
type Template = (data: Data, locale: string) => Content;

const text = (data: Data, name: string): string => String(data[name] ?? "");
const isHost = (data: Data): boolean => data.you_are === "host";

/** A day (YYYY-MM-DD), in words. */
function day(data: Data, name: string, locale: string): string {
  const date = new Date(`${text(data, name)}T12:00:00Z`);
  return new Intl.DateTimeFormat(locale, { dateStyle: "full", timeZone: "UTC" }).format(date);
}

/** An instant, in words, on the clock of the property. */
function moment(data: Data, name: string, locale: string): string {
  const options = {
    dateStyle: "long",
    timeStyle: "short",
    timeZone: text(data, "time_zone") || "UTC",
  } as const;
  return new Intl.DateTimeFormat(locale, options).format(new Date(text(data, name)));
}

/** An amount in minor units. */
function amount(data: Data, name: string, locale: string): string {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: text(data, "currency") || "USD",
  });
  return format.format(Number(data[name]) / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const stay = (data: Data, locale: string): string =>
  `${day(data, "check_in", locale)} to ${day(data, "check_out", locale)}, ${text(data, "nights")} night${data.nights === 1 ? "" : "s"}, ${text(data, "guests")} guest${data.guests === 1 ? "" : "s"}`;
/** What was paid to confirm: a stay of more than 30 nights is paid in parts. */
const paid = (data: Data, locale: string): string => {
  const total = amount(data, "guest_total", locale);
  return Number(data.nights) > 30
    ? `You pay ${total} in parts: 30 nights now, and each 30 further ones before they begin.`
    : `You paid ${total}.`;
};
const reason = (data: Data): string[] =>
  text(data, "reason") === "" ? [] : [`They wrote: “${text(data, "reason")}”`];
const booking = (label: string, data: Data) => ({ label, path: `/bookings/${text(data, "booking_id")}` });
const other = (data: Data): string => text(data, isHost(data) ? "guest_name" : "host_name");

const templates: Record<string, Template> = {
  booking_requested: (data, locale) => ({
    subject: `${text(data, "guest_name")} would like to stay at ${text(data, "title")}`,
    paragraphs: [
      stay(data, locale),
      `Please answer by ${moment(data, "expires_at", locale)}; after that the request ends and the nights are free again.`,
    ],
    action: booking("Accept or decline", data),
  }),
  booking_accepted: (data, locale) => ({
    subject: `Your request was accepted: ${text(data, "title")}`,
    paragraphs: [
      stay(data, locale),
      `Pay ${amount(data, "guest_total", locale)} by ${moment(data, "expires_at", locale)} to confirm; the nights are held for you until then.`,
    ],
    action: booking("Pay and confirm", data),
  }),
  booking_declined: (data, locale) => ({
    subject: `Your request was declined: ${text(data, "title")}`,
    paragraphs: [stay(data, locale), ...reason(data), "You have not been charged."],
  }),
  booking_withdrawn: (data, locale) => ({
    subject: `${text(data, "guest_name")} withdrew the request for ${text(data, "title")}`,
    paragraphs: [stay(data, locale), "The nights are free again."],
  }),
  booking_expired: (data, locale) => ({
    subject: `Expired: ${text(data, "title")}`,
    paragraphs: [
      stay(data, locale),
      isHost(data)
        ? "The request was not answered in time."
        : "It was not confirmed in time. You have not been charged.",
    ],
  }),
  booking_confirmed: (data, locale) => ({
    subject: isHost(data)
      ? `Confirmed: ${text(data, "guest_name")} stays at ${text(data, "title")}`
      : `Confirmed: your stay at ${text(data, "title")}`,
    paragraphs: [
      stay(data, locale),
      isHost(data)
        ? "You can now see each other's phone number and e-mail address."
        : `${paid(data, locale)} The exact address is in the booking; we send the arrival details 48 hours before check-in.`,
    ],
    action: booking("See the booking", data),
  }),
  booking_cancelled: (data, locale) => ({
    subject: `Cancelled: ${text(data, "title")}, ${day(data, "check_in", locale)}`,
    paragraphs: [
      stay(data, locale),
      `Cancelled by ${data.actor === data.you_are ? "you" : data.actor === "guest" || data.actor === "host" ? other(data) : "support"}.`,
      ...reason(data),
      "The booking says what is refunded.",
    ],
    action: booking("See the booking", data),
  }),
  booking_no_show: (data, locale) => ({
    subject: `Reported as not arrived: ${text(data, "title")}`,
    paragraphs: [stay(data, locale), "Tell support if this is wrong."],
    action: booking("See the booking", data),
  }),
  booking_altered: (data, locale) => ({
    subject: `Changed: ${text(data, "title")}`,
    paragraphs: [`Now: ${stay(data, locale)}`, `Total: ${amount(data, "guest_total", locale)}`],
    action: booking("See the booking", data),
  }),
  alteration_proposed: (data, locale) => ({
    subject: `${other(data)} proposes a change: ${text(data, "title")}`,
    paragraphs: [
      `Now: ${stay(data, locale)}`,
      `Proposed: ${day(data, "new_check_in", locale)} to ${day(data, "new_check_out", locale)}, ${amount(data, "new_guest_total", locale)}`,
      `Please answer by ${moment(data, "expires_at", locale)}.`,
    ],
    action: booking("Accept or decline", data),
  }),
  alteration_declined: (data, locale) => ({
    subject: `${other(data)} declined the change: ${text(data, "title")}`,
    paragraphs: [`The booking stays as it is: ${stay(data, locale)}`],
    action: booking("See the booking", data),
  }),
  payment_failed: (data, locale) => ({
    subject: `Payment failed: ${text(data, "title")}`,
    paragraphs: [
      stay(data, locale),
      `${amount(data, "amount", locale)} could not be charged. ${text(data, "reason")}`.trim(),
      text(data, "expires_at") === ""
        ? "Try again, or with another card."
        : `Try again, or with another card, by ${moment(data, "expires_at", locale)}.`,
    ],
    action: booking("Pay", data),
  }),
  refund_sent: (data, locale) => ({
    subject: `Refunded: ${amount(data, "amount", locale)}`,
    paragraphs: [
      `For ${text(data, "title")}, ${day(data, "check_in", locale)}.`,
      ...(data.refund_reason === "late_payment"
        ? ["Your payment came when the booking had ended, and the nights were not free any more."]
        : []),
      "It goes back the way you paid; your bank may take some days to show it.",
    ],
    action: booking("See the booking", data),
  }),
  payout_sent: (data, locale) => ({
    subject: `On its way to you: ${amount(data, "amount", locale)}`,
    paragraphs: [`For ${text(data, "title")}, ${day(data, "check_in", locale)}.`],
    action: booking("See the booking", data),
  }),
  check_in_details: (data, locale) => ({
    subject: `Your arrival at ${text(data, "title")}`,
    paragraphs: [
      stay(data, locale),
      `Address: ${["line1", "line2", "postal_code", "address_city", "country"]
        .map((name) => text(data, name))
        .filter(Boolean)
        .join(", ")}`,
      `Check-in from ${text(data, "check_in_from")}${text(data, "check_in_until") === "" ? "" : ` until ${text(data, "check_in_until")}`}, check-out until ${text(data, "check_out_until")}, local time.`,
      ...(text(data, "host_phone") === ""
        ? []
        : [`${text(data, "host_name")}'s phone: ${text(data, "host_phone")}`]),
    ],
    action: booking("See the booking", data),
  }),
  review_due: (data, locale) => ({
    subject: isHost(data)
      ? `How was ${text(data, "guest_name")}?`
      : `How was your stay at ${text(data, "title")}?`,
    paragraphs: [
      `Write your review by ${moment(data, "review_until", locale)}. Nobody reads it before both of you have written or the time is over.`,
    ],
    action: booking("Write a review", data),
  }),
  review_published: (data) => ({
    subject: `${other(data)}'s review is published`,
    paragraphs: [
      `It is about ${isHost(data) ? text(data, "title") : `your stay at ${text(data, "title")}`}. You can answer it once, in public.`,
    ],
    action: booking("Read it", data),
  }),
  message_received: (data) => ({
    subject: `${text(data, "sender_name")} wrote to you: ${text(data, "title")}`,
    paragraphs: [text(data, "preview")],
    action: { label: "Answer", path: `/messages/${text(data, "thread_id")}` },
  }),
  property_suspended: (data) => ({
    subject: `Suspended: ${text(data, "title")}`,
    paragraphs: [
      ...(text(data, "reason") === "" ? [] : [text(data, "reason")]),
      "Nobody can book it until support ends this. Confirmed bookings stay.",
    ],
  }),
  account_suspended: (data) => ({
    subject: "Your account was suspended",
    paragraphs: [
      ...(text(data, "reason") === "" ? [] : [text(data, "reason")]),
      "Confirmed bookings stay. Answer this mail if it is a mistake.",
    ],
  }),
  report_closed: (data) => ({
    subject: "Your report was looked into",
    paragraphs: [text(data, "resolution")],
  }),
  co_host_invited: (data, locale) => ({
    subject: `${text(data, "host_name")} invites you to help host ${text(data, "title")}`,
    paragraphs: [
      {
        calendar: "You would see and keep its calendar.",
        calendar_and_messages: "You would keep its calendar and answer its guests.",
        full: "You would manage everything but payouts and taxes.",
      }[text(data, "level")] ?? "",
      `Sign in, or sign up, with this e-mail address to accept, by ${moment(data, "expires_at", locale)}. Ignore this mail to decline.`,
    ],
    action: { label: "See the invitation", path: `/invitations/${text(data, "invitation_id")}` },
  }),
  digest: (data, locale) => {
    const items = (data.items as (Data & { kind: string })[]).map(
      (item) => templates[item.kind]?.(item, locale).subject ?? item.kind,
    );
    return {
      subject: items.length === 1 ? (items[0] ?? "") : `${items.length} new notifications`,
      paragraphs: items.map((item) => `• ${item}`),
      action: { label: "Read them", path: "/notifications" },
    };
  },
};

const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const asHtml = (value: string): string =>
  value.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? "");

/** Where a reader, or their mail program (RFC 8058), ends mails of this topic; undefined for mails that cannot be turned off. */
export function unsubscribeUrl(request: MailRequest): string | undefined {
  const { public_api_url, unsubscribe_token } = request;
  return unsubscribe_token === undefined
    ? undefined
    : `${public_api_url}/functions/v1/unsubscribe?token=${encodeURIComponent(unsubscribe_token)}`;
}

/**
 * Writes the mail of a request.
 *
 * @throws when there is no template for its kind
 */
export function writeMail(request: MailRequest): Mail {
  const template = templates[request.kind];
  if (template === undefined) throw new Error(`no template for ${request.kind}`);
  const { subject, paragraphs, action } = template(request.data, request.locale);
  const link = action === undefined ? undefined : { ...action, url: `${request.app_url}${action.path}` };
  const greeting = request.name === undefined ? "Hello," : `Hello ${request.name},`;
  const unsubscribe = unsubscribeUrl(request);
  const lines = [greeting, ...paragraphs.filter((paragraph) => paragraph !== "")];
  return {
    subject: subject.replaceAll(/\s+/g, " "),
    text: [
      ...lines,
      ...(link === undefined ? [] : [`${link.label}: ${link.url}`]),
      ...(unsubscribe === undefined ? [] : [`-- \nNo more mails like this: ${unsubscribe}`]),
    ].join("\n\n"),
    html: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="color-scheme" content="light dark" />
    <title>${asHtml(subject)}</title>
  </head>
  <body style="font: 16px/1.6 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem">
    <h1 style="font-size: 1.4rem">${asHtml(subject)}</h1>
${lines.map((line) => `    <p>${asHtml(line).replaceAll("\n", "<br />")}</p>`).join("\n")}
${link === undefined ? "" : `    <p><a href="${asHtml(link.url)}" style="display: inline-block; padding: 0.7rem 1.2rem; border-radius: 0.4rem; background: #14532d; color: #fff; text-decoration: none">${asHtml(link.label)}</a></p>\n`}${unsubscribe === undefined ? "" : `    <p style="opacity: 0.7; font-size: 0.85rem"><a href="${asHtml(unsubscribe)}" style="color: inherit">No more mails like this</a></p>\n`}  </body>
</html>
`,
  };
}

/** The kinds that there are templates for. */
export const kinds: string[] = Object.keys(templates);

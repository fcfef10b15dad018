// The texts of all e-mails: subject, paragraphs and one button for each kind of notification. E-mails are in English, with English
// dates and amounts, whatever the locale of the reader.

export interface Content {
  subject: string;
  paragraphs: string[];
  action?: { label: string; path: string };
}

export type Data = Record<string, unknown>;
export type Template = (data: Data) => Content;

const text = (data: Data, name: string): string => String(data[name] ?? "");
const isHost = (data: Data): boolean => data.you_are === "host";

/** English words for a part of a date. Joining the parts here keeps the commas of different ICU versions out. */
const words = (date: Date, options: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat("en-GB", options).format(date);

/** A date (YYYY-MM-DD), as in "Friday 4 December 2026". */
function day(data: Data, name: string): string {
  const date = new Date(`${text(data, name)}T12:00:00Z`);
  const weekday = words(date, { weekday: "long", timeZone: "UTC" });
  return `${weekday} ${words(date, { dateStyle: "long", timeZone: "UTC" })}`;
}

/** An instant in the time zone of the property, as in "4 December 2026 at 11:30". */
function moment(data: Data, name: string): string {
  const date = new Date(text(data, name));
  const timeZone = text(data, "time_zone") || "UTC";
  return `${words(date, { dateStyle: "long", timeZone })} at ${words(date, { timeStyle: "short", timeZone })}`;
}

/** An amount in minor units, with its currency. */
function amount(data: Data, name: string): string {
  const currency = text(data, "currency") || "USD";
  // the decimal places of Intl are not those of ISO 4217: it has none for HUF and IDR
  const digits = Number(data.minor_unit ?? 2);
  const format = new Intl.NumberFormat("en", {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(Number(data[name]) / 10 ** digits);
}

const count = (data: Data, name: string, noun: string): string =>
  `${text(data, name)} ${noun}${data[name] === 1 ? "" : "s"}`;
const stay = (data: Data): string =>
  `${day(data, "check_in")} to ${day(data, "check_out")}, ${count(data, "nights", "night")}, ${count(data, "guests", "guest")}`;

/** The payment that confirmed a booking. A stay of more than 30 nights is paid in parts. */
const paid = (data: Data): string => {
  const total = amount(data, "guest_total");
  return Number(data.nights) > 30
    ? `You pay ${total} in parts: the first 30 nights now, and every further 30 nights before they begin.`
    : `You paid ${total}.`;
};
const reason = (data: Data): string[] =>
  text(data, "reason") === "" ? [] : [`They wrote: “${text(data, "reason")}”`];
/** Why host or support gave money back. */
const note = (data: Data): string[] => (text(data, "note") === "" ? [] : [`Reason: “${text(data, "note")}”`]);
const booking = (label: string, data: Data) => ({ label, path: `/bookings/${text(data, "booking_id")}` });
/** The name of the other person of the booking. */
const other = (data: Data): string => text(data, isHost(data) ? "guest_name" : "host_name");
const canceller = (data: Data): string => {
  if (data.actor === data.you_are) return "you";
  return data.actor === "guest" || data.actor === "host" ? other(data) : "support";
};
const until = (time: string): string => (time === "" ? "" : ` until ${time}`);
const ends: Record<string, string> = {
  booking_gone: "The booking here was cancelled, or has other nights now.",
  channel_gone: "The stay on the channel was cancelled, or has other nights now.",
  same_guest: "Both are one stay of the same guest.",
  stay_over: "The stay here is over.",
};
const duties: Record<string, string> = {
  calendar: "You would see and edit its calendar.",
  calendar_and_messages: "You would edit its calendar and answer its guests.",
  full: "You would manage everything except payouts and taxes.",
};

export const templates: Record<string, Template> = {
  booking_requested: (data) => ({
    subject: `${text(data, "guest_name")} would like to stay at ${text(data, "title")}`,
    paragraphs: [
      stay(data),
      `Please answer by ${moment(data, "expires_at")}. After that, the request expires and the nights become available again.`,
    ],
    action: booking("Accept or decline", data),
  }),
  booking_accepted: (data) => ({
    subject: `Your request was accepted: ${text(data, "title")}`,
    paragraphs: [
      stay(data),
      `Pay ${amount(data, "guest_total")} by ${moment(data, "expires_at")} to confirm your booking. The nights are reserved for you until then.`,
    ],
    action: booking("Pay and confirm", data),
  }),
  booking_declined: (data) => ({
    subject: `Your request was declined: ${text(data, "title")}`,
    paragraphs: [stay(data), ...reason(data), "You have not been charged."],
  }),
  booking_withdrawn: (data) => ({
    subject: `${text(data, "guest_name")} withdrew the request for ${text(data, "title")}`,
    paragraphs: [stay(data), "The nights are available again."],
  }),
  booking_expired: (data) => ({
    subject: `Expired: ${text(data, "title")}`,
    paragraphs: [
      stay(data),
      isHost(data)
        ? text(data, "reason") || "The request was not answered in time."
        : `${text(data, "reason") || "The booking was not confirmed in time."} You have not been charged.`,
    ],
  }),
  booking_confirmed: (data) => ({
    subject: isHost(data)
      ? `Confirmed: ${text(data, "guest_name")} stays at ${text(data, "title")}`
      : `Confirmed: your stay at ${text(data, "title")}`,
    paragraphs: [
      stay(data),
      isHost(data)
        ? "You can now see each other's phone number and e-mail address."
        : `${paid(data)} Your booking shows the exact address. We will send you the arrival details 48 hours before check-in.`,
    ],
    action: booking("See the booking", data),
  }),
  booking_cancelled: (data) => ({
    subject: `Cancelled: ${text(data, "title")}, ${day(data, "check_in")}`,
    paragraphs: [
      stay(data),
      `Cancelled by ${canceller(data)}.`,
      ...reason(data),
      "The booking shows the refund.",
    ],
    action: booking("See the booking", data),
  }),
  booking_no_show: (data) => ({
    subject: `Reported as not arrived: ${text(data, "title")}`,
    paragraphs: [stay(data), "Contact support if this is wrong."],
    action: booking("See the booking", data),
  }),
  booking_altered: (data) => ({
    subject: `Changed: ${text(data, "title")}`,
    paragraphs: [`New dates: ${stay(data)}`, `Total: ${amount(data, "guest_total")}`],
    action: booking("See the booking", data),
  }),
  alteration_proposed: (data) => ({
    subject: `${other(data)} proposes a change: ${text(data, "title")}`,
    paragraphs: [
      `Current: ${stay(data)}`,
      `Proposed: ${day(data, "new_check_in")} to ${day(data, "new_check_out")}, ${amount(data, "new_guest_total")}`,
      `Please answer by ${moment(data, "expires_at")}.`,
    ],
    action: booking("Accept or decline", data),
  }),
  alteration_declined: (data) => ({
    subject: `${other(data)} declined the change: ${text(data, "title")}`,
    paragraphs: [`The booking does not change: ${stay(data)}`],
    action: booking("See the booking", data),
  }),
  payment_failed: (data) => ({
    subject: `Payment failed: ${text(data, "title")}`,
    paragraphs: [
      stay(data),
      `${amount(data, "amount")} could not be charged. ${text(data, "reason")}`.trim(),
      text(data, "expires_at") === ""
        ? "Try again, or with another card."
        : `Try again, or with another card, by ${moment(data, "expires_at")}.`,
    ],
    action: booking("Pay", data),
  }),
  refund_sent: (data) => ({
    subject: `Refunded: ${amount(data, "amount")}`,
    paragraphs: [
      `For ${text(data, "title")}, ${day(data, "check_in")}.`,
      ...(data.refund_reason === "late_payment"
        ? ["Your payment arrived after the booking had ended, and the nights were no longer available."]
        : []),
      ...note(data),
      "The money goes back the way you paid. Your bank may take a few days to show it.",
    ],
    action: booking("See the booking", data),
  }),
  orphan_refunded: (data) => ({
    subject: `Refunded: ${amount(data, "amount")}`,
    paragraphs: [
      `You paid ${amount(data, "amount")}${text(data, "description") === "" ? "" : ` for “${text(data, "description")}”`}, and we no longer have the booking.`,
      "We are sorry. The whole amount goes back the way you paid. Your bank may take a few days to show it.",
    ],
  }),
  refund_charged: (data) => ({
    subject: `Refund from your earnings: ${amount(data, "amount")}`,
    paragraphs: [
      `For ${text(data, "title")}, ${day(data, "check_in")}.`,
      `${text(data, "guest_name")} got ${amount(data, "amount")} back, and support decided that you bear it.`,
      ...note(data),
      "Your statement shows it. What was paid out before is taken back, or deducted from your next payout.",
    ],
    action: booking("See the booking", data),
  }),
  money_requested: (data) => ({
    subject: `${text(data, "host_name")} asks for ${amount(data, "amount")}`,
    paragraphs: [
      stay(data),
      `They wrote: “${text(data, "request_reason")}”`,
      `You are charged only if you accept, by ${moment(data, "expires_at")}.`,
    ],
    action: booking("Accept or decline", data),
  }),
  money_request_answered: (data) => ({
    subject: `${text(data, "guest_name")} ${data.answer === "accepted" ? "accepted" : "declined"} your request for ${amount(data, "amount")}`,
    paragraphs: [
      stay(data),
      data.answer === "accepted"
        ? "Your statement shows the amount. It is paid out with the booking."
        : "Nothing is charged.",
    ],
    action: booking("See the booking", data),
  }),
  payout_sent: (data) => ({
    subject: `Payout sent: ${amount(data, "amount")}`,
    paragraphs: [`For ${text(data, "title")}, ${day(data, "check_in")}.`],
    action: booking("See the booking", data),
  }),
  check_in_details: (data) => ({
    subject: `Your arrival at ${text(data, "title")}`,
    paragraphs: [
      stay(data),
      `Address: ${["line1", "line2", "postal_code", "address_city", "country"]
        .map((name) => text(data, name))
        .filter(Boolean)
        .join(", ")}`,
      `Check-in from ${text(data, "check_in_from")}${until(text(data, "check_in_until"))}, check-out until ${text(data, "check_out_until")}, local time.`,
      ...(text(data, "host_phone") === ""
        ? []
        : [`${text(data, "host_name")}'s phone: ${text(data, "host_phone")}`]),
    ],
    action: booking("See the booking", data),
  }),
  review_due: (data) => ({
    subject: isHost(data)
      ? `How was ${text(data, "guest_name")}?`
      : `How was your stay at ${text(data, "title")}?`,
    paragraphs: [
      `Write your review by ${moment(data, "review_until")}. Both reviews are published when both of you have written one, or when the time is over.`,
    ],
    action: booking("Write a review", data),
  }),
  review_published: (data) => ({
    subject: `${other(data)}'s review is published`,
    paragraphs: [
      `It is about ${isHost(data) ? text(data, "title") : `your stay at ${text(data, "title")}`}. You can answer it once, in public.`,
    ],
    action: booking("Read the review", data),
  }),
  message_received: (data) => ({
    subject: `${text(data, "sender_name")} wrote to you: ${text(data, "title")}`,
    paragraphs: [text(data, "preview")],
    action: { label: "Answer", path: `/messages/${text(data, "thread_id")}` },
  }),
  property_suspended: (data) => ({
    subject: `Suspended: ${text(data, "title")}`,
    paragraphs: [
      text(data, "reason"),
      "Guests cannot book this property until support ends the suspension. Confirmed bookings remain valid.",
    ],
  }),
  feed_failed: (data) => ({
    subject: `The ${text(data, "channel")} calendar of ${text(data, "title")} cannot be read`,
    paragraphs: [
      `What was wrong: ${text(data, "error").replaceAll("_", " ")}. ${
        text(data, "last_good_at") === ""
          ? "It was never read."
          : `It was last read on ${moment(data, "last_good_at")}.`
      }`,
      "Nights that were sold there before stay taken. Nights that are sold there now can be booked here too, until the calendar is read again. Compare the link with the one that the channel shows.",
    ],
  }),
  feed_recovered: (data) => ({
    subject: `The ${text(data, "channel")} calendar of ${text(data, "title")} is read again`,
    paragraphs: ["Nothing is left to do."],
  }),
  overbooking_opened: (data) => ({
    subject: `Sold twice: ${text(data, "title")}, ${day(data, "nights_from")}`,
    paragraphs: [
      `The nights from ${day(data, "nights_from")} to ${day(data, "nights_until")} are booked here, and sold on ${text(data, "channel")} as well.`,
      "Cancel one of the two before both guests come. If both are one stay of the same guest, say so in the case, and nothing is left to do.",
    ],
    action: booking("See the booking", data),
  }),
  overbooking_closed: (data) => ({
    subject: `No longer sold twice: ${text(data, "title")}, ${day(data, "nights_from")}`,
    paragraphs: [
      ends[text(data, "closed_reason")] ?? "",
      `The other side was ${text(data, "channel")}. Nothing is left to do.`,
    ],
    action: booking("See the booking", data),
  }),
  account_suspended: (data) => ({
    subject: "Your account was suspended",
    paragraphs: [
      text(data, "reason"),
      "Confirmed bookings remain valid. Reply to this e-mail if you think this is a mistake.",
    ],
  }),
  report_closed: (data) => ({
    subject: "Your report was reviewed",
    paragraphs: [text(data, "resolution")],
  }),
  co_host_invited: (data) => ({
    subject: `${text(data, "host_name")} invites you to help host ${text(data, "title")}`,
    paragraphs: [
      duties[text(data, "level")] ?? "",
      `To accept, sign in or sign up with this e-mail address by ${moment(data, "expires_at")}. To decline, ignore this e-mail.`,
    ],
    action: { label: "See the invitation", path: `/invitations/${text(data, "invitation_id")}` },
  }),
  digest: (data) => {
    const items = (data.items as (Data & { kind: string })[]).map(
      (item) => templates[item.kind]?.(item).subject ?? item.kind,
    );
    return {
      subject: items.length === 1 ? (items[0] ?? "") : `${items.length} new notifications`,
      paragraphs: items.map((item) => `• ${item}`),
      action: { label: "See your notifications", path: "/notifications" },
    };
  },
};

// What property-photos takes and answers.

import { z } from "npm:zod@4.6.7";
import type { Contract } from "../_shared/contract.ts";

export const bodySchema = z
  .object({
    path: z.string().regex(/^[0-9a-f-]{36}\/\w[\w.-]{0,99}$/, "path is <property id>/<file name>"),
    alt_text: z.string().max(300),
  })
  .meta({
    examples: [
      {
        path: "5eed0000-0000-4000-8000-000000000101/kitchen.png",
        alt_text: "The kitchen, with the river behind",
      },
    ],
  });

const photoSchema = z.object({
  id: z.uuid(),
  property_id: z.uuid(),
  path: z.string(),
  external_url: z.null(),
  alt_text: z.string(),
  position: z.int(),
  created_at: z.iso.datetime({ offset: true }),
  updated_at: z.iso.datetime({ offset: true }),
});

export const contract = {
  summary: "Make an upload a photo of its property",
  description:
    "Upload to the bucket `property-photos` first. The function looks at the bytes: what is no image is thrown away, and what " +
    "a photo tells beside the picture, such as where it was taken, is taken out.",
  caller: "person",
  input: bodySchema,
  answers: { 201: { description: "The row of `property_photos`.", schema: photoSchema } },
  errors: {
    400: { code: "bad_request", message: "✖ Invalid input", hint: "Send JSON: { path, alt_text }." },
    401: { code: "not_signed_in", message: "You are not signed in." },
    404: { code: "PT404", message: "There is no such property among yours." },
    422: {
      code: "PT422",
      message: "There is no such upload.",
      hint: "Upload the photo to a new path in the bucket property-photos first.",
    },
    405: { code: "method_not_allowed", message: "Use POST." },
    415: {
      code: "not_an_image",
      message: "That file is not an image of the kind it says it is.",
      hint: "Upload a JPEG, PNG, WebP or AVIF file with its own content type, to a new path.",
    },
    502: {
      code: "storage_unavailable",
      message: "The photo could not be stored.",
      hint: "Nothing is lost: call again.",
    },
  },
} satisfies Contract;

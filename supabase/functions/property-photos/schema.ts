// Input and output of property-photos.

import { z } from "zod";
import { type Contract, contractErrors } from "../_shared/contract.ts";

export const bodySchema = z
  .object({
    path: z.string().regex(/^[0-9a-f-]{36}\/\w[\w.-]{0,99}$/, "path is <property id>/<file name>"),
    alt_text: z.string().max(300),
  })
  .meta({
    examples: [
      {
        path: "5eed0000-0000-4000-8000-000000000101/kitchen.png",
        alt_text: "The kitchen, with a view of the river",
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
  summary: "Add an uploaded photo to its property",
  description:
    "Upload the file to the bucket `property-photos` first. The function checks that the file is an image, deletes it otherwise, " +
    "and removes its metadata, such as the location.",
  caller: "person",
  input: bodySchema,
  answers: { 201: { description: "The row of `property_photos`.", schema: photoSchema } },
  errors: {
    ...contractErrors(
      "bad_request",
      "not_signed_in",
      "method_not_allowed",
      "not_an_image",
      "internal_error",
      "storage_unavailable",
    ),
    404: { code: "PT404", message: "You manage no property with this id." },
    422: {
      code: "PT422",
      message: "There is no recent upload at this path.",
      hint: "Upload the photo to a new path of the bucket property-photos first.",
    },
  },
} satisfies Contract;

// Input and output of files.

import { z } from "zod";
import { type Contract, contractErrors } from "../_shared/contract.ts";

const path = z.string().min(1).max(1024);

export const bodySchema = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("property_photo"),
      path,
      property_id: z.uuid(),
      alt_text: z.string().max(300),
    }),
    z.object({ kind: z.literal("avatar"), path }),
    z.object({ kind: z.literal("attachment"), path, thread_id: z.uuid() }),
  ])
  .meta({
    examples: [
      {
        kind: "property_photo",
        path: "5eed0000-0000-4000-8000-000000000001/kitchen.jpg",
        property_id: "5eed0000-0000-4000-8000-000000000101",
        alt_text: "The kitchen, with a view of the river",
      },
    ],
  });

export type Body = z.infer<typeof bodySchema>;

const fileSchema = z.object({
  bucket: z.string(),
  path: z.string(),
  content_type: z.string(),
  bytes: z.int(),
  photo_id: z.uuid().nullable(),
});

/** A file as `begin_file` and `finish_file` return it. */
export const storedFileSchema = fileSchema.extend({
  id: z.uuid(),
  status: z.enum(["pending", "ready", "failed"]),
  error: z.string().nullable(),
});

export type StoredFile = z.infer<typeof storedFileSchema>;

export const contract = {
  summary: "Turn an upload into a photo, an avatar or an attachment",
  description:
    "Upload the file to the private bucket `uploads` as `<your id>/<file name>` first. The function checks that its bytes are of " +
    "its declared type, writes a copy without metadata, such as the location, and removes the upload. A photo is then part of its " +
    "property; the path of an avatar or attachment can be named by `profiles.avatar_path` or `messages.attachment_path`. A " +
    "repeated call gets the same answer.",
  caller: "person",
  input: bodySchema,
  answers: { 201: { description: "The cleaned file, and the photo that it became.", schema: fileSchema } },
  errors: {
    ...contractErrors(
      "bad_request",
      "not_signed_in",
      "method_not_allowed",
      "file_not_supported",
      "internal_error",
      "storage_unavailable",
    ),
    404: { code: "PT404", message: "You manage no property with this id." },
    422: {
      code: "PT422",
      message: "There is no recent upload at this path.",
      hint: "Upload the file to the bucket uploads as <your id>/<file name>, then send that path.",
    },
    429: {
      code: "PT429",
      message: "You can add up to 30 files of the kind attachment an hour.",
      hint: "Try again in an hour.",
    },
  },
} satisfies Contract;

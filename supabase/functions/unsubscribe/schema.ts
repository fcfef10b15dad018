// The pages behind the link in mails are for people, so the description of the API leaves it out.

export const contract = "unlisted";

// Stripe calls it, so the description of the API leaves it out.

export const contract = "unlisted";

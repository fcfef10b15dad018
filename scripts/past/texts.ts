// What people write in the past.

import type { Random } from "./random.ts";

const openings: Record<number, string[]> = {
  5: [
    "One of the best stays we have had.",
    "Exactly as in the pictures, only warmer.",
    "We would come back tomorrow.",
    "A home, not a hotel.",
  ],
  4: ["A good stay.", "We liked it a lot.", "Comfortable and well kept.", "Good value for these days."],
  3: ["It was all right.", "A mixed stay.", "Fine for a night or two."],
  2: ["We expected more.", "Not what we had hoped for."],
};
const details: Record<number, string[]> = {
  5: [
    "The beds are excellent and the street is quiet at night.",
    "Everything was spotless, and there was bread on the table.",
    "The kitchen has all you need, down to a sharp knife.",
    "Check-in took two minutes.",
    "Our host knew the right bakery, the right tram and the right hour for both.",
  ],
  4: [
    "The shower takes a minute to get warm.",
    "The stairs are steep, but the view repays them.",
    "Some street noise on Saturday, gone by midnight.",
    "A second set of towels would have helped.",
  ],
  3: [
    "The heating could not keep up on the coldest night.",
    "The wifi dropped twice during calls.",
    "It is smaller than it looks.",
  ],
  2: ["The flat had not been aired, and the kitchen was not clean.", "The bed was worn out."],
};
const closings = [
  "Thank you!",
  "Recommended for couples.",
  "Recommended for families.",
  "We will be back.",
  "",
];

/** A review of a property. @param stars overall, 2 to 5 */
export function propertyReview(random: Random, stars: number): string {
  const parts = [
    random.pick(openings[stars] ?? []),
    random.pick(details[stars] ?? []),
    stars > 3 ? random.pick(closings) : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

export const guestReviews = [
  "Left everything tidy, and wrote a kind note.",
  "Easy communication, on time, a pleasure to host.",
  "Considerate guests. Welcome back any time.",
  "Quiet, friendly, and the plants were watered.",
  "All good. They asked before bringing a friend to dinner.",
];
export const replies = [
  "Thank you for staying with us, and for telling us about it.",
  "Thank you. The next time, try the terrace at seven in the morning.",
  "You are right, and it has been fixed since.",
];
export const notes = ["The lamp in the hall flickers.", "The spare key sticks.", "The fridge hums at night."];

/** A guest's first message after booking, and the host's answer. */
export const conversations = [
  [
    "Hello! We arrive around nine in the evening. Is that all right?",
    "Of course. The key box is to the left of the door.",
  ],
  ["Is there a cot for our youngest?", "Yes, I will put it in the bedroom."],
  ["Could we leave our bags on the last day until three?", "Happily, in the hall downstairs."],
  ["Which tram goes to the centre?", "The stop is across the street; every ten minutes until midnight."],
  ["We are looking forward to it!", "So am I. Safe travels!"],
  ["Is there a desk where one can work?", "At the window, with a good chair and fast wifi."],
] as const;
export const inquiries = [
  ["Is the street quiet at night? We travel with a baby.", "Very quiet after ten. There is a cot as well."],
  ["Can a car park nearby?", "There is a garage two minutes away, about 15 a day."],
] as const;
export const declineReasons = [
  "We have family staying then, sorry.",
  "The roof is being repaired that week.",
];
export const cancelReasons = ["Our plans have changed.", "The flight was cancelled.", "A child is ill."];

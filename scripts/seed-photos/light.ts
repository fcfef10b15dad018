// Times of day: what the sky looks like, and what its light does to colours.

import type { Colour } from "./picture.ts";

/** Light of a time of day: the sky from top to horizon, the sun or moon, what the light does to colours, and whether windows shine. */
export interface Light {
  top: Colour;
  horizon: Colour;
  disc: Colour;
  tint: Colour;
  strength: number;
  isDark: boolean;
}
const lights: Light[] = [
  {
    top: [74, 144, 205],
    horizon: [222, 238, 245],
    disc: [255, 248, 214],
    tint: [255, 250, 235],
    strength: 0.05,
    isDark: false,
  },
  {
    top: [92, 122, 178],
    horizon: [255, 205, 150],
    disc: [255, 236, 180],
    tint: [255, 190, 130],
    strength: 0.18,
    isDark: false,
  },
  {
    top: [52, 48, 104],
    horizon: [240, 134, 110],
    disc: [255, 196, 140],
    tint: [110, 62, 112],
    strength: 0.35,
    isDark: true,
  },
  {
    top: [128, 176, 190],
    horizon: [250, 228, 214],
    disc: [255, 250, 240],
    tint: [240, 225, 225],
    strength: 0.16,
    isDark: false,
  },
  {
    top: [14, 24, 58],
    horizon: [70, 92, 140],
    disc: [244, 240, 220],
    tint: [22, 32, 78],
    strength: 0.5,
    isDark: true,
  },
];

/** The light at a property of supabase/seed.sql, the same in all its pictures. */
export function lightOf(n: number): Light {
  return lights[(n * 3) % lights.length] as Light;
}

// Draws the photos of the seed: `node scripts/draw-seed-photos.ts` writes supabase/seed/property-photos. Each run draws the same
// 34 houses and 34 rooms, as small PNG files with a palette.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inside } from "./seed-photos/inside.ts";
import { outside } from "./seed-photos/outside.ts";

const folder = join(import.meta.dirname, "../supabase/seed/property-photos");
for (let n = 1; n <= 34; n++) {
  const property = join(folder, `5eed0000-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`);
  mkdirSync(property, { recursive: true });
  writeFileSync(join(property, "outside.png"), outside(n).png());
  writeFileSync(join(property, "inside.png"), inside(n).png());
}

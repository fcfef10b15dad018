// Draws the photos of the seed: `node scripts/draw-seed-photos.ts` writes supabase/seed/property-photos. Each run draws the same
// thirty houses and thirty rooms, as small PNG files with a palette.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

const width = 720;
const height = 480;
type Colour = readonly [red: number, green: number, blue: number];

/** An image of palette indices. */
class Picture {
  readonly pixels = new Uint8Array(width * height);
  readonly palette: Colour[] = [];

  private index(colour: Colour): number {
    const found = this.palette.findIndex((known) => known.every((part, at) => part === colour[at]));
    return found === -1 ? this.palette.push(colour) - 1 : found;
  }

  /** Fills the pixels of a rectangle for which `inside` is true. */
  fill(
    colour: Colour,
    [x, y, w, h]: [number, number, number, number],
    inside: (x: number, y: number) => boolean = () => true,
  ): void {
    const index = this.index(colour);
    for (let row = Math.max(0, Math.round(y)); row < Math.min(height, y + h); row++) {
      for (let column = Math.max(0, Math.round(x)); column < Math.min(width, x + w); column++) {
        if (inside(column, row)) this.pixels[row * width + column] = index;
      }
    }
  }

  circle(colour: Colour, x: number, y: number, radius: number): void {
    this.fill(
      colour,
      [x - radius, y - radius, 2 * radius, 2 * radius],
      (px, py) => Math.hypot(px - x, py - y) <= radius,
    );
  }

  /** The PNG file (W3C PNG, third edition): header, palette, and one deflated stream of rows without filters. */
  png(): Buffer {
    const chunk = (type: string, data: Buffer) => {
      const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
      const frame = Buffer.alloc(body.length + 8);
      frame.writeUInt32BE(data.length, 0);
      body.copy(frame, 4);
      frame.writeUInt32BE(crc32(body), body.length + 4);
      return frame;
    };
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 3, 0, 0, 0], 8);
    const rows = Buffer.alloc((width + 1) * height);
    for (let row = 0; row < height; row++) {
      rows.set(this.pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
    }
    return Buffer.concat([
      Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
      chunk("IHDR", header),
      chunk("PLTE", Buffer.from(this.palette.flat())),
      chunk("IDAT", deflateSync(rows, { level: 9 })),
      chunk("IEND", Buffer.alloc(0)),
    ]);
  }
}

/** A colour by hue (degrees), saturation and lightness (0 to 1). */
function hsl(hue: number, saturation: number, lightness: number): Colour {
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const a = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

function outside(n: number): Picture {
  const picture = new Picture();
  const lisbon = n <= 15;
  const hue = (n * 47) % 360;
  const sky = lisbon ? 205 : 25 + (n % 5) * 8;
  for (let band = 0; band < 12; band++) {
    picture.fill(hsl(sky, 0.6, 0.62 + band * 0.025), [0, band * 28, width, 28]);
  }
  picture.circle(hsl(48, 0.95, 0.75), 90 + ((n * 61) % 540), 90, 38);
  const hill = (x: number) => 300 - 50 * Math.sin((x + n * 90) / 130) - 20 * Math.sin(x / 47 + n);
  picture.fill(hsl(lisbon ? 215 : 120, 0.3, 0.55), [0, 0, width, height], (x, y) => y > hill(x));
  picture.fill(hsl(lisbon ? 40 : 95, 0.25, 0.7), [0, 390, width, 90]);

  const floors = 1 + (n % 3);
  const w = 260 + ((n * 31) % 120);
  const h = 95 * floors + 20;
  const [left, top] = [(width - w) / 2, 400 - h];
  const roof = lisbon ? 60 : 85;
  const overhang = lisbon ? 12 : 45;
  picture.fill(
    lisbon ? hsl(14, 0.6, 0.48) : hsl(215, 0.15, 0.3),
    [left - overhang, top - roof, w + 2 * overhang, roof],
    (x, y) => Math.abs(x - width / 2) < (w / 2 + overhang) * ((y - top + roof) / roof) ** (lisbon ? 1 : 0.6),
  );
  picture.fill(lisbon ? hsl(hue, 0.45, 0.82) : hsl(35, 0.35, 0.75), [left, top, w, h]);
  const columns = Math.floor(w / 80);
  for (let floor = 0; floor < floors; floor++) {
    for (let column = 0; column < columns; column++) {
      const x = left + (w / columns) * (column + 0.5) - 22;
      const y = top + 22 + floor * 95;
      const door = floor === floors - 1 && column === n % columns;
      const frame = lisbon ? hsl(hue, 0.35, 0.95) : hsl(22, 0.45, 0.3);
      picture.fill(frame, [x - 5, y - 5, 54, door ? 98 : 70]);
      picture.fill(
        door ? hsl((hue + 180) % 360, 0.5, 0.35) : hsl(200, 0.4, 0.35 + ((n + column) % 3) * 0.15),
        [x, y, 44, door ? 93 : 60],
      );
      picture.fill(frame, [x + 20, y, 4, door ? 0 : 60]);
    }
  }
  for (const side of [-1, 1]) {
    const x = width / 2 + side * (w / 2 + 75);
    picture.fill(hsl(25, 0.4, 0.3), [x - 6, 330, 12, 75]);
    const leaves = lisbon ? hsl(100, 0.35, 0.38) : hsl(345 - (n % 4) * 80, 0.55, 0.7);
    for (const [dx, dy, radius] of [
      [0, 300, 44],
      [-28, 325, 30],
      [28, 322, 32],
    ] as const) {
      picture.circle(leaves, x + dx, dy, radius);
    }
  }
  return picture;
}

function inside(n: number): Picture {
  const picture = new Picture();
  const hue = (n * 47) % 360;
  picture.fill(hsl(hue, 0.3, 0.88), [0, 0, width, 340]);
  for (let plank = 0; plank < 7; plank++) {
    picture.fill(hsl(28, 0.4, 0.52 + (plank % 2) * 0.05), [0, 340 + plank * 20, width, 20]);
  }
  const [x, y] = [70 + ((n * 37) % 120), 60];
  picture.fill(hsl(0, 0, 0.97), [x - 8, y - 8, 216, 186]);
  picture.fill(hsl(205, 0.6, 0.75), [x, y, 200, 170]);
  picture.fill(
    hsl(110, 0.3, 0.55),
    [x, y, 200, 170],
    (px, py) => py > y + 110 - 30 * Math.sin((px + n * 50) / 40),
  );
  picture.fill(hsl(0, 0, 0.97), [x + 96, y, 8, 170]);
  picture.fill(hsl((hue + 150) % 360, 0.4, 0.6), [470, 70, 150, 110]);
  picture.circle(hsl((hue + 30) % 360, 0.6, 0.7), 545, 125, 34);
  const sofa = hsl((hue + 200) % 360, 0.35, 0.45);
  picture.fill(sofa, [330, 250, 300, 60]);
  picture.fill(hsl((hue + 200) % 360, 0.35, 0.52), [310, 300, 340, 60]);
  picture.fill(sofa, [300, 275, 34, 100]);
  picture.fill(sofa, [626, 275, 34, 100]);
  for (let cushion = 0; cushion < 1 + (n % 3); cushion++) {
    picture.fill(hsl((hue + 40 * cushion) % 360, 0.6, 0.65), [350 + cushion * 90, 262, 50, 42]);
  }
  picture.fill(hsl(28, 0.45, 0.35), [150, 385, 160, 12]);
  picture.fill(hsl(28, 0.45, 0.3), [165, 397, 10, 50]);
  picture.fill(hsl(28, 0.45, 0.3), [285, 397, 10, 50]);
  picture.fill(hsl(hue, 0.5, 0.4), [215, 350, 26, 36]);
  picture.circle(hsl(120, 0.4, 0.4), 228, 335, 24);
  return picture;
}

const folder = join(import.meta.dirname, "../supabase/seed/property-photos");
for (let n = 1; n <= 30; n++) {
  const property = join(folder, `5eed0000-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`);
  mkdirSync(property, { recursive: true });
  writeFileSync(join(property, "outside.png"), outside(n).png());
  writeFileSync(join(property, "inside.png"), inside(n).png());
}

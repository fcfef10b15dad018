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

const mix = (a: Colour, b: Colour, share: number): Colour =>
  [0, 1, 2].map((at) =>
    Math.round((a[at] ?? 0) + ((b[at] ?? 0) - (a[at] ?? 0)) * share),
  ) as unknown as Colour;

/** Light of a time of day: the sky from top to horizon, the sun or moon, what the light does to colours, and whether windows shine. */
interface Light {
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

/** What stands at a property of supabase/seed.sql. */
type Kind = "house" | "tower" | "villa" | "boat" | "hut";
function kindOf(n: number): Kind {
  if (n === 12) return "boat";
  if ([4, 14, 16, 21, 25].includes(n)) return "villa";
  if ([13, 17, 27, 29].includes(n)) return "hut";
  return [2, 6, 8, 10, 20, 22].includes(n) ? "tower" : "house";
}

function outside(n: number): Picture {
  const picture = new Picture();
  const isLisbon = n <= 15;
  const light = lights[(n * 3) % lights.length] ?? (lights[0] as Light);
  const lit = (colour: Colour): Colour => mix(colour, light.tint, light.strength);
  const ground = 400;
  for (let band = 0; band < 60; band++) {
    picture.fill(mix(light.top, light.horizon, (band / 59) ** 1.3), [0, band * 6, width, 6]);
  }
  const [sunX, sunY] = [110 + ((n * 137) % 500), light.isDark ? 90 : 80 + ((n * 29) % 60)];
  for (const [radius, share] of [
    [78, 0.82],
    [58, 0.65],
    [40, 0],
  ] as const) {
    const behind = mix(light.top, light.horizon, (sunY / 360) ** 1.3);
    picture.circle(mix(light.disc, behind, share), sunX, sunY, radius * 0.8);
  }
  if (light.isDark) {
    for (let star = 0; star < 40; star++) {
      picture.fill([255, 255, 240], [(star * 197 + n * 31) % width, (star * 83 + n * 17) % 200, 2, 2]);
    }
  } else {
    for (let cloud = 0; cloud < 3; cloud++) {
      const [x, y] = [((n * 53 + cloud * 251) % 760) - 20, 50 + ((n * 37 + cloud * 61) % 110)];
      const white = mix([255, 255, 255], light.horizon, 0.35);
      for (const [dx, dy, radius] of [
        [0, 0, 20],
        [24, -10, 26],
        [52, 0, 20],
      ] as const) {
        picture.circle(white, x + dx, y + dy, radius);
      }
      picture.fill(white, [x - 4, y, 62, 20]);
    }
  }
  for (let range = 0; range < 3; range++) {
    const far = lit(
      isLisbon
        ? [128 - range * 22, 142 - range * 18, 160 - range * 34]
        : [104 - range * 24, 136 - range * 22, 124 - range * 26],
    );
    const rise = isLisbon ? 26 : 58 - range * 10;
    const line = (x: number) =>
      270 +
      range * 36 -
      rise * Math.sin((x + n * 90 + range * 210) / (120 - range * 16)) -
      10 * Math.sin(x / 31 + n + range);
    picture.fill(mix(far, light.horizon, 0.55 - range * 0.22), [0, 0, width, ground], (x, y) => y > line(x));
  }
  town(picture, n, isLisbon, light, lit);
  const paving: Colour = isLisbon ? [214, 204, 186] : [150, 152, 128];
  picture.fill(lit(paving), [0, ground, width, height - ground]);
  for (let row = 0; row < 5; row++) {
    for (let stone = 0; stone < 12; stone++) {
      const at = stone * 66 - (row % 2) * 33;
      picture.fill(lit(mix(paving, [60, 60, 60], 0.1)), [at, ground + 6 + row * 16, 58, 10]);
    }
  }
  building(picture, n, isLisbon, light, lit, ground);
  for (const side of kindOf(n) === "boat" ? [] : [-1, 1]) {
    const x = side < 0 ? 62 + ((n * 13) % 30) : 650 - ((n * 19) % 30);
    picture.fill(lit([84, 62, 46]), [x - 5, 330, 10, 78]);
    const leaves: Colour = isLisbon
      ? [88, 128, 70]
      : ((
          [
            [226, 150, 170],
            [196, 84, 54],
            [110, 146, 84],
            [232, 176, 84],
          ] as const
        )[n % 4] ?? [110, 146, 84]);
    for (const [dx, dy, radius, shade] of [
      [0, 318, 40, 0.25],
      [-26, 334, 28, 0.25],
      [26, 330, 30, 0.25],
      [-6, 306, 28, 0],
      [-24, 326, 17, 0],
      [18, 316, 18, 0],
    ] as const) {
      picture.circle(lit(mix(leaves, [30, 40, 40], shade)), x + dx, dy, radius);
    }
    picture.fill(lit([110, 120, 96]), [x - 26, 404, 52, 5]);
  }
  return picture;
}

/** Roofs in the distance, and a pagoda in Kyoto. */
function town(
  picture: Picture,
  n: number,
  isLisbon: boolean,
  light: Light,
  lit: (colour: Colour) => Colour,
): void {
  const hazy = (colour: Colour) => mix(lit(colour), light.horizon, 0.4);
  for (let house = 0; house < 15; house++) {
    const w = 44 + ((house * 23 + n * 11) % 30);
    const h = 40 + ((house * 37 + n * 29) % 60);
    const x = house * 50 - 20 + ((n * 7 + house * 5) % 14);
    const wall = hsl(
      isLisbon ? (house * 67 + n * 20) % 360 : 34,
      isLisbon ? 0.4 : 0.2,
      isLisbon ? 0.85 : 0.6,
    );
    picture.fill(hazy(wall), [x, 400 - h, w, h]);
    const roof: Colour = isLisbon ? [196, 96, 64] : [70, 78, 90];
    picture.fill(
      hazy(roof),
      [x - 5, 400 - h - 16, w + 10, 16],
      (px, py) => Math.abs(px - x - w / 2) < (w / 2 + 5) * ((py - 384 + h) / 16),
    );
    for (let window = 0; window < 2; window++) {
      const glass: Colour = light.isDark && (house + window + n) % 3 > 0 ? [255, 214, 130] : [92, 104, 120];
      picture.fill(light.isDark ? glass : hazy(glass), [x + 8 + window * 20, 400 - h + 10, 9, 13]);
    }
  }
  if (!isLisbon && n % 3 === 0) {
    for (let storey = 0; storey < 5; storey++) {
      const [y, w] = [330 - storey * 34, 92 - storey * 12];
      picture.fill(hazy([150, 60, 50]), [560 - w / 4, y, w / 2, 34]);
      picture.fill(
        hazy([62, 66, 76]),
        [560 - w / 2, y - 4, w, 12],
        (px, py) => Math.abs(px - 560) < w / 2 - (y + 8 - py) * 1.4,
      );
    }
    picture.fill(hazy([62, 66, 76]), [558, 158, 4, 34]);
  }
}

function building(
  picture: Picture,
  n: number,
  isLisbon: boolean,
  light: Light,
  lit: (colour: Colour) => Colour,
  ground: number,
): void {
  const kind = kindOf(n);
  const glass = (at: number): Colour =>
    light.isDark && at % 3 !== 1 ? [255, 212, 124] : lit(mix([112, 150, 172], [214, 232, 238], (at % 3) / 3));
  if (kind === "boat") {
    for (let wave = 0; wave < 6; wave++) {
      picture.fill(
        lit(mix([44, 98, 128], [120, 176, 190], (wave % 3) / 4)),
        [0, 376 + wave * 18, width, 18],
        (x, y) => y > 380 + wave * 18 + 4 * Math.sin(x / 22 + wave * 2),
      );
    }
    picture.fill(
      lit([120, 52, 44]),
      [150, 338, 420, 62],
      (x, y) => Math.abs(x - 360) < 210 - (y - 338) * 0.9,
    );
    picture.fill(lit([244, 238, 226]), [150, 330, 420, 10]);
    picture.fill(lit([238, 226, 200]), [220, 256, 270, 74]);
    picture.fill(lit([62, 92, 108]), [208, 244, 294, 14]);
    for (let port = 0; port < 4; port++) {
      picture.circle(lit([150, 116, 70]), 256 + port * 66, 292, 22);
      picture.circle(glass(port), 256 + port * 66, 292, 17);
    }
    picture.fill(lit([90, 66, 48]), [516, 150, 6, 182]);
    picture.fill(lit([226, 92, 70]), [522, 154, 54, 30], (x, y) => x - 522 < 54 - Math.abs(y - 169) * 2.4);
    return;
  }
  const floors = { house: 2, tower: 4, villa: 2, hut: 1 }[kind];
  const columns = { house: 4, tower: 3, villa: 6, hut: 3 }[kind];
  const storey = kind === "tower" ? 66 : 84;
  const [w, h] = [columns * 66 + 24, floors * storey + 14];
  const [left, top] = [(width - w) / 2 + ((n * 17) % 40) - 20, ground - h];
  const middle = left + w / 2;
  const roof = isLisbon ? 46 : 70;
  const eaves = isLisbon ? 10 : 34;
  const hue = (n * 47) % 360;
  const wall = lit(isLisbon ? hsl(hue, 0.5, 0.84) : kind === "tower" ? [214, 204, 188] : [206, 178, 140]);
  const trim = lit(isLisbon ? [250, 246, 238] : [82, 54, 38]);
  picture.fill(wall, [left, top, w, h]);
  picture.fill(mix(wall, [20, 24, 48], 0.14), [left + w * 0.72, top, w * 0.28, h]); // the side that lies in shade
  if (isLisbon) {
    for (let tile = 0; n % 2 === 1 && tile < (w / 12) * 4; tile++) {
      const [column, row] = [tile % Math.floor(w / 12), Math.floor(tile / Math.floor(w / 12))];
      const blue: Colour = (column + row) % 2 === 0 ? [76, 118, 172] : [232, 238, 242];
      picture.fill(lit(blue), [left + column * 12, ground - 48 + row * 12, 11, 11]);
    }
  } else {
    for (let beam = 0; beam <= columns; beam++)
      picture.fill(trim, [left + (beam * (w - 7)) / columns, top, 7, h]);
    for (let floor = 1; floor < floors; floor++) {
      picture.fill(lit([70, 76, 88]), [left - 18, top + floor * storey + 2, w + 36, 10]);
    }
  }
  const tiles = lit(isLisbon ? [194, 88, 56] : [64, 70, 84]);
  const slope = (y: number) => {
    const share = (y - top + roof) / roof;
    return (w / 2 + eaves) * (isLisbon ? share ** 0.8 : 0.35 + 0.65 * share ** 1.6);
  };
  for (let course = 0; course < 8; course++) {
    const y = top - roof + (course * roof) / 8;
    picture.fill(
      mix(tiles, [255, 240, 220], course % 2 === 0 ? 0.08 : 0),
      [left - eaves, y, w + 2 * eaves, roof / 8],
      (px, py) => Math.abs(px - middle) < slope(py),
    );
  }
  picture.fill(mix(wall, [20, 24, 48], 0.25), [left, top, w, 6]);
  for (let floor = 0; floor < floors; floor++) {
    for (let column = 0; column < columns; column++) {
      const x = left + 12 + column * 66 + 15;
      const y = top + 18 + floor * storey;
      const isDoor = floor === floors - 1 && column === n % columns;
      const tall = isDoor ? storey - 8 : storey - 34;
      picture.fill(trim, [x - 4, y - 4, 44, tall + 8]);
      if (isDoor) {
        picture.fill(lit(isLisbon ? hsl((hue + 180) % 360, 0.5, 0.32) : [110, 48, 40]), [x, y, 36, tall + 6]);
        picture.circle(lit([226, 190, 110]), x + 29, y + tall / 2, 3);
        continue;
      }
      picture.fill(glass(column + floor * 2 + n), [x, y, 36, tall]);
      picture.fill(trim, [x + 17, y, 3, tall]);
      picture.fill(trim, [x, y + tall / 2 - 1, 36, 3]);
      if (!isLisbon) {
        for (const bar of [8, 27]) picture.fill(trim, [x + bar, y, 2, tall]);
      } else if (floor < floors - 1 && n % 3 !== 0) {
        picture.fill(lit([52, 56, 62]), [x - 10, y + tall + 2, 56, 3]);
        for (let bar = 0; bar < 8; bar++)
          picture.fill(lit([52, 56, 62]), [x - 10 + bar * 7.6, y + tall - 12, 2, 14]);
      } else {
        picture.fill(lit([178, 92, 66]), [x + 2, y + tall + 2, 32, 7]);
        for (let flower = 0; flower < 4; flower++)
          picture.circle(lit(hsl((hue + flower * 40) % 360, 0.65, 0.6)), x + 6 + flower * 8, y + tall - 1, 5);
      }
    }
  }
  if (!isLisbon) {
    for (const at of [left + 6, left + w - 16]) {
      picture.fill([206, 66, 50], [at - 4, top + 22, 18, 26]);
      picture.fill(light.isDark ? [255, 220, 150] : [240, 226, 200], [at - 4, top + 30, 18, 10]);
    }
  }
  if (n === 14) {
    picture.fill(lit([240, 236, 226]), [120, 428, 480, 46]);
    for (let wave = 0; wave < 5; wave++)
      picture.fill(lit(mix([64, 168, 190], [170, 226, 230], (wave % 2) / 2)), [128, 432 + wave * 8, 464, 8]);
  }
}

function inside(n: number): Picture {
  const picture = new Picture();
  const isLisbon = n <= 15;
  const hue = (n * 47) % 360;
  const light = lights[(n * 3) % lights.length] ?? (lights[0] as Light);
  const floorLine = 340;
  const wall = isLisbon ? hsl(hue, 0.28, 0.9) : ([236, 226, 206] as const);
  for (let band = 0; band < 34; band++)
    picture.fill(mix(wall, [120, 104, 96], 0.22 * (1 - band / 33)), [0, band * 10, width, 10]);
  const wood: Colour = isLisbon ? [176, 126, 84] : [204, 188, 128];
  for (let plank = 0; plank < 7; plank++) {
    picture.fill(mix(wood, [70, 44, 30], 0.05 + plank * 0.04 + (plank % 2) * 0.05), [
      0,
      floorLine + plank * 20,
      width,
      20,
    ]);
    for (let joint = 0; isLisbon && joint < 4; joint++) {
      picture.fill(mix(wood, [60, 40, 30], 0.4), [
        (joint * 190 + plank * 71 + n * 13) % width,
        floorLine + plank * 20,
        2,
        20,
      ]);
    }
  }
  picture.fill(mix(wall, [255, 255, 255], 0.5), [0, floorLine - 12, width, 12]);

  const [x, y, w, h] = [64 + ((n * 37) % 90), 62, 220, 190];
  picture.fill(isLisbon ? [250, 247, 240] : [96, 66, 44], [x - 9, y - 9, w + 18, h + 18]);
  for (let band = 0; band < 19; band++)
    picture.fill(mix(light.top, light.horizon, band / 18), [x, y + band * 10, w, 10]);
  picture.circle(light.disc, x + 50 + ((n * 29) % 120), y + 44, 16);
  for (let range = 0; range < 3; range++) {
    const far: Colour = isLisbon
      ? [150 - range * 30, 150 - range * 26, 160 - range * 40]
      : [110 - range * 26, 146 - range * 24, 120 - range * 24];
    const line = (px: number) =>
      y + 104 + range * 24 - 22 * Math.sin((px + n * 50 + range * 90) / (44 - range * 6));
    picture.fill(
      mix(mix(far, light.tint, light.strength), light.horizon, 0.4 - range * 0.15),
      [x, y, w, h],
      (px, py) => py > line(px),
    );
  }
  const frame: Colour = isLisbon ? [250, 247, 240] : [96, 66, 44];
  for (const bar of isLisbon ? [0.5] : [0.25, 0.5, 0.75]) picture.fill(frame, [x + w * bar - 3, y, 6, h]);
  if (isLisbon) {
    const cloth = mix(hsl((hue + 30) % 360, 0.35, 0.8), wall, 0.3);
    for (const at of [x - 34, x + w - 6]) {
      for (let fold = 0; fold < 5; fold++)
        picture.fill(mix(cloth, [90, 80, 90], (fold % 2) * 0.14), [at + fold * 8, y - 20, 8, h + 70]);
    }
    picture.fill([110, 84, 62], [x - 46, y - 26, w + 92, 6]);
  } else {
    picture.fill(frame, [x, y + h * 0.66, w, 4]);
    for (let tatami = 1; tatami < 4; tatami++)
      picture.fill([74, 92, 62], [tatami * 180 + ((n * 11) % 40) - 20, floorLine, 6, height - floorLine]);
  }
  // the light that falls in
  const floorLight = mix(wood, light.isDark ? light.top : light.disc, light.isDark ? 0.12 : 0.3);
  picture.fill(floorLight, [0, floorLine, width, height - floorLine], (px, py) => {
    const at = px - (py - floorLine) * 0.9;
    return at > x + 20 && at < x + w + 20 && Math.abs(at - x - w / 2 - 20) > 5;
  });

  const art = [452 + ((n * 23) % 60), 70] as const;
  picture.fill([70, 54, 44], [art[0] - 6, art[1] - 6, 132, 102]);
  picture.fill(hsl((hue + 150) % 360, 0.3, 0.78), [art[0], art[1], 120, 90]);
  picture.fill(
    hsl((hue + 170) % 360, 0.35, 0.5),
    [art[0], art[1], 120, 90],
    (px, py) => py > art[1] + 56 - 16 * Math.sin((px + n * 40) / 22),
  );
  picture.circle(hsl((hue + 30) % 360, 0.6, 0.68), art[0] + 34 + ((n * 7) % 50), art[1] + 30, 15);

  if (n % 3 === 2 || !isLisbon) bed(picture, hue, isLisbon);
  else sofa(picture, hue, n);
  lamp(picture, 664, light.isDark);
  plant(picture, 40 + ((n * 5) % 14));
  return picture;
}

function sofa(picture: Picture, hue: number, n: number): void {
  const cloth = hsl((hue + 200) % 360, 0.3, 0.42);
  picture.fill([60, 44, 36], [330, 396, 10, 18]);
  picture.fill([60, 44, 36], [610, 396, 10, 18]);
  picture.fill(mix(cloth, [0, 0, 0], 0.15), [322, 252, 306, 80]);
  for (const seat of [0, 1]) picture.fill(mix(cloth, [255, 255, 255], 0.1), [326 + seat * 150, 316, 148, 46]);
  picture.fill(cloth, [322, 358, 306, 40]);
  for (const side of [300, 622]) picture.fill(mix(cloth, [255, 255, 255], 0.05), [side, 290, 32, 108]);
  for (let cushion = 0; cushion < 2 + (n % 2); cushion++) {
    picture.fill(hsl((hue + 60 * cushion + 20) % 360, 0.45, 0.68), [344 + cushion * 92, 270, 56, 50]);
    picture.fill(hsl((hue + 60 * cushion + 20) % 360, 0.45, 0.58), [344 + cushion * 92, 312, 56, 8]);
  }
  picture.fill(
    hsl((hue + 20) % 360, 0.3, 0.62),
    [230, 424, 400, 34],
    (px, py) => ((px - 430) / 200) ** 2 + ((py - 441) / 17) ** 2 < 1,
  );
  picture.fill([122, 86, 58], [360, 404, 150, 10]);
  for (const leg of [370, 492]) picture.fill([96, 66, 44], [leg, 414, 7, 34]);
  picture.fill([240, 236, 228], [420, 388, 22, 16]);
}

/** A bed; in Kyoto a low one, on the mats. */
function bed(picture: Picture, hue: number, isLisbon: boolean): void {
  const low = isLisbon ? 0 : 34;
  if (isLisbon) picture.fill([124, 88, 60], [318, 210, 26, 200]);
  picture.fill([124, 88, 60], [330, 356 + low, 296, isLisbon ? 44 : 16]);
  picture.fill([248, 245, 238], [336, 318 + low, 290, 42]);
  picture.fill([228, 224, 216], [336, 350 + low, 290, 10]);
  for (const pillow of [0, 1])
    picture.fill(pillow === 0 ? [255, 255, 252] : [234, 230, 224], [
      344 + pillow * 26,
      292 + low - pillow * 4,
      70,
      32,
    ]);
  const cover = hsl((hue + 200) % 360, 0.32, 0.58);
  picture.fill(cover, [438, 310 + low, 190, 62]);
  for (let stripe = 0; stripe < 4; stripe++)
    picture.fill(mix(cover, [255, 255, 255], 0.3), [456 + stripe * 44, 310 + low, 12, 62]);
  picture.fill(mix(cover, [0, 0, 0], 0.18), [438, 364 + low, 190, 8]);
}

function lamp(picture: Picture, x: number, isLit: boolean): void {
  if (isLit) picture.circle([250, 226, 168], x, 214, 54);
  picture.fill([70, 60, 54], [x - 2, 230, 5, 180]);
  picture.fill([70, 60, 54], [x - 20, 408, 42, 6]);
  picture.fill(
    isLit ? [255, 236, 176] : [232, 216, 190],
    [x - 34, 186, 68, 50],
    (px, py) => Math.abs(px - x) < 20 + (py - 186) * 0.28,
  );
}

function plant(picture: Picture, x: number): void {
  for (let leaf = 0; leaf < 9; leaf++) {
    const bend = (leaf - 4) * 9;
    const colour: Colour = leaf % 2 === 0 ? [72, 116, 74] : [96, 142, 88];
    picture.fill(
      colour,
      [x - 50, 270, 120, 112],
      (px, py) =>
        Math.abs(px - x - bend * ((382 - py) / 96) ** 1.4) < 5.5 * Math.sin(((py - 270) / 112) * Math.PI) &&
        py > 270 + Math.abs(leaf - 4) * 7,
    );
  }
  picture.fill([186, 104, 74], [x - 22, 378, 44, 48], (px, py) => Math.abs(px - x) < 22 - (py - 378) * 0.14);
  picture.fill([206, 124, 92], [x - 24, 374, 48, 9]);
}

const folder = join(import.meta.dirname, "../supabase/seed/property-photos");
for (let n = 1; n <= 30; n++) {
  const property = join(folder, `5eed0000-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`);
  mkdirSync(property, { recursive: true });
  writeFileSync(join(property, "outside.png"), outside(n).png());
  writeFileSync(join(property, "inside.png"), inside(n).png());
}

// What stands at a property: a house by its kind and city, or a boat.

import type { Light } from "./light.ts";
import { type Colour, hsl, mix, type Picture, width } from "./picture.ts";

/** What stands at a property of supabase/seed.sql. */
type Kind = "house" | "tower" | "villa" | "boat" | "hut";
export function kindOf(n: number): Kind {
  if (n === 12) return "boat";
  if ([4, 14, 16, 21, 25].includes(n)) return "villa";
  if ([13, 17, 27, 29].includes(n)) return "hut";
  return [2, 6, 8, 10, 20, 22].includes(n) ? "tower" : "house";
}

export function building(
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

// AVIF: boxes of ISO 14496-12 with items of ISO 23008-12. Positions in the file refer to each other, so nothing is moved: what is
// not needed to show the picture is overwritten with zeros.

import { ascii, codes, Refusal, require, requireSize, viewOf } from "./bytes.ts";

/** A box: its type, and where its content begins and ends. */
interface Box {
  type: string;
  start: number;
  body: number;
  end: number;
}

/** A part of the file, or of the box `idat`. */
interface Extent {
  from: number;
  to: number;
}

const pictureItems = ["av01", "grid", "iovl", "iden", "tmap"];
const metaBoxes = ["hdlr", "pitm", "iloc", "iinf", "iprp", "iref", "idat", "grpl"];
const properties =
  /^(ispe|pixi|av1C|colr|irot|imir|clap|pasp|auxC|clli|mdcv|cclv|amve|reve|ndwt|a1op|a1lx|lsel)$/;

export function cleanAvif(original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  const view = viewOf(bytes);
  const top = [...boxesIn(bytes, 0, bytes.length)];
  // sequences describe their data by tables of samples
  if (top.some(({ type }) => type === "moov" || type === "moof")) throw new Refusal("unsupported");
  const meta = top.find(({ type }) => type === "meta");
  require(meta !== undefined && top.filter(({ type }) => type === "meta").length === 1);
  const inner = [...boxesIn(bytes, meta.body + 4, meta.end)];
  const only = (type: string): Box => {
    const [box, ...more] = inner.filter((child) => child.type === type);
    require(box !== undefined && more.length === 0);
    return box;
  };

  const extents = readExtents(bytes, only("iloc"));
  const kept = cleanItems(bytes, only("iinf"));
  const primary = only("pitm");
  const primaryId =
    bytes[primary.body] === 0 ? view.getUint16(primary.body + 4) : view.getUint32(primary.body + 4);
  require(kept.has(primaryId) && extents.has(primaryId));
  cleanProperties(bytes, only("iprp"));

  const used = [...kept].flatMap((id) => extents.get(id) ?? []);
  keepOnly(
    bytes,
    used.filter(({ inIdat }) => !inIdat),
    top.filter(({ type }) => type === "mdat"),
  );
  keepOnly(
    bytes,
    used.filter(({ inIdat }) => inIdat),
    inner.filter(({ type }) => type === "idat"),
    inner.find(({ type }) => type === "idat")?.body,
  );
  for (const box of top) if (!["ftyp", "meta", "mdat"].includes(box.type)) blank(bytes, box);
  for (const box of inner) if (!metaBoxes.includes(box.type)) blank(bytes, box);
  const handler = only("hdlr");
  require(handler.body + 24 <= handler.end);
  bytes.fill(0, handler.body + 24, handler.end); // its name is free text
  return bytes;
}

function* boxesIn(bytes: Uint8Array, from: number, to: number): Generator<Box> {
  const view = viewOf(bytes);
  for (let start = from; start < to; ) {
    require(start + 8 <= to);
    const size = view.getUint32(start);
    require(size !== 1 || start + 16 <= to);
    const length = size === 0 ? to - start : size === 1 ? Number(view.getBigUint64(start + 8)) : size;
    const body = start + (size === 1 ? 16 : 8);
    const end = start + length;
    require(end >= body && end <= to);
    yield { type: ascii(bytes, start + 4, start + 8), start, body, end };
    start = end;
  }
}

/** Makes a box free space. */
function blank(bytes: Uint8Array, { start, body, end }: Box): void {
  bytes.set(codes("free"), start + 4);
  bytes.fill(0, body, end);
}

/** Blanks what is not part of a picture in the list of items; returns the ids of pictures (`infe`, versions 0 to 3). */
function cleanItems(bytes: Uint8Array, list: Box): Set<number> {
  const view = viewOf(bytes);
  const kept = new Set<number>();
  for (const entry of boxesIn(bytes, list.body + (bytes[list.body] === 0 ? 6 : 8), list.end)) {
    require(entry.type === "infe" && entry.body + 8 <= entry.end);
    const version = bytes[entry.body] ?? 0;
    if (version > 3) throw new Refusal("unsupported");
    const protection = entry.body + (version === 3 ? 8 : 6);
    const type = protection + 2;
    require(type <= entry.end);
    if (version < 2) {
      bytes.fill(0, type, entry.end); // no type: a name and a MIME type, so never a picture
      continue;
    }
    require(type + 4 <= entry.end);
    if (pictureItems.includes(ascii(bytes, type, type + 4))) {
      kept.add(version === 3 ? view.getUint32(entry.body + 4) : view.getUint16(entry.body + 4));
    } else {
      bytes.set(codes("free"), type);
    }
    bytes.fill(0, type + 4, entry.end); // a name, and a MIME type or URI
  }
  return kept;
}

/** Where the data of each item lies (`iloc`, versions 0 to 2). */
function readExtents(bytes: Uint8Array, box: Box): Map<number, (Extent & { inIdat: boolean })[]> {
  const view = viewOf(bytes);
  let at = box.body;
  const read = (size: number): number => {
    require(at + size <= box.end);
    const value =
      size === 0
        ? 0
        : size === 1
          ? view.getUint8(at)
          : size === 2
            ? view.getUint16(at)
            : size === 4
              ? view.getUint32(at)
              : Number(view.getBigUint64(at));
    at += size;
    return value;
  };
  const version = read(1);
  if (version > 2) throw new Refusal("unsupported");
  at += 3;
  const [offsetSize, lengthSize] = halves(read(1));
  const [baseSize, indexSize] = halves(read(1));
  require(
    [offsetSize, lengthSize, baseSize, version === 0 ? 0 : indexSize].every((size) =>
      [0, 4, 8].includes(size),
    ),
  );
  const items = new Map<number, (Extent & { inIdat: boolean })[]>();
  for (let count = read(version < 2 ? 2 : 4); count > 0; count--) {
    const id = read(version < 2 ? 2 : 4);
    const method = version === 0 ? 0 : read(2) & 15;
    // data in other files or in other items
    if (read(2) !== 0 || method > 1) throw new Refusal("unsupported");
    const base = read(baseSize);
    const extents: (Extent & { inIdat: boolean })[] = [];
    for (let extent = read(2); extent > 0; extent--) {
      if (version > 0) read(indexSize);
      const from = base + read(offsetSize);
      const length = read(lengthSize);
      require(length > 0);
      extents.push({ from, to: from + length, inIdat: method === 1 });
    }
    items.set(id, extents);
  }
  return items;
}

const halves = (byte: number): [number, number] => [byte >> 4, byte & 15];

/** Blanks the properties that are not needed to show a picture, and checks its size. */
function cleanProperties(bytes: Uint8Array, box: Box): void {
  const view = viewOf(bytes);
  let sized = false;
  for (const child of boxesIn(bytes, box.body, box.end)) {
    if (child.type === "ipma") continue;
    if (child.type !== "ipco") {
      blank(bytes, child);
      continue;
    }
    for (const property of boxesIn(bytes, child.body, child.end)) {
      if (!properties.test(property.type)) blank(bytes, property);
      if (property.type !== "ispe") continue;
      require(property.body + 12 <= property.end);
      requireSize(view.getUint32(property.body + 4), view.getUint32(property.body + 8));
      sized = true;
    }
  }
  require(sized);
}

/** Zeroes the content of `boxes` outside `extents`, which count from `origin`. @throws Refusal when an extent lies outside */
function keepOnly(bytes: Uint8Array, extents: Extent[], boxes: Box[], origin = 0): void {
  const ranges = extents
    .map(({ from, to }) => ({ from: origin + from, to: origin + to }))
    .sort((a, b) => a.from - b.from);
  for (const { from, to } of ranges) require(boxes.some(({ body, end }) => body <= from && to <= end));
  for (const { body, end } of boxes) {
    let at = body;
    for (const { from, to } of ranges) {
      if (to <= body || from >= end) continue;
      if (from > at) bytes.fill(0, at, from);
      at = Math.max(at, to);
    }
    bytes.fill(0, at, end);
  }
}
